"""Frames whose rows or columns slipped are found by details that stay in place, and named."""

import os
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from ccd_judged import subject
from darkroom.ccd.details import InPlace
from darkroom.ccd.judging import checks
from darkroom.judge.engine import judge
from darkroom.judge.judgement import PASSED, REFUSED, WARNED

SHAPE, NOISE = (96, 128), 8.0
REAL = Path(os.environ.get("DARKROOM_REFERENCE_DATA", "/none"), "real", "cmos")


def stack(seed=1, count=8, hot=0.0, pattern=0.0, columns=0.0, spoil=None, spoilt=1):
    """Return frames of a camera; `spoil` changes the last ones before they are read."""
    rng = np.random.default_rng(seed)
    usual = 1000 + pattern * NOISE * rng.standard_normal(SHAPE)
    usual += columns * NOISE * rng.standard_normal(SHAPE[1])
    usual += np.where(rng.random(SHAPE) < hot, rng.exponential(40 * NOISE, SHAPE), 0)
    frames = []
    for k in range(count):
        image = spoil(usual) if spoil and k >= count - spoilt else usual
        image = image + NOISE * rng.standard_normal(SHAPE) + rng.standard_normal()
        frames.append(subject(f"d{k}", np.rint(image), "dark", 60.0))
    return frames


def told(frames):
    """Return ``{exposure: (verdict, sentence)}`` of those that do not pass the check."""
    found = InPlace().judge(frames)
    return {
        each.exposure: (each.verdict, each.sentence) for each in found if each.verdict != PASSED
    }


@pytest.mark.parametrize("made", [{"hot": 0.005}, {"pattern": 0.6}, {"columns": 0.3}])
@pytest.mark.parametrize(
    "spoil",
    [
        lambda image: np.roll(image, 1, 1),
        lambda image: np.roll(image, 9, 1),
        lambda image: np.roll(image, 9, 0),
        lambda image: np.roll(image, 40, 0),
        lambda image: np.roll(image, 1, 0),
        lambda image: image[:, ::-1],
        lambda image: image[::-1],
    ],
    ids=["column", "9 columns", "9 rows", "40 rows", "row", "mirrored", "upside down"],
)
def test_a_shifted_frame_is_named(made, spoil, request):
    along = "row" in request.node.callspec.id or "upside" in request.node.callspec.id
    # Columns are alike in all rows: nothing is seen then, and nothing is said.
    seen = [] if along and "columns" in made else ["d7"]
    frames = stack(**made, spoil=spoil)
    found = judge(frames, checks({}))
    assert [each.exposure for each in found if each.verdict == REFUSED] == seen
    if not seen:
        return
    verdict, sentence = told(frames)["d7"]
    assert verdict == REFUSED
    assert "rows or columns are shifted, or it shows another part of the detector" in sentence
    words = {
        "hot": "bright pixels of the 8 frames of its kind",
        "pattern": "is not that of the 8 frames of its kind: correlation",
        "columns": "the pattern of its columns is not that",
    }
    assert words[next(iter(made))] in sentence


def test_where_the_noise_hides_every_detail_nothing_is_said():
    assert not told(stack(hot=0.0003, pattern=0.1, spoil=lambda image: np.roll(image, 9, 0)))


def test_two_frames_cannot_tell_and_half_of_them_are_said_but_kept():
    assert not told(stack(count=2, hot=0.005, spoil=lambda image: np.roll(image, 9, 0)))
    found = told(stack(hot=0.02, spoil=lambda image: np.roll(image, 9, 0), spoilt=4))
    assert all(verdict == WARNED for verdict, _ in found.values())


def test_colder_frames_and_hits_of_particles_are_no_shift():
    rng = np.random.default_rng(2)
    hits = np.where(rng.random(SHAPE) < 0.1, 3000, 0)
    assert not told(stack(hot=0.005, spoil=lambda image: image + hits))
    assert not told(stack(hot=0.005, spoil=lambda image: 1000 + (image - 1000) / 8))


@pytest.mark.parametrize("seed", range(2))
def test_good_frames_with_unstable_pixels_are_kept(seed):
    """Of 80 frames each, half of the bright pixels blink."""
    rng = np.random.default_rng(seed)
    places = rng.random(SHAPE) < 0.01
    heights = rng.exponential(300, SHAPE) * places
    frames = []
    for k in range(80):
        blinking = heights * (rng.random(SHAPE) < 0.5)
        image = 1000 + np.where(rng.random(SHAPE) < 0.5, heights, blinking)
        image += NOISE * rng.standard_normal(SHAPE)
        frames.append(subject(f"d{k}", np.rint(image), "dark", 60.0))
    assert not told(frames)


@pytest.mark.skipif(not REAL.is_dir(), reason="needs DARKROOM_REFERENCE_DATA")
def test_a_slip_of_a_real_dark_is_seen():
    images = [
        fits.getdata(path).astype("f4") for path in sorted((REAL / "asi178").glob("*100sec*"))[:4]
    ]
    assert not told([subject(f"d{k}", image, "dark", 100.0) for k, image in enumerate(images)])
    images[-1] = np.roll(images[-1], 1, 0)
    found = told([subject(f"d{k}", image, "dark", 100.0) for k, image in enumerate(images)])
    assert list(found) == ["d3"]
    assert found["d3"][0] == REFUSED
