"""Twenty-one NIRCam darks in a folder, into which one of each bad kind is mixed."""

import csv
import gzip
import json
import shutil

import numpy as np
import pytest
from astropy.io import fits

from darkroom.nircam.simulate import exposures as nircam
from end_to_end.conftest import Checkout
from nircam_jwst import need_jwst, small_cache

pytestmark = [pytest.mark.end_to_end, pytest.mark.heavy]
DARKS = {
    "detector": "NRCALONG", "subarray": "SUB160P", "exposures": 21, "nints": 2, "ngroups": 5,
    "pause_s": 60.0,
}  # fmt: skip
ITEM = {
    "instrument": "nircam",
    "nircam": {
        "superbias": {"pedigree": "DUMMY", "other_method": "none", "previous": "none"},
        "readnoise": {"pedigree": "DUMMY"},
        "spectrum": {"make": False},
        "reference_pixels": {"make": False},
    },
    "frames": {"dark": "*.fits*"},
}


def _card(**cards):
    def spoil(hdus, _):
        for card, value in cards.items():
            hdus[0].header[card] = value

    return spoil


def _subtracted(hdus, _):
    hdus[0].header["S_SUPERB"] = "COMPLETE"
    hdus["SCI"].data = hdus["SCI"].data - hdus["SCI"].data[:1, :1].astype(np.float32)


def _copy(hdus, earlier):
    hdus["SCI"].data[1] = earlier["SCI"].data[0]


def _lost(hdus, _):
    hdus["SCI"].data[:] = 0


def _aborted(hdus, _):
    hdus["SCI"].data[1, 3:] = 0


def _first_lost(hdus, _):
    hdus["SCI"].data[0, 0] = 0


def _high(hdus, _):
    hdus["SCI"].data += 4000


def _light(hdus, _):
    hdus["SCI"].data += (300 * np.arange(5, dtype=np.uint16))[None, :, None, None]


#: Number of the exposure: what is done to it, and the words that must stand beside its name.
BAD = {
    1: (_card(DETECTOR="NRCBLONG"), "DETECTOR is NRCBLONG, but NRCALONG in"),
    3: (_card(NFRAMES=8), "NFRAMES is 8, but 1 in"),
    5: (_card(SUBSTRT1=1700), "SUBSTRT1 is 1700, but 1889 in"),
    6: (_card(EXP_TYPE="NRC_IMAGE"), "EXP_TYPE is NRC_IMAGE, NRC_DARK is needed"),
    8: (_subtracted, "it was changed by superbias already (S_SUPERB is COMPLETE)"),
    9: (_copy, "integration 2 is the same as integration 1 of"),
    11: (_card(ZEROFRAM=True), "ZEROFRAM is T, but the file has no extension ZEROFRAME"),
    12: (_card(MSTR_RD1=40), "MSTR_RD1 is 40: a multistripe exposure"),
    14: (_card(INTEND=5), "INTSTART 1 to INTEND 5 are not the 2 integrations"),
    15: (_lost, "the first group of each of its 2 integrations has no data"),
    17: (_high, "level is"),
    18: (_light, "its slope is"),
}
#: These stay: what they lack is left out and said.
WARNED = {
    2: (_aborted, "2 groups have no data and are left out (integration 2: groups 4 to 5)"),
    7: (_first_lost, "1 group has no data and is left out (integration 1: group 1)"),
}


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """Give a checkout with the exposures in the folder data, and the paths by number."""
    need_jwst()
    checkout = Checkout(tmp_path_factory.mktemp("judging") / "checkout")
    folder = checkout.folder / "data"
    folder.mkdir()
    paths = {}
    for number, exposure in enumerate(nircam.plan(DARKS)):
        paths[number] = folder / exposure.file
        nircam.deliver(DARKS, exposure.name, paths[number])
    shutil.copytree(folder / "truth", checkout.folder / "truth")
    shutil.rmtree(folder / "truth")
    for number, (spoil, _) in (BAD | WARNED).items():
        with fits.open(paths[number], memmap=False) as hdus:
            earlier = fits.open(paths[0], memmap=False)
            spoil(hdus, earlier)
            hdus.writeto(paths[number], overwrite=True)
    packed = paths[4].with_suffix(".fits.gz")
    packed.write_bytes(gzip.compress(paths[4].read_bytes(), 1))
    paths[4].unlink()
    paths[20].write_bytes(paths[20].read_bytes()[:-5000])
    small_cache(checkout.folder / "cache", DARKS)
    return checkout, paths


def campaign(checkout, name, on_bad):
    """Write a campaign of the folder; return the option that chooses it."""
    return checkout.campaign(
        name,
        archive={"kind": "local", "folder": "data"},
        crds={"jwst": {"context": "jwst_0001.pmap", "server": None, "path": "cache"}},
        on_bad_exposure=on_bad,
        items={"darks": ITEM},
    )


def test_stop_names_all_bad_exposures_in_one_message(mixed):
    checkout, paths = mixed
    choice = campaign(checkout, "stopped", "stop")
    checkout.snakemake("lock", "--config", choice)
    said = checkout.snakemake("results/stopped/darks/frames.tsv", "--config", choice, status=1)
    assert "13 of 21 exposures are refused" in said
    for number, (_, words) in BAD.items():
        assert f"{paths[number].name}: {words}" in said
    assert f"{paths[20].name}: " in said
    good = set(paths) - set(BAD) - {20}
    assert not [n for n in good if f"\n  {paths[n].name}" in said]


def test_exclude_makes_the_right_superbias_of_the_good_ones(mixed):
    checkout, paths = mixed
    choice = campaign(checkout, "excluded", "exclude")
    checkout.snakemake("lock", "--config", choice)
    targets = [f"results/excluded/darks/superbias{end}" for end in (".fits", "_rules.json")]
    checkout.snakemake(*targets, "--config", choice)
    folder = checkout.folder / "results" / "excluded" / "darks"
    with (folder / "frames.tsv").open(newline="") as stream:
        rows = {row["exposure"]: row for row in csv.DictReader(stream, delimiter="\t")}
    named = {number: rows[path.name.partition(".")[0]] for number, path in paths.items()}
    assert {n for n, row in named.items() if row["accepted"] == "no"} == {*BAD, 20}
    for number, (_, words) in BAD.items():
        assert words in named[number]["reason"]
    for number, (_, words) in WARNED.items():
        assert words in named[number]["warnings"]
    # Of 8 good exposures of 2 integrations one lacks the first.
    with fits.open(folder / "superbias.fits") as hdus:
        assert fits.getheader(folder / "superbias_details.fits")["NRAMPS"] == 15
        truth = np.load(next((checkout.folder / "truth").glob("*.npz")))
        used = (hdus["DQ"].data == 0) & ~truth["reference"]
        off = (hdus["SCI"].data - truth["bias"])[used]
        pulls = (off - np.median(off)) / hdus["ERR"].data[used]
    # Student's t with 14 degrees of freedom.
    assert np.median(np.abs(pulls)) == pytest.approx(0.692, rel=0.05)
    place = json.loads((folder / "superbias_rules.json").read_text())
    assert "jwst_nircam_superbias_0001.fits" in place["place"]
    assert "The pinned CRDS context jwst_0001.pmap is older than the pipeline" in place["context"]
