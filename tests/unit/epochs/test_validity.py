"""Day and time of validity: intervals cover, and held-out epochs stay within the tolerance."""

import numpy as np
import pytest

from darkroom.epochs.series import Series
from darkroom.epochs.trends import judge, validity

UNITS = 8


def series(rng, level):
    """Series whose epochs are two months apart; the error of each is 1."""
    n = len(level)
    variance = UNITS * rng.chisquare(UNITS - 1, n) / (UNITS - 1)
    start = 60000 + 60.0 * np.arange(n)
    values = level + rng.standard_normal(n)
    return Series("level", "DN", values, variance, np.full(n, UNITS), start, start + 0.1)


@pytest.mark.parametrize("size", [3.0, 5.0])
def test_the_interval_of_the_day_covers_the_change(size):
    """Four hundred steps: of 95 % intervals, those that cover are known to 1.1 %."""
    rng = np.random.default_rng(31)
    found = covered = exact = 0
    for _ in range(400):
        first = int(rng.integers(4, 17))
        one = series(rng, size * (np.arange(20) >= first))
        (trend,) = judge([one], 0.01)
        if not trend.changed or trend.word == "drift":
            continue
        told = validity([trend], lambda _: 10.0)
        found += 1
        covered += told["after"] <= one.end[first - 1] and told["before"] >= one.start[first]
        exact += abs(told["useafter"] - one.start[first]) <= 60
    assert found > 340
    assert covered / found >= 0.93
    assert exact / found >= 0.95


@pytest.mark.parametrize("slope", [0.0, 0.004, 0.02])
def test_held_out_epochs_stay_within_the_tolerance_for_the_time_that_is_said(slope):
    """Of 400 series the last twelve epochs are not used; at 95 %, 20 may leave, and 31 in 1 %."""
    rng = np.random.default_rng(32)
    tolerance, left, said = 3.0, 0, 0
    for _ in range(400):
        level = slope * 60.0 * np.arange(24)
        one = series(rng, level[:12])
        told = validity(judge([one], 0.01), lambda _: tolerance)
        if told["good_days"] is None:
            continue
        said += 1
        later = 60.0 * np.arange(1, 13)
        within = later <= told["good_days"]
        left += bool((np.abs(level[12:] - level[11])[within] > tolerance).any())
    assert said > 300
    assert left <= 0.05 * said + 11
