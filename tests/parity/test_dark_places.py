"""Where the files of the dark family would enter CRDS's real rules, and what they replace."""

import json
import tarfile

import pytest

from darkroom.nircam.detector.readout import Readout
from nircam_dark_ramps import DT, make_ramps
from nircam_darks import write_ramp
from nircam_jwst import need_jwst, own_program, program
from wfc3_visits import Visit

pytestmark = pytest.mark.parity
CONTEXTS = {"jwst": "jwst_0541.pmap", "hst": "hst_0729.pmap"}
STEPS = dict.fromkeys(("S_SUPERB", "S_REFPIX", "S_LINEAR"), "COMPLETE")


@pytest.fixture(scope="module")
def cache(reference_data, tmp_path_factory):
    """Give the folder of the real mappings."""
    need_jwst()
    folder = tmp_path_factory.mktemp("rules")
    (packed,) = (reference_data / "crds").glob("real_mappings_*.tgz")
    with tarfile.open(packed) as archive:
        archive.extractall(folder, filter="data")
    (found,) = (path for path in folder.iterdir() if path.is_dir())
    return found


def place(cache, observatory, path, folder):
    """Return what `certify` says of a file: the text of CRDS, and its place among the rules."""
    said, rules = folder / "said", folder / "rules.json"
    done = program(
        "references/certify", "--cache", cache, "--observatory", observatory, "--context",
        CONTEXTS[observatory], "--output", said, "--rules", rules, path,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(rules.read_text(encoding="utf-8"))
    assert found["place"] in done.stdout
    return said.read_text(encoding="utf-8"), found


@pytest.fixture(scope="module")
def nircam(tmp_path_factory):
    """Give dark, mask and superbias from pedestals of a subarray, made by the programs."""
    need_jwst()
    folder = tmp_path_factory.mktemp("nircam")
    layout = Readout("NRCALONG", "SUB64P", -1, 2, 1, 1, 64, 64, 1)
    data = make_ramps(6, 12, (64, 64), seed=4, rate=0.01)
    cards = STEPS | {"TFRAME": DT, "TGROUP": DT}
    paths, early = (
        [
            write_ramp(folder / f"{name}{k}.fits", ramp[None] + bias, layout, mjd=59600 + k, **kept)
            for k, ramp in enumerate(data)
        ]
        for name, bias, kept in (("d", 0, cards), ("s", 5000, {"TFRAME": DT, "TGROUP": DT}))
    )
    common = ("--pedigree", "INFLIGHT", "--useafter", "2022-01-01T00:00:00")
    for words in (
        ("nircam/dark", "--gain", 2, "--output", folder / "dark.fits", *common, *paths),
        ("nircam/mask", "--injected", 0, "--output", folder / "mask.fits", *common,
         folder / "dark_details.fits"),
        ("nircam/superbias", "--sample", "pedestal", "--output", folder / "superbias.fits",
         *common, *early),
    ):  # fmt: skip
        done = own_program(*words)
        assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize(
    ("product", "replaces", "row"),
    [
        ("dark", "jwst_nircam_dark_0201.fits", "EXP_TYPE N/A, DETECTOR NRCALONG, SUBARRAY SUB64P"),
        ("mask", "", "DETECTOR NRCALONG, SUBARRAY SUB64P"),
        ("superbias", "", "DETECTOR NRCALONG, READPATT ANY, SUBARRAY SUB64P"),
    ],
)
def test_a_subarray_of_nircam_names_its_row(nircam, cache, tmp_path, product, replaces, row):
    said, found = place(cache, "jwst", nircam / f"{product}.fits", tmp_path)
    assert " 0 errors" in said
    assert found["replaces"] == replaces
    assert row in found["place"]


def test_a_superdark_is_certified_and_replaces_the_dark_of_its_row(cache, tmp_path):
    visit = Visit(tmp_path, exposures=[{"light": "none"}] * 3)
    output = tmp_path / "superdark.fits"
    done = own_program(
        "wfc3/superdark", "--references", visit.references, "--output", output, "--useafter",
        "2016-01-01T00:00:00", *(visit.raw(number) for number in range(3)),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said, found = place(cache, "hst", output, tmp_path)
    assert " 0 errors" in said and " 0 warnings" in said
    assert found["replaces"].endswith("_drk.fits")
    assert "SAMP_SEQ SPARS100" in found["place"]
