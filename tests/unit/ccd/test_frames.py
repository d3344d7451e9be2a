"""Frames are sorted by exposure time and temperature, and refused when unlike."""

import argparse

import numpy as np
import pytest
from astropy.io import fits

from ccd_frames import facts
from darkroom.ccd import options
from darkroom.ccd.cells import bias_cell, cells, group_temperature, load, temperature_groups
from darkroom.errors import DarkroomError, InputError


def at(*temperatures, exptime=10.0):
    return [facts(f"f{i}", exptime, value) for i, value in enumerate(temperatures)]


def test_groups_span_the_tolerance_at_most_and_the_coldest_is_first():
    assert temperature_groups(at(-4.82, -5.23, -4.82, -5.0), 0.3) == [2, 1, 2, 1]
    assert temperature_groups(at(33.0, 33.2, 33.4, 33.6), 0.2) == [1, 1, 2, 2]
    assert temperature_groups(at(33.0, 33.2, 33.4, 33.6), 5.0) == [1, 1, 1, 1]


def test_unknown_temperatures_are_one_group_and_half_known_ones_are_refused():
    assert temperature_groups(at(None, None), 0.2) == [1, 1]
    with pytest.raises(
        InputError, match=r"f1.fits: states no detector temperature, other frames do"
    ):
        temperature_groups(at(-5.0, None), 0.2)


def test_biases_join_the_nearest_group_and_open_none():
    """Programs that see darks only number the groups alike."""
    darks, biases = at(-5.2, -4.8), at(-4.9, -7.0, exptime=0.04)
    found = cells(darks, biases, tolerance=0.2)
    assert [(c.role, c.exptime, c.group, len(c.frames)) for c in found] == [
        ("bias", 0.04, 1, 1),
        ("bias", 0.04, 2, 1),
        ("dark", 10.0, 1, 1),
        ("dark", 10.0, 2, 1),
    ]
    assert group_temperature(found, 1) == -5.2


def test_nearly_equal_exposure_times_are_one():
    darks = [facts(f"d{t}", t, -5.0) for t in (10.0, 10.002, 20.0)]
    assert [(c.exptime, len(c.frames)) for c in cells(darks, tolerance=1)] == [(10.0, 2), (20.0, 1)]


def test_biases_of_two_exposure_times_are_refused():
    frames = [facts("a", 0.04, -5.0), facts("b", 2.0, -5.0)]
    with pytest.raises(InputError, match=r"b.fits: bias frame of 2 s, the first one has 0.04 s"):
        bias_cell(frames)


@pytest.mark.parametrize(
    ("cards", "rows", "message"),
    [
        ({"INSTRUME": "other"}, 4, "c.fits: its instrument is other, that of most frames is cam"),
        ({"XBINNING": 2}, 4, "c.fits: its binning is 2x1, that of most frames is 1x1"),
        (
            {},
            5,
            r"c.fits: its shape is \(5, 6\) \(rows, columns\), that of most frames is \(4, 6\)",
        ),
    ],
)
def test_a_frame_unlike_the_others_is_named(tmp_path, cards, rows, message):
    import numpy as np

    for name, given, ny in (("a", {}, 4), ("b", {}, 4), ("c", cards, rows)):
        hdu = fits.PrimaryHDU(np.zeros((ny, 6), np.uint16))
        hdu.header.update({"EXPTIME": 1.0, "INSTRUME": "cam"} | given)
        hdu.writeto(tmp_path / f"{name}.fits")
    with pytest.raises(InputError, match=message):
        load([tmp_path / f"{name}.fits" for name in "abc"])


def test_a_cooled_camera_has_one_group_though_its_readings_step():
    """SBIG's cameras read steps of 0.41 °C at one SET-TEMP."""
    readings = (-5.23, -4.82, -5.23, -4.41)
    darks = [facts(f"d{k}", 10.0, t, set_temperature=-5.0) for k, t in enumerate(readings)]
    assert temperature_groups(darks, 0.2) == [1, 1, 1, 1]
    warmer = facts("warm", 10.0, 0.3, set_temperature=0.0)
    assert temperature_groups([*darks, warmer], 0.2) == [1, 1, 1, 1, 2]
    # A camera that does not keep what was asked for is grouped by what it reads.
    drifting = [facts(f"d{k}", 10.0, t, set_temperature=-20.0) for k, t in enumerate(readings)]
    assert temperature_groups(drifting, 0.2) == [1, 2, 1, 3]


def test_bias_frames_of_almost_one_exposure_time_are_one_cell():
    frames = [facts("a", 1e-4, -5.0), facts("b", 1e-3, -5.0)]
    assert bias_cell(frames).exptime == 1e-4


@pytest.mark.parametrize(
    ("cards", "message"),
    [
        ((2.0, 2.0), ""), ((2.0, 2.5), "its EGAIN is 2.5, the first frame has 2"),
        ((2.0, None), "has no card EGAIN, of which the gain is asked for"),
    ],
)  # fmt: skip
def test_a_gain_may_be_a_header_card(tmp_path, cards, message):
    for k, gain in enumerate(cards):
        hdu = fits.PrimaryHDU(np.zeros((4, 4), "uint16"))
        hdu.header["EXPTIME"] = 0.0
        if gain:
            hdu.header["EGAIN"] = gain
        hdu.writeto(tmp_path / f"{k}.fits")
    parser = argparse.ArgumentParser()
    options.add_settings(parser, "master_bias")
    arguments = parser.parse_args(["--gain-e-per-adu", "EGAIN", "--judged"])
    paths = [tmp_path / f"{k}.fits" for k in range(len(cards))]
    if message:
        with pytest.raises(InputError, match=message):
            options.load(arguments, bias=paths)
    else:
        options.load(arguments, bias=paths)
        assert arguments.gain_e_per_adu == 2.0


def test_files_given_by_hand_are_judged_by_their_headers(tmp_path):
    paths = [tmp_path / f"{k}.fits" for k in range(4)]
    for k, path in enumerate(paths):
        hdu = fits.PrimaryHDU(np.zeros((4, 4), "uint16"))
        hdu.header["EXPTIME"], hdu.header["GAIN"] = 0.0, 200 if k == 2 else 100
        hdu.header["IMAGETYP"] = "Flat" if k == 1 else "Bias"
        hdu.writeto(path)
    parser = argparse.ArgumentParser()
    options.add_settings(parser, "master_bias")
    with pytest.raises(DarkroomError, match="2 exposures cannot be used") as caught:
        options.load(parser.parse_args([]), bias=paths)
    assert "1.fits: IMAGETYP is 'Flat', the campaign uses it as bias" in str(caught.value)
    assert "2.fits: gain (GAIN) is 200, but 100 in 2 exposures" in str(caught.value)
    assert len(options.load(parser.parse_args(["--judged"]), bias=paths)[0]) == 4
