"""What a series did is called by its name, or the two names that are left, against truth."""

from collections import Counter

import numpy as np
import pytest

from darkroom.epochs.segments import evidence, partition, terms
from darkroom.epochs.shapes import APART, BOTH, DRIFT, STEP, STEPS, USUAL, shape
from darkroom.epochs.steps import apart, chance, line, scan

COUNT = 300


def level(kind, n, size, rng):
    """Level of each epoch, in errors; dates are drawn."""
    place, epoch = np.linspace(0, 1, n), np.arange(n)
    third = n // 3
    later = float(size) * (epoch >= rng.integers(third, 2 * third + 1))
    return {
        "step": lambda: float(size) * (epoch >= rng.integers(3, n - 2)),
        "two up": lambda: float(size) * ((epoch >= third) + 1.0 * (epoch >= 2 * third)),
        "up and down": lambda: float(size) * ((epoch >= third) - 1.0 * (epoch >= 2 * third)),
        "three": lambda: float(size) * (epoch * 4 // n),
        "drift": lambda: size * place,
        "parabola": lambda: size * place**2,
        "settling": lambda: size * (1 - np.exp(-3 * place)) / (1 - np.exp(-3)),
        "bend": lambda: size * np.maximum(0, 2 * place - 1),
        "drift and step": lambda: size * place + later,
        "drift and step back": lambda: size * place - later,
        "apart": lambda: float(size) * (epoch == rng.integers(2, n - 2)),
        "last": lambda: float(size) * (epoch == n - 1),
    }[kind]()


def shares(kind, n, size, count=COUNT, time=None, error=None):
    """Return the share of series that are found, and of these that of each word."""
    rng = np.random.default_rng([n, int(size), len(kind)])
    time = 60.0 * np.arange(n) if time is None else time
    error = np.ones(n) if error is None else error
    found = Counter()
    for _ in range(count):
        value = level(kind, n, size, rng) + error * rng.standard_normal(n)
        if chance(scan(value, error), apart(value, error)) < 0.01:
            found[shape(time, value, error).word] += 1
    total = sum(found.values())
    return total / count, {word: number / total for word, number in found.items()}


# Kind, epochs, size in errors; what is true; least share of it, and largest of other sure words.
CASES = [
    ("step", 12, 3, STEP, 0.25, 0.04),
    ("step", 12, 5, STEP, 0.75, 0.02),
    ("step", 12, 8, STEP, 0.90, 0.01),
    ("step", 20, 3, STEP, 0.58, 0.03),
    ("step", 20, 5, STEP, 0.85, 0.02),
    ("step", 20, 8, STEP, 0.94, 0.01),
    ("two up", 12, 6, STEPS, 0.70, 0.05),
    ("two up", 12, 8, STEPS, 0.93, 0.01),
    ("two up", 20, 4, STEPS, 0.42, 0.14),
    ("two up", 20, 6, STEPS, 0.93, 0.01),
    ("up and down", 12, 6, STEPS, 0.92, 0.02),
    ("up and down", 20, 4, STEPS, 0.70, 0.02),
    ("up and down", 20, 6, STEPS, 0.96, 0.01),
    ("three", 20, 6, STEPS, 0.85, 0.07),
    ("drift", 12, 5, DRIFT, 0.33, 0.02),
    ("drift", 12, 8, DRIFT, 0.85, 0.01),
    ("drift", 20, 5, DRIFT, 0.70, 0.01),
    ("drift", 20, 8, DRIFT, 0.93, 0.01),
    ("drift", 20, 16, DRIFT, 0.97, 0.01),
    ("parabola", 20, 8, DRIFT, 0.80, 0.01),
    ("parabola", 20, 16, DRIFT, 0.95, 0.01),
    ("settling", 20, 8, DRIFT, 0.68, 0.02),
    ("settling", 20, 16, DRIFT, 0.94, 0.01),
    ("bend", 20, 8, DRIFT, 0.68, 0.02),
    ("bend", 20, 16, DRIFT, 0.97, 0.01),
    ("drift and step", 20, 8, BOTH, 0.78, 0.02),
    ("drift and step back", 20, 8, BOTH, 0.58, 0.03),
    ("apart", 12, 6, APART, 0.94, 0.02),
    ("apart", 20, 10, APART, 0.97, 0.01),
]


@pytest.mark.parametrize(("kind", "n", "size", "true", "least", "wrong"), CASES)
def test_what_a_series_did_is_called_by_its_name(kind, n, size, true, least, wrong):
    seen, said = shares(kind, n, size)
    assert seen > 0.88
    assert said.get(true, 0) >= least
    assert sum(share for word, share in said.items() if word in USUAL and word != true) <= wrong
    # Where two names are left, the true one is among them.
    left = sum(share for word, share in said.items() if true in word.split(" or "))
    assert left >= 0.94 - wrong


def test_a_clear_drift_is_no_step_and_a_step_of_three_errors_rarely_a_drift():
    _, drift = shares("drift", 20, 8, 1000)
    assert drift.get(STEP, 0) <= 0.01
    assert drift[DRIFT] >= 0.9
    _, step = shares("step", 20, 3, 1000)
    assert step.get(DRIFT, 0) <= 0.06
    assert step[STEP] >= 0.6


def test_the_last_epoch_alone_may_be_a_step_or_apart():
    _, said = shares("last", 12, 8)
    assert said["step or one epoch apart"] > 0.9


def test_where_nothing_changed_changes_are_as_rare_as_asked():
    """Of 4,000 series at 1 %, of several errors: 40 are expected, 61 have a chance of 0.1 %."""
    rng = np.random.default_rng(5)
    false = 0
    for k in range(4000):
        n = (8, 12, 20, 40)[k % 4]
        error = (np.ones(n), np.where(np.arange(n) % 3 == 0, 4.0, 1.0))[k // 4 % 2]
        value = error * rng.standard_normal(n)
        false += chance(scan(value, error), apart(value, error)) < 0.01
    assert false <= 61


@pytest.mark.parametrize("kind", ["step", "drift"])
def test_unequal_errors_and_gaps(kind):
    n = 20
    error = np.where(np.arange(n) % 4 == 0, 3.0, 1.0)
    time = np.cumsum(np.where(np.arange(n) == 10, 900.0, np.where(np.arange(n) % 5 == 0, 120, 30)))
    rng = np.random.default_rng(3)
    place, found = (time - time[0]) / np.ptp(time), Counter()
    for _ in range(COUNT):
        # A step where time did not stand still: after the pause it may be a drift as well.
        true = 8 * place if kind == "drift" else 8.0 * (np.arange(n) >= rng.choice([5, 6, 14, 15]))
        value = true + error * rng.standard_normal(n)
        found[shape(time, value, error).word] += 1
    assert found[kind] / COUNT >= (0.85 if kind == "step" else 0.35)
    other = {"step": DRIFT, "drift": STEP}[kind]
    assert found[other] / COUNT <= 0.02
    # Two groups of epochs with a pause between: a line through them and two levels are alike.
    assert (found[kind] + found["step or drift"] + found["step or several steps"]) / COUNT > 0.9


def test_of_a_variance_that_is_hardly_known_less_is_said():
    """A step of six errors, of a variance of so many degrees: how often another shape is said."""
    rng, wrong = np.random.default_rng(6), {np.inf: 0, 4.0: 0}
    for _ in range(400):
        value = 6.0 * (np.arange(10) >= 5) + rng.standard_normal(10)
        error = np.full(10, np.sqrt(rng.chisquare(4) / 4))
        for dof in wrong:
            word = shape(np.arange(10.0), value, error, dof).word
            wrong[dof] += word in USUAL and word != STEP
    assert wrong[4.0] <= 0.03 * 400 < wrong[np.inf]


def test_dates_sizes_and_what_changed_since_are_right():
    rng = np.random.default_rng(9)
    time, epoch = 60.0 * np.arange(20), np.arange(20)
    value = 10.0 * (epoch >= 7) + 8.0 * (epoch >= 13) + rng.standard_normal(20)
    found = shape(time, value, np.ones(20))
    assert found.word == STEPS
    assert [one.first for one in found.changes] == [7, 13]
    for one, size in zip(found.changes, (10, 8), strict=True):
        assert found.jump(one.first)[0] == pytest.approx(size, abs=3 * found.jump(one.first)[1])
    assert found.difference(9, -1)[0] == pytest.approx(8, abs=2)
    assert found.difference(15, -1) is None

    value = 0.05 * time + 12.0 * (epoch >= 12) + rng.standard_normal(20)
    found = shape(time, value, np.ones(20))
    assert found.word == BOTH
    assert [one.first for one in found.changes] == [12]
    assert found.jump(12)[0] == pytest.approx(12, abs=3 * found.jump(12)[1])
    assert found.rate == pytest.approx(0.05, abs=3 * found.rate_error)
    fall, error = found.difference(15, -1)
    assert fall == pytest.approx(0.05 * 240, abs=3 * error)

    value = 9.0 * (epoch == 6) + rng.standard_normal(20)
    found = shape(time, value, np.ones(20))
    assert (found.word, found.apart, found.changes) == (APART, 6, ())
    assert found.difference(6, -1) is None
    assert abs(found.level()[0]) < 3 * found.level()[1]


def test_the_slope_of_a_curved_drift_is_that_of_now():
    time = 60.0 * np.arange(20)
    place, pulls = time / time[-1], []
    for seed in range(200):
        value = 30 * place**2 + np.random.default_rng(seed).standard_normal(20)
        found = shape(time, value, np.ones(20))
        assert found.word == DRIFT
        if found.curved:
            pulls.append((found.rate - 60 / time[-1]) / found.rate_error)
    assert len(pulls) > 190
    assert abs(np.median(pulls)) < 1
    assert line(time, value, np.ones(20)).slope < 0.7 * 60 / time[-1]


def test_partitions_with_so_many_changes_sum_to_all():
    rng = np.random.default_rng(4)
    value, error = rng.standard_normal(9) + np.repeat([0, 2, -1], 3), rng.uniform(0.5, 1.5, 9)
    found = terms(value, error)
    parts = [evidence(found, k, k) for k in range(9)]
    assert np.logaddexp.reduce(parts) == pytest.approx(evidence(found))
    assert np.logaddexp.reduce(parts[2:]) == pytest.approx(evidence(found, 2))
    weights = np.exp(np.array(parts) - evidence(found))
    chances = [partition(value, error, fewest=k, most=k).chance for k in range(9)]
    np.testing.assert_allclose(weights @ chances, partition(value, error).chance, atol=1e-12)
    two = partition(value, error, fewest=2)
    np.testing.assert_allclose(
        two.chance * weights[2:].sum(), weights[2:] @ chances[2:], atol=1e-12
    )
    assert len(two.changes) >= 2
    assert two.start.sum() == pytest.approx(1)


def test_too_few_epochs_have_no_shape():
    with pytest.raises(ValueError, match="three epochs"):
        shape(np.arange(2.0), np.zeros(2), np.ones(2))
    with pytest.raises(ValueError, match="different times"):
        shape(np.zeros(4), np.arange(4.0), np.ones(4))
