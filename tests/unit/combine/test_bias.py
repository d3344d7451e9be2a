"""Factors of small samples and of clipping, against exact results and the published table."""

import math

import numpy as np
import pytest

from darkroom.combine import Clip, combine_array
from darkroom.combine.bias import (
    c4,
    clipped_std_factor_mean,
    clipped_std_factor_rms,
    mad_factor_mean,
)

# The noise specification's table of 3 sigma, 3 rounds, ddof 0: N, rms, mean, and 1.4826 MAD.
# It is a simulation with errors near 0.002: its rms at N = 4, where such a clip cannot reject
# anything, is 0.868 where sqrt(3 / 4) = 0.8660 is exact.
TABLE = [
    (4, 0.868, 0.798, 0.737),
    (5, 0.894, 0.840, 0.823),
    (10, 0.947, 0.921, 0.912),
    (20, 0.967, 0.953, 0.958),
    (100, 0.981, 0.979, 0.992),
]
TABLE_ERROR = 0.0025
CLIP = Clip("sigma", 3.0, 3)


@pytest.mark.parametrize(("n", "rms", "mean", "mad"), TABLE)
def test_factors_agree_with_the_published_table(n, rms, mean, mad):
    assert clipped_std_factor_rms(n, CLIP, ddof=0).value == pytest.approx(rms, abs=TABLE_ERROR)
    assert clipped_std_factor_mean(n, CLIP, ddof=0).value == pytest.approx(mean, abs=TABLE_ERROR)
    assert mad_factor_mean(n).value == pytest.approx(mad, abs=TABLE_ERROR)


def test_c4_is_the_textbook_value():
    assert c4(2) == pytest.approx(math.sqrt(2 / math.pi), rel=1e-14)
    assert c4(10) == pytest.approx(0.9726592741, rel=1e-9)
    assert c4(100_000) == pytest.approx(1 - 1 / 400_000, rel=1e-8)
    np.testing.assert_array_equal(np.isnan(c4(np.array([0, 1, 2, 3]))), [True, True, False, False])


@pytest.mark.parametrize("n", [2, 4, 7])
def test_a_clip_that_cannot_reject_leaves_the_exact_small_sample_factors(n):
    """3 sigma with ddof 0 rejects nothing for N <= 7: no chance is left in the simulation."""
    rms, mean = clipped_std_factor_rms(n, CLIP), clipped_std_factor_mean(n, CLIP)
    assert rms.value == pytest.approx(1, abs=1e-9)
    assert mean.value == pytest.approx(c4(n), abs=1e-9)
    biased = clipped_std_factor_rms(n, CLIP, ddof=0)
    assert biased.value == pytest.approx(math.sqrt((n - 1) / n), abs=1e-9)


def test_many_values_and_one_round_give_the_truncated_normal():
    """The variance inside ± k sigma is 1 - 2 k φ(k) / erf(k / √2)."""
    k = 3.0
    density = math.exp(-k * k / 2) / math.sqrt(2 * math.pi)
    expected = math.sqrt(1 - 2 * k * density / math.erf(k / math.sqrt(2)))
    factor = clipped_std_factor_rms(5000, Clip("sigma", k, 1))
    assert factor.value == pytest.approx(expected, abs=4e-4)


def test_quoted_errors_are_small_and_honest(monkeypatch):
    for n in (10, 30):
        for clip in (CLIP, Clip("mad", 5.0)):
            assert 0 < clipped_std_factor_rms(n, clip).error < 2e-4
    assert 0 < mad_factor_mean(30).error < 5e-4
    from darkroom.combine import bias

    first = bias._clipped_std_factors.__wrapped__(10, CLIP, 1)
    monkeypatch.setattr(bias, "_SEED", 1)
    second = bias._clipped_std_factors.__wrapped__(10, CLIP, 1)
    for one, other in zip(first, second, strict=True):
        assert 0 < abs(one.value - other.value) < 4 * math.hypot(one.error, other.error)


@pytest.mark.parametrize("clip", [CLIP, Clip("mad", 5.0), Clip("mad", 5.0, floor=1.0)])
def test_dividing_by_the_factor_gives_the_true_scatter(clip):
    sigma, n = 10.6, 10
    cube = np.random.default_rng(2).normal(1000, sigma, (n, 300, 300))
    scaled = Clip(clip.method, clip.nsigma, clip.iterations, floor=clip.floor * sigma)
    std = combine_array(cube, scaled).std.astype(np.float64)
    error = 4 * sigma / math.sqrt(2 * 9 * std.size)
    rms = math.sqrt((std**2).mean()) / clipped_std_factor_rms(n, clip).value
    mean = std.mean() / clipped_std_factor_mean(n, clip).value
    assert rms == pytest.approx(sigma, abs=error)
    assert mean == pytest.approx(sigma, abs=error)


def test_factors_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match=r"scatter of 1 value\(s\): at least 2 are needed"):
        clipped_std_factor_rms(1, CLIP)
    with pytest.raises(ValueError, match=r"scatter of 0 value\(s\)"):
        mad_factor_mean(0)
    with pytest.raises(ValueError, match="ddof 2 is neither 0 nor 1"):
        clipped_std_factor_mean(5, CLIP, ddof=2)
