"""Steps and drifts of a series, against simulated truth (judgement of epochs)."""

import numpy as np
import pytest

from darkroom.epochs.series import Errors, Series, bartlett, errors
from darkroom.epochs.steps import apart, chance, discoveries, line, scan


def draws(rng, count, n, step=0.0):
    """Series of unit errors, each with a step at a date at least three epochs from the ends."""
    values = rng.standard_normal((count, n))
    firsts = rng.integers(3, n - 2, count)
    for row, first in zip(values, firsts, strict=True):
        row[first:] += step
    return values, firsts


def odd(value, error=None):
    """Return the chance by which a series is judged."""
    error = np.ones(len(value)) if error is None else error
    return chance(scan(value, error), apart(value, error))


@pytest.mark.parametrize("n", [12, 20, 40])
def test_series_without_a_step_are_rarely_given_one(n):
    values, _ = draws(np.random.default_rng(n), 4000, n)
    false = np.mean([odd(row) < 0.01 for row in values])
    # 1 % is stated; the error of this share is 0.16 %.
    assert false <= 0.013


@pytest.mark.parametrize(
    ("n", "found", "dated"), [(12, 0.93, 0.89), (20, 0.98, 0.95), (40, 0.99, 0.95)]
)
def test_steps_of_three_errors_are_found_and_dated(n, found, dated):
    values, firsts = draws(np.random.default_rng(100 + n), 2000, n, 3.0)
    scans = [scan(row, np.ones(n)) for row in values]
    seen = np.array([odd(row) < 0.01 for row in values])
    near = np.array([abs(one.first - first) <= 1 for one, first in zip(scans, firsts, strict=True)])
    assert seen.mean() >= found
    assert (seen & near).mean() >= dated


def test_the_size_of_a_step_is_right_within_its_error():
    values, firsts = draws(np.random.default_rng(7), 2000, 20, 8.0)
    pulls = []
    for row, first in zip(values, firsts, strict=True):
        one = scan(row, np.ones(20))
        if one.first == first:
            pulls.append((one.size - 8.0) / one.error)
    assert len(pulls) > 1950
    assert abs(np.mean(pulls)) < 0.1
    assert 0.95 < np.std(pulls) < 1.05


def test_a_variance_known_from_few_units_makes_no_false_steps():
    """Seven epochs of three units: 14 degrees of freedom; as if exact, 3 % would be called."""
    rng = np.random.default_rng(3)
    naive = honest = 0
    for _ in range(3000):
        units = rng.standard_normal((7, 3))
        pooled = np.sqrt(units.var(axis=1, ddof=1).mean() / 3)
        value, error = units.mean(axis=1), np.full(7, pooled)
        naive += scan(value, error).p < 0.01
        honest += scan(value, error, dof=14).p < 0.01
    assert naive / 3000 > 0.02
    assert honest / 3000 <= 0.015


def test_unequal_errors_are_weighted():
    rng = np.random.default_rng(11)
    error = np.where(np.arange(20) % 4 == 0, 5.0, 1.0)
    values = rng.standard_normal((4000, 20)) * error
    assert np.mean([odd(row, error) < 0.01 for row in values]) <= 0.013
    # One far and uncertain epoch at the end is no step.
    quiet = np.zeros(20)
    quiet[0] = 9.0
    assert scan(quiet, error).p > 0.2


def test_two_epochs_are_refused():
    with pytest.raises(ValueError, match="three epochs"):
        scan(np.array([0.0, 9.0]), np.ones(2))


def test_false_discoveries_over_many_series_are_held():
    rng = np.random.default_rng(21)
    wrong, right, called, alarms = 0, 0, 0, 0
    for _ in range(100):
        values = rng.standard_normal((40, 20))
        alarms += discoveries(np.array([odd(row) for row in values])).any()
        firsts = rng.integers(3, 18, 4)
        for row, first in zip(values, firsts, strict=False):
            row[first:] += 3
        found = discoveries(np.array([odd(row) for row in values]))
        right += found[:4].sum()
        wrong += found[4:].sum()
        called += found.sum()
    assert wrong / called <= 0.02  # 1 % stated, 400 discoveries: error 0.5 %
    assert right / 400 >= 0.93
    assert alarms <= 4  # 1 expected


def test_a_line_is_right_within_its_error():
    rng = np.random.default_rng(41)
    time, error = np.sort(rng.uniform(60000, 61000, 15)), rng.uniform(0.5, 2, 15)
    pulls = []
    for _ in range(2000):
        fit = line(time, 7 + 0.003 * time + error * rng.standard_normal(15), error)
        pulls.append((fit.slope - 0.003) / fit.error)
    assert abs(np.mean(pulls)) < 0.08
    assert 0.95 < np.std(pulls) < 1.05
    with pytest.raises(ValueError, match="two different times"):
        line(np.ones(4), np.zeros(4), np.ones(4))


def series(variance, units=10, value=None):
    n = len(variance)
    start = 60000.0 + 60 * np.arange(n)
    value = np.zeros(n) if value is None else value
    return Series("level", "DN", value, np.array(variance), np.full(n, units), start, start + 1)


def test_variances_are_pooled_unless_they_differ():
    pooled = errors(series([1.0, 1.2, 0.8, 1.1]))
    assert pooled.pooled
    assert pooled.dof == 36
    np.testing.assert_allclose(pooled.error, np.sqrt(1.025 / 10))
    own = errors(series([1.0, 30.0, 0.8, 1.1]))
    assert own == Errors(own.error, 9.0, pooled=False, p=own.p)
    # Of ten degrees of freedom, nine are the epoch's own, and one is the usual epoch's.
    expected = 0.9 * np.array([1.0, 30.0, 0.8, 1.1]) + 0.1 * 1.05
    np.testing.assert_allclose(own.error, np.sqrt(expected / 10))


def test_bartlett_is_the_usual_test():
    from scipy import stats

    rng = np.random.default_rng(2)
    samples = [rng.standard_normal(n) for n in (5, 9, 20)]
    variance = np.array([one.var(ddof=1) for one in samples])
    dof = np.array([4.0, 8.0, 19.0])
    assert bartlett(variance, dof) == pytest.approx(stats.bartlett(*samples).pvalue)
    assert bartlett(np.array([1.0]), np.array([3.0])) == 1
    assert bartlett(np.array([1.0, 0.0]), np.array([3.0, 3.0])) == 0


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"units": np.array([10, 1, 10])}, "fewer than two units"),
        ({"value": np.array([0, np.nan, 0])}, "not finite"),
        ({"start": np.array([3.0, 2.0, 1.0])}, "order of time"),
        ({"variance": np.ones(2)}, "different lengths"),
    ],
)
def test_series_that_cannot_be_judged_are_refused(change, text):
    columns = {
        "value": np.zeros(3),
        "variance": np.ones(3),
        "units": np.full(3, 10),
        "start": np.arange(3.0),
        "end": np.arange(3.0) + 0.5,
    }
    with pytest.raises(ValueError, match=text):
        Series("level", "DN", **(columns | change))
