"""Folders that hold more than frames, and frames whose cards are silent or say the impossible."""

import os

import numpy as np
import pytest
from astropy.io import fits

from darkroom.ccd.received import header_values
from darkroom.drafts import draft
from darkroom.fits.describe import describe


def frame(path, exptime=None, **cards):
    hdu = fits.PrimaryHDU(np.zeros((8, 9), np.uint16))
    hdu.header["INSTRUME"] = "Camera"
    if exptime is not None:
        hdu.header["EXPTIME"] = exptime
    hdu.header.update({card.replace("_", "-"): value for card, value in cards.items()})
    hdu.writeto(path)
    return path


def test_pipes_and_broken_links_are_named_and_not_waited_for(tmp_path):
    frame(tmp_path / "bias1.fits", 0.0)
    os.mkfifo(tmp_path / "pipe.fits")
    (tmp_path / "gone.fits").symlink_to("nowhere.fits")
    (tmp_path / "zeros.fits").write_bytes(bytes(2880))
    text = draft(tmp_path).text
    assert "pipe.fits: is no file that holds data" in text
    assert "gone.fits: is a link to a file that is not there" in text
    assert "zeros.fits: not a FITS file: it is empty" in text


def test_frames_that_state_no_gain_go_to_the_only_set_up_that_they_fit(tmp_path):
    for k in range(2):
        frame(tmp_path / f"bias{k}.fits", 0.0)
        frame(tmp_path / f"dark{k}.fits", 60.0, GAIN=100, OFFSET=10)
    (item,) = draft(tmp_path).items
    assert {file.role for file in item.files} == {"bias", "dark"}
    words = "states no gain and no offset; taken with those of gain 100, offset 10"
    assert words in draft(tmp_path).text
    frame(tmp_path / "dark9.fits", 60.0, GAIN=200, OFFSET=10)
    assert len(draft(tmp_path).items) == 3


def test_a_time_that_cannot_be_read_is_said_with_the_way_out(tmp_path):
    frame(tmp_path / "dark1.fits")
    frame(tmp_path / "dark2.fits", "60,0")
    text = draft(tmp_path).text
    assert "name the card: cards: {exptime: CARD}" in text
    assert "allow it: recover EXPTIME=OTHER*SCALE" in text


@pytest.mark.parametrize(
    ("cards", "temperature"),
    [
        ({"CCD_TEMP": -999.0}, None), ({"CCD_TEMP": -999.0, "SET_TEMP": -20.0}, -20.0),
        ({"CCDATEMP": -95.0}, -95.0), ({"CCD_TEMP": "n/a"}, None),
    ],
)  # fmt: skip
def test_temperatures_that_cannot_be_are_unknown(tmp_path, cards, temperature):
    found = describe(frame(tmp_path / "dark.fits", 60.0, **cards))
    assert found.temperature == temperature
    if "CCD_TEMP" in cards:
        assert (
            f"CCD-TEMP {'= n/a' if cards['CCD_TEMP'] == 'n/a' else 'is -999'}" in found.remarks[0]
        )


def test_a_start_with_a_time_zone_is_converted(tmp_path):
    plain = describe(frame(tmp_path / "1.fits", 60.0, DATE_OBS="2024-03-01T20:00:00"))
    zoned = describe(frame(tmp_path / "2.fits", 60.0, DATE_OBS="2024-03-01T21:00:00+01:00"))
    assert zoned.mjd == plain.mjd


@pytest.mark.parametrize(
    ("cards", "binning"), [({"HBIN": 2, "VBIN": 1}, "2x1"), ({"DETXBIN": 1, "DETYBIN": 2}, "1x2")]
)
def test_binning_in_the_words_of_other_programs(tmp_path, cards, binning):
    assert describe(frame(tmp_path / "1.fits", 60.0, **cards)).binning == binning


@pytest.mark.parametrize(
    ("unit", "key", "words"),
    [
        ("electron", "remarks", "BUNIT is 'electron': its values are taken as ADU"),
        ("adu/s", "state", "counts were divided by time, a raw frame is needed"),
        ("electron s-1", "state", "counts were divided by time"),
        ("adu", "", ""), ("Counts (DN)", "", ""),
    ],
)  # fmt: skip
def test_units_that_are_no_counts_are_said(tmp_path, unit, key, words):
    found = header_values(describe(frame(tmp_path / "1.fits", 60.0, BUNIT=unit)))
    said = {"state": found["state"], "remarks": found["remarks"]}
    if key:
        assert words in said.pop(key)[0]
    assert not any(said.values())
