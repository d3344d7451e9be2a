"""Hot pixels whose highest samples are masked as saturated are not biased."""

import numpy as np
import pytest

from cgi_stacks import GAINS, sources, tiny_geometry, truth
from darkroom.cgi.maps.censored import lost, unusable
from darkroom.cgi.maps.pooled import fit_pooled

GRIDS = {
    "usual": (GAINS, (2.0, 30.0, 100.0)),
    "other": ((1.5, 100.0, 1000.0, 4000.0), (5.0, 50.0, 120.0)),
}


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize(
    ("nframes", "flag", "most"), [(10, 32, 0.2), (30, 32, 0.2), (10, 128, 0.3)]
)
def test_dark_current_of_saturating_pixels_is_not_biased(tmp_path, grid, nframes, flag, most):
    """The mean pull was -0.5, and -0.9 between 0.15 and 0.2 e-/s."""
    geometry = tiny_geometry(tmp_path)
    rng, area, parts = np.random.default_rng(31), geometry.imaging, []
    gains, exptimes = GRIDS[grid]
    for _ in range(8):
        maps, _ = truth(geometry, rng)
        hot = np.zeros(geometry.shape, bool)
        hot[area] = rng.random(hot[area].shape) < 0.05
        maps[2][hot] = rng.uniform(0.1, 0.5, hot.sum())
        found = sources(
            geometry, maps, nframes, rng, masked=0.03, gains=gains, exptimes=exptimes,
            full_well=105e3, flag=flag,
        )  # fmt: skip
        fit = fit_pooled(found, geometry)
        planes = np.concatenate([fit.data - maps, fit.err, [hot]])
        parts.append(planes[(slice(None), *area)].reshape(7, -1))
    planes = np.concatenate(parts, axis=1)
    pull, hot = planes[:3] / planes[3:6], planes[6] > 0
    assert abs(pull[2, hot].mean()) < most
    assert 0.85 < pull[2, hot].std() < 1.15
    assert pull[:, ~hot].std(axis=1) == pytest.approx(1, abs=0.05)
    assert abs(pull[:, ~hot].mean(axis=1)).max() < 4 / np.sqrt((~hot).sum())


def test_a_loss_that_chance_makes_is_not_taken_for_saturation():
    rng = np.random.default_rng(32)
    nframes = np.array([10, 50])
    count = rng.binomial(nframes[:, None], 0.95, (2, 100_000))
    likely, certain = lost(count, np.full(count.shape, 128), nframes, np.array([0.05, 0.05]))
    assert (likely.mean(axis=1) < 1e-3).all()
    assert (certain.mean(axis=1) < 1e-4).all()


def test_a_stack_near_the_signal_at_which_samples_are_lost_is_not_used_either():
    likely = np.array([[True, False], [False, False], [False, False]])
    signal = np.array([[1e5, 4e4], [3e4, 6e4], [1e3, np.nan]])
    expected = [[True, False], [False, True], [False, False]]
    assert (unusable(likely, likely, signal) == expected).all()
    assert not unusable(np.zeros_like(likely), np.zeros_like(likely), signal).any()
