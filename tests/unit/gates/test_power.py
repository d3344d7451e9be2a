"""The power of a gate: it grows with the effect, and is that of simulated deviations."""

import numpy as np
import pytest

from darkroom.gates.budget import power, size_seen, threshold


@pytest.mark.parametrize("dof", [1, 2, 4, 8.66667, 9, 20, 300, np.inf])
@pytest.mark.parametrize("limit", [2.0, 4.5, 8.62357, 30.0, 447.0])
def test_a_larger_effect_is_never_seen_less_often(dof, limit):
    """The noncentral t of scipy is NaN here and there, which was taken for never seen."""
    effects = np.linspace(0, 4 * limit + 40, 400)
    seen = np.array([power(effect, 1.0, dof, limit) for effect in effects])
    assert np.all(np.diff(seen) >= -1e-12)
    assert np.all((seen >= 0) & (seen <= 1))
    assert seen[-1] > (0.9 if dof < 2 else 0.999)


@pytest.mark.parametrize("tolerance", [0.0, 0.01])
def test_it_is_the_share_of_simulated_deviations_beyond_the_threshold(tolerance):
    rng = np.random.default_rng(4)
    dof, error, number = 8.66667, 0.002, 200_000
    limit = threshold(1e-4, dof)
    errors = error * np.sqrt(rng.chisquare(dof, number) / dof)
    for effect in (0.0, 0.008, 0.015, 0.0178, 0.025, 0.036):
        found = effect + error * rng.standard_normal(number)
        share = np.mean(np.abs(found) > tolerance + limit * errors)
        assert power(effect, error, dof, limit, tolerance) == pytest.approx(share, abs=0.004)


def test_without_an_error_any_effect_is_seen():
    assert power(0.1, 0.0, 5, 4.0) == 1.0
    assert power(0.0, 0.0, 5, 4.0) == 0.0
    assert power(0.1, 0.0, 5, 4.0, tolerance=0.2) == 0.0


@pytest.mark.parametrize("tolerance", [0.0, 0.003, 0.4])
@pytest.mark.parametrize("dof", [1, 2, 4, 8.66667, 300, np.inf])
@pytest.mark.parametrize("share", [0.5, 0.95])
def test_the_size_that_is_seen_is_that_of_the_power(dof, share, tolerance):
    """With few degrees of freedom an effect seen in 95 % is much larger than in normal errors."""
    limit = threshold(1e-4, dof)
    size = size_seen(share, 0.02, dof, limit, tolerance)
    assert power(size, 0.02, dof, limit, tolerance) == pytest.approx(share, abs=1e-9)
    assert size_seen(share, 0.0, dof, limit, tolerance) == tolerance
