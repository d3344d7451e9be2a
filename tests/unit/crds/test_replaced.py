"""Which file of the real rules a new reference would replace, and contexts that are too old."""

import json
import subprocess
import tarfile

import pytest
from astropy.io import fits

from darkroom.crds.releases import old_context_warning
from nircam_jwst import PYTHON, ROOT, need_jwst

CONTEXT = "jwst_0541.pmap"
PLACES = """
import json, sys
from darkroom.crds.environment import go_offline
from darkroom.crds.replaced import place_of
cache, context, *paths = sys.argv[1:]
go_offline(cache, "jwst", context)
found = [place_of(path, context) for path in paths]
print("ANSWERS", json.dumps([[place.replaces, place.sentence] for place in found]))
"""
CARDS = {
    "TELESCOP": "JWST", "INSTRUME": "NIRCAM", "REFTYPE": "SUPERBIAS", "DETECTOR": "NRCA1",
    "READPATT": "ANY", "SUBARRAY": "FULL", "USEAFTER": "2022-01-01T00:00:00",
    "DATAMODL": "SuperBiasModel", "PEDIGREE": "GROUND", "AUTHOR": "x", "DESCRIP": "x",
}  # fmt: skip
DARK = {"REFTYPE": "DARK", "DATAMODL": "DarkModel"}
RULE = "DETECTOR NRCA1, READPATT ANY, SUBARRAY GENERIC"


@pytest.fixture(scope="module")
def places(reference_data, tmp_path_factory):
    """Give the places of files of other SUBARRAY, USEAFTER and type among the real rules."""
    need_jwst()
    folder = tmp_path_factory.mktemp("rules")
    with tarfile.open(next((reference_data / "crds").glob("*.tgz"))) as tar:
        tar.extractall(folder, filter="data")
    changes = {
        "full": {},
        "generic": {"SUBARRAY": "GENERIC"},
        "same date": {"SUBARRAY": "GENERIC", "USEAFTER": "2015-10-01T00:00:00"},
        "earlier": {"SUBARRAY": "GENERIC", "USEAFTER": "2014-10-01T00:00:00"},
        "pattern": {"SUBARRAY": "SUB64P", "READPATT": "MEDIUM8"},
        "readnoise": {"REFTYPE": "READNOISE", "DATAMODL": "ReadnoiseModel"},
        "dark": DARK | {"EXP_TYPE": "N/A"},
        "dark of darks": DARK | {"EXP_TYPE": "NRC_DARK"},
        "mask": {"REFTYPE": "MASK", "DATAMODL": "MaskModel", "SUBARRAY": "GENERIC"},
    }
    paths = []
    for name, cards in changes.items():
        hdu = fits.PrimaryHDU()
        hdu.header.update(CARDS | cards)
        paths.append(folder / f"{name.replace(' ', '_')}.fits")
        hdu.writeto(paths[-1])
    done = subprocess.run(
        [PYTHON, "-c", PLACES, folder / "subset", CONTEXT, *paths],
        env={"PYTHONPATH": str(ROOT / "scripts")}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    line = next((x for x in done.stdout.splitlines() if x.startswith("ANSWERS ")), None)
    assert line, done.stderr[-3000:]
    return dict(zip(changes, json.loads(line.removeprefix("ANSWERS ")), strict=True))


@pytest.mark.parametrize(
    ("name", "replaces", "words"),
    [
        ("full", "", f"beside jwst_nircam_superbias_0026.fits ({RULE})"),
        ("full", "", "replace no file of jwst_0541.pmap: there is no rule for DETECTOR NRCA1"),
        ("generic", "jwst_nircam_superbias_0026.fits", "From 2022-01-01T00:00:00 on it would be"),
        ("same date", "jwst_nircam_superbias_0026.fits", "It would replace jwst_nircam_superbias"),
        ("earlier", "jwst_nircam_superbias_0011.fits", "until jwst_nircam_superbias_0026.fits"),
        ("pattern", "", "no rule for DETECTOR NRCA1, READPATT MEDIUM8, SUBARRAY SUB64P"),
        ("readnoise", "", f"beside jwst_nircam_readnoise_0025.fits ({RULE})"),
        ("dark", "jwst_nircam_dark_0040.fits", "(EXP_TYPE N/A, DETECTOR NRCA1, SUBARRAY FULL)"),
        ("dark of darks", "", "no rule for EXP_TYPE NRC_DARK, DETECTOR NRCA1, SUBARRAY FULL"),
        ("mask", "jwst_nircam_mask_0033.fits", "(DETECTOR NRCA1, SUBARRAY GENERIC)"),
    ],
)
def test_the_file_that_would_be_replaced_is_named(places, name, replaces, words):
    assert places[name][0] == replaces
    assert words in places[name][1]


@pytest.mark.parametrize(
    ("context", "version", "words"),
    [
        ("jwst_1293.pmap", "3.0.0", "jwst 3.0.0: version 1.20, which is older, was released with"),
        ("jwst_1293.pmap", "1.16.1", "jwst 1.16.1: it was released with jwst_1298.pmap"),
        ("jwst_1293.pmap", "1.15.1", ""),
        ("jwst_1464.pmap", "3.0.0", ""),
        ("jwst_1293.pmap", "0.18", ""),
        ("hst_1241.pmap", "3.0.0", ""),
    ],
)
def test_a_context_older_than_the_pipeline_is_said_with_both(context, version, words):
    said = old_context_warning(context, version)
    assert words in said
    assert bool(said) == bool(words)
    assert not said or (context in said and version in said)
