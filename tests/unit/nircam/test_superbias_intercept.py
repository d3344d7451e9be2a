"""The superbias from lines through the groups: its scatter, hot pixels, cosmic rays."""

import dataclasses

import numpy as np
import pytest

from darkroom.errors import InputError
from darkroom.nircam.superbias.flags import Flag
from darkroom.nircam.superbias.intercept import InterceptStack
from nircam_darks import classes as classes_of
from nircam_darks import make_darks, stripe
from superbias_made import KTC, READ, made, opened, true_bias


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
