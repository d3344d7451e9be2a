"""Trends of levels between exposures: found, and rarely invented."""

import numpy as np
import pytest

from darkroom.nircam.ramps.drift import drift, theil_sen, welch


def test_first_integration_that_differs_is_seen():
    generator = np.random.default_rng(21)
    integration = np.tile(np.arange(5), 12)
    values = generator.standard_normal(60) + np.where(integration == 0, -3.0, 0.0)
    row = drift("level", values, np.arange(60.0), integration)
    assert row.step == pytest.approx(3.0, abs=1.0)
    assert row.step_p < 1e-6


def test_drift_tests_say_nothing_without_times():
    values, unknown = np.arange(5.0), np.full(5, np.nan)
    row = drift("level", values, unknown, np.zeros(5, int))
    assert np.isnan([row.slope, row.p, row.median_slope, row.step]).all()


def test_median_slope_shrugs_off_an_outlier():
    times = np.arange(20.0)
    values = 2 * times
    values[7] = 1e4
    assert theil_sen(times, values) == pytest.approx(2.0, abs=0.01)


def test_median_slope_of_a_long_series_is_that_of_all_pairs():
    generator = np.random.default_rng(22)
    times = np.sort(generator.random(1600))
    values = 3 * times + 0.1 * generator.standard_normal(1600)
    assert theil_sen(times, values) == pytest.approx(3.0, abs=0.05)


def test_welch_false_alarms_are_as_rare_as_stated():
    generator = np.random.default_rng(23)
    p = [welch(generator.normal(0, 3, 12), generator.normal(0, 1, 4))[2] for _ in range(2000)]
    assert np.mean(np.array(p) < 0.05) == pytest.approx(0.05, abs=0.02)
