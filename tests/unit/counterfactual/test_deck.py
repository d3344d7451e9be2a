"""Injected sources are what they are said to be; ramps of white noise are enough."""

import numpy as np
import pytest

from darkroom.nircam.counterfactual.deck import source_slopes, white_ramps, with_sources


def test_sources_come_back_by_the_linearity_with_poisson_noise():
    rng = np.random.default_rng(5)
    shape, frame_time = (48, 64), 0.3
    groups = np.full((40, 5, *shape), 5000, np.uint16)
    bias = np.full(shape, 5000.0)
    coefficients = np.zeros((3, *shape))
    coefficients[1], coefficients[2] = 1, 1e-6
    slopes = source_slopes(np.ones(shape, bool), (20, 2500), 5 * frame_time, rng)
    where = slopes > 0
    assert where.sum() == 8 * 8
    assert slopes[where].min() == pytest.approx(20)
    assert slopes[where].max() == pytest.approx(2500)
    gain = np.full(shape, 2.0)
    made = with_sources(groups, bias, coefficients, slopes, (frame_time, "RAPID"), gain, rng)
    assert np.array_equal(made[..., ~where], groups[..., ~where])
    measured = made[..., where] - 5000.0
    linear = measured + 1e-6 * measured**2
    steps = np.diff(linear, axis=1)
    rate = steps.mean(axis=(0, 1)) / frame_time
    error = np.sqrt(slopes[where] / (2.0 * frame_time * 160))
    assert np.std((rate - slopes[where]) / error) == pytest.approx(1, abs=0.3)
    assert abs(np.mean((rate - slopes[where]) / error)) < 4 / 8
    # Poisson, and the rounding of both groups.
    expected = slopes[where] * frame_time / 2.0 + 1 / 6
    assert np.mean(steps.var(axis=(0, 1)) / expected) == pytest.approx(1, abs=0.1)


def test_sources_of_long_ramps_do_not_saturate():
    slopes = source_slopes(np.ones((12, 16), bool), (20, 2500), 107.0, np.random.default_rng(1))
    assert slopes.max() == pytest.approx(40_000 / 107)


def test_white_ramps_are_enough():
    ramps = white_ramps((5, 10, 10), np.full((10, 10), 3.0), 1000, np.random.default_rng(1))
    assert ramps.shape == (3, 5, 10, 10)
    assert ramps.std() == pytest.approx(3, rel=0.1)
