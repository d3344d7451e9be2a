"""Measures of an image, fits to its histogram, and numbers as a reader sees them."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkroom import words
from darkroom.plot import measures
from noisy_images import noise


def test_the_digital_step_of_left_shifted_data_is_found():
    assert measures.digital_step(4 * np.rint(noise() / 4)) == 4
    assert measures.digital_step(noise()) == 1


def test_data_that_are_not_whole_numbers_have_no_step():
    assert measures.digital_step(noise() + 0.5) is None
    assert measures.digital_step(np.full(9, 7.0)) is None
    assert measures.digital_step(np.array([np.nan])) is None


def test_the_grouped_median_sees_a_drift_of_a_fraction_of_a_step():
    rng = np.random.default_rng(1)
    values = rng.normal(1000, 20, 400_000)
    for shift in (0.0, 1.0, 2.0):
        digitised = 16 * np.rint((values + shift) / 16)
        assert measures.quantiles(digitised, 0.5) == pytest.approx(1000 + shift, abs=0.2)


@given(st.lists(st.integers(0, 200), min_size=2, max_size=60), st.integers(1, 16))
@settings(max_examples=50, deadline=None)
def test_the_grouped_median_lies_within_half_a_step_of_the_median_level(levels, step):
    values = step * np.array(levels, float)
    median = measures.quantiles(values, 0.5)
    found = measures.digital_step(values) or 0
    low, high = np.quantile(values, 0.5, method="lower"), np.quantile(values, 0.5, method="higher")
    assert low - found / 2 - 1e-9 <= median <= high + found / 2 + 1e-9


def test_the_robust_spread_of_normal_values_is_their_sigma():
    values = np.random.default_rng(2).normal(0, 3, 200_000)
    assert measures.spread(values) == pytest.approx(3, rel=0.01)


def test_no_finite_value_gives_nan_not_an_error():
    assert np.isnan(measures.quantiles(np.array([np.nan, np.inf]), 0.5))
    assert measures.bin_edges(np.array([np.nan])) is None


def test_the_gaussian_is_recovered_and_a_tail_does_not_pull_it():
    rng = np.random.default_rng(3)
    values = np.concatenate([rng.normal(1075, 15, 200_000), 1130 + rng.exponential(200, 10_000)])
    fitted = measures.fit_core(np.rint(values))
    assert fitted.centre == pytest.approx(1075, abs=0.15)
    assert fitted.sigma == pytest.approx(15, rel=0.01)
    assert fitted.area == pytest.approx(200_000, rel=0.02)


@pytest.mark.parametrize("values", [np.full(500, 3.0), np.arange(10.0), np.full(99, np.nan)])
def test_nothing_is_fitted_where_there_is_no_core(values):
    assert measures.fit_core(values) is None


def test_every_bin_holds_the_same_number_of_digital_levels():
    values = 4 * np.rint(noise(sigma=30) / 4)
    edges = measures.bin_edges(values, 13)
    inside = [np.sum((np.arange(0, 8000, 4) > a) & (np.arange(0, 8000, 4) < b))
              for a, b in itertools.pairwise(edges)]  # fmt: skip
    assert len(set(inside)) == 1
    assert np.histogram(values, edges)[0].sum() == values.size


@pytest.mark.parametrize(
    ("value", "text"),
    [(1080.1166, "1080"), (0.05526, "0.05526"), (-4.8178, "−4.818"), (3.2e-5, "3.2 × 10⁻⁵"),
     (0.0, "0"), (None, "–"), (float("nan"), "–"), (1.2e12, "1.2 × 10¹²")],
)  # fmt: skip
def test_numbers_are_written_for_a_reader(value, text):
    assert words.number(value) == text


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [(13.81511, 0.01234, "13.815 ± 0.012"), (-0.1703, 0.0118, "−0.170 ± 0.012"),
     (12345.6, 230.0, "12350 ± 230"), (5.0, None, "5"), (None, 1.0, "–")],
)  # fmt: skip
def test_value_and_error_are_rounded_to_two_digits_of_the_error(value, error, text):
    assert words.measured(value, error) == text


def test_a_share_below_a_hundredth_of_a_percent_is_given_in_ppm():
    assert words.share(3, 390150) == "7.69 ppm"
    assert words.share(39, 390150) == "100 ppm"
    assert words.share(400, 390150) == "0.103 %"
