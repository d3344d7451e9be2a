"""The read noise against simulated truth: values, errors, cosmic rays, telegraph noise, checks."""

import dataclasses
import itertools

import numpy as np
import pytest
from scipy import special

from darkroom.combine.bias import clipped_std_factor_mean
from darkroom.errors import InputError
from darkroom.nircam.detector.dq import Group
from darkroom.nircam.ramps.blocks import RampBlocks
from darkroom.nircam.ramps.classes import Classes
from darkroom.nircam.ramps.ramps import RampSet
from darkroom.nircam.readnoise import reffiles as readnoise_reffiles
from darkroom.nircam.readnoise import spatial as readnoise_spatial
from darkroom.nircam.readnoise.measure import Flag, measure
from darkroom.nircam.readnoise.settings import ReadnoiseSettings
from darkroom.nircam.readnoise.tables import amplifier_table, mode_of, stability
from darkroom.nircam.superbias.reffiles import CLIP
from nircam_darks import make_darks, stripe, write_darks, write_ramp

READ = 5.0
UNUSABLE = Group.DO_NOT_USE | Group.SATURATED


def opened(folder, darks, **how):
    ramps = RampSet(write_darks(folder, darks, **({"counts": False} | how)), "read noise")
    return RampBlocks(ramps, UNUSABLE), Classes.from_ramps(ramps)


def made(folder, darks, settings=None, **how):
    blocks, classes = opened(folder, darks, **how)
    return measure(blocks, classes, settings or ReadnoiseSettings()), classes


def darks_of(nramps, ngroups, seed=0, **how):
    return make_darks(stripe(), nramps, ngroups, seed=seed, **({"cosmic_rays": 0.0} | how))


def pooled(found, where):
    """Return the root of the mean variance, weighted by degrees of freedom."""
    nu = found.nu[where]
    return np.sqrt((found.single[where].astype(float) ** 2 * nu).sum() / nu.sum())


def some(darks, number, seed=5):
    """Return `number` active pixels: rows and columns."""
    active = ~darks.readout.flip(darks.readout.reference_pixels())
    rows, columns = np.nonzero(active)
    chosen = np.random.default_rng(seed).choice(rows.size, number, replace=False)
    return rows[chosen], columns[chosen]


@pytest.fixture(scope="module")
def ten(tmp_path_factory):
    """Give 10 ramps of 10 groups of white noise and what is measured on them."""
    darks = darks_of(10, 10, seed=1)
    return darks, *made(tmp_path_factory.mktemp("ten"), darks)


@pytest.mark.parametrize(("nramps", "ngroups"), [(4, 20), (3, 5), (20, 3), (6, 7), (1, 30)])
def test_white_noise_is_measured_within_half_a_percent(tmp_path, nramps, ngroups):
    found, classes = made(tmp_path, darks_of(nramps, ngroups, seed=2))
    assert pooled(found, classes.usable) == pytest.approx(READ, rel=0.005)


def test_pixels_scatter_as_chi_says(ten):
    """Squares over the true variance follow chi² with nu degrees of freedom."""
    _, found, classes = ten
    nu = found.nu[classes.usable]
    square = (found.single[classes.usable].astype(float) / READ) ** 2 * nu
    assert (nu == 80).mean() > 0.999
    p = special.chdtr(nu, square)
    assert np.abs(np.sort(p) - (np.arange(p.size) + 0.5) / p.size).max() < 2 / np.sqrt(p.size)


def test_errors_are_those_of_a_deviation_with_nu_degrees(ten):
    _, found, classes = ten
    pull = (found.single - READ * (1 - 1 / (4 * found.nu))) / found.error
    assert pull[classes.usable].std() == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize(("nramps", "ngroups"), [(10, 10), (4, 20), (3, 30)])
def test_cosmic_rays_do_not_enter(tmp_path, nramps, ngroups):
    """Pixels with one step of more than 8 sigma are within 3 %; the others untouched."""
    darks = darks_of(nramps, ngroups, seed=3)
    rows, columns = some(darks, 3000)
    generator = np.random.default_rng(4)
    for y, x in zip(rows, columns, strict=True):
        when = generator.integers(1, ngroups)
        darks.data[generator.integers(nramps), when:, y, x] += 40 + generator.exponential(400)
    found, classes = made(tmp_path, darks)
    hit = np.zeros(classes.usable.shape, bool)
    hit[rows, columns] = True
    assert pooled(found, hit) == pytest.approx(READ, rel=0.03)
    assert pooled(found, classes.usable & ~hit) == pytest.approx(READ, rel=0.005)
    assert (found.njumps[hit] >= 1).mean() > 0.95
    assert (found.dq[hit] & Flag.TELEGRAPH > 0).mean() < 0.002


def test_without_the_cut_cosmic_rays_would_rule_their_pixels(tmp_path):
    darks = darks_of(10, 10, seed=3)
    rows, columns = some(darks, 500)
    darks.data[2, 5:, rows, columns] += 400.0
    blocks, _ = opened(tmp_path, darks)
    peer = readnoise_reffiles.measure(blocks, "ramp")
    assert np.median(peer.noise[rows, columns]) < 1.1 * np.sqrt(2) * READ
    residual = darks.data[2][:, rows, columns]
    line = np.polyfit(np.arange(10), residual, 1)
    rest = residual - np.arange(10)[:, None] * line[0] - line[1]
    assert np.sqrt((rest**2).sum(axis=0) / 8).mean() > 50


def test_downward_step_is_noise_and_stays_in(tmp_path):
    darks = darks_of(4, 20, seed=6)
    rows, columns = some(darks, 200)
    darks.data[1, 10:, rows, columns] -= 300.0
    found, _ = made(tmp_path, darks)
    assert found.njumps[rows, columns].sum() <= 1
    assert (found.dq[rows, columns] & Flag.NOISY > 0).all()


def telegraph(darks, rows, columns, amplitude, chance, seed=7):
    """Add two-level noise that changes state from group to group with one chance."""
    generator = np.random.default_rng(seed)
    nramps, ngroups = darks.data.shape[:2]
    state = np.empty((nramps, ngroups, rows.size), bool)
    state[:, 0] = generator.random((nramps, rows.size)) < 0.5
    for g in range(1, ngroups):
        change = generator.random((nramps, rows.size)) < chance
        state[:, g] = state[:, g - 1] ^ change
    darks.data[:, :, rows, columns] += np.float32(amplitude) * state


@pytest.mark.parametrize("chance", [0.1, 0.3])
@pytest.mark.parametrize(("nramps", "ngroups"), [(1, 120), (40, 10)])
def test_telegraph_noise_of_four_sigma_is_flagged(tmp_path, nramps, ngroups, chance):
    """At least 95 % where 100 groups and more are there; no false ones among the others."""
    darks = darks_of(nramps, ngroups, seed=8)
    rows, columns = some(darks, 600)
    telegraph(darks, rows, columns, 4 * READ, chance)
    found, classes = made(tmp_path, darks)
    hit = np.zeros(classes.usable.shape, bool)
    hit[rows, columns] = True
    assert (found.dq[hit] & Flag.TELEGRAPH > 0).mean() >= 0.95
    assert (found.dq[~hit] & Flag.TELEGRAPH > 0).sum() == 0
    assert np.median(found.telegraph[hit]) == pytest.approx(4 * READ, rel=0.1)


def test_large_telegraph_noise_counts_as_noise(tmp_path):
    """Its steps up look like cosmic rays: cutting them would hide the noise."""
    darks = darks_of(10, 20, seed=9)
    rows, columns = some(darks, 300)
    telegraph(darks, rows, columns, 100.0, 0.3)
    found, _ = made(tmp_path, darks)
    assert (found.dq[rows, columns] & Flag.TELEGRAPH > 0).mean() > 0.98
    # Half the amplitude, less what a line takes off a correlated series.
    assert 40 < np.median(found.single[rows, columns]) < 52
    assert np.median(found.telegraph[rows, columns]) == pytest.approx(100.0, rel=0.05)


def test_noisy_pixels_are_flagged(tmp_path):
    darks = darks_of(6, 12, seed=10)
    rows, columns = some(darks, 200)
    extra = np.random.default_rng(11).normal(0, 15, (6, 12, 200))
    darks.data[:, :, rows, columns] += extra.astype(np.float32)
    found, classes = made(tmp_path, darks)
    assert (found.dq[rows, columns] & Flag.NOISY > 0).all()
    others = classes.usable.copy()
    others[rows, columns] = False
    assert (found.dq[others] & Flag.NOISY > 0).mean() < 1e-4


def test_stack_ramp_and_line_agree_once_corrected(ten, tmp_path):
    darks, found, classes = ten
    line = np.sqrt(2) * found.single[classes.usable].mean() / (1 - 1 / (4 * 80))
    blocks, _ = opened(tmp_path, darks)
    for method, pairs, n in (
        ("stack", "independent", 50),
        ("ramp", "independent", 5),
        ("stack", "consecutive", 90),
    ):
        noise = readnoise_reffiles.measure(blocks, method, pairs).noise[classes.usable].mean()
        factor = clipped_std_factor_mean(n, CLIP, ddof=0).value
        assert noise / factor == pytest.approx(line, rel=0.01), (method, pairs)
        if method == "ramp":
            assert noise / line < 0.87, "the plain peer value is far too small"


@pytest.mark.parametrize("pairs", ["independent", "consecutive"])
def test_measured_pair_noise_of_white_noise_is_sqrt_2_of_a_read(tmp_path, pairs):
    found, classes = made(
        tmp_path, darks_of(6, 10, seed=12), ReadnoiseSettings(group_diff_type=pairs)
    )
    rms = np.sqrt(np.mean(found.pair[classes.usable].astype(float) ** 2))
    assert rms == pytest.approx(np.sqrt(2) * READ, rel=0.005)


def test_halves_of_the_ramps_agree(tmp_path):
    darks = darks_of(12, 10, seed=13)
    halves = []
    for k in (0, 1):
        half = dataclasses.replace(darks, data=darks.data[k::2], mjd=darks.mjd[k::2])
        halves.append(made(tmp_path / str(k), half))
    (first, classes), (second, _) = halves
    pull = (first.single - second.single) / np.hypot(first.error, second.error)
    assert pull[classes.usable].std() == pytest.approx(1.0, abs=0.05)
    assert abs(pull[classes.usable].mean()) < 0.02


@pytest.mark.parametrize("method", ["stack", "ramp"])
@pytest.mark.parametrize("ngroups", [3, 5, 9])
def test_odd_number_of_groups_leaves_the_last_one_out(tmp_path, method, ngroups):
    """The original stops at 5 and 7, and at 3 subtracts group 0 and 2 from group 1."""
    darks = darks_of(6, ngroups, seed=14)
    even = dataclasses.replace(darks, data=darks.data[:, :-1])
    odd, _ = opened(tmp_path / "odd", darks)
    shorter, _ = opened(tmp_path / "even", even)
    results = [readnoise_reffiles.measure(blocks, method).noise for blocks in (odd, shorter)]
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize("method", ["stack", "ramp"])
def test_pixel_without_values_is_nan_and_not_zero(tmp_path, method):
    darks = darks_of(4, 6, seed=15)
    darks.data[:, :, 20, 30] = np.nan
    darks.data[1, :, 21, 31] = np.nan
    blocks, _ = opened(tmp_path, darks)
    found = readnoise_reffiles.measure(blocks, method)
    assert np.isnan(found.noise[20, 30])
    assert 2 < found.noise[21, 31] < 15
    line, _ = made(tmp_path / "line", darks)
    assert np.isnan(line.single[20, 30])
    assert line.dq[20, 30] & Flag.NO_VALUE
    assert line.nu[21, 31] == 12


def test_saturated_groups_are_left_out(tmp_path):
    darks = darks_of(3, 10, seed=16)
    darks.data[:, 6:, 30, :] = 60000.0
    groupdq = np.zeros((1, 10, *darks.bias.shape), np.uint8)
    groupdq[:, 6:, 30] = Group.SATURATED
    paths = [
        write_ramp(tmp_path / f"d{k}.fits", data[None], darks.readout, groupdq=groupdq)
        for k, data in enumerate(darks.data)
    ]
    ramps = RampSet(paths, "read noise")
    found = measure(RampBlocks(ramps, UNUSABLE), Classes.from_ramps(ramps), ReadnoiseSettings())
    assert (found.nu[30, 4:-4] == 12).all()
    assert np.sqrt(np.mean(found.single[30, 4:-4] ** 2.0)) == pytest.approx(READ, rel=0.05)


def test_threads_and_blocks_do_not_change_a_bit(tmp_path, monkeypatch):
    darks = darks_of(4, 8, seed=17, cosmic_rays=0.01)
    first, _ = made(tmp_path, darks)
    # Bands of rows, parts of a row; of them all read together, some, or each alone.
    for size, together in itertools.product((200_000, 10_000), (1 << 30, 700_000, 1)):
        monkeypatch.setattr("darkroom.nircam.ramps.blocks._BYTES", size)
        monkeypatch.setattr("darkroom.nircam.ramps.blocks._TOGETHER", together)
        blocks, classes = opened(tmp_path, darks)
        second = measure(blocks, classes, ReadnoiseSettings(), threads=3)
        for name in ("single", "error", "nu", "pair", "njumps", "telegraph", "dq"):
            np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_line_needs_three_groups(tmp_path):
    blocks, classes = opened(tmp_path, darks_of(4, 2))
    with pytest.raises(InputError, match=r"dark000_uncal\.fits: 2 group.* at least 3 are needed"):
        measure(blocks, classes, ReadnoiseSettings())


def test_table_tells_regions_apart(ten):
    _, found, classes = ten
    noisy = found.single.copy()
    noisy[classes.reference] *= 0.85
    rows = {(row.amplifier, row.region): row for row in amplifier_table(noisy, classes)}
    # A stripe from the bottom row: references below, and left and right of the outer amplifiers.
    assert len(rows) == 4 + 4 + 2
    assert rows[1, "active"].median == pytest.approx(READ, rel=0.01)
    assert rows[1, "reference rows"].ratio == pytest.approx(0.85, rel=0.02)
    assert rows[0, "reference columns"].npixels == 60 * 4
    assert rows[2, "active"].p5 < rows[2, "active"].mode < rows[2, "active"].p95


def test_mode_is_the_top_of_a_skew_distribution():
    values = np.random.default_rng(18).gamma(4.0, 1.0, 200_000)
    assert mode_of(values) == pytest.approx(3.0, abs=0.2)


def test_stability_follows_the_noise_ramp_by_ramp(tmp_path):
    darks = darks_of(8, 10, seed=19)
    generator = np.random.default_rng(20)
    more = generator.standard_normal(darks.data.shape) * np.linspace(0, 3, 8)[:, None, None, None]
    darks.data += more.astype(np.float32)
    blocks, classes = opened(tmp_path, darks)
    found = measure(blocks, classes, ReadnoiseSettings())
    rows, drifts = stability(found, blocks.ramps, classes)
    active = [row for row in rows if row["kind"] == "active" and row["amplifier"] == 1]
    expected = np.hypot(READ, np.linspace(0, 3, 8))
    for row, value in zip(active, expected, strict=True):
        assert row["noise"] == pytest.approx(value, rel=0.02)
        assert row["error"] < 0.02
    assert all(drift.p < 1e-3 and drift.slope > 0 for drift in drifts)


def test_scatter_over_pixels_agrees_with_scatter_in_time(ten, tmp_path):
    darks, found, classes = ten
    striped = dataclasses.replace(darks, data=darks.data.copy())
    rows = np.random.default_rng(21).normal(0, 4, (*darks.data.shape[:3], 1))
    striped.data += rows.astype(np.float32)
    blocks, _ = opened(tmp_path, striped)
    checked = readnoise_spatial.check(blocks.ramps, classes, found.single, 12)
    assert checked.boxes.shape == (1, 16)
    for row in checked.rows:
        assert row.npairs == 12
        assert row.ratio == pytest.approx(1.0, abs=0.02)
        assert row.spatial == pytest.approx(np.hypot(READ, 4), rel=0.08)


def test_box_noise_leaves_outliers_out():
    values = np.random.default_rng(22).normal(0, 7, (128, 128))
    values[3, 5:9] = 1e5
    values[7, 7] = np.nan
    plain, without = readnoise_spatial.box_noise(values)
    assert plain == pytest.approx(7, rel=0.02)
    assert without == pytest.approx(7, rel=0.02)


def test_single_value_is_that_of_the_output_that_reads_subarrays():
    """Output 7: the first quarter of the detector's columns, wherever the file puts it."""
    from darkroom.nircam.detector.readout import Readout

    for detector, columns in (
        ("NRCA1", np.s_[1536:]),
        ("NRCB4", np.s_[1536:]),
        ("NRCA2", np.s_[:512]),
        ("NRCBLONG", np.s_[:512]),
    ):
        noise = np.full((2048, 2048), 9.0)
        noise[:, columns] = 7.0
        layout = Readout.full(detector)
        assert readnoise_reffiles.single_value(noise, layout, "GENERIC") == 7.0
    assert readnoise_reffiles.single_value(np.full((64, 64), 3.0), layout, "SUB64P") == 3.0
