"""What is simulated comes out again: values, and the errors quoted with them, over many seeds."""

import numpy as np
import pytest
from scipy import stats

from ccd_frames import CLIP, Simulated, rate_of
from darkroom.ccd.cells import group_temperature
from darkroom.ccd.dq import DQ
from darkroom.ccd.rate import hot_pixels as hot
from darkroom.ccd.rate.dark_rate import dark_rate
from darkroom.ccd.rate.line_fit import estimator
from darkroom.ccd.stack.master import master
from darkroom.ccd.stack.read_noise import read_noise
from darkroom.combine.bias import c4

SEEDS = range(24)
NOTEBOOK = {
    "shape": [32, 48],
    "hot_fraction": 0.004,
    "warm_fraction": 0.005,
    "unstable_fraction": 0.003,
    "targets": [],
}
MANY_TIMES = NOTEBOOK | {
    "darks": [{"count": 5, "exptime": t, "temperatures": [-5.0]} for t in (2.0, 5.0, 10.0, 20.0)],
    "bias": {"count": 10, "temperatures": [-5.0]},
}


@pytest.fixture(scope="module")
def notebook():
    """The notebook's case: biases and darks of one time at two temperatures."""
    return [Simulated(NOTEBOOK | {"seed": seed}) for seed in SEEDS]


@pytest.fixture(scope="module")
def many_times():
    """Darks of four exposure times."""
    return [Simulated(MANY_TIMES | {"seed": seed}) for seed in SEEDS]


def steady(made):
    """Pixels whose noise is normal."""
    return ~made.truth["unstable"] & (made.truth["dramatic_rate"] == 0)


def normal(pull, freedom):
    """Map pulls of errors from few frames to a normal distribution, through Student's t."""
    return stats.norm.isf(stats.t.sf(pull, freedom))


def assert_normal(values):
    values = np.concatenate([np.ravel(value) for value in values])
    assert np.isfinite(values).all()
    assert abs(values.mean()) < 0.1
    assert 0.95 < values.std() < 1.05


def test_master_bias_is_the_true_bias_within_its_error(notebook):
    """Per pixel; what the frames' offsets have in common is apart (see the levels' tests)."""
    pulls = []
    for made in notebook:
        frames = made.frames("bias")
        found = master(made.stack(frames), CLIP)
        truth = made.truth["bias"] + made.rate(frames[0].temperature) * 0.04
        image = found.combined
        pull = (image.mean - truth - made.mean_offset(frames)) / image.error
        pulls.append(normal(pull, image.count - 1)[steady(made)])
    assert_normal(pulls)


def test_common_error_of_the_bias_is_what_levels_scatter_by():
    pulls = []
    for seed in range(400):
        made = Simulated(NOTEBOOK | {"shape": [8, 12], "darks": [], "seed": seed})
        found = master(made.stack(made.frames("bias")), CLIP)
        difference = found.combined.mean - made.truth["bias"]
        pulls.append(normal(difference[steady(made)].mean() / found.survey.common_error, 9))
    assert abs(np.mean(pulls)) < 0.15
    assert np.std(pulls) == pytest.approx(1, abs=0.1)


def test_read_noise_of_every_pixel_is_recovered_within_its_error(notebook):
    """The pull of s is that of a χ variable: mapped through χ² with n - 1 degrees of freedom."""
    pulls, ratios = [], []
    for made in notebook:
        found = read_noise(made.stack(made.frames("bias")), CLIP)
        # From the pull (s - σ) / error and the relative error to the ratio s / σ, and back to χ².
        pull = (found.corrected - made.truth["read_noise"]) / found.error
        ratio = 1 / (1 - pull * found.error / found.corrected)
        freedom = found.count - 1
        squares = freedom * (ratio * c4(found.count)) ** 2
        pulls.append(stats.norm.isf(stats.chi2.sf(squares, freedom))[steady(made)])
        ratios.append(ratio[steady(made)])
    assert_normal(pulls)
    ratios = np.concatenate(ratios)
    assert ratios.mean() == pytest.approx(1, abs=4 * ratios.std() / np.sqrt(ratios.size))


def test_pooled_read_noise_is_recovered_within_its_error():
    pulls = []
    for seed in range(300):
        made = Simulated(NOTEBOOK | {"darks": [], "seed": 1000 + seed})
        found = read_noise(made.stack(made.frames("bias")), CLIP).pooled
        truth = np.sqrt(np.mean(made.truth["read_noise"][steady(made)] ** 2))
        pulls.append((found.std - truth) / found.error)
    # 32 blocks of rows tell the error: Student's t with 31 degrees of freedom.
    pulls = normal(np.array(pulls), 31)
    assert abs(pulls.mean()) < 0.15
    assert pulls.std() == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("case", ["notebook", "many_times"])
def test_dark_rate_of_every_pixel_is_recovered_within_its_error(case, request):
    """Every temperature group, with the degrees of freedom the product quotes."""
    pulls = []
    for made in request.getfixturevalue(case):
        stacks = made.stacks()
        found = dark_rate(stacks).lines
        solve = estimator(stacks.design, stacks.nframes)[1:]
        common = solve @ [made.mean_offset(cell.frames) for cell in stacks.cells]
        for k, group in enumerate(stacks.groups):
            truth = made.rate(group_temperature(stacks.cells, group))
            pull = (found.rate[k] - truth - common[k]) / found.rate_error[k]
            pulls.append(normal(pull, found.freedom[k])[steady(made)])
    assert_normal(pulls)


def test_common_error_of_the_rate_covers_the_wandering_offsets(notebook, many_times):
    """Mean rates of whole frames, 72 of them; 1500 experiments are in the levels' tests."""
    pulls = []
    for made in (*notebook, *many_times):
        stacks = made.stacks()
        found, levels = dark_rate(stacks).lines, stacks.levels
        for k, group in enumerate(stacks.groups):
            truth = made.rate(group_temperature(stacks.cells, group))
            off = np.nanmean((found.rate[k] - truth)[steady(made)])
            pulls.append(normal(off / levels.rate_error[k], levels.rate_freedom[k]))
    assert abs(np.mean(pulls)) < 0.3
    assert np.std(pulls) == pytest.approx(1, abs=0.2)


def test_hot_pixels_are_found_and_others_are_not(notebook, many_times):
    """At least 99 % of those of 20 ADU/s and more; fewer than 1 in 10^4 below half the limit."""
    there = found = false = pixels = 0
    for made in (*notebook, *many_times):
        stacks = made.stacks()
        result = hot.find(stacks, rate_of(stacks))
        flagged = (result.dq & DQ.HOT) > 0
        true_excess = made.truth["dark_rate"] - np.median(made.truth["dark_rate"])
        there += made.truth["hot"].sum()
        found += (flagged & made.truth["hot"]).sum()
        false += (flagged & (true_excess < result.threshold / 2)).sum()
        pixels += flagged.size
    assert there > 300
    assert found >= 0.99 * there
    assert false < 1e-4 * pixels


def test_unstable_pixels_are_found_and_steady_ones_are_not(notebook):
    there = found = false = pixels = 0
    for made in notebook:
        stacks = made.stacks()
        flagged = (hot.find(stacks, rate_of(stacks)).dq & DQ.UNSTABLE) > 0
        there += made.truth["unstable"].sum()
        found += (flagged & made.truth["unstable"]).sum()
        false += (flagged & steady(made)).sum()
        pixels += flagged.size
    assert there > 100
    assert found >= 0.98 * there
    assert false < 1e-4 * pixels


def test_noise_added_by_the_dark_current_is_recovered():
    """The difference of pooled variances, free of the bias of 10 and 29 samples."""
    from darkroom.ccd.quantities import added_noise

    pulls = []
    for seed in range(60):
        settings = NOTEBOOK | {"seed": seed, "read_noise_spread": 0.0, "offset_rms": 2.0}
        made = Simulated(settings)
        bias = read_noise(made.stack(made.frames("bias")), CLIP).pooled
        warm = [f for f in made.frames("dark") if f.temperature > -5]
        dark = read_noise(made.stack(warm), CLIP).pooled
        truth = (
            made.truth["base_rate"].mean()
            * made.rate(warm[0].temperature).flat[0]
            / made.truth["dark_rate"].flat[0]
            * 9.96
            / 5.8
        )
        variance, error, _, _ = added_noise(bias, dark)
        pulls.append((variance - truth) / error)
    assert abs(np.mean(pulls)) < 0.4
    assert np.std(pulls) == pytest.approx(1, abs=0.3)
