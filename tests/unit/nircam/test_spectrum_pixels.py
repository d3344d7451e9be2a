"""Pixels of a noise spectrum: judged beside their row; what the weak ones among them add."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

from darkroom.errors import DarkroomError
from darkroom.nircam.spectrum import source as source_module
from darkroom.nircam.spectrum.bins import Grid
from darkroom.nircam.spectrum.fit import fit
from darkroom.nircam.spectrum.model import Layout, covariance
from darkroom.nircam.spectrum.numbers import numbers
from darkroom.nircam.spectrum.ramp import fit_ramp
from darkroom.nircam.spectrum.sums import LineFitSums, add_rows
from darkroom.nircam.spectrum.weak import mean_weak_noise, weak_noise
from nircam_spectra import simulated

NGROUPS, SHAPE = 6, (12, 64)
NU = 8
LARGEST = stats.chi2.isf(1e-4, NU)


@pytest.fixture(scope="module")
def groups():
    """Give groups above group 0 with rows that move, amplifiers of 16 columns."""
    rng = np.random.default_rng(5)
    rows = np.repeat(3 * rng.standard_normal((NGROUPS, SHAPE[0], 4)), 16, axis=2)
    values = rows + rng.standard_normal((NGROUPS, *SHAPE)) + 0.3 * np.arange(NGROUPS)[:, None, None]
    return (values - values[0]).astype(np.float32)


def added(groups, limit=1e9):
    sums, nothing = LineFitSums(SHAPE, NGROUPS, 4), np.zeros(4)
    beside = []
    for k in range(1, NGROUPS):
        sums.add(groups[k], k, np.full(4, limit), groups[0], nothing)
        beside.append(sums.last.copy())
    return sums, beside


def line(values):
    place = np.arange(NGROUPS) - (NGROUPS - 1) / 2
    slope = np.tensordot(place, values, 1) / (place @ place)
    return values.mean(axis=0), slope, place


def test_the_line_is_that_through_the_groups_themselves(groups):
    sums = added(groups)[0]
    mean, slope = sums.line
    add_rows(mean, slope, sums.rows)
    wanted = line(groups.astype(np.float64))
    assert np.abs(mean - wanted[0]).max() < 1e-5
    assert np.abs(slope - wanted[1]).max() < 1e-5


def test_residuals_and_steps_are_those_beside_the_row(groups):
    sums, last = added(groups)
    by_row = groups.astype(np.float64).reshape(NGROUPS, SHAPE[0], 4, 16)
    beside = (by_row - by_row.mean(axis=3, keepdims=True)).reshape(groups.shape)
    mean, slope, place = line(beside)
    squares, farthest = sums.residual_statistics()
    left = beside - mean - slope * place[:, None, None]
    assert np.abs(squares - (left**2).sum(axis=0)).max() < 1e-4
    assert np.abs(farthest - np.abs(np.diff(beside, axis=0) - slope).max(axis=0)).max() < 1e-5
    assert np.abs(last[2] - beside[3]).max() < 1e-5


def test_a_pixel_without_a_value_or_far_away_does_not_count_in_its_row():
    values = np.ones((3, 5), np.float32)
    values[0, 3], values[1, 0], values[2] = np.nan, 1000, np.nan
    sums = LineFitSums(values.shape, 2, 1)
    sums.add(values, 1, np.array([10.0]), np.zeros_like(values), np.zeros(1))
    assert np.array_equal(sums.rows[1], [[1], [1], [0]])


@pytest.mark.parametrize("width", [4, 20, 508, 512, 1000])
@pytest.mark.parametrize("flips", [(1, 1), (-1, 1), (1, -1)])
def test_sums_have_the_bits_of_numpy_on_whole_images(flips, width):
    shape, noutputs = (6, 4 * width), 4
    rng = np.random.default_rng(width)
    groups = 50 * rng.standard_normal((4, *shape)).astype(np.float32)
    groups[2, 1, 5] = np.nan
    groups = groups[:, :: flips[0], :: flips[1]]
    limit, offsets = np.array([60, 1e9, 20, 45.0]), rng.standard_normal((4, noutputs))
    sums = LineFitSums(shape, len(groups), noutputs)
    total, lever, squares, before = (np.zeros(shape, np.float32) for _ in range(4))
    highest, lowest = (np.full(shape, sign * np.inf, np.float32) for sign in (-1, 1))
    for k in range(1, len(groups)):
        sums.add(groups[k], k, limit, groups[0], offsets[k])
        values = groups[k] - groups[0]
        values -= np.repeat(offsets[k].astype(np.float32), width)
        by_row = values.reshape(shape[0], noutputs, width)
        near = np.abs(by_row) < limit.astype(np.float32)[:, None]
        means = np.where(near, by_row, np.float32(0)).sum(axis=2)
        means = means / np.maximum(np.count_nonzero(near, axis=2), 1)
        by_row -= means[:, :, None].astype(np.float32)
        assert np.array_equal(sums.rows[k], means)
        assert np.array_equal(sums.last, values, equal_nan=True)
        step, before = values - before, values
        highest, lowest = np.maximum(highest, step), np.minimum(lowest, step)
        total += values
        lever += values * np.float32(k - 1.5)
        squares += values**2
    mean, slope = sums.line
    assert np.array_equal(mean, total / np.float32(4), equal_nan=True)
    assert np.array_equal(slope, lever / np.float32(5), equal_nan=True)
    left, farthest = sums.residual_statistics()
    wanted = squares - mean**2 * np.float32(4) - slope**2 * np.float32(5)
    assert np.array_equal(left, wanted, equal_nan=True)
    wanted = np.maximum(highest - slope, slope - lowest)
    assert np.array_equal(farthest, wanted, equal_nan=True)


@pytest.mark.parametrize("detector", ["NRCA1", "NRCB1"])
def test_bands_of_rows_change_no_bit_of_the_lines(monkeypatch, detector):
    source, _, _ = simulated(3, detector=detector, nints=1, ngroups=5)
    watched = np.nonzero(source.readout.reference_pixels())
    fits = []
    for rows in (10_000, 13):
        monkeypatch.setattr(source_module, "_BAND", rows)
        fits.append(fit_ramp(source, 0, watched))
    for field in dataclasses.fields(fits[0]):
        one, other = (np.asarray(getattr(fitted, field.name)) for fitted in fits)
        assert one.tobytes() == other.tobytes(), field.name
    whole = np.stack([source.read(0, group)[watched] for group in range(5)])
    assert np.array_equal(fits[0].watched, whole)


def sums_of_squares(seed, npixels=100_000, spread=0.0):
    """Return sums of two amplifiers with variances of 9 and 25 DN², (ny, nx)."""
    rng = np.random.default_rng(seed)
    variance = np.array([9.0, 25.0]) * np.exp(
        spread * rng.standard_normal((npixels // 500, 500, 2))
    )
    values = rng.chisquare(NU, variance.shape) * variance
    return np.concatenate([values[..., 0], values[..., 1]], axis=1), rng


def measured(values):
    typical = np.median(values.reshape(len(values), 2, -1), axis=(0, 2)) / stats.chi2.median(NU)
    good = values <= np.repeat(LARGEST * typical, values.shape[1] // 2)
    return *weak_noise(values, good, typical, NU, LARGEST), good


def test_normal_pixels_have_no_weak_noise_within_an_error_that_means_what_it_says():
    pulls = []
    for seed in range(25):
        power, error, _ = measured(sums_of_squares(seed)[0])
        assert error[1] == pytest.approx(25 / 9 * error[0], rel=0.3)
        pulls.extend(power / error)
    assert abs(np.mean(pulls)) < 3.5 / np.sqrt(len(pulls))
    assert 0.75 < np.std(pulls) < 1.25


def test_pixels_that_differ_in_noise_are_not_taken_for_weak_telegraph_noise():
    """Their tail alone would look like several times the error."""
    pulls = []
    for seed in range(15):
        power, error, _ = measured(sums_of_squares(seed, spread=0.2)[0])
        pulls.extend(power / error)
    assert abs(np.mean(pulls)) < 1
    assert np.abs(pulls).max() < 4.5


def step_left():
    """Return what a line through 10 groups leaves of a step of 1, by its place: sums of squares."""
    steps = np.tri(10)[:, 1:]
    design = np.stack([np.ones(10), np.arange(10)], axis=1)
    return ((steps - design @ np.linalg.lstsq(design, steps, rcond=None)[0]) ** 2).sum(axis=0)


def test_steps_too_weak_to_be_found_one_by_one_are_found_as_a_whole():
    """Steps of up to 10 deviations in 1 % of the pixels; the strongest are left out before."""
    found, true, errors = [], [], []
    variance = np.repeat([9.0, 25.0], 500)
    for seed in range(15):
        values, rng = sums_of_squares(seed)
        steps = rng.random(values.shape) < 0.01
        added = rng.uniform(0, 10, values.shape) ** 2 * rng.choice(step_left(), values.shape)
        hit = variance * rng.noncentral_chisquare(NU, added)
        power, error, good = measured(np.where(steps, hit, values))
        excess = np.where(steps & good, hit - NU * variance, 0).sum(axis=0).reshape(2, -1)
        true.append(excess.sum(axis=1) / NU / good.sum(axis=0).reshape(2, -1).sum(axis=1))
        found.append(power)
        errors.append(error)
    assert np.mean(true) > 2 * np.mean(errors)
    assert np.mean(found, axis=0) == pytest.approx(np.mean(true, axis=0), rel=0.25)


def test_ramps_lower_the_error_of_chance_but_not_that_of_the_method():
    errors = [
        mean_weak_noise(np.full((n, 1), power), np.full((n, 1), 0.1), np.full(n, 8.0))[1][0]
        for power in (0.05, 1.0)
        for n in (1, 4, 10_000)
    ]
    assert errors[:2] == pytest.approx([0.1, 0.05])
    assert errors[5] == pytest.approx(0.5, rel=0.01)


def test_an_amplifier_without_pixels_or_noise_has_no_value():
    values, _ = sums_of_squares(1)
    good = np.ones(values.shape, bool)
    good[:, : values.shape[1] // 2] = False
    power, error = weak_noise(values, good, np.array([9.0, 0.0]), NU, LARGEST)
    assert np.isnan([power, error]).all()


def model(rows=2048, excess=False):
    """Return bins of a full frame and the model of `nircam_spectra.NOISE` in them."""
    frame_time = (524 * (rows + 1) + 1) * 1e-5
    grid = Grid.from_times(frame_time, 1e-5)
    frequency = np.sqrt(grid.edges[:-1] * grid.edges[1:])
    own = [np.log(5e-4), np.log(7e-4), 1.0, np.log(3e-4), 1.0]
    values = np.array([0.01, 0.01, -0.03, np.log(0.008), 1.0, *own * 4])
    matrix, _ = covariance(frequency, grid.half_rate, Layout(4, False), values, frame_time)
    return grid, frequency, matrix, values


def test_a_fit_without_excess_ends_for_every_draw():
    """The search for an excess that is not there went on for 200 rounds in 3 of 30 spectra."""
    grid, frequency, matrix, values = model()
    n_independent = np.maximum(np.diff(grid.edges) * grid.frame_time, 1) * 2 / 1.944
    root = np.linalg.cholesky(matrix)
    pulls, excesses = [], 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        drawn = np.empty(matrix.shape, complex)
        for k, n in enumerate(n_independent):
            if n < 500:
                # A whole number of values and one of the fraction's weight.
                weights = np.append(np.ones(int(n)), n - int(n))
                wave = rng.standard_normal((2, weights.size, 4)) @ root[k].T
                wave = (wave[0] + 1j * wave[1]) * np.sqrt(weights / (2 * n))[:, None]
                drawn[k] = np.einsum("ka,kb->ab", wave, wave.conj())
            else:
                scatter = rng.standard_normal((4, 4)) / np.sqrt(2 * n)
                scatter = np.triu(scatter, 1) + np.triu(scatter, 1).T
                scatter += np.diag(rng.standard_normal(4)) / np.sqrt(n)
                drawn[k] = root[k] @ (np.eye(4) + scatter) @ root[k].T
        found = fit(frequency, drawn, n_independent, grid)
        excesses += found.layout.excess
        for name in ("common", "white_0", "alternating_1", "alternating_2", "own_3"):
            k = Layout(4, False).names.index(name)
            here = found.layout.names.index(name)
            pulls.append((found.values[here] - values[k]) / found.errors[here])
    assert excesses < 7
    assert np.std(pulls) == pytest.approx(1, abs=0.2)


def test_errors_of_derived_numbers_are_those_of_parameters_drawn_from_the_covariance():
    grid, frequency, matrix, _ = model(256)
    n_independent = np.maximum(np.diff(grid.edges) * grid.frame_time, 1) * 64
    found = fit(frequency, matrix.astype(complex), n_independent, grid)
    rng = np.random.default_rng(2)
    drawn = rng.multivariate_normal(found.values, found.covariance, 150)
    ensemble = [numbers(dataclasses.replace(found, values=values), grid) for values in drawn]
    stated = numbers(found, grid)
    for name in [name.removesuffix("_error") for name in stated if name.endswith("_error")]:
        scatter = np.std([one[name] for one in ensemble], axis=0)
        assert stated[f"{name}_error"] == pytest.approx(scatter, rel=0.25), name


def test_less_white_noise_changes_nothing_else():
    grid, frequency, matrix, _ = model()
    n_independent = np.maximum(np.diff(grid.edges) * grid.frame_time, 1)
    found = fit(frequency, matrix.astype(complex), n_independent, grid)
    less = found.without_white(np.full(4, 1e-5), np.full(4, 1e-5))
    white = [f.get("white_2") for f in (found, less)]
    assert white[0][0] - white[1][0] == pytest.approx(1e-5)
    assert white[1][1] == pytest.approx(np.hypot(white[0][1], 1e-5))
    assert less.get("own_2") == found.get("own_2")
    with pytest.raises(DarkroomError, match="its pixels differs too much"):
        found.without_white(np.full(4, 1e-3), np.full(4, 1e-5))
