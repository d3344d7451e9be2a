"""What a candidate changes in the results of the JWST pipeline, over exposures."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from darkroom.counterfactual.paired import Shift, flag_shifts, leave_one_out, shifts
from darkroom.counterfactual.score import Score
from darkroom.nircam.counterfactual.consumer import Fitted
from darkroom.nircam.detector.dq import Group, Pixel

#: Classes of brightness of injected sources.
BRIGHTNESS = 4
_GROUP_BITS = {"jump": Group.JUMP_DET, "do not use": Group.DO_NOT_USE, "saturated": Group.SATURATED}
_PIXEL_BITS = {"do not use": Pixel.DO_NOT_USE, "unreliable bias": Pixel.UNRELIABLE_BIAS}


@dataclass(frozen=True)
class Pair:
    """One exposure through the pipeline with both files.

    Attributes
    ----------
    name : str
    first, fitted : (array, array) and (Fitted, Fitted)
        Of the candidate, then of the current file: group 0 after reference pixels
        (nints, ny, nx), and the rates.
    slopes : (ny, nx) array or None
        Injected sources (DN/s); None for a dark.
    """

    name: str
    first: tuple[np.ndarray, np.ndarray]
    fitted: tuple[Fitted, Fitted]
    slopes: np.ndarray | None = None


def rate_shifts(
    darks: Sequence[Pair], classes: Mapping[str, np.ndarray], harm: float | None = None
) -> list[Shift]:
    """Return the shifts of the rate of darks, by class, their rms, and those of the stripes.

    `harm` is the smallest shift of the rate that matters, DN/s.
    """
    rates = [tuple(one.rate for one in pair.fitted) for pair in darks]
    with warnings.catch_warnings():
        # Pixels that either file gives up.
        warnings.filterwarnings("ignore", "Mean of empty slice", RuntimeWarning)
        steps = [np.nanmean(new - old, axis=0) for new, old in map(_known, rates)]
    found = shifts(steps, classes, "rate of darks", "DN/s", harm)
    active = classes["all pixels"]
    rms = np.array([np.sqrt(np.nanmean(step[active] ** 2)) for step in steps])
    found.append(_shift("rms of the changes of the rate", "all pixels", rms, "DN/s"))
    stripes = np.array([_stripes(new, active) - _stripes(old, active) for new, old in rates])
    if np.isfinite(stripes).any():
        name = "variance of row means, integrations subtracted"
        found.append(_shift(name, "all pixels", stripes, "(DN/s)²"))
    return found


def source_shifts(injected: Sequence[Pair], harm: float | None = None) -> list[Shift]:
    """Return the relative shifts of the rate of injected sources, by brightness.

    `harm` is the smallest one that matters.
    """
    found = []
    for low, high in _brightness(injected):
        values = []
        for pair in injected:
            where = (pair.slopes >= low) & (pair.slopes <= high)
            new, old = _known(tuple(one.rate for one in pair.fitted))
            values.append(np.nanmean((new - old)[:, where] / pair.slopes[where]))
        kind = f"{low:.3g} - {high:.3g} DN/s"
        found.append(_shift("rate of sources, relative", kind, np.array(values), "", harm))
    return found


def flags_changed(
    pairs: Sequence[Pair], classes: Mapping[str, np.ndarray]
) -> tuple[list[Shift], float]:
    """Return the changes of flags by bit and class, and the share of samples whose flag changes."""
    masks = {name: mask for name, mask in classes.items() if mask.dtype == bool}
    found = []
    for injected, what in ((False, "darks"), (True, "exposures with sources")):
        chosen = [pair for pair in pairs if (pair.slopes is not None) is injected]
        if not chosen:
            continue
        more = masks | ({"sources": chosen[0].slopes > 0} if injected else {})
        old = [pair.fitted[1].flags for pair in chosen]
        new = [pair.fitted[0].flags for pair in chosen]
        found += flag_shifts(old, new, _GROUP_BITS, more, f"flags of groups of {what}")
        if not injected:
            old = [pair.fitted[1].pixel_flags for pair in chosen]
            new = [pair.fitted[0].pixel_flags for pair in chosen]
            found += flag_shifts(old, new, _PIXEL_BITS, masks, "flags of pixels")
    changed = [np.mean(pair.fitted[0].flags != pair.fitted[1].flags) for pair in pairs]
    return found, float(np.mean(changed)) if changed else 0.0


def pulls(pairs: Sequence[Pair], which: int) -> dict[str, tuple[float, float | None, int]]:
    """Return the scatter of the rate in units of its quoted error, by class of brightness.

    Parameters
    ----------
    pairs : sequence of Pair
        Darks: the scatter between the integrations of an exposure, which needs two of them.
        Sources: against the injected slope, over the pixels of a class.
    which : int
        0: the candidate; 1: the current file.

    Returns
    -------
    dict
        ``{class: (pull, error, exposures)}``; 1 where the quoted errors are right.
    """
    darks = [pair for pair in pairs if pair.slopes is None]
    found = {}
    values = np.array([_dark_pull(pair.fitted[which]) for pair in darks])
    if np.isfinite(values).any():
        found["darks"] = leave_one_out(values)
    injected = [pair for pair in pairs if pair.slopes is not None]
    for low, high in _brightness(injected):
        values = []
        for pair in injected:
            one = pair.fitted[which]
            where = (pair.slopes >= low) & (pair.slopes <= high)
            base = _without_source(one.rate, pair.slopes)[:, where]
            pull = (one.rate[:, where] - base - pair.slopes[where]) / one.error[:, where]
            values.append(_spread(pull))
        found[f"{low:.3g} - {high:.3g} DN/s"] = leave_one_out(np.array(values))
    return found


def in_exposures(score: Score, darks: Sequence[Pair]) -> Score:
    """Return a score of ramps whose further ramps are told as exposures of as many ramps."""
    ramps = sum(len(pair.first[0]) for pair in darks)
    if not score.further or not ramps:
        return score
    return replace(score, further=-(-score.further * len(darks) // ramps))


def unit_note(darks: Sequence[Pair]) -> str:
    """Return how many ramps of how many exposures a score is of."""
    ramps = sum(len(pair.first[0]) for pair in darks)
    return f"The score is of {ramps} ramps of {len(darks)} exposures; each ramp is one reset."


def _without_source(rates: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """Return the level of the dark beside each source: the median of the other pixels."""
    dark = np.where(slopes > 0, np.nan, rates)
    level = np.nanmedian(dark.reshape(len(rates), -1), axis=1)
    return np.broadcast_to(level[:, None, None], rates.shape)


def _dark_pull(one: Fitted) -> float:
    count = len(one.rate)
    if count < 2:
        return np.nan
    rest = one.rate - np.mean(one.rate, axis=0)
    return _spread(rest / one.error * np.sqrt(count / (count - 1)))


def _spread(values: np.ndarray) -> float:
    """Return the standard deviation by the middle 68 % of values: cosmic rays do not count."""
    low, high = np.nanpercentile(values, [15.865525, 84.134475])
    return float(high - low) / 2


def _brightness(injected: Sequence[Pair]) -> list[tuple[float, float]]:
    slopes = [pair.slopes[pair.slopes > 0] for pair in injected]
    if not slopes or not len(slopes[0]):
        return []
    edges = np.geomspace(min(map(np.min, slopes)), max(map(np.max, slopes)), BRIGHTNESS + 1)
    edges[-1] *= 1 + 1e-12
    edges[0] *= 1 - 1e-12
    return list(itertools.pairwise(edges))


def _stripes(rates: np.ndarray, active: np.ndarray) -> float:
    """Return the variance of the row means of differences of integrations; NaN with one."""
    if len(rates) < 2:
        return np.nan
    steps = np.where(active, np.diff(rates, axis=0), np.nan)
    rows = np.any(np.isfinite(steps), axis=(0, 2))
    return float(np.nanmean(np.nanvar(np.nanmean(steps[:, rows], axis=2), axis=1))) / 2


def _known(pair: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return rates with NaN where either is not known, never a column of NaN alone."""
    new, old = pair
    lost = ~(np.isfinite(new) & np.isfinite(old))
    return np.where(lost, np.nan, new), np.where(lost, np.nan, old)


def _shift(
    estimand: str, kind: str, values: np.ndarray, unit: str, harm: float | None = None
) -> Shift:
    shift, error, count = leave_one_out(values)
    return Shift(estimand, kind, shift, error, unit, harm, count)
