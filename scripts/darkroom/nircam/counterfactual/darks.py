"""A dark, or a mask of bad pixels, against the current one: score, rates, levels, flags."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import numpy as np

from darkroom.counterfactual.paired import Shift, leave_one_out, shifts
from darkroom.counterfactual.record import Comparison, ScoreWords
from darkroom.counterfactual.score import decide, further_made_of
from darkroom.nircam.counterfactual.results import (
    Pair,
    flags_changed,
    in_exposures,
    rate_shifts,
    unit_note,
)
from darkroom.nircam.detector.dq import Pixel

HOT = "hot pixels"
#: What giving up a pixel costs, in variances of the rate of a good one: a pixel of three times the
#: usual error is as bad as none. Beyond ten times it is no worse for being further away.
LOST, WORST = 9.0, 100.0
DARK_WORDS = ScoreWords(
    "variance of the rates of held-out darks",
    "of its noise's",
    "It takes {} variance from the rate of each pixel",
    "It adds {} variance to the rate of each pixel",
)
MASK_WORDS = ScoreWords(
    "loss by pixels that are bad or given up",
    "of a good pixel's variance",
    "It takes {} from the loss of each pixel",
    "It adds {} to the loss of each pixel",
)
# Pixels that are known by their response to light, of which darks say nothing.
_BY_LIGHT = Pixel.DEAD | Pixel.LOW_QE | Pixel.OPEN | Pixel.ADJ_OPEN | Pixel.NONLINEAR | Pixel.RC


def compare_darks(
    pairs: Sequence[Pair],
    classes: Mapping[str, np.ndarray],
    error: np.ndarray,
    made_of: int,
    copy_exact: bool,
    version: str,
    harm: float | None = None,
) -> Comparison:
    """Return what a candidate dark changes.

    The rates of held-out darks, from which the file was subtracted, are its error and noise. Those
    of each pixel are divided by its own noise: hot pixels are part of the score, and do not carry
    it.

    Parameters
    ----------
    pairs : sequence of Pair
        Held-out darks.
    classes : dict
        Weights of the pixels, ``{name: (ny, nx) array}``; ``all pixels`` are those of the score,
        `HOT` those whose gain is told apart.
    error : (ny, nx) array
        Of the rate of the candidate (DN/s), by its ERR; NaN where unknown.
    made_of : int
        Exposures of which the candidate was made; 0: not known.
    copy_exact : bool
    version : str
        Of jwst.
    harm : float, optional
        Smallest shift of the rate that matters, DN/s.
    """
    noise = pixel_noise(pairs)
    use = classes["all pixels"] & np.isfinite(noise)
    score = in_exposures(decide(rate_gains(pairs, noise, use)), pairs)
    found = rate_shifts(pairs, classes, harm)
    hot = use & classes[HOT]
    if hot.any():
        shift, scatter, _ = leave_one_out(rate_gains(pairs, noise, hot))
        one = Shift("variance taken away", HOT, shift, scatter, DARK_WORDS.unit, None, len(pairs))
        found.append(one)
    flags, share = flags_changed(pairs, classes)
    known = use & np.isfinite(error)
    own = float(np.mean((error[known] / noise[known]) ** 2)) if known.any() else 0.0
    return Comparison(
        consumer="jwst dark_current, jump, ramp_fit",
        version=version,
        shifts=[*found, *flags],
        score=score,
        words=DARK_WORDS,
        copy_exact=copy_exact,
        copies=len(pairs),
        further=further_made_of(own, score, made_of),
        flags_changed=share,
        notes=[unit_note(pairs)],
    )


def pixel_noise(pairs: Sequence[Pair]) -> np.ndarray:
    """Return the noise of the rate of each pixel (DN/s): its scatter, not below its quoted error.

    It favours neither file: a constant that is subtracted does not change the scatter.
    """
    middle = np.concatenate([(pair.fitted[0].rate + pair.fitted[1].rate) / 2 for pair in pairs])
    quoted = np.concatenate([pair.fitted[k].error for pair in pairs for k in (0, 1)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        mean = np.sqrt(np.nanmean(quoted.astype(float) ** 2, axis=0))
        if len(middle) < 3:
            return mean
        scatter = np.nanstd(middle.astype(float), axis=0, ddof=1)
    return np.fmax(scatter, mean)


def rate_gains(pairs: Sequence[Pair], noise: np.ndarray, use: np.ndarray) -> np.ndarray:
    """Return the gain of each ramp: squared rate with the current file minus the candidate's.

    Parameters
    ----------
    pairs : sequence of Pair
    noise : (ny, nx) array
        Of the rate, by which it is divided.
    use : (ny, nx) bool array
        Pixels that count.
    """
    gains = []
    for pair in pairs:
        new, old = (one.rate.astype(float) for one in pair.fitted)
        values = np.where(use, (old - new) * (old + new) / noise**2, np.nan)
        gains.append(np.nanmean(values.reshape(len(values), -1), axis=1))
    return np.concatenate(gains)


def compare_masks(
    pairs: Sequence[Pair],
    classes: Mapping[str, np.ndarray],
    copy_exact: bool,
    version: str,
    harm: float | None = None,
) -> Comparison:
    """Return what a candidate mask changes.

    A pixel that is used costs the square of its rate about that of the others, in variances of a
    good pixel and at most `WORST`; one that is given up costs `LOST`. So a bad pixel that is not
    flagged costs, a good one that is, and reference pixels whose flags spoil the correction of all
    others. Pixels that either mask flags by their response to light are left out: darks say nothing
    of them.

    Parameters
    ----------
    pairs : sequence of Pair
        Held-out darks; no dark is subtracted.
    classes : dict
        Weights of the pixels; ``all pixels`` are those of the score.
    copy_exact : bool
    version : str
        Of jwst.
    harm : float, optional
        Smallest shift of the rate that matters, DN/s.
    """
    by_light = np.zeros(pairs[0].fitted[0].rate.shape[1:], bool)
    for pair in pairs:
        for one in pair.fitted:
            by_light |= (one.pixel_flags & np.uint32(_BY_LIGHT)) != 0
    use = classes["all pixels"] & ~by_light
    score = in_exposures(decide(mask_gains(pairs, use)), pairs)
    steps = [np.nanmean(pair.first[0].astype(float) - pair.first[1], axis=0) for pair in pairs]
    flags, share = flags_changed(pairs, classes)
    levels = shifts(steps, classes, "level of group 0", "DN")
    return Comparison(
        consumer="jwst dq_init, refpix, jump, ramp_fit",
        version=version,
        shifts=[*rate_shifts(pairs, classes, harm), *levels, *flags],
        score=score,
        words=MASK_WORDS,
        copy_exact=copy_exact,
        copies=len(pairs),
        flags_changed=share,
        notes=[
            unit_note(pairs),
            f"{int(by_light.sum())} pixels that a mask flags by their response to light are left "
            "out.",
        ],
    )


def mask_gains(pairs: Sequence[Pair], use: np.ndarray) -> np.ndarray:
    """Return the gain of each ramp: mean loss of a pixel with the current mask minus candidate's.

    Parameters
    ----------
    pairs : sequence of Pair
    use : (ny, nx) bool array
        Pixels that count.
    """
    gains = []
    for pair in pairs:
        rates = [np.where(use, one.rate.astype(float), np.nan) for one in pair.fitted]
        for new, old in zip(*rates, strict=True):
            common = ((new + old) / 2)[np.isfinite(new) & np.isfinite(old)]
            if not common.size:
                gains.append(np.nan)
                continue
            middle = float(np.median(common))
            spread = 1.4826 * float(np.median(np.abs(common - middle)))
            candidate, current = (_loss(one, middle, spread) for one in (new, old))
            gains.append(float(np.mean((current - candidate)[use])))
    return np.array(gains)


def _loss(rate: np.ndarray, middle: float, spread: float) -> np.ndarray:
    """Return what each pixel costs; one that is given up has no rate."""
    with np.errstate(invalid="ignore", divide="ignore"):
        cost = np.minimum(((rate - middle) / spread) ** 2, WORST)
    return np.where(np.isfinite(rate), cost, LOST)
