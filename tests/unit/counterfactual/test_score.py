"""Held-out scores find the better file, miss as few intervals as stated, and call equals equal."""

import numpy as np
import pytest
from scipy import stats

from darkroom.counterfactual.score import decide, needed_samples, noise_gains, variance_gains

#: An amplifier of SUBGRISM128.
SHAPE = (128, 512)
#: DN: of a pixel, of a row, and the drift along the slow axis that reference pixels leave.
WHITE, ROW, DRIFT = 20.6, 4.0, 2.7
#: Scatter of the difference of the halves of a walk of unit steps, in steps.
SCALE = DRIFT / np.sqrt(SHAPE[0] / 3)
TRIALS = 250


def frames(rng, count):
    """Return frames of white noise, with noise that rows and the whole frame share (1/f)."""
    white = WHITE * rng.standard_normal((count, *SHAPE), np.float32)
    rows = ROW * rng.standard_normal((count, SHAPE[0], 1))
    slow = np.cumsum(rng.standard_normal((count, SHAPE[0], 1)), axis=1) * SCALE
    # Reference pixels take off the level of a frame.
    return white + rows + slow - slow.mean(axis=1, keepdims=True)


def master(rng, count):
    """Return the error of a superbias made of some ramps: that of one, so many times smaller."""
    return frames(rng, 1)[0] / np.sqrt(count)


@pytest.fixture(scope="module")
def trials():
    """Give verdicts and misses of 250 held-out sets of 4 and of 8 for files of several depths."""
    rng = np.random.default_rng(20260)
    found = {}
    for held in (4, 8):
        for depth in (10, 12, 20):
            rows = []
            for _ in range(TRIALS):
                candidate, current = master(rng, depth), master(rng, 10)
                gains = variance_gains(frames(rng, held), candidate, current)
                truth = float(np.mean(current**2 - candidate**2))
                score = decide(gains)
                low = abs(score.value - truth) / score.error
                rows.append((score.verdict, low > stats.t.isf(0.005, held - 1),
                             low > stats.t.isf(0.025, held - 1)))  # fmt: skip
            found[held, depth] = rows
    return found


@pytest.mark.heavy
def test_the_interval_is_missed_as_often_as_stated(trials):
    for case, rows in trials.items():
        assert np.mean([row[1] for row in rows]) <= 0.025, case
        assert 0.02 <= np.mean([row[2] for row in rows]) <= 0.09, case


@pytest.mark.heavy
def test_twenty_ramps_are_better_than_ten(trials):
    for held in (4, 8):
        verdicts = [row[0] for row in trials[held, 20]]
        assert verdicts.count("better") >= 0.99 * TRIALS, held
        assert "worse" not in verdicts


@pytest.mark.heavy
def test_files_of_equal_depth_are_called_equal(trials):
    for held in (4, 8):
        verdicts = [row[0] for row in trials[held, 10]]
        assert verdicts.count("cannot tell") >= 0.97 * TRIALS, held


def test_a_copy_changes_exactly_nothing():
    rng = np.random.default_rng(1)
    data, file = frames(rng, 4), master(rng, 10)
    assert not variance_gains(data, file.copy(), file).any()
    noise = np.abs(file) + 1
    assert not noise_gains(data, noise.copy(), noise).any()
    score = decide(variance_gains(data, file.copy(), file))
    assert (score.value, score.error, score.verdict, score.further) == (
        0.0,
        0.0,
        "cannot tell",
        None,
    )


def test_the_noise_score_is_the_divergence_of_the_laws():
    rng = np.random.default_rng(2)
    truth = np.full(SHAPE, 10.0)
    residuals = truth * rng.standard_normal((6, 4, *SHAPE))
    # Expectation of ln N(r; s) against the truth: -(ln k + (1 / k^2 - 1) / 2), k = s / truth.
    for factor, expected in ((1 / np.sqrt(2), -0.1534), (1.05, -0.00227), (1.0, 0.0)):
        score = decide(noise_gains(residuals, factor * truth, truth))
        assert score.value == pytest.approx(expected, abs=max(3 * score.error, 1e-12))
    assert decide(noise_gains(residuals, truth / np.sqrt(2), truth)).verdict == "worse"
    assert decide(noise_gains(residuals, truth, truth * 1.05)).verdict == "better"


def test_unusable_pixels_and_frames_do_not_count():
    data = np.ones((3, 2, 2))
    data[0, 0, 0] = np.nan
    data[2] = np.nan
    gains = variance_gains(data, np.ones((2, 2)), np.zeros((2, 2)))
    assert gains[:2] == pytest.approx([1, 1])
    assert np.isnan(gains[2])
    assert decide(gains).exposures == 2
    zero = np.array([[0.0, 1], [1, 1]])
    assert noise_gains(np.ones((2, 2, 2)), zero, np.full((2, 2), 2.0)) == pytest.approx(
        [np.log(2) - 0.375] * 2
    )


def test_the_exposures_that_would_decide_are_counted():
    values = np.array([3.0, -1.0, 2.0, 0.5])
    score = decide(values)
    assert score.verdict == "cannot tell"
    count = 4 + score.further
    for number, enough in ((count - 1, False), (count, True)):
        t = values.mean() / (values.std(ddof=1) / np.sqrt(number))
        assert (t >= stats.t.isf(0.005, number - 1)) is np.bool_(enough)
    assert decide([1.0]).verdict == "cannot tell"
    assert decide([1.0]).further == 2
    assert decide([1.0, -1.0, 1.0, -1.0]).further is None
    # 24.8 DN a ramp against a file whose error is 4 DN: 39 ramps.
    assert needed_samples(24.8, 4.0) == 39
    assert needed_samples(24.8, 0.0) is None
