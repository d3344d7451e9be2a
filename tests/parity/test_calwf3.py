"""calwf3's own output: every pixel of its FLTs and IMAs, and its headers, from the same RAWs."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from darkroom.wfc3.engine.calibrate import calibrate
from darkroom.wfc3.engine.calwf3 import make_legal
from darkroom.wfc3.engine.compare import differing_pixels
from wfc3_calwf3 import VARIANTS, digest, variant

pytestmark = pytest.mark.parity

SETS = ("n64_cr12", "n128_sp25_cr60")
CASES = ("nominal", "scattered", "masked", "midmask", "allbut1")
#: Cases with a delta flat and with NaN in references: label and mask of calwf3's FLTs.
OTHERS = {("dflat64", "plain"): (), ("dflat64", "mask7_8_9"): (7, 8, 9), ("nanref64", "plain"): ()}
# What differs on purpose: who wrote the file and when, and the exposure time of masked reads.
WRITER = {"DATE", "COMMENT", "SIMPLE", "XTENSION", "CAL_VER", "HISTORY", ""}
CORRECTED = {"EXPTIME", "SAMPTIME", "EXPSTART", "EXPEND", "DATE-OBS", "TIME-OBS", "SAMPNUM"}
CORRECTED |= {"ROUTTIME"}


def cases():
    return [(name, label) for name in SETS for label in CASES] + list(OTHERS)


@pytest.fixture(scope="module", params=cases(), ids="/".join)
def case(request, reference_data, tmp_path_factory):
    """Calibrate one case: calwf3's folder of it, our (IMA, FLT), the EXTVERs masked."""
    name, label = request.param
    if request.param in OTHERS:
        folder, root = reference_data / "cases/wfc3" / name, "ihxx01aaq"
        masked = OTHERS[request.param]
    else:
        folder = reference_data / "peers/calwf3" / name
        lines = (line.split() for line in (folder / "CASES.txt").read_text().splitlines())
        root, text = next((line[1], line[2]) for line in lines if line[0] == label)
        masked = [int(word) for word in text.removeprefix("mask=").strip("[]").split(",") if word]
    made = calibrate(
        folder / f"{root}_raw.fits.gz",
        folder / "iref",
        tmp_path_factory.mktemp("products"),
        masked=masked,
        scope="calwf3",
    )
    return folder / label, made, masked


def theirs(folder, mine):
    """Return calwf3's file for ours, or None where it was not kept."""
    path = folder / f"{Path(mine).name}.gz"
    return path if path.exists() else None


def test_no_pixel_of_the_flt_differs(case):
    folder, (_, flt), _ = case
    assert differing_pixels(flt, theirs(folder, flt)) == {}


def test_no_pixel_of_the_ima_differs(case):
    folder, (ima, _), _ = case
    other = theirs(folder, ima)
    if other is None:
        pytest.skip("calwf3's IMA of this case was not kept")
    assert differing_pixels(ima, other) == {}


def test_every_card_of_the_flt_has_calwf3s_value(case):
    folder, (_, flt), masked = case
    passed_over = WRITER | (CORRECTED if masked else set())
    with fits.open(flt) as mine, fits.open(theirs(folder, flt)) as other:
        for one, two in zip(mine, other, strict=True):
            illegal = {c.keyword for c in two.header.cards if "NAN" in c.image[10:30]}
            skipped = passed_over | illegal
            wanted = {key: two.header[key] for key in two.header if key not in skipped}
            assert {key: one.header.get(key) for key in wanted} == wanted
            for key in illegal:
                assert np.isfinite(one.header[key])
                assert one.header.comments[key] == "of the finite pixels; calwf3: NAN"


def test_history_begins_as_calwf3s(case):
    folder, (_, flt), _ = case
    other = list(fits.getheader(theirs(folder, flt))["HISTORY"])
    assert list(fits.getheader(flt)["HISTORY"])[: len(other)] == other


#: Digests of calwf3's own FLT and IMA of each variant.
MADE_BY_CALWF3 = {
    "two reads": ("49fd6fa1d1d3a200", "242396a3f2e2e164"),
    "three reads": ("d50859ee2bbc72b0", "e365d61aa5102ca8"),
    "two reads, CRCORR omitted": ("4e051706486661a1", "242396a3f2e2e164"),
    "CRCORR omitted": ("77fe67fd513ea14b", "491befcf80476f1b"),
    "CRCORR and UNITCORR omitted": ("993b026eec2a0a27", "5de97bdbe9a0b1bc"),
    "no DFLTFILE": ("cef6060f7ff925f3", "79b131746e2d7142"),
    "DFLTFILE alone": ("7376d7a58b3b6b36", "a01ecaae6dce9e05"),
    "no numbers in COEF": ("da6124b4599ce04f", "b1f935df0aed5a46"),
    "no numbers in NODE": ("abb8efd3fe16066b", "897eb71e643a4dce"),
    "no numbers in ZSCI": ("d1b211ca980c200f", "a02a13ec13b98f19"),
    "no numbers in dark SCI": ("cbe4e411b91cf326", "f29c33b8d47509d4"),
    "no numbers in dark ERR": ("f50555dbf481480b", "e2fe6cf1eddb607b"),
    "no numbers in P-flat": ("7ba6f0740eae606f", "00594aacc9ab8b93"),
    "no numbers in D-flat": ("35483afe9e5623bd", "fb2849340bd6466d"),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_has_the_pixels_of_calwf3_and_legal_headers(name, reference_data, tmp_path):
    raw = variant(reference_data, name, tmp_path / "in")
    warned = []
    ima, flt = calibrate(raw, raw.parent / "iref", tmp_path / "out", warn=warned.append)
    assert (digest(flt), digest(ima)) == MADE_BY_CALWF3[name]
    for path in (flt, ima):
        with fits.open(path) as hdus:
            hdus.verify("exception")
    expected = [True] if name.startswith("no numbers") else []
    assert ["NaN or infinite" in text for text in warned] == expected


@pytest.mark.parametrize("kind", ["flt", "ima"])
def test_files_of_calwf3_itself_are_made_legal(kind, reference_data, tmp_path):
    folder = reference_data / "cases/wfc3/nanref64"
    packed, path = folder / f"plain/ihxx01aaq_{kind}.fits.gz", tmp_path / f"x_{kind}.fits"
    path.write_bytes(gzip.decompress(packed.read_bytes()))
    make_legal(path)
    assert differing_pixels(path, packed) == {}
    products = calibrate(folder / "ihxx01aaq_raw.fits.gz", folder / "iref", tmp_path / "own")
    with fits.open(path) as hdus, fits.open(products[kind == "flt"]) as own:
        hdus.verify("exception")
        for one, two in zip(hdus, own, strict=True):
            cards = [key for key in two.header if key.startswith(("GOOD", "SNR", "NGOOD", "DATAM"))]
            assert {key: one.header[key] for key in cards} == {k: two.header[k] for k in cards}
