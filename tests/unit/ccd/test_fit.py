"""The line bias + rate × time through cell means."""

import numpy as np
import pytest

from ccd_frames import facts
from darkroom.ccd.cells import cells
from darkroom.ccd.rate.dark_rate import check_times
from darkroom.ccd.rate.line_fit import design, estimator, fit_lines
from darkroom.errors import DarkroomError

TIMES, GROUPS, FRAMES = [0.04, 2.0, 10.0, 10.0], [2, 2, 2, 1], np.array([10.0, 5.0, 5.0, 4.0])


def test_exact_means_give_the_exact_line_with_the_true_time_difference():
    matrix = design(TIMES, GROUPS)
    means = matrix @ np.array([[1000.0, 1050.0], [0.5, -0.2], [1.5, 2.0]])
    counts = np.repeat(FRAMES[:, None], 2, axis=1).astype(int)
    line = fit_lines(matrix, FRAMES, means, np.ones((4, 2)), counts)
    assert line.bias == pytest.approx([1000.0, 1050.0])
    assert line.rate == pytest.approx(np.array([[0.5, -0.2], [1.5, 2.0]]))
    assert line.chi2 == pytest.approx(0, abs=1e-15)


def test_one_dark_time_and_a_bias_give_the_difference_over_the_time_difference():
    """With its error from the scatter of both."""
    matrix = design([0.04, 10.0], [1, 1])
    line = fit_lines(
        matrix,
        np.array([10.0, 29.0]),
        np.array([[1080.0], [1093.815]]),
        np.array([[100.0], [116.0]]),
        np.array([[10], [29]]),
    )
    assert line.rate[0, 0] == pytest.approx(13.815 / 9.96)
    assert line.rate_error[0, 0] == pytest.approx(np.sqrt(100 / 10 + 116 / 29) / 9.96)
    assert line.covariance[0, 0] < 0
    assert np.isnan(line.chi2[0])


def test_errors_are_those_of_repeated_experiments():
    """Different noise in each cell, which the weights do not know."""
    matrix, spread = design(TIMES, GROUPS), np.array([3.0, 4.0, 20.0, 8.0])
    rng = np.random.default_rng(1)
    truth = matrix @ np.array([1000.0, 0.5, 1.5])
    error = spread / np.sqrt(FRAMES)
    means = truth[:, None] + error[:, None] * rng.standard_normal((4, 40000))
    variances = np.repeat(spread[:, None] ** 2, 40000, axis=1)
    counts = np.repeat(FRAMES[:, None], 40000, axis=1).astype(int)
    line = fit_lines(matrix, FRAMES, means, variances, counts)
    assert line.rate.std(axis=1) == pytest.approx(line.rate_error[:, 0], rel=0.02)
    assert line.bias.std() == pytest.approx(line.bias_error[0], rel=0.02)
    both = np.mean((line.rate - line.rate.mean(axis=1)[:, None]) * (line.bias - 1000), axis=1)
    assert both == pytest.approx(line.covariance[:, 0], rel=0.1)


def test_a_pixel_without_one_cell_is_fitted_to_the_others():
    """Saturated at the longest time: the rate is that of the shorter ones."""
    matrix = design([0.0, 2.0, 10.0], [1, 1, 1])
    means = np.array([[10.0, 10.0], [30.0, 30.0], [np.nan, 110.0]])
    counts = np.array([[5, 5], [5, 5], [0, 5]])
    line = fit_lines(matrix, np.full(3, 5.0), means, np.ones((3, 2)), counts)
    assert line.rate[0] == pytest.approx([10.0, 10.0])
    assert line.samples[0].tolist() == [5, 10]
    assert line.rate_error[0, 0] > line.rate_error[0, 1]


def test_a_rate_that_cannot_be_determined_is_nan_and_the_others_are_not():
    matrix = design([0.0, 10.0, 10.0], [1, 1, 2])
    means = np.array([[10.0], [np.nan], [60.0]])
    line = fit_lines(matrix, np.full(3, 5.0), means, np.ones((3, 1)), np.array([[5], [0], [5]]))
    assert np.isnan(line.rate[0, 0])
    assert line.rate[1, 0] == pytest.approx(5.0)


def test_a_lone_sample_takes_the_scatter_of_the_pixels_other_cells():
    matrix = design([0.0, 10.0], [1, 1])
    line = fit_lines(
        matrix, np.array([9.0, 1.0]), np.array([[0.0], [50.0]]), np.array([[4.0], [np.nan]]),
        np.array([[9], [1]]),
    )  # fmt: skip
    assert line.rate_error[0, 0] == pytest.approx(np.sqrt(4 / 9 + 4) / 10)


def test_times_of_microseconds_beside_minutes_are_no_obstacle():
    solve = estimator(design([3.2e-5, 100.0], [1, 1]), np.ones(2))
    assert solve @ [1000.0, 1100.0] == pytest.approx([999.99997, 1.0], rel=1e-6)


def test_exposure_times_that_tell_no_rate_are_refused():
    darks = [facts(f"d{i}", 10.0, -5.0) for i in range(3)]
    with pytest.raises(
        DarkroomError, match=r"exposure times of 10 s do not determine the bias and the "
    ):
        check_times(cells(darks, tolerance=0.2))
