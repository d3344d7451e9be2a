"""Bad-pixel maps: found, false and complete, where corgidrp's rule loses pixels."""

import numpy as np
import pytest
from scipy import stats

from cgi_counts import GAIN, NOISE, THRESHOLD, counted
from darkroom.cgi.counting.best import best_dark, found_share
from darkroom.cgi.counting.exact import CountModel
from darkroom.cgi.pixels.peer import DEAD, HOT, peer_map
from darkroom.cgi.pixels.robust import REASONS, completeness, robust_map

KEYS = {"deviations": 5.0, "significance": 5.0, "limit": 0.0}


@pytest.mark.parametrize("seed", range(3))
def test_hot_pixels_do_not_hide_others(seed):
    """A thousandth of the pixels at 10 sigma, of these a tenth at 50 times the mean."""
    rng = np.random.default_rng(seed)
    sigma, shape = 0.002, (512, 512)
    dark, hot = rng.normal(0.01, sigma, shape), rng.random(shape) < 1e-3
    dark[hot] += 10 * sigma
    brightest = hot & (rng.random(shape) < 0.1)
    dark[brightest] = 0.5
    err = np.full(shape, sigma)
    theirs = peer_map(dark, None, deviations=5.0, fraction=0.8, width=32)
    ours = robust_map(dark, err, **KEYS)
    assert (theirs[hot] == HOT).mean() < 0.3
    assert (ours.data[hot] == HOT).all()
    assert (ours.data[~hot] != 0).sum() <= 2


def test_a_pixel_without_a_value_is_bad_and_hides_no_other():
    rng = np.random.default_rng(1)
    dark = rng.normal(0.0, 1.0, (100, 100))
    dark[10, 10], dark[20, 20] = np.nan, 12.0
    flat = rng.normal(1.0, 0.01, dark.shape)
    flat[5, 5], flat[7, 7] = np.nan, 0.4
    assert not peer_map(dark, None, deviations=5.0, fraction=0.8, width=32).any()
    ours = robust_map(dark, np.ones(dark.shape), **KEYS, flat=flat, fraction=0.8, width=32)
    assert sorted(map(tuple, np.argwhere(ours.data == HOT))) == [(10, 10), (20, 20)]
    assert sorted(map(tuple, np.argwhere(ours.data == DEAD))) == [(5, 5), (7, 7)]
    assert ours.reasons[10, 10] == REASONS["no_value"]


def test_dead_pixels_are_carried_from_the_previous_map_without_a_flat():
    dark = np.random.default_rng(1).normal(0.0, 1.0, (64, 64))
    previous = np.zeros(dark.shape, np.uint8)
    previous[3, 3], previous[4, 4] = DEAD, HOT
    ours = robust_map(dark, np.ones(dark.shape), **KEYS, previous=previous)
    assert ours.data[3, 3] == DEAD
    assert ours.reasons[3, 3] == REASONS["carried"]
    assert ours.data[4, 4] == 0  # the dark decides on hot pixels


def test_noise_of_few_counts_is_not_hot_and_hot_pixels_are_found_as_often_as_stated():
    model = CountModel(THRESHOLD, GAIN, NOISE)
    for frames, size in ((20, 0.5), (100, 0.2)):
        mean, hot = np.full((192, 192), 0.01), np.zeros((192, 192), bool)
        hot[4::16, 4::16] = True
        mean[hot] += size
        dark = best_dark(counted(mean, frames, 5), model)
        ours = robust_map(dark.data, dark.err, **KEYS, excess_in_errors=dark.significance)
        assert (ours.data[~hot] != 0).sum() <= 1
        found = (ours.data[hot] == HOT).mean()
        stated = found_share(
            model, frames, float(np.median(dark.shared)), size=size, significance=5.0,
            least=float(np.median(ours.least)),
        )  # fmt: skip
        assert abs(found - stated) < 4 * np.sqrt(stated * (1 - stated) / hot.sum()) + 0.02
        assert found > 0.6
        if frames > 20:
            continue
        # From the errors alone, noise would be hot: few counts are not normally distributed.
        naive = robust_map(dark.data, dark.err, **KEYS)
        assert (naive.data[~hot] != 0).sum() > 3 * (ours.data[~hot] != 0).sum()


def test_completeness_is_that_of_injected_pixels_of_normal_errors():
    rng, shape = np.random.default_rng(2), (256, 256)
    err = np.full(shape, 0.01)
    clean = rng.normal(0.1, 0.01, shape)
    found = robust_map(clean, err, **KEYS)
    for size in (0.04, 0.05, 0.06):
        stated = completeness(err, found, sizes=[size], significance=5.0)[0][1]
        dark, hot = clean.copy(), rng.random(shape) < 0.02
        dark[hot] += size
        share = (robust_map(dark, err, **KEYS).data[hot] == HOT).mean()
        assert abs(share - stated) < 4 * np.sqrt(0.25 / hot.sum()) + 0.03
    assert stats.norm.cdf(1.0) == pytest.approx(stated, abs=0.05)
