"""NIRCam darks and masks against those in use: rates over seeds, and through the pipeline."""

import numpy as np
import pytest
from astropy.io import fits

from darkroom.nircam.counterfactual import darks
from darkroom.nircam.counterfactual.consumer import Fitted
from darkroom.nircam.counterfactual.results import Pair
from darkroom.nircam.detector.dq import Pixel
from nircam_compared import Compared, active, row
from nircam_jwst import need_jwst

SHAPE, RAMPS, EXPOSURES = (48, 64), 2, 4
CLASSES = {"all pixels": np.ones(SHAPE, bool)}
SIGMA = 0.01  # DN/s
NONE = np.zeros(SHAPE, bool)


def fitted(rate, flags=None):
    flags = np.zeros(SHAPE, np.uint32) if flags is None else flags
    rate = np.where(flags & np.uint32(Pixel.DO_NOT_USE), np.nan, rate).astype(np.float32)
    error = np.full(rate.shape, SIGMA, np.float32)
    return Fitted(rate, error, error**2, np.zeros((RAMPS, 3, *SHAPE), np.uint8), flags)


def rates(rng, dark):
    """Rates of the ramps of exposures: hot pixels are noisier, each ramp has a level of its own."""
    noise = SIGMA * np.sqrt(1 + dark / 0.02)
    for k in range(EXPOSURES):
        level = 0.1 * SIGMA * rng.standard_normal((RAMPS, 1, 1))
        yield f"e{k}", dark + level + noise * rng.standard_normal((RAMPS, *SHAPE))


def truth(rng):
    dark = np.full(SHAPE, 0.002)
    dark[rng.uniform(size=SHAPE) < 0.01] = 1.0
    return dark


def dark_of(rng, dark, count):
    """A dark of so many ramps."""
    noise = SIGMA * np.sqrt((1 + dark / 0.02) / count)
    return dark + noise * rng.standard_normal(SHAPE)


def dark_scores(counts, seeds, forget_hot=False):
    found = []
    for seed in range(seeds):
        rng = np.random.default_rng([41, seed])
        dark = truth(rng)
        new, old = (dark_of(rng, dark, count) for count in counts)
        if forget_hot:
            old[dark > 0.5] = 0.002
        zeros = np.zeros((RAMPS, *SHAPE))
        pairs = [Pair(name, (zeros, zeros), (fitted(x - new), fitted(x - old)))
                 for name, x in rates(rng, dark)]  # fmt: skip
        error = np.full(SHAPE, SIGMA / np.sqrt(counts[0]))
        classes = CLASSES | {darks.HOT: dark > 0.5}
        found.append(darks.compare_darks(pairs, classes, error, counts[0], True, "1"))
    return found


def test_darks_better_worse_and_equal_over_seeds():
    verdicts = [[one.score.verdict for one in dark_scores(counts, seeds)]
                for counts, seeds in (((40, 10), 40), ((10, 40), 40), ((20, 20), 100))]  # fmt: skip
    assert verdicts[0].count("better") >= 38
    assert verdicts[1].count("worse") >= 38
    assert verdicts[2].count("cannot tell") >= 96
    worse = [one for one in dark_scores((10, 40), 10) if one.score.verdict == "worse"]
    # A dark of ten ramps needs thirty more to be as good as one of forty.
    asked = np.array([one.further for one in worse])
    assert 15 < np.median(asked) < 60


def test_it_says_with_how_many_exposures_more_it_would_be_known():
    found = dark_scores((22, 20), 30)
    open_ones = [one.score for one in found if one.score.verdict == "cannot tell"]
    assert len(open_ones) >= 10
    assert all(one.further is None or one.further >= 1 for one in open_ones)
    assert any(one.further for one in open_ones)


def test_a_dark_that_knows_the_hot_pixels_is_better_though_the_rest_is_not():
    found = dark_scores((20, 20), 10, forget_hot=True)
    assert all(one.score.verdict == "better" for one in found)
    for one in found:
        hot = next(s for s in one.shifts if s.kind == darks.HOT and "variance" in s.estimand)
        assert hot.shift > 5


def mask_scores(found_share, false_share, seeds):
    """Masks by the share of bad pixels that each has, and of good ones that it calls bad."""
    scores = []
    for seed in range(seeds):
        rng = np.random.default_rng([42, seed])
        bad = rng.uniform(size=SHAPE) < 0.02
        dark = np.where(bad, 0.3, 0.002)
        masks = []
        for found, false in zip(found_share, false_share, strict=True):
            flagged = (bad & (rng.uniform(size=SHAPE) < found)) | (
                ~bad & (rng.uniform(size=SHAPE) < false)
            )
            masks.append(np.where(flagged, np.uint32(Pixel.DO_NOT_USE), np.uint32(0)))
        zeros = np.zeros((RAMPS, *SHAPE))
        pairs = [Pair(name, (zeros, zeros), (fitted(x, masks[0]), fitted(x, masks[1])))
                 for name, x in rates(rng, dark)]  # fmt: skip
        scores.append(darks.compare_masks(pairs, CLASSES, True, "1").score.verdict)
    return scores


def test_masks_better_worse_and_equal_over_seeds():
    assert mask_scores((0.9, 0.6), (1e-3, 1e-3), 40).count("better") >= 39
    assert mask_scores((0.6, 0.9), (1e-3, 1e-3), 40).count("worse") >= 39
    # As many bad pixels found, two in a hundred good ones lost.
    assert mask_scores((1, 1), (0.02, 1e-3), 40).count("worse") >= 39

    # Each has flagged the pixels of one half of those that are bad.
    verdicts = []
    for seed in range(100):
        rng = np.random.default_rng([43, seed])
        bad = rng.uniform(size=SHAPE) < 0.02
        halves = np.arange(bad.size).reshape(SHAPE) % 2 == 0
        masks = [np.where(bad & half, np.uint32(Pixel.DO_NOT_USE), np.uint32(0))
                 for half in (halves, ~halves)]  # fmt: skip
        zeros = np.zeros((RAMPS, *SHAPE))
        pairs = []
        for name, x in rates(rng, np.full(SHAPE, 0.002)):
            noisy = x + bad * 4 * SIGMA * rng.standard_normal(x.shape)
            pairs.append(Pair(name, (zeros, zeros), tuple(fitted(noisy, one) for one in masks)))
        count = [int((bad & half).sum()) for half in (halves, ~halves)]
        if count[0] == count[1]:
            verdicts.append(darks.compare_masks(pairs, CLASSES, True, "1").score.verdict)
    assert len(verdicts) >= 3
    assert verdicts.count("cannot tell") >= len(verdicts) - 1


def test_the_same_mask_is_no_better_and_one_good_pixel_more_costs_its_eight_variances():
    rng = np.random.default_rng(5)
    flags = [np.zeros(SHAPE, np.uint32) for _ in range(2)]
    flags[0][7, 9] = Pixel.DO_NOT_USE
    zeros = np.zeros((RAMPS, *SHAPE))
    values = list(rates(rng, np.full(SHAPE, 0.002)))
    same = [Pair(n, (zeros, zeros), (fitted(x), fitted(x))) for n, x in values]
    assert not darks.mask_gains(same, ~NONE).any()
    assert darks.compare_masks(same, CLASSES, True, "1").score.verdict == "cannot tell"
    more = [Pair(n, (zeros, zeros), (fitted(x, flags[0]), fitted(x))) for n, x in values]
    gain = darks.mask_gains(more, ~NONE).mean() * NONE.size
    assert gain == pytest.approx(-(darks.LOST - 1), abs=3)


def test_pixels_known_by_light_alone_are_left_out():
    rng = np.random.default_rng(6)
    flags = np.zeros(SHAPE, np.uint32)
    flags[::7] = Pixel.DO_NOT_USE | Pixel.LOW_QE
    zeros = np.zeros((RAMPS, *SHAPE))
    pairs = [Pair(n, (zeros, zeros), (fitted(x), fitted(x, flags)))
             for n, x in rates(rng, np.full(SHAPE, 0.002))]  # fmt: skip
    found = darks.compare_masks(pairs, CLASSES, True, "1")
    assert found.score.value == 0.0
    assert "448 pixels" in found.notes[1]


def write_dark(compared, name, rate):
    """Write a DARK reference of a rate, DN/s."""
    template = fits.getheader(compared.current["superbias"])
    raw = fits.getheader(compared.raw[0])
    times = np.arange(8) * float(raw["TGROUP"])
    cube = (times[:, None, None] * rate).astype(np.float32)
    header = fits.Header([("REFTYPE", "DARK"), ("TELESCOP", "JWST"), ("INSTRUME", "NIRCAM"),
                          ("DATAMODL", "DarkModel"), ("USEAFTER", "2015-10-01")])  # fmt: skip
    for key in ("DETECTOR", "SUBARRAY", "SUBSTRT1", "SUBSTRT2", "SUBSIZE1", "SUBSIZE2",
                "FASTAXIS", "SLOWAXIS"):  # fmt: skip
        header[key] = template.get(key, raw.get(key))
    for key in ("READPATT", "NFRAMES", "GROUPGAP", "TFRAME", "TGROUP"):
        header[key] = raw[key]
    header["NGROUPS"] = 8
    path = compared.folder / f"{name}.fits"
    dq = fits.ImageHDU(np.zeros(rate.shape, np.uint32), name="DQ")
    planes = [fits.ImageHDU(cube, name="SCI"), fits.ImageHDU(np.zeros_like(cube), name="ERR"), dq]
    fits.HDUList([fits.PrimaryHDU(header=header), *planes]).writeto(path, overwrite=True)
    return path


@pytest.mark.heavy
def test_through_the_pipeline_a_better_dark_and_a_better_mask_are_found(tmp_path):
    need_jwst()
    compared = Compared(tmp_path, hot_fraction=0.01)
    truth_file = next((tmp_path / "raw" / "truth").glob("*.npz"))
    truths = np.load(truth_file)
    rate = np.where(truths["reference"], 0.0, truths["dark_rate"])
    rng = np.random.default_rng(1)
    compared.current["dark"] = write_dark(compared, "in_use", np.zeros_like(rate))
    good = compared.compare("dark", write_dark(compared, "new", rate))
    assert good["copy_exact"]
    assert good["rows"][0]["shift"] == 0.0
    assert good["score"]["verdict"] == "better", good["score"]
    noisy = 10 * rng.standard_normal(rate.shape)
    assert compared.compare("dark", write_dark(compared, "noisy", noisy))["score"][
        "verdict"
    ] == "worse"  # fmt: skip
    same = compared.compare("dark", compared.current["dark"])
    assert (same["score"]["value"], same["score"]["verdict"]) == (0.0, "cannot tell")

    hot = active(compared) & (rate > 20 * np.median(rate))
    assert hot.sum() > 50

    def flagged(where):
        with fits.open(compared.current["mask"]) as hdus:
            path = tmp_path / f"mask_{int(where.sum())}.fits"
            hdus["DQ"].data[where] |= np.uint32(Pixel.DO_NOT_USE)
            hdus.writeto(path, overwrite=True)
        return path

    mask = compared.compare("mask", flagged(hot))
    assert mask["copy_exact"]
    assert mask["score"]["verdict"] == "better", mask["score"]
    assert row(mask, "flags of pixels: do not use gained")["shift"] == hot.sum()
    lost = compared.compare("mask", flagged(active(compared) & (rng.uniform(size=hot.shape) < 0.1)))
    assert lost["score"]["verdict"] == "worse", lost["score"]
