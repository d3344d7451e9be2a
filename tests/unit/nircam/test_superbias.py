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
from darkroom.nircam.ramps.drift import drift, drifts, theil_sen, welch
from darkroom.nircam.ramps.ramps import GroupStack, RampSet
from darkroom.nircam.superbias.aligned import aligned
from darkroom.nircam.superbias.flags import Flag
from darkroom.nircam.superbias.intercept import InterceptStack
from darkroom.nircam.superbias.measure import make_superbias
from darkroom.nircam.superbias.noise import coupling, mean_variance, pair_noise, split_noise
from darkroom.nircam.superbias.settings import SuperbiasSettings
from nircam_darks import classes as classes_of
from nircam_darks import make_darks, stripe, write_darks, write_ramp

KTC, READ = 20.0, 5.0
SAMPLE = np.hypot(KTC, READ)
UNUSABLE = Group.DO_NOT_USE | Group.SATURATED | Group.JUMP_DET


def opened(folder, darks, **how):
    ramps = RampSet(write_darks(folder, darks, **how), "superbias")
    return ramps, Classes.from_ramps(ramps)


def made(folder, darks, stack=None, **how):
    ramps, classes = opened(folder, darks, **how)
    stack = stack(ramps, classes) if stack else GroupStack(ramps, flags=UNUSABLE)
    return make_superbias(stack, classes, ramps.mjd, ramps.label, SuperbiasSettings()), classes


def true_bias(darks):
    """Return the bias by the convention that offsets sum to zero over the ramps."""
    return darks.bias + darks.offsets.mean(axis=0)[classes_of(darks.readout)]


def normal_pulls(found, darks, where):
    """Map deviations over errors through Student's t to normal ones."""
    t = (found.mean - true_bias(darks))[where] / found.error[where]
    return special.ndtri(special.stdtr(found.count[where] - 1, t))


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


def test_intercept_lowers_the_read_part_of_the_scatter_and_finds_hot_pixels(tmp_path):
    darks = make_darks(stripe(), 12, 8, seed=15, cosmic_rays=0.0)
    hot = np.random.default_rng(16).random(darks.bias.shape) < 0.001
    frame = darks.readout.frame_time
    darks.data += 40.0 * frame * np.arange(1, 9)[:, None, None] * hot
    found, classes = made(
        tmp_path, darks, stack=lambda ramps, classes: InterceptStack(ramps, classes, 8)
    )
    quiet = classes.usable & ~hot
    times = 1 + np.arange(8)
    lever = ((times - times.mean()) ** 2).sum()
    part = READ**2 * (1 / 8 + times.mean() ** 2 / lever)
    assert np.sqrt(np.mean(found.std[quiet] ** 2.0)) == pytest.approx(
        np.sqrt(KTC**2 + part), rel=0.01
    )
    assert (found.dq[hot & classes.usable] & Flag.HOT > 0).all()
    assert (found.dq[quiet] & Flag.HOT > 0).mean() < 1e-4
    # What dark current adds before group 0 is taken off.
    assert abs(np.median((found.mean - true_bias(darks))[hot & classes.usable])) < 5


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


def test_intercept_ends_at_a_cosmic_ray(tmp_path):
    """It is that of the groups before, apart from the measured levels of groups and their error.

    A line through four of six groups contains the deviations of the levels of all six from a line,
    which are medians over the pixels of a class: their error is common to these pixels.
    """
    darks = make_darks(stripe(), 5, 6, seed=17, cosmic_rays=0.0)
    struck = dataclasses.replace(darks, data=darks.data.copy())
    struck.data[:, 4:, 30, ::8] += 500.0
    ramps, classes = opened(tmp_path, struck, counts=False)
    stack = InterceptStack(ramps, classes, 6)
    times = 1 + np.arange(6)
    design = np.stack([np.ones(6), times], axis=1)
    weights = np.zeros(6)
    weights[:4] = np.linalg.pinv(design[:4])[0]
    weights -= np.linalg.pinv(design).T @ (design.T @ weights)
    klass, scores = classes.usable_class(), []
    values = np.empty((1, 2048), np.float32)
    for frame in range(5):
        stack.read_frame(frame, 30, values)
        line = np.polynomial.polynomial.polyfit(times[:4], darks.data[frame, :4, 30], 1)[0]
        for k in range(len(classes)):
            here = (klass[30] == k) & (np.arange(2048) % 8 == 0)
            if not here.any():
                continue
            difference = (values[0] - line)[here]
            assert np.ptp(difference) < 1e-3  # single precision of 11,000 DN
            median = np.sqrt(np.pi / 2) * READ / np.sqrt((klass == k).sum())
            scores.append(difference.mean() / (median * np.linalg.norm(weights)))
    assert len(scores) == 20
    assert max(map(abs, scores)) < 4  # 0.04 DN each
    assert 0.5 < np.std(scores) < 1.5


def test_a_line_that_ends_early_does_not_depend_on_the_pedestals_of_groups(tmp_path):
    """Pedestals move all pixels of an amplifier by far more than their noise."""
    darks = make_darks(stripe(), 5, 6, seed=17, cosmic_rays=0.0)
    darks.data[2, 4:, 30, :] += 500.0
    moved = 40.0 * np.random.default_rng(18).standard_normal((5, 6, 4))
    still = dataclasses.replace(darks, data=darks.data.copy())
    darks.data += moved[:, :, classes_of(darks.readout) // 2]
    values = np.empty((2, 64, 2048), np.float32)
    for folder, one, frame in (("still", still, values[0]), ("moved", darks, values[1])):
        ramps, classes = opened(tmp_path / folder, one, counts=False)
        InterceptStack(ramps, classes, 6).read_frame(2, 0, frame)
    change = values[1] - values[0]
    for a in range(4):
        columns = classes.amplifier == a
        assert np.ptp(change[:, columns]) < 0.5


def noisy_darks(nramps, seed):
    """Return darks with pixels of several times the noise, telegraph pixels, and cosmic rays.

    Hits come at the usual rate, 5e-3 per pixel and 100 s. Also returns the kind of every pixel.
    """
    darks = make_darks(stripe(ny=24), nramps, 5, seed=seed, cosmic_rays=5e-4)
    rng = np.random.default_rng(seed + 1)
    kinds = {"1": 0, "3": 1, "7": 2, "10": 3, "telegraph 60": 4, "telegraph 150": 5}
    kind = rng.choice(6, darks.bias.shape, p=[0.75, 0.05, 0.05, 0.05, 0.05, 0.05])
    scale = np.array([1.0, 3.0, 7.0, 10.0, 1.0, 1.0])[kind]
    shape = darks.data.shape
    darks.data += np.sqrt(scale**2 - 1) * READ * rng.standard_normal(shape)
    state = rng.random((nramps, *kind.shape)) < 0.5
    height = np.array([0, 0, 0, 0, 60.0, 150.0])[kind]
    for group in range(5):
        state ^= rng.random(state.shape) < 0.2
        darks.data[:, group] += height * (state - 0.5)
    hit = (rng.random(shape) < 5e-4) & ~darks.readout.flip(darks.readout.reference_pixels())
    hit[:, 0] = False
    darks.data += np.cumsum(hit * rng.exponential(400.0, shape), axis=1)
    return darks, {name: kind == k for name, k in kinds.items()}


@pytest.mark.parametrize(("nramps", "seed"), [(20, 1), (100, 2)])
def test_intercept_is_unbiased_for_noisy_pixels_too(tmp_path, nramps, seed):
    """Lines that end only at upward steps begin low: they made 40 DN of noise a bias of 12 DN."""
    darks, kinds = noisy_darks(nramps, seed)
    found, classes = made(
        tmp_path, darks, stack=lambda ramps, classes: InterceptStack(ramps, classes, 5)
    )
    deviation = (found.mean - true_bias(darks)) / found.error
    deviation -= np.median(deviation[classes.usable & kinds["1"]])
    for name, where in kinds.items():
        pulls = deviation[classes.usable & where]
        # Pulls of few samples have long tails, of which two levels 150 DN apart make the most.
        assert abs(pulls[np.abs(pulls) < 6].mean()) < 0.1, name
        assert 0.9 < pulls.std() < 1.15 or name == "telegraph 150", name


def test_intercept_needs_its_groups(tmp_path):
    ramps, classes = opened(tmp_path, make_darks(stripe(), 4, 3))
    with pytest.raises(InputError, match="has 3 groups, the intercept needs 5"):
        InterceptStack(ramps, classes, 5)


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
