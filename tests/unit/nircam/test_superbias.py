"""The aligned superbias against simulated truth: values, errors, offsets, trends, flags."""

import dataclasses
import warnings

import numpy as np
import pytest
from scipy import special

from darkroom.errors import DarkroomError, InputError
from darkroom.nircam.compare import Previous, compare
from darkroom.nircam.detector.dq import Group
from darkroom.nircam.products import ReferenceMetadata
from darkroom.nircam.ramps.classes import Classes
from darkroom.nircam.ramps.drift import drifts
from darkroom.nircam.ramps.ramps import GroupStack, RampSet
from darkroom.nircam.superbias.aligned import aligned
from darkroom.nircam.superbias.flags import Flag
from darkroom.nircam.superbias.measure import make_superbias
from darkroom.nircam.superbias.noise import coupling, mean_variance, pair_noise, split_noise
from darkroom.nircam.superbias.settings import SuperbiasSettings
from nircam_darks import classes as classes_of
from nircam_darks import make_darks, stripe, write_darks, write_ramp
from superbias_made import KTC, READ, SAMPLE, UNUSABLE, made, normal_pulls, opened, true_bias


@pytest.fixture(scope="module")
def twenty(tmp_path_factory):
    """Give 20 ramps with cosmic rays, their superbias and classes."""
    darks = make_darks(stripe(), 20, seed=1)
    return darks, *made(tmp_path_factory.mktemp("twenty"), darks)


def test_offsets_of_ramps_are_recovered_as_well_as_their_errors_say(twenty):
    darks, found, _ = twenty
    truth = darks.offsets - darks.offsets.mean(axis=0)
    miss = found.offsets.value - truth
    assert miss.std() < 0.4
    assert 0.8 < (miss / found.offsets.error).std() < 1.2


def test_errors_of_offsets_hold_for_few_ramps_of_whole_dn(tmp_path):
    """Four ramps' differences from their mean are multiples of 1/4 DN, a median of them too."""
    pulls = []
    for seed in range(40, 44):
        darks = make_darks(stripe(), 4, seed=seed, ktc=4.0, read=1.0, cosmic_rays=0.0)
        darks = dataclasses.replace(darks, data=np.rint(darks.data))
        found, _ = made(tmp_path / str(seed), darks)
        miss = found.offsets.value - (darks.offsets - darks.offsets.mean(axis=0))
        pulls.append(miss / found.offsets.error)
    # 3 of 4 deviations are independent: 96 of these.
    assert abs(np.std(pulls) - 1) < 3 / np.sqrt(2 * 96)


def test_scatter_is_that_of_ktc_and_read_noise(twenty):
    _, found, classes = twenty
    quiet = classes.usable & (found.nclipped == 0)
    assert np.sqrt(np.mean(found.std[quiet] ** 2.0)) == pytest.approx(SAMPLE, rel=0.01)


@pytest.mark.parametrize("nramps", [4, 5, 8, 20, 100])
@pytest.mark.parametrize("seed", [2, 3])
def test_errors_hold_for_few_and_many_ramps(tmp_path, nramps, seed):
    """Pulls through Student's t: the acceptance is 0.95 to 1.15, without clip bias it is 1."""
    darks = make_darks(stripe(), nramps, seed=seed)
    found, classes = made(tmp_path, darks)
    z = normal_pulls(found, darks, classes.usable)
    assert 0.97 < z.std() < 1.03
    assert abs(z.mean()) < 0.05


def test_reference_pixels_have_their_own_scatter(twenty):
    _, found, classes = twenty
    assert found.floors["reference"] == pytest.approx(np.hypot(0.1 * KTC, READ), rel=0.05)
    scatter = np.sqrt(np.mean(found.std[classes.reference] ** 2.0))
    assert scatter == pytest.approx(np.hypot(0.1 * KTC, READ), rel=0.02)


def test_pixels_hit_by_cosmic_rays_are_as_good_as_others(twenty):
    darks, found, classes = twenty
    hit = darks.hit.any(axis=0) & classes.usable
    z = normal_pulls(found, darks, hit)
    assert hit.sum() > 5000
    assert 0.95 < z.std() < 1.15
    assert abs(z.mean()) < 0.15
    struck = (darks.hit & (darks.data[:, 0] - true_bias(darks) > 300)).any(axis=0) & hit
    assert (found.nclipped[struck] > 0).all()


def test_jwst_reffiles_error_is_not_that_of_the_mean(twenty, tmp_path):
    """With offsets inside, the peer's deviation over sqrt(n) is far too large for one pixel."""
    from darkroom.nircam.superbias.reffiles import clipped_mean

    darks, _, classes = twenty
    ramps, _ = opened(tmp_path, darks)
    peer = clipped_mean(GroupStack(ramps))
    pull = (peer.mean64 - true_bias(darks)) / (peer.std064 / np.sqrt(peer.count))
    level = np.median(pull[classes.usable])
    assert 0.45 < (pull - level)[classes.usable].std() < 0.75


def test_permuted_ramps_give_the_same_superbias(tmp_path):
    darks = make_darks(stripe(), 9, seed=4)
    order = np.random.default_rng(0).permutation(9)
    mixed = dataclasses.replace(
        darks, data=darks.data[order], mjd=darks.mjd[order], offsets=darks.offsets[order]
    )
    first, _ = made(tmp_path / "a", darks)
    second, _ = made(tmp_path / "b", mixed)
    np.testing.assert_array_equal(first.mean, second.mean)
    np.testing.assert_array_equal(first.count, second.count)
    np.testing.assert_allclose(first.offsets.value[order], second.offsets.value, atol=1e-9)


def test_constant_added_to_one_ramp_moves_its_offset_and_the_level_alone(tmp_path):
    """It goes by (1 - 1/N) into that offset, -1/N into the others, 1/N into the superbias."""
    n, c = 8, 64.0
    darks = make_darks(stripe(), n, seed=5)
    shifted = dataclasses.replace(darks, data=darks.data.copy())
    shifted.data[3] += c
    before, _ = made(tmp_path / "a", darks)
    after, _ = made(tmp_path / "b", shifted)
    expected = np.full(n, -c / n)
    expected[3] += c
    moved = after.offsets.value - before.offsets.value
    np.testing.assert_allclose(moved, expected[:, None] * np.ones(8), atol=1e-9)
    np.testing.assert_allclose(after.mean - before.mean, c / n, atol=2e-3)
    np.testing.assert_allclose(after.std, before.std, atol=2e-3)
    np.testing.assert_array_equal(after.count, before.count)
    np.testing.assert_array_equal(after.dq, before.dq)


def test_threads_and_bands_do_not_change_a_bit(tmp_path):
    ramps, classes = opened(tmp_path, make_darks(stripe(), 6, seed=6))
    stack = GroupStack(ramps)
    results = [
        make_superbias(stack, classes, ramps.mjd, ramps.label, SuperbiasSettings(), **how)
        for how in ({}, {"threads": 3, "band_rows": 5})
    ]
    for name in ("mean", "median", "std", "error", "count", "trend", "trend_t", "dq"):
        np.testing.assert_array_equal(*(getattr(found, name) for found in results))


def test_trends_are_found_and_rarely_invented(tmp_path):
    """200 DN over the span: at least 95 % found; false ones within Poisson of p × pixels."""
    darks = make_darks(stripe(), 20, seed=7)
    generator = np.random.default_rng(8)
    drifting = (generator.random(darks.bias.shape) < 0.01) & (classes_of(darks.readout) >= 0)
    darks.data += (200 * np.linspace(0, 1, 20))[:, None, None, None] * drifting
    found, classes = made(tmp_path, darks)
    flagged = found.dq & Flag.DRIFT > 0
    assert flagged[drifting & classes.usable].mean() > 0.95
    assert flagged[~drifting].sum() <= 1e-5 * flagged.size + 4
    assert (found.dq[flagged] & Flag.UNRELIABLE_BIAS > 0).all()
    slope = np.median(found.trend[drifting & classes.usable])
    assert slope == pytest.approx(200 / np.ptp(darks.mjd), rel=0.02)


def test_noisy_pixels_are_flagged_and_quiet_ones_rarely(tmp_path):
    darks = make_darks(stripe(), 20, seed=9, cosmic_rays=0.0)
    generator = np.random.default_rng(10)
    noisy = generator.random(darks.bias.shape) < 0.002
    darks.data += generator.normal(0, 150, (20, 1, *noisy.shape)) * noisy
    found, classes = made(tmp_path, darks)
    flagged = found.dq & Flag.NOISY > 0
    # Few samples of a noisy pixel may lie together by chance: then it is quiet for these ramps.
    assert flagged[noisy & classes.usable].mean() > 0.99
    assert flagged[~noisy].mean() < 3e-4
    both = Flag.DO_NOT_USE | Flag.UNRELIABLE_BIAS
    assert (found.dq[flagged] & both == both).all()


def test_pixel_without_values_is_nan_and_flagged(tmp_path):
    darks = make_darks(stripe(), 5, seed=11)
    darks.data[:, :, 20, 30] = np.nan
    darks.data[:3, :, 21, 31] = np.nan
    found, _ = made(tmp_path, darks, counts=False)
    assert np.isnan(found.mean[20, 30])
    assert found.count[20, 30] == 0
    assert found.dq[20, 30] & Flag.DO_NOT_USE
    assert found.count[21, 31] == 2
    assert found.dq[21, 31] & (Flag.FEW | Flag.UNRELIABLE_BIAS) == Flag.FEW | Flag.UNRELIABLE_BIAS
    assert not found.dq[21, 31] & Flag.DO_NOT_USE


def test_samples_that_the_pipeline_flagged_are_left_out(tmp_path):
    darks = make_darks(stripe(), 6, seed=12, cosmic_rays=0.0)
    paths = []
    for k, data in enumerate(darks.data):
        groupdq = np.zeros((1, *data.shape), np.uint8)
        if k < 2:
            groupdq[0, 0, 30, 40] = Group.SATURATED if k else Group.JUMP_DET
        path = tmp_path / f"d{k}_saturation.fits"
        paths.append(write_ramp(path, data[None], darks.readout, groupdq=groupdq))
    ramps = RampSet(paths, "superbias")
    stack = GroupStack(ramps, flags=UNUSABLE)
    found = make_superbias(
        stack, Classes.from_ramps(ramps), ramps.mjd, ramps.label, SuperbiasSettings()
    )
    assert found.count[30, 40] == 4
    assert found.count[30, 41] == 6


def test_every_integration_counts(tmp_path):
    darks = make_darks(stripe(), 12, seed=13)
    found, _ = made(tmp_path, darks, nints=4)
    assert found.offsets.value.shape == (12, 8)
    assert np.median(found.count) == 12


def test_pixels_marked_bad_do_not_enter_the_offsets(tmp_path):
    darks = make_darks(stripe(), 5, seed=14)
    pixeldq = np.zeros(darks.bias.shape, np.uint32)
    pixeldq[:, 1000:] = 1
    paths = [
        write_ramp(tmp_path / f"d{k}.fits", data[None], darks.readout, pixeldq=pixeldq)
        for k, data in enumerate(darks.data)
    ]
    assert not Classes.from_ramps(RampSet(paths, "superbias")).usable[:, 1000:].any()


@pytest.mark.parametrize("sample", ["group0", "intercept"])
def test_ktc_noise_is_the_same_whichever_sample_is_taken(tmp_path, sample):
    """Two groups extrapolated to the reset have sqrt(5) times the read noise of one."""
    darks = make_darks(stripe(), 12, 3, seed=19, ktc=5.0, read=5.0, cosmic_rays=0.0)
    ramps, _ = opened(tmp_path, darks, counts=False)
    facts = ReferenceMetadata("test", "test", "GROUND", "2000-01-01T00:00:00")
    choices = SuperbiasSettings(sample=sample, intercept_groups=2)
    for row in aligned(ramps, facts, choices, None, 1).numbers["noise"]:
        if row.kind == "active":
            assert row.ktc == pytest.approx(5.0, rel=0.03)
            assert row.read == pytest.approx(5.0 * (1 if sample == "group0" else 5**0.5), rel=0.03)


def test_scatter_is_split_into_ktc_and_read_noise(tmp_path):
    darks = make_darks(stripe(), 20, 2, seed=18)
    found, classes = made(tmp_path, darks)
    ramps, _ = opened(tmp_path, darks)
    read = pair_noise(GroupStack(ramps, 0), GroupStack(ramps, 1), classes)
    np.testing.assert_allclose(read[:, 0], READ, rtol=0.03)
    rows = {(r.amplifier, r.kind): r for r in split_noise(found.std, found.count, classes, read)}
    for amplifier in range(4):
        active, reference = rows[amplifier, "active"], rows[amplifier, "reference"]
        assert active.ktc == pytest.approx(KTC, rel=0.02)
        assert abs(active.ktc - KTC) < 5 * active.ktc_error + 0.1
        assert reference.ktc == pytest.approx(0.1 * KTC, abs=0.6)


def test_error_of_ktc_noise_holds_with_1_f_noise_that_changes_from_group_to_group():
    """The variance of group 0 enters the scatter, that of groups 0 and 1 the read noise."""
    classes = Classes.of_layout(stripe())
    rng, pulls, nramps, ktc2 = np.random.default_rng(20), [], 20, 100.0
    count = np.full(classes.reference.shape, nramps)
    ratio = special.gammaincinv((nramps - 1) / 2, 0.5) * 2 / (nramps - 1)
    for _ in range(30):
        early, late = rng.gamma(2.0, 15.0, (2, nramps, 4, 2))
        std = np.sqrt(ratio * (ktc2 + early.mean(axis=0)[classes.amplifier, 0]))
        std = np.broadcast_to(std, count.shape)
        read, error = mean_variance((early + late) / 2)
        for row in split_noise(std, count, classes, np.sqrt(read), error):
            if row.kind == "active":
                pulls.append((row.ktc - np.sqrt(ktc2)) / row.ktc_error)
    assert 0.8 < np.std(pulls) < 1.2


def test_coupling_is_named_before_and_after_the_superbias(twenty):
    _, found, classes = twenty
    before, after = coupling(found.error, found.mean, classes, 0.005)
    # Pixels of neighbouring columns belong to classes of other levels, which are taken off.
    assert before == pytest.approx(0.005 * 600 * np.sqrt(20), rel=0.05)
    assert after == pytest.approx(0.005 * 4.5 * np.sqrt(20), rel=0.05)


def test_fewer_than_three_ramps_are_refused(tmp_path):
    with pytest.raises(
        DarkroomError, match=r"2 ramp\(s\), the first is dark000_uncal\.fits integration 1: the"
    ):
        made(tmp_path, make_darks(stripe(), 2))


def test_ramp_of_nan_is_refused_by_name(tmp_path):
    darks = make_darks(stripe(), 5)
    darks.data[3] = np.nan
    with pytest.raises(InputError, match=r"dark003_uncal\.fits: integration 1: 100% of its pixels"):
        made(tmp_path, darks, counts=False)


def test_saturated_ramp_is_refused_by_name(tmp_path):
    darks = make_darks(stripe(), 6)
    darks.data[3] = 70000
    with pytest.raises(InputError, match=r"dark002_uncal\.fits: integration 2: saturated, 100% of"):
        made(tmp_path, darks, nints=2)


def test_ramp_that_shows_another_image_is_refused_by_name(tmp_path):
    darks = make_darks(stripe(), 5)
    # Another image of the same level: that of the bias, moved. Another level is refused before.
    darks.data[3] = np.roll(darks.data[3], 8, axis=-1)
    with pytest.raises(InputError, match=r"dark003_uncal\.fits: integration 1: its pixels scatter"):
        made(tmp_path, darks)


def test_same_bias_at_another_time_differs_as_the_errors_say(tmp_path):
    darks = make_darks(stripe(), 40, seed=19)
    halves = [
        dataclasses.replace(darks, data=darks.data[k::2], mjd=darks.mjd[k::2]) for k in (0, 1)
    ]
    (now, classes), (before, _) = (made(tmp_path / str(k), half) for k, half in enumerate(halves))
    _, rows = compare(now.mean, now.error, Previous("old", before.mean, before.error), classes)
    for row in rows:
        # Errors of 20 samples are themselves uncertain, which widens the ratio by 1 + 2/19.
        assert row.chi2 == pytest.approx(1.0, abs=0.15)
        assert row.scatter == pytest.approx(row.predicted, rel=0.05)
        assert row.beyond < 1e-3


def test_changed_bias_is_seen_in_its_amplifier(twenty):
    _, found, classes = twenty
    before = found.mean.copy()
    before[:, classes.amplifier == 2] -= 30
    difference, rows = compare(found.mean, found.error, Previous("old", before, None), classes)
    assert [row.shift for row in rows] == pytest.approx([0, 0, 30, 0])
    assert np.nanmax(np.abs(difference)) == 0


def test_amplifier_drift_is_seen_against_the_others(tmp_path):
    """40 DN over the span hide in the common pedestal and stand out in the difference."""
    generator = np.random.default_rng(20)
    classes = Classes.from_ramps(
        RampSet(write_darks(tmp_path, make_darks(stripe(), 1)), "superbias")
    )
    times = np.linspace(0, 10, 20)
    offsets = 30 * generator.standard_normal((20, 1)) + 4 * generator.standard_normal((20, 8))
    offsets[:, 4:6] += (40 * times / 10)[:, None]
    found = {row.name: row for row in drifts(offsets, times, np.zeros(20, int), classes)}
    hidden, seen = found["amplifier 2 even"], found["amplifier 2 minus others"]
    assert seen.slope == pytest.approx(4.0, abs=3 * seen.slope_error)
    assert seen.p < 1e-6
    assert seen.slope_error < 0.3 * hidden.slope_error
    assert found["amplifier 0 minus others"].slope == pytest.approx(-4 / 3, abs=1)


def test_clip_of_a_whole_image_has_the_bits_of_astropys():
    """With gaps, infinities, ties and skewed values, of any size."""
    from astropy.stats import sigma_clip

    from darkroom.combine import Clip
    from darkroom.nircam.superbias.reffiles import flat_clip

    rng = np.random.default_rng(1)
    for number in range(60):
        image = 30 + 10 * rng.standard_t(2 + number % 6, rng.integers(3, 200, 2))
        if number % 3 == 0:
            image[rng.random(image.shape) < 0.05] = np.nan
        if number % 7 == 0:
            image[0, 0] = np.inf
        if number % 5 == 0:
            image = np.round(image)
        clip = Clip("sigma", (1.5, 2.0, 3.0)[number % 3], 1 + number % 5)
        with np.errstate(invalid="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            kept = sigma_clip(image, sigma=clip.nsigma, maxiters=clip.iterations)
        assert flat_clip(image, clip) == (float(np.mean(kept)), float(np.std(kept)))
    assert np.isnan(flat_clip(np.full((3, 3), np.nan), Clip("sigma", 3.0, 3))).all()
