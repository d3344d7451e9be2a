"""Every made set of real traits ends as it must: the bad frames named, the others used.

The sets are not part of the repository; they lie in the folder of reference data.
"""

import os
from pathlib import Path

import pytest

import ccd_judged
from ccd_judged import measure, refused, warned
from darkroom.errors import DarkroomError

FOLDER = Path(os.environ.get("DARKROOM_REFERENCE_DATA", "/none"), "cases", "ccd")
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="needs DARKROOM_REFERENCE_DATA")

# What every frame of the sets holds.
BIAS, NOISE, RATE = 1000.0, 8.0, 0.5

# Sets in which single frames are refused: case, the frames, words of the reason.
REFUSED = [
    ("zeros", ["b2"], "all pixels that were read are 0 ADU"),
    ("frame_card", ["b0"], "FRAME is 'Light', the campaign uses it as bias"),
    ("flat_as_dark", ["d3", "d4", "d5"], "IMAGETYP is 'Flat Field', the campaign uses it as dark"),
    ("obstype", ["d5"], "OBSTYPE is 'FLAT', the campaign uses it as dark"),
    ("calstat", ["d0"], "CALSTAT is 'BM': it was calibrated already"),
    ("light_leak", ["d4"], "ADU, that of the 6 frames of its kind 1030"),
    ("twice", ["b0", "d0"], "its content is the same as"),
    ("resaved", ["d6"], "its image is the same as d0.fits"),
    ("cmos_gain", ["b3", "b4", "b5", "d4", "d5"], "but 100 in 7 exposures (first: b0.fits)"),
    ("subframe", ["d3", "d4", "d5"], "first column (XORGSUBF) is 512, but 0 in 9 exposures"),
    ("roworder", ["d3", "d4", "d5"], "row order (ROWORDER) is TOP-DOWN, but BOTTOM-UP in 9"),
    ("ccdsum", ["d4", "d5"], "binning is 2x2, but 1x1 in 10 exposures"),
    ("binmix", ["d5"], "binning is 2x2, but 1x1 in 11 exposures"),
    ("identical", ["b1", "b2", "b3", "b4", "b5"], "its image is the same as b0.fits"),
]
# Sets that are used as they are: case, words of the warning of which frames (None: no warning).
USED = [
    *((case, "", ()) for case in ("base", "bz2", "fz", "cube1", "latin1", "deg", "lower")),
    *((case, "", ()) for case in ("exp_time", "itime", "hier", "strexp", "strexp_s")),
    ("bias_times", "", ()),
    ("cube4", "its cube holds 3 images equal to others: taken once", "bd"),
    ("contradict", "EXPTIME is 60 s, but EXPOSURE is 30; EXPTIME is used", "d"),
    ("kelvin", "CCD-TEMP is 263.15: taken as kelvin, -10 °C", "d"),
    ("settemp", "states no measured temperature; that asked for (SET-TEMP) is used", "bd"),
    ("nan", "of its pixels are missing (NaN, infinite or BLANK)", "bd"),
    ("blank", "of its pixels are missing (NaN, infinite or BLANK)", "bd"),
    ("onenan", "is 16, but -32 in 6 exposures", "d"),
]


@pytest.mark.parametrize(("case", "names", "words"), REFUSED, ids=[row[0] for row in REFUSED])
def test_bad_frames_are_named_and_the_others_give_the_truth(tmp_path, case, names, words):
    rows = ccd_judged.table(FOLDER / case, tmp_path)
    reasons = refused(rows)
    assert sorted(reasons) == names
    assert all(words in reason for reason in reasons.values()), reasons
    assert not warned(rows)
    found = measure(rows)
    assert found.bias == pytest.approx(BIAS, abs=4)
    assert found.rates == pytest.approx([RATE], abs=0.07)


@pytest.mark.parametrize(("case", "words", "which"), USED, ids=[row[0] for row in USED])
def test_unusual_sets_are_read_and_what_is_odd_is_said(tmp_path, case, words, which):
    rows = ccd_judged.table(FOLDER / case, tmp_path)
    assert refused(rows) == {}
    said = warned(rows)
    assert {name[0] for name in said} == set(which)
    assert all(words in text for text in said.values()), said
    found = measure(rows)
    assert found.bias == pytest.approx(BIAS, abs=4)
    assert found.noise == pytest.approx(NOISE, abs=0.3)
    assert found.rates == pytest.approx([RATE] * (2 if case == "settemp" else 1), abs=0.07)


def test_values_that_cannot_be_adu_are_said(tmp_path):
    said = warned(ccd_judged.table(FOLDER / "unit", tmp_path))
    assert len(said) == 12
    assert "its values lie between 0 and 1" in said["b0"]
    rows = ccd_judged.table(FOLDER / "wrapped", tmp_path)
    assert not refused(rows)
    said = warned(rows)
    assert len(said) == 12
    assert "its median is -25536: 16-bit integers without BZERO" in said["b0"]


def test_darks_without_their_bias_are_named(tmp_path):
    reasons = refused(ccd_judged.table(FOLDER / "predark", tmp_path))
    assert sorted(reasons) == [f"d{k}" for k in range(6)]
    assert "SWMODIFY is 'bias subtracted': a raw frame is needed" in reasons["d0"]


def test_darks_of_no_time_are_refused_with_the_way_out(tmp_path):
    reasons = refused(ccd_judged.table(FOLDER / "darkzero", tmp_path))
    assert sorted(reasons) == [f"d{k}" for k in range(6)]
    assert "its exposure time is 0 s, a dark needs one" in reasons["d0"]
    assert "cards: {exptime: CARD}" in reasons["d0"]


def test_short_darks_are_bias_frames_by_a_key(tmp_path):
    reasons = refused(ccd_judged.table(FOLDER / "dark_as_bias", tmp_path))
    assert sorted(reasons) == [f"b{k}" for k in range(6)]
    assert "set ccd: judge: bias_exptime_s: 0.04" in reasons["b0"]
    rows = ccd_judged.table(FOLDER / "dark_as_bias", tmp_path, judge={"bias_exptime_s": 0.04})
    assert refused(rows) == warned(rows) == {}
    assert measure(rows).rates == pytest.approx([RATE], abs=0.07)


def test_equal_names_in_two_folders_are_told_apart(tmp_path):
    frames = {"bias": ["bias/*.fits"], "dark": ["dark/*.fits"]}
    rows = ccd_judged.table(FOLDER / "layout", tmp_path, frames)
    assert [row["exposure"] for row in rows][::4] == ["bias_frame-000", "dark_frame-000"]
    assert refused(rows) == warned(rows) == {}
    assert measure(rows).rates == pytest.approx([RATE], abs=0.07)
    with pytest.raises(DarkroomError, match="a frame has one role"):
        ccd_judged.table(FOLDER / "layout", tmp_path, {"bias": ["bias/*"], "dark": ["*/*"]})


def test_a_named_card_holds_the_exposure_time(tmp_path):
    cards = {"exptime": "EXPOSURE"}
    rows = ccd_judged.table(FOLDER / "contradict", tmp_path, cards=cards)
    assert refused(rows) == warned(rows) == {}
    assert measure(rows, cards=cards).rates == pytest.approx([2 * RATE], abs=0.14)


def test_two_frames_of_a_kind_are_enough(tmp_path):
    rows = ccd_judged.table(FOLDER / "two", tmp_path)
    assert refused(rows) == warned(rows) == {}
    assert measure(rows).rates == pytest.approx([RATE], abs=0.07)
