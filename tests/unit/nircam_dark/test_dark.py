"""Dark current by generalised least squares: closure against truth, within its own errors."""

import numpy as np
import pytest

from darkroom.errors import InputError
from darkroom.nircam.dark.cube import Cube
from darkroom.nircam.dark.measure import measure
from darkroom.nircam.dark.model import Timing
from darkroom.nircam.dark.sampled import SampledRamps
from darkroom.nircam.dark.tables import levels
from nircam_dark_ramps import DT, RampsInMemory, classes, make_ramps

GAIN = np.array([2.0])


def found(data, **cards):
    return measure(RampsInMemory(data, cards), classes(data.shape[2:]), GAIN)


def test_error_and_bias_hold_for_few_ramps():
    data = make_ramps(3, 50, (32, 64), seed=3, rate=0.005)
    made = found(data)
    pull = (made.rate - 0.005) / made.error
    assert abs(pull.std() - 1) < 0.05
    assert abs(pull.mean()) < 4 / np.sqrt(pull.size)
    assert np.median(made.nhits) == 0
    assert made.nhits.sum() > 0.8 * 3 * 50 * 2048 * 1e-4 * DT
    assert abs(np.median(made.noise) - 10) < 0.2


def test_levels_know_what_an_amplifier_shares_in_an_integration():
    """A drift of each whole integration: the error of the median holds, that of pixels does not."""
    rng = np.random.default_rng(12)
    pulls, naive = [], []
    for seed in range(25):
        data = make_ramps(6, 12, (16, 32), seed=seed, rate=0.02)
        shared = rng.normal(0, 0.02, len(data))
        steps = DT * np.arange(12)[:, None, None]
        data += (shared[:, None, None, None] * steps / GAIN[0]).astype(np.float32)
        made = found(data)
        (row,) = levels(made, classes(data.shape[2:]))
        pulls.append((row["median"] - 0.02) / row["ramp_error"])
        naive.append((row["median"] - 0.02) / max(row["error"], row["row_error"]))
    # Student's law of five degrees of freedom: its robust scatter is 1.08.
    assert 0.7 < np.median(np.abs(pulls)) / 0.727 < 1.4
    assert np.median(np.abs(naive)) > 2  # 0.7 where an error holds


@pytest.mark.parametrize("nramps", [3, 10, 30])
def test_error_and_bias_hold_over_seeds(nramps):
    """Pull 0.95 to 1.05 in each of five sets with cosmic rays; the bias of all of them."""
    rest, shape = [], (32, 64)
    for seed in range(61, 66):
        made = found(make_ramps(nramps, 50, shape, seed=seed, rate=0.005))
        assert abs(((made.rate - 0.005) / made.error).std() - 1) < 0.05, seed
        assert made.nhits.sum() > 0.8 * nramps * 50 * 2048 * 1e-4 * DT
        rest.append(made.rate.astype(float) - 0.005)
    statistical = np.std(rest) / np.sqrt(np.size(rest))
    assert abs(np.mean(rest)) < 0.01 * 0.005 + 3 * statistical


@pytest.mark.heavy
@pytest.mark.parametrize("rate", [0.001, 0.02])
@pytest.mark.parametrize("drift", [0.0, 4.0])
@pytest.mark.parametrize("nramps", [3, 10, 30])
def test_acceptance(nramps, drift, rate):
    """Pull 1.00 ± 0.05, bias within max(0.3e-4 e-/s, 1 %) at 30 ramps, rms at 10 ramps."""
    data = make_ramps(nramps, 100, (64, 128), seed=7 + nramps, rate=rate, drift=drift)
    made = found(data)
    rest = made.rate.astype(float) - rate
    assert abs((rest / made.error).std() - 1) < 0.05
    if nramps == 30:
        statistical = rest.std() / np.sqrt(rest.size)
        assert abs(rest.mean()) < max(0.3e-4, 0.01 * rate) + 2 * statistical
    if nramps == 10 and drift == 0 and rate == 0.001:
        assert rest.std() < 11.5e-4


def test_the_error_of_a_measured_cube_is_that_of_its_levels():
    """Read noise of groups in between leaves the sum of differences again; hits leave some."""
    shape = (32, 64)
    data = make_ramps(6, 30, shape, seed=31, rate=0.01, hits=2e-4)
    measured = np.zeros((2, 29, *shape), np.float32)
    made = measure(RampsInMemory(data), classes(shape), GAIN, measured=measured)
    cube = Cube(made, classes(shape), "measured", "first_group", 30)
    planes, errors = (np.array(list(part()), float) for part in (cube.sci, cube.err))
    for group in (1, 5, 29):
        pull = (planes[group] - 0.01 * group * DT / GAIN[0]) / errors[group]
        assert abs(pull.std() - 1) < 0.06, (group, pull.std())
    assert np.median(errors[29]) == pytest.approx(np.sqrt(2 / 6) * 10 / 2, rel=0.1)


# Noise of a slope of so many groups, with the dark subtracted, over that without (specification).
ADDED = {
    3: {10: 1.000, 50: 1.025, 100: 1.189},
    10: {10: 1.000, 50: 1.008, 100: 1.060},
    30: {10: 1.000, 50: 1.003, 100: 1.021},
}


@pytest.mark.heavy
@pytest.mark.parametrize("seed", range(40, 45))
@pytest.mark.parametrize("nramps", [3, 10, 30])
def test_what_the_cube_adds_to_the_noise_of_science(nramps, seed):
    """Read noise 10 e-, kTC 40 e-, 100 groups with hits, settling of 1.5 e- in 40 s."""
    shape = (64, 128)
    made = found(make_ramps(nramps, 100, shape, seed=seed + nramps, settling=1.5))
    cube = Cube(made, classes(shape), "fit", "first_group", 100)
    planes = np.array([plane.astype(float) for plane in cube.sci()]) * GAIN[0]
    # Settling is the same in all pixels: it is a level of slopes, and no noise.
    for ngroups, most in ADDED[nramps].items():
        time = DT * (np.arange(ngroups) - (ngroups - 1) / 2)
        weights = time / (time**2).sum()
        science = 10 * np.sqrt((weights**2).sum())
        added = np.tensordot(weights, planes[:ngroups], 1).std()
        # To the three decimals of the table, and the error of a scatter of 8192 pixels.
        error = (most**2 - 1) / np.sqrt(2 * 8192) / most
        assert np.hypot(1, added / science) <= most + 0.0005 + 3 * error, ngroups


@pytest.mark.parametrize("frames", [(8, 2), (8, 12), (2, 8), (4, 1), (1, 1)])
def test_covariance_of_averaged_groups(frames):
    timing = Timing(*frames, tframe=1.0)
    rng = np.random.default_rng(1)
    n, gap = frames
    charge = np.cumsum(rng.poisson(3.0, (40000, 3 * (n + gap))), axis=1)
    groups = np.stack([charge[:, k * (n + gap) : k * (n + gap) + n].mean(axis=1) for k in range(3)])
    steps = np.diff(groups, axis=0)
    assert np.allclose(np.cov(steps), timing.matrix(3.0, 0.0, 2), rtol=0.03, atol=0.05 * n)


def test_averaged_groups_pull():
    """MEDIUM8: the noise of a group is that of a frame over sqrt(8), charge is correlated."""
    rng = np.random.default_rng(5)
    shape, nramps, ngroups, n, gap = (16, 64), 6, 12, 8, 2
    data = np.empty((nramps, ngroups, *shape), np.float32)
    for ramp in data:
        level = np.zeros(shape)
        for group in range(ngroups):
            frames = np.empty((n + gap, *shape))
            for k in range(n + gap):
                level += rng.poisson(0.5 * DT, shape)
                frames[k] = level + 12 * rng.standard_normal(shape)
            ramp[group] = frames[:n].mean(axis=0) / 2
    made = found(data, NFRAMES=8, GROUPGAP=2, READPATT="MEDIUM8")
    pull = (made.rate - 0.5) / made.error
    assert abs(pull.std() - 1) < 0.08
    assert abs(pull.mean()) < 0.2
    assert 0.8 < made.factor[0] < 1.2


def test_missing_and_saturated_groups_are_left_out():
    data = make_ramps(4, 20, (16, 64), seed=2, rate=0.01, hits=0.0)
    data[0, 9, 3, 3] = np.nan  # DO_NOT_USE
    data[1, 5:, 4, 4] = np.nan  # saturated from here on
    data[:, :, 5, 5] = np.nan
    made = found(data)
    assert made.nint[3, 3] == 4
    assert 0 < made.info[3, 3] < made.info[0, 0]
    assert made.info[4, 4] < made.info[3, 3]
    assert np.isnan(made.rate[5, 5])
    assert np.isnan(made.error[5, 5])
    assert made.nint[5, 5] == 0


def test_bright_pixels_are_not_called_unstable():
    rate = np.full((32, 64), 0.005)
    rate[:, ::16] = 5.0
    made = found(make_ramps(10, 50, (32, 64), seed=4, rate=rate))
    bright = made.chi2[:, ::16]
    assert abs(np.median(bright) - 0.93) < 0.2
    pull = ((made.rate - rate) / made.error)[:, ::16]
    assert abs(pull.std() - 1) < 0.15


def test_settling_of_the_ramp_is_measured():
    made = found(make_ramps(10, 30, (32, 64), seed=6, rate=0.01, settling=30.0))
    times = np.arange(30) * DT
    true = 30 * (1 - np.exp(-times / 40))
    # The rate takes a part of the settling: S is what is left beside the straight line.
    slope = np.median(made.rate) - 0.01
    assert np.allclose(
        made.settling[:, 0], true - slope * times, atol=5 * made.settling_error.max()
    )
    assert np.abs(made.settling[:, 0]).max() > 20 * made.settling_error.max()


def test_two_groups_are_refused():
    with pytest.raises(InputError, match="needs 3"):
        found(make_ramps(3, 2, (16, 64), seed=1))


def test_darks_without_any_sample_are_refused():
    """All samples saturated: there is no noise to weigh by."""
    with pytest.raises(InputError, match="no sampled pixel has data in every group"):
        found(np.full((3, 8, 16, 64), np.nan, np.float32))


def test_one_dark_has_an_error_from_its_residuals():
    made = found(make_ramps(1, 40, (32, 64), seed=3, rate=0.01))
    # Their scale is known from 768 pixels, some of them with hits.
    assert abs(((made.rate - 0.01) / made.error).std() - 1) < 0.1
    assert (made.nint == 1).all() and np.isnan(made.chi2).all()


def test_mean_ramps_of_a_sample_come_back_from_their_file(tmp_path):
    values = np.random.default_rng(1).random((5, 3, 40), np.float32)
    with (tmp_path / "file").open("w+b") as file:
        kept = SampledRamps(values.shape, file)
        for row in (2, 0, 1):
            for columns in (slice(16, 40), slice(0, 16)):
                kept.write(row, columns.start, values[:, row, columns])
        for number in (4, 0, 2):
            assert np.array_equal(kept.plane(number), values[number])
