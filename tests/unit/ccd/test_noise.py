"""Noise from few frames: what is biased, and what the corrections make of it."""

import numpy as np
import pytest
from scipy import stats

from ccd_frames import CLIP
from darkroom.ccd.background import gradient, local_level
from darkroom.ccd.robust import clipped_std
from darkroom.ccd.stack.frames import Cube, Stack
from darkroom.ccd.stack.master import master, with_noise_floor
from darkroom.ccd.stack.noise import clip_variance_factor, correct_std, pooled
from darkroom.ccd.stack.read_noise import read_noise
from darkroom.combine import Clip, combine_array
from darkroom.errors import DarkroomError

SIGMA = 10.8


def cube(n, shape=(64, 64), seed=0, sigma=SIGMA):
    return 1080 + sigma * np.random.default_rng(seed).standard_normal((n, *shape))


@pytest.mark.parametrize("n", [2, 3, 5, 10, 29])
def test_corrected_noise_has_the_true_mean(n):
    """The plain mean of s over pixels is c4(n) σ: 20 % low for two frames."""
    made = read_noise(Stack(Cube(cube(n, (128, 128)))), CLIP)
    assert made.corrected.mean() == pytest.approx(SIGMA, rel=3.5 / np.sqrt(2 * (n - 1) * 128**2))
    assert made.pooled.std == pytest.approx(SIGMA, abs=4 * made.pooled.error)


@pytest.mark.parametrize(("method", "nsigma"), [("sigma", 2.5), ("mad", 3.0), ("none", 5.0)])
def test_what_a_tight_clip_takes_is_given_back(method, nsigma):
    """15 frames, clip without a floor: corrected by the factor of that clip."""
    clip = Clip(method, nsigma, 5)
    clean = combine_array(cube(15, (160, 160)), clip, outputs=("std",))
    corrected, _ = correct_std(clean.std, clean.count, clip, 15)
    assert corrected.mean() == pytest.approx(SIGMA, rel=0.01)
    variance = pooled(clean.std, clean.count).variance / clip_variance_factor(clip, 15)
    assert np.sqrt(variance) == pytest.approx(SIGMA, rel=0.012)


def test_error_of_the_corrected_noise_is_its_scatter():
    made = read_noise(Stack(Cube(cube(10, (128, 128)))), CLIP)
    assert made.error.mean() == pytest.approx(made.corrected.std(), rel=0.02)


def test_pooled_noise_ignores_noisy_pixels_and_keeps_all_good_ones():
    values = cube(10)
    clean = pooled(values.std(axis=0, ddof=1), np.full((64, 64), 10))
    values[:, ::9, ::9] *= 1 + 0.05 * np.random.default_rng(1).standard_normal((10, 8, 8))
    noisy = pooled(values.std(axis=0, ddof=1), np.full((64, 64), 10))
    assert clean.used == 1.0
    assert noisy.std == pytest.approx(clean.std, rel=0.005)
    assert noisy.used == pytest.approx(1 - 64 / 64**2, abs=0.003)


def test_five_frames_are_not_clipped_by_chance():
    """5 σ of a MAD of 5 values takes 4 % of normal samples and a quarter of the quoted error."""
    values = cube(5, (100, 100))
    made = master(Stack(Cube(values)), CLIP)
    assert made.combined.nclipped.sum() <= 2
    freedom = made.combined.count - 1
    pull = stats.norm.isf(stats.t.sf((made.combined.mean - 1080) / made.combined.error, freedom))
    assert pull.std() == pytest.approx(1, abs=0.03)
    bare = combine_array(values, CLIP)
    assert bare.nclipped.sum() > 1000


def test_a_hit_is_clipped_and_flagged_even_among_five():
    values = cube(5)
    values[2, 30, 30] += 500
    made = master(Stack(Cube(values)), CLIP)
    assert made.combined.count[30, 30] == 4
    assert made.dq[30, 30] == 128
    assert made.combined.mean[30, 30] == pytest.approx(1080, abs=25)


def test_floor_is_for_the_mad_alone():
    assert with_noise_floor(Clip("sigma", 3.0, 5), 10.0) == Clip("sigma", 3.0, 5)
    assert with_noise_floor(CLIP, np.nan) == CLIP
    assert with_noise_floor(CLIP, 10.0).floor == 10.0


def test_alignment_changes_the_scatter_and_not_the_level():
    values = cube(10) + np.linspace(-20, 20, 10)[:, None, None]
    aligned, plain = (master(Stack(Cube(values)), CLIP, align=a) for a in (True, False))
    assert aligned.combined.mean.mean() == pytest.approx(plain.combined.mean.mean(), abs=0.01)
    assert aligned.combined.std.mean() < 0.8 * plain.combined.std.mean()
    scatter = np.linspace(-20, 20, 10).std(ddof=1)
    assert aligned.survey.common_error == pytest.approx(scatter / 10**0.5, rel=0.05)


def test_a_single_frame_has_no_read_noise():
    with pytest.raises(DarkroomError, match="1 bias frame: the read noise needs at least 2"):
        read_noise(Stack(Cube(cube(1))), CLIP)


def test_saturated_pixels_of_a_master_are_flagged():
    values = np.minimum(np.rint(cube(4)), 65535)
    values[1, 3, 4] = 65535
    made = master(Stack(Cube(values)), CLIP)
    assert np.argwhere(made.dq & 2).tolist() == [[3, 4]]


def test_gain_scales_the_frames_and_their_saturation():
    values = np.rint(cube(4))
    values[1, 3, 4] = 65535
    made, plain = (master(Stack(Cube(values), gain), CLIP) for gain in (2.0, None))
    assert made.combined.mean == pytest.approx(2 * plain.combined.mean)
    assert np.array_equal(made.dq, plain.dq)


def test_gradient_is_found_with_its_error_and_none_where_there_is_none():
    pulls = []
    x = np.arange(96) / 96
    for seed in range(40):
        noise = np.random.default_rng(seed).standard_normal((64, 96))
        noise[10, 10] += 1e4
        found = gradient(5.0 * x + noise)
        pulls.append([(found.x - 5.0) / found.x_error, found.y / found.y_error])
        assert found.left_right == pytest.approx(-3.75, abs=5 * found.left_right_error)
    assert np.std(pulls, axis=0) == pytest.approx([1, 1], abs=0.3)
    assert np.mean(pulls, axis=0) == pytest.approx([0, 0], abs=0.5)


def test_local_level_follows_a_glow_and_no_pixel():
    y, x = np.mgrid[:200, :200]
    glow = 50 * np.exp(-(x**2 + y**2) / 2 / 150**2)
    image = glow + np.random.default_rng(0).standard_normal(glow.shape)
    image[100, 100] = 1e4
    image[50, 50] = np.nan
    assert np.abs(local_level(image) - glow)[20:180, 20:180].max() < 2.5


def test_clipped_std_does_not_come_in_steps():
    rng = np.random.default_rng(0)
    for sigma in (8.3, 8.9, 9.5):
        values = np.rint(sigma * rng.standard_normal(100_000) / 4) * 4
        assert clipped_std(values) == pytest.approx(np.hypot(sigma, 4 / 12**0.5), rel=0.01)
