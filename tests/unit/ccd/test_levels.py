"""Levels of cells: the error that all pixels share, and what a line cannot describe."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from ccd_frames import facts
from darkroom.ccd.cells import Cell
from darkroom.ccd.products.warnings_text import below_bias, confounding, misfit, noise_growth
from darkroom.ccd.rate.levels import fit_levels
from darkroom.ccd.rate.temperature import log_rate_slope, regressions
from darkroom.ccd.robust import robust_mean


def cell(exptime, number, temperature=-5.0, group=1):
    role = "bias" if exptime < 0.1 else "dark"
    frames = tuple(facts(f"{role}{i}", exptime, temperature) for i in range(number))
    return Cell(role, exptime, group, temperature, frames)


def seen(level, offsets, noise=10.0):
    """Survey of noiseless frames: the offsets' mean is what the level is wrong by."""
    offsets = np.asarray(offsets, float)
    return SimpleNamespace(
        sample=np.full((4, 4), level + offsets.mean()),
        offsets=offsets - offsets.mean(),
        noise=noise,
        least_scatter=0.0,
    )


CELLS = [cell(0.04, 10), cell(5.0, 6), cell(10.0, 8)]


def experiments(number, scatters=(1.0, 1.0, 1.0)):
    rng = np.random.default_rng(7)
    for _ in range(number):
        yield fit_levels(
            CELLS,
            [
                seen(1000 + 1.5 * c.exptime, scatter * rng.standard_normal(len(c.frames)))
                for c, scatter in zip(CELLS, scatters, strict=True)
            ],
        )


@pytest.mark.parametrize("scatters", [(1.0, 1.0, 1.0), (0.1, 1.0, 5.0)])
def test_common_mode_error_of_the_rate_is_what_rates_scatter_by(scatters):
    """Through Student's t: pulls of 1500 experiments, offsets alike or different in the cells."""
    found = [
        ((made.rate[0] - 1.5) / made.rate_error[0], made.rate_freedom[0])
        for made in experiments(1500, scatters)
    ]
    pull, freedom = np.array(found).T
    normal = stats.norm.isf(stats.t.sf(pull, freedom))
    assert abs(normal.mean()) < 0.1
    assert 0.95 < normal.std() < 1.05


def test_levels_on_a_line_have_a_chi2_of_their_degrees_of_freedom():
    found = [made.chi2 for made in experiments(400)]
    assert made_freedom() == 1
    assert np.median(found) == pytest.approx(stats.f.median(1, 21), rel=0.25)


def made_freedom():
    return next(experiments(1)).freedom


def test_levels_off_the_line_are_told():
    rng = np.random.default_rng(3)
    levels = [1000.0, 990.0, 985.0]
    made = fit_levels(
        CELLS,
        [
            seen(level, 0.1 * rng.standard_normal(len(c.frames)))
            for c, level in zip(CELLS, levels, strict=True)
        ],
    )
    assert made.rate[0] < 0
    assert made.misfit > 5
    assert "bias + rate x time misses the mean levels by" in misfit(made)
    text = below_bias(CELLS, made)
    assert "darks lie below the bias frames (5 s: -" in text
    assert "zero level of the camera differs between frames" in text


def test_well_behaved_levels_draw_no_remark():
    made = next(experiments(1))
    assert misfit(made) is None
    assert below_bias(CELLS, made) is None


def test_a_misfit_is_said_once_in_a_thousand_by_chance_and_at_four_errors():
    """The errors are measured, with 21 degrees of freedom: F, not chi-square, tells the chance."""
    said = sum(misfit(made) is not None for made in experiments(3000))
    assert said <= 10
    rng = np.random.default_rng(4)
    bent = 0
    for _ in range(50):
        surveys = [
            seen(1000 + 1.5 * c.exptime + off, rng.standard_normal(len(c.frames)))
            for c, off in zip(CELLS, (0.0, 2.1, 0.0), strict=True)
        ]
        made = fit_levels(CELLS, surveys)
        bent += misfit(made) is not None and made.chi2 / made.freedom < 25
    assert bent > 10, "misfits below five errors were never said"


def test_noise_that_grows_while_the_level_falls_is_told():
    surveys = [seen(1000, [0.1, -0.1], 9.5), seen(980, [0.1, 0], 19.0), seen(970, [0, 0.2], 25.0)]
    text = noise_growth(CELLS, surveys, fit_levels(CELLS, surveys))
    assert "grows from 9.5 at 0.04 s to 25.0 at 10 s although the level falls by 29." in text


def test_exposure_time_and_temperature_that_go_together_are_not_told_apart():
    rng = np.random.default_rng(0)
    found, surveys = [], []
    for time, temperature in ((1.0, 35.0), (10.0, 34.6), (30.0, 33.9), (70.0, 33.1)):
        found.append(cell(time, 5, temperature))
        surveys.append(seen(1000 + 4 * (temperature - 33), 0.1 * rng.standard_normal(5)))
    lines = regressions(found, surveys, fit_levels(found, surveys))
    assert [(line.sample, np.isnan(line.slope)) for line in lines] == [
        ("darks", True),
        ("darks", False),
    ]
    assert lines[0].rate < -0.1
    assert lines[1].slope == pytest.approx(4, abs=5 * lines[1].slope_error)
    assert lines[1].correlation < -0.9
    assert "exposure time and temperature are correlated (r = -0.9" in confounding(lines)


def test_doubling_temperature_follows_from_two_groups():
    slope, error = log_rate_slope([-10.0, -4.0], [1.0, 2.0], np.diag([0.01, 0.02]) ** 2)
    assert np.log(2) / slope == pytest.approx(6.0)
    assert error == pytest.approx(np.hypot(0.01, 0.01) / 6)
    assert np.isnan(log_rate_slope([-10.0, -4.0], [1.0, 0.02], np.diag([0.01, 0.02]) ** 2)[0])


def test_robust_mean_leaves_outliers_out_and_moves_in_no_steps():
    values = np.r_[np.tile([0.0, 4.0, 4.0, 8.0], 50), 1e6]
    assert robust_mean(values) == pytest.approx(4.0)
