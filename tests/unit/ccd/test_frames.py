"""Frames are sorted by exposure time and temperature, and refused when unlike."""

import pytest
from astropy.io import fits

from ccd_frames import facts
from darkroom.ccd.cells import bias_cell, cells, group_temperature, load, temperature_groups
from darkroom.errors import InputError


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
