"""A WFC3/IR dark or flat against the one in use: rates over seeds, and through the engine."""

import numpy as np
import pytest
from astropy.io import fits

from darkroom.wfc3.counterfactual.compare import Exposure, Image, compare, gain, sky_pixels
from darkroom.wfc3.counterfactual.run import calibrated
from wfc3_visits import Visit

SHAPE = (96, 96)
SKY, NOISE = 1.0, 0.06
CARDS = {"dark": "darkfile", "flat": "pfltfile"}


def flags(bad=0.01, rng=None):
    return (
        np.zeros(SHAPE, np.int16)
        if rng is None
        else np.where(rng.uniform(size=SHAPE) < bad, np.int16(4), np.int16(0))
    )


def images(kind, rng, errors, exposures=6):
    """FLTs of dithered exposures of a field of stars, by two files of known errors."""
    truth = 1 + 0.02 * rng.standard_normal(SHAPE) if kind == "flat" else np.zeros(SHAPE)
    wrong = [error * rng.standard_normal(SHAPE) for error in errors]
    stars = np.zeros((120, 120))
    stars[rng.integers(0, 120, 250), rng.integers(0, 120, 250)] = 10 ** rng.uniform(-1, 1.5, 250)
    quality = flags(rng=rng)
    for k in range(exposures):
        y, x = 3 * k, 2 * k
        sky = SKY * rng.uniform(0.8, 1.3) + stars[y : y + SHAPE[0], x : x + SHAPE[1]]
        noise = NOISE * np.sqrt(sky / SKY) * rng.standard_normal(SHAPE)
        made = []
        for one in wrong:
            if kind == "flat":
                rate = (sky * truth + noise) / (truth * (1 + one))
            else:
                rate = sky + noise - one
            made.append(Image(rate.astype(np.float32), quality))
        yield Exposure(f"e{k}", (k, k), made[0], made[1], made[1])


def verdicts(kind, errors, seeds):
    found = [compare(kind, images(kind, np.random.default_rng([51, seed]), errors), "1", {})
             for seed in range(seeds)]  # fmt: skip
    assert all(one.copy_exact for one in found)
    return found


@pytest.mark.parametrize(
    ("kind", "small", "large"), [("dark", 0.005, 0.015), ("flat", 0.004, 0.01)]
)
def test_better_worse_and_equal_over_seeds(kind, small, large):
    better = [one.score.verdict for one in verdicts(kind, (small, large), 12)]
    worse = [one.score.verdict for one in verdicts(kind, (large, small), 12)]
    equal = [one.score for one in verdicts(kind, (small, small), 36)]
    assert better.count("better") >= 11
    assert worse.count("worse") >= 11
    open_ones = [one for one in equal if one.verdict == "cannot tell"]
    assert len(open_ones) >= 34
    # It says with how many exposures more it would be known.
    assert sum(bool(one.further) for one in open_ones) >= 24


def test_a_flat_that_is_larger_everywhere_is_no_better():
    one = next(images("flat", np.random.default_rng(1), (0.004, 0.004)))
    old = one.current.rate.astype(float)
    assert gain("flat", old / 3, old, sky_pixels(one)) == pytest.approx(0, abs=1e-15)


def test_exposures_of_one_pointing_count_once():
    rng = np.random.default_rng(2)
    dithered = list(images("dark", rng, (0.004, 0.012)))
    same = [one._replace(pointing=(0, 0)) for one in dithered]
    assert compare("dark", dithered, "1", {}).score.exposures == 6
    found = compare("dark", same, "1", {})
    assert found.score.exposures == 1
    assert found.score.verdict == "cannot tell"
    assert "1 pointings of 6 exposures" in found.notes[0]


def test_a_change_of_the_copy_is_noticed():
    one = next(images("dark", np.random.default_rng(3), (0.004, 0.004)))
    changed = Image(one.copy.rate + np.float32(1e-6), one.copy.flags)
    assert not compare("dark", [one._replace(copy=changed)], "1", {}).copy_exact
    assert compare("dark", [one], "1", {}).copy_exact


def changed(path, target, change):
    """Write a reference file whose images are changed."""
    with fits.open(path) as hdus:
        for hdu in hdus:
            if hdu.name == "SCI" and hdu.data is not None:
                hdu.data = change(hdu.data).astype(hdu.data.dtype)
        hdus.writeto(target)
    return target


@pytest.mark.heavy
@pytest.mark.parametrize("kind", ["dark", "flat"])
def test_through_the_engine_the_file_in_use_is_worse_when_it_is_spoiled(tmp_path, kind):
    exposures = [{"dither": [3.0 * k, 2.0 * k]} for k in range(3)]
    visit = Visit(tmp_path / "visit", stars=300, exposures=exposures)
    card = CARDS[kind]
    given = {key.lower(): visit.references / name for key, name in visit.names.items()}
    rng, scale = np.random.default_rng(4), {"dark": 0.5, "flat": 0.05}[kind]
    noise = {}

    def spoil(values):
        # The dark of a read grows with its number: the same pattern in each.
        pattern = noise.setdefault(values.shape, rng.standard_normal(values.shape))
        return values * (1 + scale * pattern)

    worse = changed(given[card], tmp_path / "worse.fits", spoil)
    frames = [(f"e{k}", visit.raw(k), given) for k in range(3)]
    found = compare(kind, calibrated(card, (given[card], worse), frames, "hst_0001.pmap"), "1", {})
    assert found.copy_exact
    assert found.score.exposures == 3
    assert found.score.value > 0
    assert found.score.verdict == "better", found.score
    same = compare(kind, calibrated(card, (worse, worse), frames[:2], "hst_0001.pmap"), "1", {})
    assert same.copy_exact
    assert {one.shift for one in same.shifts} == {0.0}
    assert (same.score.value, same.score.verdict) == (0.0, "cannot tell")
