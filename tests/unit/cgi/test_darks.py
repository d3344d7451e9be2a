"""Traditional and synthesized darks: errors, flags, refusals."""

from time import process_time

import numpy as np
import pytest

from cgi_stacks import source_of, sources, tiny_geometry, truth
from darkroom.cgi.darks.darks import synthesized_dark, traditional_dark
from darkroom.cgi.geometry import IMAGING, TELEMETRY
from darkroom.cgi.maps.pooled import fit_pooled
from darkroom.cgi.maps.pooling import pixel_variances
from darkroom.errors import DarkroomError


@pytest.fixture
def geometry(tmp_path):
    return tiny_geometry(tmp_path)


def stack(geometry, n=9, sigma=3.0, err=0.5, seed=1):
    rng = np.random.default_rng(seed)
    frames = rng.normal(2.0, sigma, (n, *geometry.shape))
    dq = np.zeros(frames.shape, np.uint16)
    dq[:, 10, 30] = 4
    dq[1:, 11, 30] = 128
    return source_of(geometry, 1.5, 10, frames, dq, np.full_like(frames, err))


def test_error_is_the_pooled_scatter_over_the_root_of_the_usable_frames(geometry):
    source = stack(geometry)
    dark = traditional_dark(source.stack, source._moments, geometry)
    area = geometry.populations == IMAGING
    moments = source._moments
    pooled = moments.m2[area].sum() / np.maximum(moments.count[area] - 1.0, 0).sum()
    assert dark.err[20, 30] == pytest.approx(np.sqrt(pooled / 9), rel=1e-6)
    assert dark.err[11, 30] == pytest.approx(np.sqrt(pooled), rel=1e-6)
    assert dark.nfiles == 9


def deviations(geometry, nframes, gain, hot_fraction, number):
    """Return deviation, error and true electrons of the imaging area of darks of 100 s."""
    rng, rows, area = np.random.default_rng(2), [], geometry.imaging
    for _ in range(number):
        maps, _ = truth(geometry, rng, hot_fraction)
        found = {s.stack.key: s for s in sources(geometry, maps, nframes, rng, masked=0.03)}
        source = found[100.0, gain, 8.7]
        dark = traditional_dark(source.stack, source._moments, geometry, divide_by=gain)
        electrons = maps[1] + 100 * maps[2]
        planes = np.array([dark.data - maps[0] / gain - electrons, dark.err, electrons])
        rows.append(planes[(slice(None), *area)].reshape(3, -1))
    planes = np.concatenate(rows, axis=1)
    return planes[:, np.isfinite(planes).all(axis=0)]


@pytest.mark.parametrize("nframes", [5, 30])
@pytest.mark.parametrize("gain", [1.5, 500.0, 5000.0])
def test_pulls_of_a_dark_are_one(geometry, nframes, gain):
    deviation, error, _ = deviations(geometry, nframes, gain, 0.0, 8)
    assert (deviation / error).std() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("gain", [1.5, 500.0, 5000.0])
def test_pulls_of_hot_pixels_are_one(geometry, gain):
    """Of those that cannot be a normal pixel's chance: ten electrons and more."""
    deviation, error, electrons = deviations(geometry, 10, gain, 0.03, 8)
    hot = electrons > 10
    assert (deviation / error)[hot].std() == pytest.approx(1, abs=0.15)


def test_telemetry_and_pixels_without_a_frame_are_nan_and_flagged(geometry):
    source = stack(geometry)
    dark = traditional_dark(source.stack, source._moments, geometry)
    assert np.isnan(dark.data[10, 30])
    assert np.isnan(dark.data[-1]).all()
    assert (dark.dq[10, 30], dark.dq[-1, 0], dark.dq[11, 30]) == (5, 1, 0)
    assert np.isfinite(dark.err[11, 30])


def test_the_peers_way_has_zero_there(geometry):
    source = stack(geometry)
    dark = traditional_dark(source.stack, source._moments, geometry, way="peer")
    assert dark.data[10, 30] == dark.err[10, 30] == 0
    assert (dark.data[-1] == 0).all()
    assert (dark.dq[10, 30], dark.dq[-1, 0]) == (4, 0)


def test_a_stack_that_was_not_divided_is_divided_by_its_gain(geometry):
    source = stack(geometry)
    whole = traditional_dark(source.stack, source._moments, geometry)
    divided = traditional_dark(source.stack, source._moments, geometry, divide_by=1.5)
    np.testing.assert_allclose(divided.data, whole.data / 1.5, equal_nan=True)
    np.testing.assert_allclose(divided.err, whole.err / 1.5, equal_nan=True)


def test_one_usable_frame_everywhere_is_refused(geometry):
    source = stack(geometry, n=1)
    with pytest.raises(DarkroomError, match="no pixel has more than one usable frame"):
        traditional_dark(source.stack, source._moments, geometry)


def test_covariance_makes_the_error_of_a_synthesized_dark_smaller_than_quadrature(geometry):
    rng = np.random.default_rng(3)
    maps = fit_pooled(sources(geometry, truth(geometry, rng)[0], 8, rng), geometry)
    full = synthesized_dark(maps, 10.0, 1000.0)
    maps.covariance = None
    quadrature = synthesized_dark(maps, 10.0, 1000.0)
    assert np.array_equal(full.data, quadrature.data, equal_nan=True)
    ratio = np.nanmedian((full.err / quadrature.err)[geometry.section("image")])
    assert ratio == pytest.approx(0.785, abs=0.03)


@pytest.mark.parametrize(
    ("gain", "exptime", "text"),
    [(0.9, 10, "EM gain 0.9: a synthesized dark needs a gain of 1"), (10, -1, "exposure time -1")],
)
def test_gain_and_time_that_cannot_be_are_refused(geometry, gain, exptime, text):
    rng = np.random.default_rng(4)
    maps = fit_pooled(sources(geometry, truth(geometry, rng)[0], 4, rng), geometry)
    with pytest.raises(DarkroomError, match=text):
        synthesized_dark(maps, exptime, gain)


def test_limits_of_a_wide_strip_take_no_time():
    """They are those of its populations and numbers of samples, not of each pixel."""
    rng = np.random.default_rng(1)
    count = rng.integers(1, 4, 64 * 2200).astype(np.int32)
    total, m2 = rng.normal(0, 100, count.size), 1e4 * rng.chisquare(np.maximum(count - 1, 1))
    populations = np.repeat(np.arange(4, dtype=np.uint8), count.size // 4)
    pixel_variances(count[:80], total[:80], m2[:80], populations[::1760], TELEMETRY, 5, 500.0)
    started = process_time()
    pixel_variances(count, total, m2, populations, TELEMETRY, 5, 500.0)
    assert process_time() - started < 0.4
