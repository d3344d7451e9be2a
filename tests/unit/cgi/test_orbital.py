"""Cosmic rays at the rate and with the charge clouds of the orbit do not bias the dark current."""

import numpy as np
import pytest
from astropy.io import fits

from darkroom.cgi.geometry import read_geometry
from darkroom.cgi.maps.pooled import fit_pooled
from darkroom.cgi.raw.calibration import Calibration
from darkroom.cgi.raw.gather import raw_moments
from darkroom.cgi.raw.prepare import Settings
from darkroom.cgi.request import opened
from darkroom.cgi.simulate import exposures as cgi
from darkroom.cgi.simulate.register import add_cosmic_rays
from darkroom.cgi.stacks.file import StatisticsSource, save_statistics
from darkroom.cgi.stacks.gather import read_moments, sort_out
from darkroom.cgi.stacks.sources import MomentsSource
from darkroom.cgi.stacks.wings import measure
from darkroom.cgi.units import COSMIC
from darkroom.compiled import load_kernel

BEST = Settings("best", Calibration(kgain=8.7))


@pytest.mark.parametrize(("rate", "spread", "seed"), [(2.5, 0.5, 1), (2.5, 1.0, 2), (5.0, 0.5, 3)])
def test_orbital_hits_do_not_bias_the_dark_current(tmp_path, rate, spread, seed):
    """A rate of 5 is 885 hits in a frame of 100 s; half of it made D 24 % (38 %) too high."""
    geometry, found = read_geometry("small"), []
    settings = {
        "level": "L1", "geometry": "small", "bad_fraction": 0.0, "seed": seed,
        "cosmic_rays": rate, "cosmic_charge": [2300.0, 2301.0], "cosmic_spread": spread,
    }  # fmt: skip
    hidden, stacks = cgi.truth(settings), {}
    for exposure in cgi.plan(settings):
        path = tmp_path / exposure.file
        cgi.deliver(settings, exposure.name, path)
        stacks.setdefault((exposure.exptime, exposure.gain), []).append(path)
    for paths in stacks.values():
        stack, moments, _ = raw_moments(paths, geometry, BEST)
        found.append(MomentsSource(stack, moments))
    maps = fit_pooled(found, geometry)
    area = geometry.imaging
    normal = ~hidden["hot"][area] & np.isfinite(maps.data[0][area])
    deviation = (maps.data[2] - hidden["dark"])[area][normal]
    assert abs(deviation.mean()) < 4 * deviation.std() / np.sqrt(normal.sum())
    assert abs(deviation.mean()) < 0.06 * 0.001
    assert (deviation / maps.err[2][area][normal]).std() == pytest.approx(1, abs=0.05)


def test_a_cloud_has_its_charge_and_a_tail_where_it_fills_the_register():
    area = (slice(20, 80), slice(20, 80))
    expected = 3e5 * 60 * 60 * 1.69e-6 * 2300 * 100
    for full_well, tails in ((1e9, False), (1e4, True)):
        image = np.zeros((100, 200))
        touched = add_cosmic_rays(
            image, area, 3e5, 100.0, full_well, np.random.default_rng(3), charges=(2300, 2300),
            spread=0.5,
        )  # fmt: skip
        assert (image[~touched] == 0).all()
        assert (image[:, 90:] > 0).any() == tails
        if not tails:
            # Clouds at the edge lose some of their charge; the number of hits is random.
            assert image.sum() == pytest.approx(expected, rel=0.08)


def masked_elsewhere(folder, **more):
    """Write calibrated frames whose masks know neither wings nor the ends of tails."""
    settings = {
        "geometry": "small", "bad_fraction": 0.0, "seed": 1, "cosmic_rays": 5.0,
        "cosmic_charge": [2300.0, 2301.0], "cosmic_spread": 0.5, "cosmic_threshold": 1785.0, **more,
    }  # fmt: skip
    paths = []
    for exposure in cgi.plan(settings):
        paths.append(folder / exposure.file)
        cgi.deliver(settings, exposure.name, paths[-1])
    return settings, paths


def fitted(paths, **more):
    """Return maps of frames and what is said of them."""
    with opened(paths, geometry="small", **more) as given:
        return fit_pooled(given.sources, given.geometry), given.warnings


def bias(maps, settings):
    """Return the mean error of F, C and D of normal pixels, its own error, and the pulls."""
    area, hidden = read_geometry("small").imaging, cgi.truth(settings)
    normal = ~hidden["hot"][area] & np.isfinite(maps.data[0][area])
    found = []
    for plane, err, name in zip(maps.data, maps.err, ("fpn", "cic", "dark"), strict=True):
        deviation = (plane - hidden[name])[area][normal]
        mean, spread = deviation.mean(), deviation.std()
        found.append((mean, spread / np.sqrt(normal.sum()), (deviation / err[area][normal]).std()))
    return np.array(found).T


@pytest.mark.parametrize("spread", [pytest.param(0.5, marks=pytest.mark.heavy), 1.0])
def test_wings_and_tails_left_by_a_mask_are_masked_and_said(tmp_path, spread):
    """Frames masked elsewhere at the rate of the orbit: their masks are grown as measured."""
    folders = [tmp_path / name for name in ("complete", "core")]
    for folder in folders:
        folder.mkdir()
    settings, complete = masked_elsewhere(folders[0], cosmic_spread=spread, cosmic_threshold=0.0)
    _, paths = masked_elsewhere(folders[1], cosmic_spread=spread)
    right, silent = fitted(complete)
    assert not silent
    kept, silent = fitted(paths, keep_masks=True)
    assert not silent
    maps, warnings = fitted(paths)
    assert all("unmasked pixels beside cosmic-ray hits are" in sentence for sentence in warnings)
    assert 3 <= len(warnings) <= 8
    assert any("stack of EM gain 30 and 100 s" in sentence for sentence in warnings)
    # The same charge and noise: what is left is the bias. Clouds at the gain of 1.5 that reach the
    # threshold nowhere stay.
    before, after = (bias(found, settings)[0] - bias(right, settings)[0] for found in (kept, maps))
    assert before[2] > 9e-5
    assert abs(after[2]) < 0.32 * before[2]
    assert (abs(after[:2]) < 0.6 * abs(before[:2])).all()
    mean, error, pulls = bias(maps, settings)
    assert abs(mean[2]) < 0.05 * error[2] * 104
    assert pulls == pytest.approx([1, 1, 1], abs=0.05)


def test_complete_masks_are_not_grown(tmp_path):
    """Masks without wings stay as they are: maps are equal bit for bit."""
    _, paths = masked_elsewhere(tmp_path, cosmic_threshold=0.0, frames=4)
    kept, _ = fitted(paths, keep_masks=True)
    maps, warnings = fitted(paths)
    assert not warnings
    assert np.array_equal(kept.data, maps.data, equal_nan=True)


def test_statistics_have_grown_masks_and_tell_it(tmp_path):
    """Statistics of parts, bands of rows and rectangles all see the same grown mask."""
    stacks = [{"gain": 30.0, "exptime": 100.0, "frames": 8}]
    _, paths = masked_elsewhere(tmp_path, stacks=stacks)
    geometry = read_geometry("small")
    (gathered,) = sort_out(paths, geometry).stacks
    gathered.grow_masks(geometry)
    (growth,) = gathered.stack.growths
    assert growth.around >= 1
    assert growth.nframes == 8
    assert growth.excess > 6 * growth.error
    whole = read_moments(gathered)
    plain = sum(COSMIC & fits.getdata(path, "DQ") == 0 for path in paths)
    assert (whole.count <= plain).all()
    assert (whole.count < plain).sum() > 500
    file = tmp_path / "part.fits"
    save_statistics(file, gathered.stack, whole, inputs=[], settings={})
    assert StatisticsSource(file).stack.growths == [growth]
    with opened([file], geometry="small") as given:
        assert given.warnings[0].startswith("stack of EM gain 30 and 100 s: unmasked pixels")
    with opened(paths, geometry="small") as given:
        rows, columns = slice(40, 60, 3), slice(110, 180)
        patch = given.sources[0].patch(rows, columns)
        assert np.array_equal(patch.count, whole.count[rows, columns])
        for band in (slice(0, 50), slice(50, 120)):
            part = type(whole).zeros((band.stop - band.start, 220))
            given.sources[0].add_to(part, band)
            assert np.array_equal(part.count, whole.count[band])


def test_a_pixel_that_every_frame_flags_is_no_hit(tmp_path):
    """A hot pixel that is masked as a cosmic ray in each frame costs its neighbours nothing."""
    stacks = [{"gain": 30.0, "exptime": 100.0, "frames": 8}]
    _, paths = masked_elsewhere(tmp_path, stacks=stacks)
    for path in paths:
        with fits.open(path, mode="update") as hdus:
            hdus["DQ"].data[50, 150] |= COSMIC
    geometry = read_geometry("small")
    (gathered,) = sort_out(paths, geometry).stacks
    gathered.grow_masks(geometry)
    assert gathered.stack.growths
    count = read_moments(gathered).count
    assert count[50, 150] == 0
    assert count[49:52, 151].min() > 4


@pytest.mark.heavy
@pytest.mark.parametrize("gain", [1.5, 30.0, 500.0, 5000.0])
def test_masks_of_good_frames_are_seldom_grown(gain):
    """Of 300 stacks with complete masks none is grown, whatever charge they have."""
    rng, grown = np.random.default_rng(int(gain)), 0
    for _ in range(300):
        electrons = rng.poisson(0.1, (8, 104, 105))
        data = rng.normal(0, 100, electrons.shape) + rng.normal(0, 69, electrons.shape[1:])
        data += rng.normal(0, 9, (8, 104, 1)) + rng.gamma(electrons) * gain
        flags = np.where(rng.random(data.shape) < 0.003, COSMIC, 0).astype(np.uint16)
        grown += measure(data, flags, None) is not None
    assert grown == 0


@pytest.mark.parametrize("number", [1, 2, 3, 8])
def test_samples_are_added_up_by_row_and_place_above_the_lower_median_of_their_pixel(number):
    rng = np.random.default_rng(number)
    data, place = rng.normal(0, 1, (number, 5, 40)), rng.integers(0, 7, (number, 5, 40))
    good = rng.random(data.shape) < 0.7
    rest = np.where(good, data, np.nan)
    if number > 2:
        ordered, count = np.sort(rest, axis=0), np.isfinite(rest).sum(axis=0, keepdims=True)
        rest = rest - np.take_along_axis(ordered, np.maximum((count - 1) // 2, 0), axis=0)
    index = (np.arange(number * 5).reshape(number, 5, 1) * 7 + place)[good]
    sums, numbers = np.zeros((number, 5, 7)), np.zeros((number, 5, 7), np.int64)
    squares, far = np.zeros((number, 5)), good & (place == 0)
    load_kernel("darkroom.cgi.stacks.wings_kernel").add_up(
        data, good, place.astype(np.uint8), number > 2, sums, numbers, squares
    )
    assert np.array_equal(sums.ravel(), np.bincount(index, rest[good], sums.size))
    assert np.array_equal(numbers.ravel(), np.bincount(index, minlength=sums.size))
    rows = np.nonzero(far.reshape(number * 5, 40))[0]
    assert np.array_equal(squares.ravel(), np.bincount(rows, rest[far] ** 2, squares.size))
