"""calwf3's own output: every pixel of its FLTs and IMAs, and its headers, from the same RAWs."""

from pathlib import Path

import pytest
from astropy.io import fits

from darkroom.wfc3.engine.calibrate import calibrate
from darkroom.wfc3.engine.compare import differing_pixels

pytestmark = pytest.mark.parity

SETS = ("n64_cr12", "n128_sp25_cr60")
CASES = ("nominal", "scattered", "masked", "midmask", "allbut1")
# What differs on purpose: who wrote the file and when, and the exposure time of masked reads.
WRITER = {"ORIGIN", "DATE", "COMMENT", "BITPIX", "SIMPLE", "XTENSION", "CAL_VER", "HISTORY", ""}
CORRECTED = {"EXPTIME", "SAMPTIME", "EXPSTART", "EXPEND", "DATE-OBS", "TIME-OBS", "SAMPNUM"}
CORRECTED |= {"ROUTTIME"}


def cases():
    return [(name, label) for name in SETS for label in CASES]


@pytest.fixture(scope="module", params=cases(), ids="/".join)
def case(request, reference_data, tmp_path_factory):
    """Calibrate one case: calwf3's folder of it, our (IMA, FLT), the EXTVERs masked."""
    name, label = request.param
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
            wanted = {key: two.header[key] for key in two.header if key not in passed_over}
            assert {key: one.header.get(key) for key in wanted} == wanted


def test_history_begins_as_calwf3s(case):
    folder, (_, flt), _ = case
    other = list(fits.getheader(theirs(folder, flt))["HISTORY"])
    assert list(fits.getheader(flt)["HISTORY"])[: len(other)] == other
