"""Frames of cameras as programs write them: types, times and damage seen by the draft."""

import gzip
from pathlib import Path

import numpy as np
import pytest
import yaml
from astropy.io import fits

from darkroom.ccd.frame_types import type_alone, type_of_name
from darkroom.drafts import draft


def frame(path, exptime=None, shape=(8, 9), **cards):
    path.parent.mkdir(parents=True, exist_ok=True)
    hdu = fits.PrimaryHDU(np.zeros(shape, np.uint16))
    hdu.header["INSTRUME"] = "Camera"
    if exptime is not None:
        hdu.header["EXPTIME"] = exptime
    for card, value in cards.items():
        hdu.header[card.replace("__", " ").replace("_", "-") if "ESO" in card else card] = value
    hdu.writeto(path)
    return path


def roles(folder):
    """Return ``{file: role}`` of a draft."""
    found = draft(folder)
    return {
        file.path.relative_to(folder).as_posix(): file.role
        for item in found.items
        for file in item.files
    }


@pytest.mark.parametrize(
    ("card", "bias", "dark"),
    [
        ("IMAGETYP", "OFFSET", "NOIR"),
        ("IMAGETYP", "Zero Image", "dark_frame"),
        ("FLAVOR", "bias", "dark"),
        ("KOAIMTYP", "bias", "dark"),
        ("IMGTYP", "BIAS", "DARK"),
        ("IMTYPE", "Bias", "Darks"),
        ("OBSMODE", "ZERO", "DARK"),
        ("HIERARCH FRAMETYPE", "bias", "dark frame"),
        ("HIERARCH image_type", "bias", "dark"),
        ("OBJECT", "Bias", "dark"),
    ],
)
def test_a_type_is_read_from_any_card_that_states_one(tmp_path, card, bias, dark):
    frame(tmp_path / "1.fits", 0.0, **{card: bias})
    frame(tmp_path / "2.fits", 60.0, **{card: dark})
    assert roles(tmp_path) == {"1.fits": "bias", "2.fits": "dark"}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("MasterDark_60s.fits", "dark"), ("dark-001.fit", "dark"), ("Darks60", "dark"),
        ("2026-01-01_BIAS_0.00s_0001.fits", "bias"), ("biases", "bias"), ("zero12.fits", "bias"),
        ("SkyFlat_V.fits", "flat"), ("flat_dark_2s.fits", "dark"), ("Light_M31_001.fit", "science"),
        ("darkroom", ""), ("lightning", ""), ("biasing.fits", ""), ("M31.fits", ""), ("night1", ""),
    ],
)  # fmt: skip
def test_names_count_by_whole_words(name, kind):
    assert type_of_name(name) == kind


def test_a_text_states_a_type_only_by_itself():
    assert type_alone("Dark Frame") == "dark"
    assert type_alone("the Dark Nebula") == ""


def test_the_nearest_folder_that_says_it_counts_and_none_above_the_one_searched(tmp_path):
    night = tmp_path / "flat" / "night"
    frame(night / "Bias" / "2026-01-01" / "frame_000.fits", 0.0)
    frame(night / "DARKS 60s" / "frame_000.fits", 60.0)
    frame(night / "frame_000.fits", 60.0)
    assert roles(night) == {
        "Bias/2026-01-01/frame_000.fits": "bias",
        "DARKS 60s/frame_000.fits": "dark",
        "frame_000.fits": "",
    }


@pytest.mark.parametrize(
    ("card", "value"),
    [
        ("EXPOINUS", 60_000_000), ("HIERARCH EXPTIMEMS", 60_000.0),
        ("HIERARCH exposure_time", 60.0),
        ("EXPTIME", "60000 ms"),
    ],
)  # fmt: skip
def test_exposure_times_in_the_unit_that_the_card_says(tmp_path, card, value):
    frame(tmp_path / "dark.fits", None, **{card: value})
    (item,) = draft(tmp_path).items
    assert item.files[0].exptime == pytest.approx(60.0)


def test_damaged_files_are_named_and_left_out_by_the_campaign(tmp_path):
    for k in range(3):
        frame(tmp_path / f"bias{k}.fits", 0.0)
    whole = frame(tmp_path / "dark1.fits", 60.0, (40, 50)).read_bytes()
    (tmp_path / "dark2.fits").write_bytes(whole[:-2880])
    (tmp_path / "dark3.fits.gz").write_bytes(gzip.compress(whole)[:-20])
    (tmp_path / "dark4.fits").write_bytes(b"")
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU()]).writeto(tmp_path / "dark5.fits")
    found = draft(tmp_path)
    assert "damaged: dark2.fits: truncated: HDU 0 should end at byte" in found.text
    assert [Path(error.path).name for error in found.unread] == [
        "dark3.fits.gz", "dark4.fits", "dark5.fits",
    ]  # fmt: skip
    campaign = yaml.safe_load(found.yaml)
    assert campaign["on_bad_exposure"] == "exclude"
    assert "# 1 file is damaged (below)" in found.yaml
    assert "# damaged: dark2.fits" in found.yaml
    assert "# not readable, left out: dark4.fits: not a FITS file" in found.yaml


def test_a_folder_of_whole_files_stops_at_a_refused_exposure(tmp_path):
    frame(tmp_path / "bias.fits", 0.0)
    assert yaml.safe_load(draft(tmp_path).yaml)["on_bad_exposure"] == "stop"


def test_what_is_missing_is_said_in_the_table_and_in_the_campaign(tmp_path):
    frame(tmp_path / "a" / "bias1.fits", 0.0)
    frame(tmp_path / "b" / "dark1.fits", 60.0)
    frame(tmp_path / "b" / "flat1.fits", 2.0)
    one, two = draft(tmp_path / "a"), draft(tmp_path / "b")
    assert "missing: a second bias frame; one alone tells no read noise" in one.text
    assert "# missing: darks; without them there is no dark rate" in one.yaml
    assert "missing: bias frames; without them there is no master bias" in two.text
    assert "missing: two bias frames for the gain; the flats are not used" in two.text


def test_a_frame_without_exposure_time_stays_in_the_set_up_of_its_camera(tmp_path):
    frame(tmp_path / "dark1.fits", 60.0, XBINNING=1, YBINNING=1, **{"SET-TEMP": -10.0})
    frame(tmp_path / "dark2.fits", None, XBINNING=1, YBINNING=1, **{"SET-TEMP": -10.0})
    (item,) = draft(tmp_path).items
    assert [file.role for file in item.files] == ["dark", ""]


def test_names_of_items_keep_signs_and_say_what_a_number_is(tmp_path):
    for gain, temperature in ((100, -20.0), (100, 20.0), (200, -20.0)):
        frame(
            tmp_path / f"dark_{gain}_{temperature}.fits", 60.0, GAIN=gain,
            **{"SET-TEMP": temperature},
        )  # fmt: skip
    assert {item.name for item in draft(tmp_path).items} == {
        "camera_gain_100_minus20_c", "camera_gain_100_20_c", "camera_gain_200_minus20_c",
    }  # fmt: skip
