"""Dates of changes, the level of now and validity, against simulated truth."""

import itertools

import numpy as np
import pytest

from darkroom.epochs.segments import HAZARD, WIDTH, partition
from darkroom.epochs.validity import change_rate, good_for, start_of_validity


def by_hand(value, error):
    """Sum over all partitions one by one; the likelihood of a segment from its covariance."""
    from scipy.stats import multivariate_normal

    n = len(value)
    mean = np.average(value, weights=1 / error**2)
    width = max(WIDTH * np.sqrt(np.mean(error**2)), np.abs(value - mean).max())
    chance, total = np.zeros(n), 0.0
    for cuts in itertools.product([False, True], repeat=n - 1):
        edges = [0, *(k + 1 for k, cut in enumerate(cuts) if cut), n]
        weight = HAZARD ** sum(cuts) * (1 - HAZARD) ** (n - 1 - sum(cuts))
        for left, right in itertools.pairwise(edges):
            covariance = np.diag(error[left:right] ** 2) + width**2
            law = multivariate_normal(np.full(right - left, mean), covariance)
            weight *= law.pdf(value[left:right])
        chance[1:] += weight * np.array(cuts)
        total += weight
    return chance / total


def test_the_sum_over_all_partitions_is_exact():
    rng = np.random.default_rng(1)
    value = rng.standard_normal(9) + np.repeat([0, 3, -2], 3)
    error = rng.uniform(0.5, 1.5, 9)
    found = partition(value, error)
    np.testing.assert_allclose(found.chance, by_hand(value, error), rtol=1e-9, atol=1e-15)
    assert found.start.sum() == pytest.approx(1)


@pytest.mark.parametrize("n", [12, 20, 40])
def test_the_interval_of_the_current_level_covers(n):
    rng = np.random.default_rng(n)
    quiet = after = 0
    for _ in range(2000):
        value = rng.standard_normal(n)
        found = partition(value, np.ones(n))
        quiet += found.low <= 0 <= found.high
        value[rng.integers(3, n - 2) :] += 3
        found = partition(value, np.ones(n))
        after += found.low <= 3 <= found.high
    assert 0.935 <= after / 2000 <= 0.995
    assert 0.935 <= quiet / 2000 <= 0.995


def test_changes_are_dated_and_quiet_series_have_none():
    rng = np.random.default_rng(5)
    near = inside = false = 0
    for _ in range(1000):
        value = rng.standard_normal(20)
        false += bool((partition(value, np.ones(20)).chance > 0.9).any())
        first = rng.integers(3, 18)
        value[first:] += 3
        changes = partition(value, np.ones(20)).changes
        near += any(abs(one.first - first) <= 1 for one in changes)
        inside += any(one.earliest <= first <= one.latest for one in changes)
    assert near / 1000 >= 0.93
    assert inside / 1000 >= 0.94
    assert false / 1000 <= 0.003


def test_two_steps_and_a_large_one_are_found():
    value = np.repeat([0.0, 4.0, 500.0], 8) + np.random.default_rng(8).standard_normal(24)
    found = partition(value, np.ones(24))
    assert [one.first for one in found.changes] == [8, 16]
    assert found.low <= 500 <= found.high
    assert found.high - found.low < 2


def test_validity_starts_with_the_current_segment():
    first = 60000.0 + 30 * np.arange(12)
    last = first + 2
    began = np.zeros(12)
    began[[6, 7]] = 0.9, 0.1
    found = start_of_validity(first, last, began, changed=True, used=first[0])
    assert (found.useafter, found.after, found.before) == (first[6], last[5], first[7])
    # Never before the first exposure that was used.
    assert start_of_validity(first, last, began, True, used=first[8]).useafter == first[8]
    # Nothing changed: the file in use is replaced exactly.
    kept = start_of_validity(first, last, np.eye(12)[0], False, used=first[0], current=59000.0)
    assert kept.useafter == 59000.0
    assert not kept.changed


def test_the_time_of_validity_is_a_lower_bound():
    rng = np.random.default_rng(9)
    time = 60.0 * np.arange(20)
    held = []
    from darkroom.epochs.steps import line

    for _ in range(2000):
        fit = line(time, rng.standard_normal(20) + 0.01 * time, np.ones(20))
        held.append(good_for(10, fit.slope, fit.error) <= 10 / 0.01)
    assert np.mean(held) >= 0.94
    assert good_for(1, 0, 0) == np.inf
    with pytest.raises(ValueError, match="positive tolerance"):
        good_for(0, 1, 1)


def test_the_rate_of_changes_has_a_poisson_interval():
    assert change_rate(0, 2.0) == pytest.approx((0, 0, 3.6889 / 2), rel=1e-4)
    rate, low, high = change_rate(3, 1.0)
    assert (rate, low, high) == pytest.approx((3, 0.6187, 8.7673), rel=1e-3)
    with pytest.raises(ValueError, match="positive span"):
        change_rate(1, 0)
