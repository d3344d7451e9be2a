"""Photon-counted darks: inversion, errors, limits, checks against simulated truth."""

import itertools

import numpy as np
import pytest

from cgi_counts import GAIN, NOISE, THRESHOLD, counted
from darkroom.cgi.counting.best import best_dark
from darkroom.cgi.counting.checks import compare_halves, measure_gain
from darkroom.cgi.counting.counters import Counters
from darkroom.cgi.counting.exact import CONFIDENCE, CountModel
from darkroom.cgi.counting.peer import peer_dark


@pytest.mark.parametrize("mean", [1e-4, 0.01, 0.25, 1.0, 3.0])
def test_inversion_returns_the_mean_that_made_the_chance(mean):
    model = CountModel(THRESHOLD, GAIN, NOISE)
    assert model.invert(model.chance(np.array(mean))) == pytest.approx(mean, rel=1e-9)


def test_chance_is_that_of_simulated_samples():
    model = CountModel(1000.0, 1000.0, NOISE)
    rng, mean, number = np.random.default_rng(1), 0.4, 4_000_000
    electrons = rng.poisson(mean, number)
    samples = 1000.0 * rng.standard_gamma(electrons) + NOISE * rng.standard_normal(number)
    share = (samples > 1000.0).mean()
    assert abs(share - model.chance(np.array(mean))) < 4 * np.sqrt(share / number)


def test_means_of_many_frames_agree_with_corgidrps_to_a_thousandth():
    counters = counted(0.25, 200, 2, (64, 64))
    model = CountModel(THRESHOLD, GAIN)
    ours, theirs = best_dark(counters, model), peer_dark(counters, THRESHOLD, GAIN)
    assert ours.data.mean() == pytest.approx(theirs.data.mean(), rel=2e-3)


@pytest.mark.heavy
@pytest.mark.parametrize("mean", [0.01, 0.1])
@pytest.mark.parametrize("frames", [20, 100, 1000])
def test_pulls_have_unit_width_over_seeds(mean, frames):
    model = CountModel(THRESHOLD, GAIN, NOISE)
    pulls, peers = [], []
    for seed in range(5):
        counters = counted(mean, frames, seed)
        dark = best_dark(counters, model)
        assert (dark.err[counters.above == 0] > 0).all()
        pulls.append((dark.data - mean) / dark.err)
        theirs = peer_dark(counters, THRESHOLD, GAIN)
        some = theirs.err > 0
        peers.append((theirs.data[some] - mean) / theirs.err[some])
        assert np.std(pulls[-1]) == pytest.approx(1.0, abs=0.05), seed
    pooled = model.invert(np.array(counters.above.sum() / counters.n.sum()))
    error = np.sqrt(pooled / counters.n.sum()) / model.slope(np.array(pooled))
    assert abs(pooled - mean) < 4 * error
    assert np.isfinite(np.concatenate(peers)).all()


def test_upper_limits_cover_the_truth_as_often_as_they_say():
    model, mean, frames = CountModel(THRESHOLD, GAIN, NOISE), 0.1, 60
    dark = best_dark(counted(mean, frames, 7), model)
    covered = (dark.upper >= mean).mean()
    assert CONFIDENCE - 0.005 < covered < 1.0
    none = model.upper_limits(np.array([0]), np.array([1000]))
    assert none[0] == pytest.approx(3.0 * np.exp(THRESHOLD / GAIN) / 1000, rel=0.01)


def test_hot_pixels_have_errors_of_their_own_and_do_not_raise_those_of_others():
    mean = np.full((192, 192), 0.01)
    mean[::16, ::16] = 0.4
    dark = best_dark(counted(mean, 200, 9), CountModel(THRESHOLD, GAIN, NOISE))
    hot = mean > 0.1
    assert dark.hot[hot].all()
    assert dark.hot[~hot].sum() <= 2
    pulls = (dark.data - mean) / dark.err
    assert pulls[hot].std() == pytest.approx(1.0, abs=0.15)
    assert pulls[~hot].std() == pytest.approx(1.0, abs=0.05)


def test_a_pixel_that_always_counts_or_never_is_seen_is_flagged():
    counters = counted(0.01, 10, 3, (32, 32))
    counters.above[1, 1] = counters.n[1, 1]
    counters.n[2, 2] = counters.above[2, 2] = 0
    counters.seen[2, 2] = 4
    dark = best_dark(counters, CountModel(THRESHOLD, GAIN, NOISE))
    for place in ((1, 1), (2, 2)):
        assert np.isnan(dark.data[place])
        assert np.isnan(dark.err[place])
        assert dark.dq[place]
    assert (dark.dq != 0).sum() == 2


def test_frames_without_any_count_give_limits_and_no_failure():
    dark = best_dark(counted(0.0, 30, 3, (64, 64)), CountModel(THRESHOLD, GAIN, NOISE))
    assert not dark.hot.any() and not dark.dq.any()
    assert (dark.data == 0).all()
    assert np.isfinite(dark.err).all()
    assert dark.upper == pytest.approx(3.0 * np.exp(THRESHOLD / GAIN) / 30, rel=0.05)


def test_every_sample_is_counted_as_one_by_one():
    """Flags, numbers that are none, samples on the threshold and its multiples, both types."""
    rng, shape = np.random.default_rng(6), (23, 41)
    for dtype, threshold in itertools.product((np.float32, np.float64), (500.0, 500.1, 0.1)):
        counters, expected = Counters.zeros(shape), np.zeros((4, *shape), int)
        for _ in range(5):
            value = (200 * rng.standard_normal(shape) + 900 * rng.random(shape) ** 9).astype(dtype)
            dq = np.where(rng.random(shape) < 0.1, 4, 0).astype(np.uint16)
            for odd in (threshold, np.nextafter(dtype(threshold), dtype(1e9)), 2 * threshold,
                        4 * threshold, np.nan, np.inf, -np.inf):  # fmt: skip
                value[rng.random(shape) < 0.03] = odd
            sums = counters.add(0, value, None, dq, threshold)
            good = (dq == 0) & np.isfinite(value)
            exact = value.astype(float)
            expected[0] += good
            for number, level in enumerate((1, 2, 4), 1):
                expected[number] += good & (exact > level * threshold)
            assert sums.good_number == good.sum()
            assert sums.number == np.isfinite(value).sum()
            assert sums.good_total == pytest.approx(exact[good].sum(), rel=1e-12)
            assert sums.total == pytest.approx(exact[np.isfinite(exact)].sum(), rel=1e-12)
        for plane, name in zip(expected, ("n", "above", "twice", "four"), strict=True):
            assert np.array_equal(getattr(counters, name), plane), name


def test_counters_merge_by_addition():
    first, second = counted(0.05, 10, 1, (40, 30)), counted(0.05, 14, 2, (40, 30))
    total = Counters(*(np.array(plane) for _, plane in first.planes()))
    total.merge(second)
    for name, plane in total.planes():
        if name != "seen":
            assert np.array_equal(plane, getattr(first, name) + getattr(second, name))
    with pytest.raises(ValueError, match="counters of"):
        total.merge(counted(0.05, 2, 1, (4, 4)))


@pytest.mark.parametrize("seed", range(4))
def test_gain_is_measured_within_its_error(seed):
    counters = counted(0.02, 60, seed, gain=4000.0)
    found = measure_gain(counters, np.ones(counters.shape, bool), THRESHOLD, GAIN, NOISE)
    assert 0 < found.error < 200
    assert abs(found.gain - 4000.0) < 4 * found.error
    assert abs(found.gain - GAIN) > 5 * found.error


def test_halves_agree_for_a_stable_detector_and_not_for_one_that_drifts():
    model = CountModel(THRESHOLD, GAIN, NOISE)
    for drift, limit in ((1.0, 4.0), (1.15, np.inf)):
        counters = counted(0.03, 100, 11, drift=drift)
        found = compare_halves(counters, best_dark(counters, model))
        assert abs(found.drift) < limit
        if drift == 1:
            assert abs(found.mean - 1) < 4 * found.error + 0.01
        else:
            assert found.drift > 5


def test_register_of_stages_is_that_of_the_simulator():
    from darkroom.cgi.simulate.register import amplify

    rng, number = np.random.default_rng(4), 2_000_000
    model = CountModel(THRESHOLD, GAIN, 0.0, 604)
    electrons = rng.poisson(0.3, number)
    share = (amplify(electrons, GAIN, 604, rng) > THRESHOLD).mean()
    assert abs(share - model.chance(np.array(0.3))) < 4 * np.sqrt(share / number)
    assert CountModel(THRESHOLD, GAIN).chance(np.array(0.3)) < share


def test_the_model_of_the_register_errs_by_less_than_a_fifth_of_a_percent():
    # The generating function of a register of 604 stages, each of which doubles an electron with
    # the chance p, gives the exact distribution; its Fourier transform are values on a circle.
    stages, size = 604, 1 << 17
    step = GAIN ** (1 / stages) - 1
    function = np.exp(-2j * np.pi * np.arange(size) / size)
    for _ in range(stages):
        function = function * (1 - step + step * function)
    exact = np.fft.ifft(function).real[int(THRESHOLD) + 1 :].sum()
    assert exact == pytest.approx(0.90829, abs=1e-5)
    few = np.array(1e-4)
    ours, theirs = CountModel(THRESHOLD, GAIN, 0.0, stages), CountModel(THRESHOLD, GAIN)
    # Means are too small by as much as the chance of a count is too large.
    assert exact / (ours.chance(few) / few) - 1 == pytest.approx(-0.0016, abs=2e-4)
    assert exact / (theirs.chance(few) / few) - 1 == pytest.approx(0.0038, abs=2e-4)
