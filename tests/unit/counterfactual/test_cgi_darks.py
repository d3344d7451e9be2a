"""Darks of the coronagraph against those in use, on frames held out: rates over seeds."""

import numpy as np
import pytest
from astropy.io import fits

from cgi_stacks import tiny_geometry, truth
from darkroom.cgi.counterfactual.compare import Held
from darkroom.cgi.counterfactual.darks import dark

from .test_cgi import measured, write_maps

GAIN, TIME, READ_NOISE = 500.0, 100.0, 100.0


def write_dark(path, image, frames):
    """Write what a reader of darks needs."""
    hdu = fits.ImageHDU(image, name="SCI")
    hdu.header["DATATYPE"], hdu.header["DRPNFILE"], hdu.header["EMGAIN_C"] = "Dark", frames, GAIN
    error = fits.ImageHDU(np.full(image.shape, READ_NOISE / GAIN / np.sqrt(frames)), name="ERR")
    dq = fits.ImageHDU(np.zeros(image.shape, np.uint16), name="DQ")
    fits.HDUList([fits.PrimaryHDU(), hdu, error, dq]).writeto(path, overwrite=True)
    return path


def true_dark(maps):
    return maps[0] / GAIN + maps[1] + TIME * maps[2]


def frames_of(rng, image, count):
    for _ in range(count):
        noise = READ_NOISE / GAIN * rng.standard_normal(image.shape)
        noise += 0.05 * READ_NOISE / GAIN * rng.standard_normal((len(image), 1))
        yield Held(image + noise, GAIN, TIME, GAIN)


def of_frames(rng, image, count):
    return image + READ_NOISE / GAIN / np.sqrt(count) * rng.standard_normal(image.shape)


def compared(tmp_path, counts, seeds, held=6, in_use="dark"):
    geometry, found = tiny_geometry(tmp_path), []
    for seed in range(seeds):
        rng = np.random.default_rng([31, seed])
        maps, _ = truth(geometry, rng, hot_fraction=0.01)
        image = true_dark(maps)
        new = write_dark(tmp_path / "new.fits", of_frames(rng, image, counts[0]), counts[0])
        if in_use == "maps":
            old = write_maps(tmp_path / "old.fits", *measured(rng, maps, counts[1]), 4 * counts[1])
        else:
            old = write_dark(tmp_path / "old.fits", of_frames(rng, image, counts[1]), counts[1])
        found.append(dark((new, old), frames_of(rng, image, held), geometry, "1"))
    assert all(one.copy_exact for one in found)
    return [one.score for one in found]


def verdicts(*given, **more):
    return [one.verdict for one in compared(*given, **more)]


def test_rates_over_seeds_better_worse_and_equal(tmp_path):
    assert verdicts(tmp_path, (20, 5), 20).count("better") >= 19
    assert verdicts(tmp_path, (5, 20), 20).count("worse") >= 19
    # 1 % is called better or worse by chance.
    assert verdicts(tmp_path, (10, 10), 60).count("cannot tell") >= 57


def test_against_the_dark_that_noise_maps_in_use_give(tmp_path):
    # The dark of maps of 4 x 2 frames has a smaller error than the mean of two frames of a stack.
    assert verdicts(tmp_path, (40, 2), 20, in_use="maps").count("better") >= 19
    assert verdicts(tmp_path, (2, 40), 20, in_use="maps").count("worse") >= 19


def test_it_says_with_how_many_frames_more_it_would_be_known(tmp_path):
    scores = compared(tmp_path, (11, 10), 20, held=4)
    asked = [one.further for one in scores if one.verdict == "cannot tell" and one.value > 0]
    assert len(asked) >= 5
    assert all(one is not None and one > 0 for one in asked)


def test_a_copy_changes_nothing_and_a_level_is_told(tmp_path):
    geometry, rng = tiny_geometry(tmp_path), np.random.default_rng(4)
    image = true_dark(truth(geometry, rng)[0])
    old = write_dark(tmp_path / "old.fits", image, 9)
    copy = dark((old, old), frames_of(rng, image, 4), geometry, "1")
    assert copy.copy_exact
    assert {one.shift for one in copy.shifts} == {0.0}
    assert (copy.score.value, copy.score.verdict) == (0.0, "cannot tell")
    new = write_dark(tmp_path / "new.fits", image + 0.02, 9)
    found = dark((new, old), frames_of(rng, image, 4), geometry, "1")
    shifts = {one.kind: one.shift for one in found.shifts}
    assert shifts["all pixels"] == pytest.approx(-0.02, rel=1e-9)
