"""Exposures that point elsewhere than their WCS says are found by their stars."""

import numpy as np
import pytest
from astropy.wcs import WCS
from scipy.ndimage import median_filter

from darkroom.compiled import load_kernel
from darkroom.wfc3.visit.registration import REFUSE_PIXELS, Sources, find_sources, offsets

SIDE = 128


def image(seed, dither=(0.0, 0.0), off=(0.0, 0.0), stars=40, noise=0.02, hot=0):
    """Stars on a tangent plane; `off` is not in the WCS."""
    sky = np.random.default_rng(5)
    x, y = sky.uniform(-10, SIDE + 10, (2, stars))
    flux = 5 * sky.pareto(1.2, stars) + 3
    rng = np.random.default_rng(seed)
    v, u = np.mgrid[:SIDE, :SIDE]
    data = 0.9 + noise * rng.standard_normal((SIDE, SIDE))
    for a, b, f in zip(x - dither[0] + off[0], y - dither[1] + off[1], flux, strict=True):
        data += f / 3.4 * np.exp(-((u - a) ** 2 + (v - b) ** 2) / (2 * 0.55**2))
    for a, b in np.random.default_rng(9).integers(5, SIDE - 5, (hot, 2)):
        data[a, b] += 30
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval, wcs.wcs.cdelt = [150.0, 2.0], [-0.128 / 3600, 0.128 / 3600]
    wcs.wcs.crpix = [64.0 - dither[0], 64.0 - dither[1]]
    return Sources(*find_sources(data, np.zeros(data.shape, int)), wcs, data.shape)


DITHERS = [(0, 0), (4.3, 1.1), (-2.2, 5.0), (3.1, -4.4)]


def test_dithered_exposures_agree_to_a_tenth_of_a_pixel():
    found = offsets([image(n, dither) for n, dither in enumerate(DITHERS)])
    assert all(pixels < 0.1 for pixels, _ in found)


@pytest.mark.parametrize("off", [(4.0, 0.0), (-2.0, 1.5), (0.8, -0.9)])
def test_the_exposure_that_points_elsewhere_is_named_with_its_offset(off):
    images = [image(n, dither) for n, dither in enumerate(DITHERS)]
    images[2] = image(2, DITHERS[2], off)
    found = offsets(images)
    assert found[2][0] == pytest.approx(np.hypot(*off), abs=0.15)
    assert all(found[n][0] < 0.15 for n in (0, 1, 3))
    assert found[2][0] > REFUSE_PIXELS


def test_where_no_stars_are_nothing_is_said():
    assert offsets([image(n, stars=0) for n in range(3)]) == [None] * 3
    assert offsets([]) == []


def test_pixels_that_stay_where_they_are_do_not_count_as_stars():
    found = offsets([image(n, dither, hot=60) for n, dither in enumerate(DITHERS)])
    assert all(one is None or one[0] < 0.15 for one in found)


@pytest.mark.parametrize("side", [3, 7])
@pytest.mark.parametrize("kind", ["noise", "whole numbers", "infinite", "one value"])
def test_the_running_median_is_that_of_scipy_to_the_bit(kind, side):
    rng = np.random.default_rng(side)
    image = rng.normal(0, 3, (61, 83)).astype(np.float32)
    if kind == "whole numbers":
        image = np.rint(image)
    elif kind == "infinite":
        image[rng.random(image.shape) < 0.3] = np.inf
        image[rng.random(image.shape) < 0.3] = -np.inf
    elif kind == "one value":
        image[:] = 7
    out = np.empty_like(image)
    kernel = load_kernel("darkroom.wfc3.visit.median_kernel")
    kernel.median_filter(np.pad(image, side // 2, mode="symmetric"), side, out)
    np.testing.assert_array_equal(out, median_filter(image, side))
