"""Hot, unstable and dead pixels, by stated criteria."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from darkroom.ccd.background import local_level
from darkroom.ccd.cells import group_temperature
from darkroom.ccd.dq import DQ
from darkroom.ccd.rate.line_fit import estimator
from darkroom.ccd.robust import finite_median, robust_std
from darkroom.ccd.settings import CcdSettings
from darkroom.errors import DarkroomError

# Chance that a steady pixel is called unstable, or a working one dead.
_UNSTABLE_CHANCE = 1e-6
_DEAD_CHANCE = 1e-9
# Least excess of variance (ratio) of an unstable pixel: no odd pixel needs flagging for less.
_LEAST_EXCESS = 2.0
# The halves of a stable pixel agree within so many errors, or within this fraction of its rate.
_HALVES_ERRORS = 5.0
_HALVES_FRACTION = 0.1
# Pixels this many noise deviations above the rest tell how noise grows with dark counts.
_BRIGHT = 5.0
_FEWEST_BRIGHT = 5


@dataclass(frozen=True)
class NoiseCurve:
    """Variance expected of a sample: ``dark + slope * excess + square * excess²``.

    ``excess`` is the mean of a pixel above that of normal pixels. The slope is the shot noise of
    the dark counts (1 / gain), the square covers rates that drift together with temperature.
    """

    dark: float
    slope: float
    square: float

    def __call__(self, excess):
        """Return the expected variance."""
        excess = np.maximum(np.nan_to_num(excess), 0)
        return self.dark + self.slope * excess + self.square * excess**2


@dataclass(frozen=True)
class HotPixels:
    """Flags and what they follow from, each (ny, nx).

    Attributes
    ----------
    dq : int32 array
        Bits of `darkroom.ccd.dq.DQ`.
    excess : float32 array
        Dark rate above that of the surroundings; NaN in rows where frames disagree.
    halves : (2, ny, nx) float32 array
        The same from every other dark.
    noise_ratio : float32 array
        Standard deviation in time over the expected one, all cells together.
    threshold, sigma : float
        Excess above which a pixel is hot, and the robust standard deviation it is a multiple of.
    curves : list of NoiseCurve
        One per cell.
    """

    dq: np.ndarray
    excess: np.ndarray
    halves: np.ndarray
    noise_ratio: np.ndarray
    threshold: float
    sigma: float
    curves: list


def find(stacks, rate, *, nsigma=CcdSettings.hot_nsigma, gain=None):
    """Find hot, unstable, low and saturated pixels.

    Parameters
    ----------
    stacks : darkroom.ccd.rate.cell_stacks.CellStacks
        The darks (and biases) the rate was measured on.
    rate : darkroom.ccd.products.dark_rate.Rate
        Bias and dark rate of one temperature group, as measured on these frames.
    nsigma : float
        Threshold in robust standard deviations of the rate.
    gain : float, optional
        e-/ADU, when the stacks are in electrons: then the shot noise of the dark counts is known.

    Returns
    -------
    HotPixels
        See ``docs/products-ccd.md`` for the criteria.

    Raises
    ------
    DarkroomError
        When the rate was measured on other temperature groups.
    """
    _check_group(stacks, rate)
    bias = rate.bias
    curves = [noise_curve(cell, seen, bias, gain) for cell, seen in
              zip(stacks.cells, stacks.surveys, strict=True)]  # fmt: skip
    normal = [curve_level(seen, bias) for seen in stacks.surveys]
    solve = estimator(stacks.design, stacks.nframes)[1 + stacks.groups.index(rate.group)]
    pieces = []
    for rows in stacks.bands():
        parts = list(stacks.combine(rows, halves=True))
        pieces.append(_band(stacks, parts, bias[rows], rate.rate[rows], curves, normal, solve))
    halves, half_error, ratio, freedom, unstable = (
        np.concatenate(items, axis=-2) for items in zip(*pieces, strict=True)
    )
    # Rows where frames disagree have no say in what their neighbours' surroundings are.
    excess = np.where(stacks.discordant[:, None], np.float32(np.nan), rate.rate)
    halves[:, stacks.discordant] = np.nan
    for image in (excess, *halves):
        image -= local_level(image)
    sigma = np.fmax(robust_std(excess), finite_median(rate.error))
    dq = _flags(stacks, excess, halves, half_error, ratio, freedom, unstable, nsigma * sigma)
    dq |= rate.dq & (DQ.NONFINITE | DQ.NONLINEAR)
    return HotPixels(
        dq=dq,
        excess=excess,
        halves=halves,
        noise_ratio=np.sqrt(ratio),
        threshold=float(nsigma * sigma),
        sigma=float(sigma),
        curves=curves,
    )


def _check_group(stacks, rate):
    """Refuse a rate of other temperature groups than those of the frames."""
    if rate.group not in stacks.groups:
        raise DarkroomError(
            f"the dark rate is of temperature group {rate.group}, these darks form "
            f"{len(stacks.groups)} groups; use the same frames and temperature tolerance for both"
        )
    found = group_temperature(stacks.cells, rate.group)
    if found is not None and rate.temperature is not None and abs(found - rate.temperature) > 1e-3:
        raise DarkroomError(
            f"temperature group {rate.group} of the dark rate is at {rate.temperature:.3f} C, that "
            f"of these darks at {found:.3f} C; use the same frames and temperature tolerance for "
            "both"
        )


def curve_level(seen, bias):
    """Return how far normal pixels of a cell lie above the bias (what they count, and offsets)."""
    return float(np.nanmedian(seen.sample - bias[:, seen.columns]))


def noise_curve(cell, seen, bias, gain=None):
    """Measure how the variance of a pixel grows with its dark counts.

    Pixels that are bright in the dark tell it themselves: shot noise and common drift raise the
    variance of all of them, random telegraph noise only that of a few, which medians ignore.

    Parameters
    ----------
    cell : darkroom.ccd.cells.Cell
        What the frames are; for biases the curve is flat.
    seen : Survey
        Of its frames.
    bias : (ny, nx) array
        Level at zero exposure time.
    gain : float, optional
        When given, values are electrons and the slope is 1.
    """
    # A camera that rounds to whole steps has a noise of step / √12 at least.
    dark = max(seen.noise**2, (seen.step * (gain or 1.0)) ** 2 / 12)
    if cell.role == "bias" or not np.isfinite(dark):
        return NoiseCurve(dark, 0.0, 0.0)
    excess = seen.sample - bias[:, seen.columns]
    excess = excess - np.nanmedian(excess)
    with np.errstate(invalid="ignore"):
        bright = (excess > _BRIGHT * seen.noise) & np.isfinite(seen.variance)
    if bright.sum() < _FEWEST_BRIGHT:
        return NoiseCurve(dark, 1.0 if gain else 0.0, 0.0)
    freedom = len(cell.frames) - 1
    counts, variance = excess[bright], seen.variance[bright]
    median = stats.chi2.median(freedom) / freedom
    slopes = (variance / median - dark) / counts
    slope = 1.0 if gain else max(float(np.median(slopes)), 0.0)
    # What the brightest half has above a straight line grows with the square of the counts.
    top = counts >= np.median(counts)
    low = slope if gain else max(float(np.median(slopes[~top])) if (~top).any() else slope, 0.0)
    square = max(float(np.median((slopes[top] - low) / counts[top])), 0.0)
    return NoiseCurve(dark, min(low, slope), square)


def _band(stacks, parts, bias, rate, curves, normal, solve):
    """Return half rates and their error, variance ratio and its freedom, what is unstable."""
    shape = bias.shape
    halves, half_variance = np.zeros((2, *shape)), np.zeros(shape)
    squares, freedom = np.zeros(shape), np.zeros(shape)
    unstable = np.zeros(shape, bool)
    for (full, odd, even), cell, curve, level, weight in zip(
        parts, stacks.cells, curves, normal, solve, strict=True
    ):
        expected = curve(full.mean - bias - level)
        nu = np.maximum(full.count - 1, 0)
        excess = np.where(nu > 0, nu * full.std.astype(float) ** 2 / expected, 0.0)
        squares += excess
        freedom += nu
        # In one cell alone, too: a pixel may be restless in the bias frames only.
        unstable |= (nu > 0) & (excess > np.maximum(nu, 1) * _limit(nu, len(parts)))
        # One outlier is a hit; two in one pixel are a habit.
        unstable |= full.nclipped > 1
        if weight:
            pair = (full, full) if cell.role == "bias" else (odd, even)
            means = np.stack([part.mean for part in pair]).astype(float)
            # Where a cell is saturated the rate came from the others: it says nothing here.
            halves += weight * np.where(np.isfinite(means), means, bias + rate * cell.exptime)
            if cell.role == "dark":
                shares = 1 / np.maximum(odd.count, 1) + 1 / np.maximum(even.count, 1)
                half_variance += weight**2 * expected * shares
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = squares / freedom
    images = (halves, np.sqrt(half_variance), ratio)
    return *(image.astype(np.float32) for image in images), freedom.astype(np.int32), unstable


def _limit(freedom, trials=1):
    """Return the variance ratio above which a pixel is unstable, when there are many trials."""
    limit = np.full(freedom.shape, np.inf, np.float32)
    for number in np.unique(freedom[freedom > 0]):
        limit[freedom == number] = stats.chi2.isf(_UNSTABLE_CHANCE / trials, number) / number
    return np.maximum(limit, _LEAST_EXCESS)


def _flags(stacks, excess, halves, half_error, ratio, freedom, unstable, threshold):
    """Return the DQ image (see `find`)."""
    dq = np.zeros(excess.shape, np.int32)
    low = np.zeros(freedom.shape, np.float32)
    for number in np.unique(freedom[freedom > 0]):
        low[freedom == number] = stats.chi2.ppf(_DEAD_CHANCE, number) / number
    with np.errstate(invalid="ignore"):
        apart = np.abs(halves[0] - halves[1]) > np.maximum(
            _HALVES_ERRORS * half_error, _HALVES_FRACTION * np.abs(excess)
        )
        unstable |= (ratio > _limit(freedom)) | apart
        unstable[stacks.discordant] = False
        both_high = (halves > threshold / 2).all(axis=0)
        both_low = (halves < -threshold / 2).all(axis=0)
        dq[(excess > threshold) & both_high & ~apart] |= DQ.HOT
        dq[(excess < -threshold) & both_low & ~apart] |= DQ.LOW
        dq[(ratio < low) & ~stacks.discordant[:, None]] |= DQ.LOW
    dq[unstable] |= DQ.UNSTABLE
    dq[stacks.saturated] |= DQ.SATURATED
    dq[stacks.discordant] |= DQ.DISCORDANT
    return dq
