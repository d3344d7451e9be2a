"""Detection of hot, unstable, low and dead pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from darkroom.ccd import distributions
from darkroom.ccd.background import local_level
from darkroom.ccd.cells import group_temperature
from darkroom.ccd.dq import DQ
from darkroom.ccd.rate.hottest import early_and_late, hottest
from darkroom.ccd.rate.line_fit import estimator
from darkroom.ccd.rate.weak_lines import weak_lines
from darkroom.ccd.robust import finite_median, robust_std
from darkroom.ccd.settings import CcdSettings
from darkroom.errors import DarkroomError

if TYPE_CHECKING:
    from darkroom.ccd.cells import Cell
    from darkroom.ccd.products.dark_rate import Rate
    from darkroom.ccd.rate.cell_stacks import CellStacks
    from darkroom.ccd.stack.survey import Survey

# Probability that a stable pixel is flagged as unstable, and a working one as dead.
_UNSTABLE_CHANCE = 1e-6
_DEAD_CHANCE = 1e-9
# Least variance of an unstable pixel in units of the expected one: less does no harm.
_LEAST_EXCESS = 2.0
# A pixel is stable when the rates of its halves agree within this many errors or this fraction.
_HALVES_ERRORS = 5.0
_HALVES_FRACTION = 0.1
# The growth of noise with dark counts is measured on pixels this many noise deviations above the
# others, if there are enough of them.
_BRIGHT = 5.0
_FEWEST_BRIGHT = 5


@dataclass(frozen=True)
class NoiseCurve:
    """Expected variance of a sample: ``dark + slope * excess + square * excess²``.

    ``excess`` is the mean of a pixel minus that of normal pixels. The slope is the shot noise of
    the dark counts (1 / gain); the square covers rates that drift together with temperature.
    """

    dark: float
    slope: float
    square: float

    def __call__(self, excess: np.ndarray) -> np.ndarray:
        """Return the expected variance."""
        excess = np.maximum(np.nan_to_num(excess), 0)
        return self.dark + self.slope * excess + self.square * excess**2


@dataclass(frozen=True)
class HotPixels:
    """Flags, and the quantities they were derived from; images are (ny, nx).

    Attributes
    ----------
    dq : int32 array
        Bits of `darkroom.ccd.dq.DQ`.
    excess : float32 array
        Dark rate minus that of the surroundings; NaN in discordant rows.
    halves : (2, ny, nx) float32 array
        The same from each half of the darks (every other one).
    noise_ratio : float32 array
        Standard deviation in time over the expected one, from all cells.
    threshold, sigma : float
        Excess above which a pixel is hot, and the robust standard deviation of the excess.
    curves : list of NoiseCurve
        One per cell.
    hottest : (n,) int array
        Places of the hottest pixels in the flattened image (`darkroom.ccd.rate.hottest`).
    early_late : (2, n) float64 array
        Their excess in the earlier and in the later half of the darks.
    """

    dq: np.ndarray
    excess: np.ndarray
    halves: np.ndarray
    noise_ratio: np.ndarray
    threshold: float
    sigma: float
    curves: list[NoiseCurve]
    hottest: np.ndarray
    early_late: np.ndarray


def find(
    stacks: CellStacks,
    rate: Rate,
    *,
    nsigma: float = CcdSettings.hot_nsigma,
    gain: float | None = None,
) -> HotPixels:
    """Find hot, unstable, low and saturated pixels, and weak bad columns and rows.

    Parameters
    ----------
    stacks : darkroom.ccd.rate.cell_stacks.CellStacks
        The darks (and biases) that the rate was measured from.
    rate : darkroom.ccd.products.dark_rate.Rate
        Bias and dark rate of one temperature group, from the same frames.
    nsigma : float
        Threshold in robust standard deviations of the rate.
    gain : float, optional
        e-/ADU when the stacks are in electrons; the shot noise of the dark counts is then known.

    Returns
    -------
    HotPixels
        See ``docs/products-ccd.md`` for the criteria.

    Raises
    ------
    DarkroomError
        When the rate belongs to other temperature groups.
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
    # Discordant rows do not contribute to the background of their neighbours.
    excess = np.where(stacks.discordant[:, None], np.float32(np.nan), rate.rate)
    halves[:, stacks.discordant] = np.nan
    for image in (excess, *halves):
        image -= local_level(image)
    sigma = np.fmax(robust_std(excess), finite_median(rate.error))
    dq = _flags(stacks, excess, halves, half_error, ratio, freedom, unstable, nsigma * sigma)
    dq |= rate.dq & (DQ.NONFINITE | DQ.NONLINEAR)
    dq[weak_lines(excess, halves, dq == 0)] |= DQ.LINE
    listed = hottest(dq, excess)
    return HotPixels(
        dq=dq,
        excess=excess,
        halves=halves,
        noise_ratio=np.sqrt(ratio),
        threshold=float(nsigma * sigma),
        sigma=float(sigma),
        curves=curves,
        hottest=listed,
        early_late=early_and_late(stacks, rate, solve, rate.rate - excess, listed),
    )


def _check_group(stacks, rate):
    """Refuse a rate whose temperature group is not one of the frames'."""
    if rate.group not in stacks.groups:
        raise DarkroomError(
            f"the dark rate belongs to temperature group {rate.group}, these darks form "
            f"{len(stacks.groups)} groups; use the same frames and temperature tolerance for both"
        )
    found = group_temperature(stacks.cells, rate.group)
    if found is not None and rate.temperature is not None and abs(found - rate.temperature) > 1e-3:
        raise DarkroomError(
            f"temperature group {rate.group} of the dark rate is at {rate.temperature:.3f} C, that "
            f"of these darks at {found:.3f} C; use the same frames and temperature tolerance for "
            "both"
        )


def curve_level(seen: Survey, bias: np.ndarray) -> float:
    """Return the median level of a cell above the bias: dark counts and offsets."""
    return finite_median(seen.sample - bias[:, seen.columns])


def noise_curve(
    cell: Cell, seen: Survey, bias: np.ndarray, gain: float | None = None
) -> NoiseCurve:
    """Measure how the variance of a pixel grows with its dark counts.

    It is measured on pixels with a high dark rate: shot noise and common drift raise the variance
    of all of them, random telegraph noise only that of a few, which the medians ignore.

    Parameters
    ----------
    cell : darkroom.ccd.cells.Cell
        The frames; for biases the curve is constant.
    seen : Survey
        Survey of the frames.
    bias : (ny, nx) array
        Level at zero exposure time.
    gain : float, optional
        When given, values are electrons and the slope is 1.

    Returns
    -------
    NoiseCurve
    """
    # Rounding to whole steps alone gives a noise of step / √12.
    dark = max(seen.noise**2, (seen.step * (gain or 1.0)) ** 2 / 12)
    if cell.role == "bias" or not np.isfinite(dark):
        return NoiseCurve(dark, 0.0, 0.0)
    excess = seen.sample - bias[:, seen.columns]
    excess = excess - excess.dtype.type(finite_median(excess))
    with np.errstate(invalid="ignore"):
        bright = (excess > _BRIGHT * seen.noise) & np.isfinite(seen.variance)
    if bright.sum() < _FEWEST_BRIGHT:
        return NoiseCurve(dark, 1.0 if gain else 0.0, 0.0)
    freedom = len(cell.frames) - 1
    counts, variance = excess[bright], seen.variance[bright]
    median = distributions.chi2_median(freedom) / freedom
    slopes = (variance / median - dark) / counts
    slope = 1.0 if gain else max(float(np.median(slopes)), 0.0)
    # The excess of the brighter half over a straight line gives the quadratic term.
    top = counts >= np.median(counts)
    low = slope if gain else max(float(np.median(slopes[~top])) if (~top).any() else slope, 0.0)
    square = max(float(np.median((slopes[top] - low) / counts[top])), 0.0)
    return NoiseCurve(dark, min(low, slope), square)


def _band(stacks, parts, bias, rate, curves, normal, solve):
    """Return rates of the halves, their error, variance ratio, its freedom, mask of unstable."""
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
        # Also tested for each cell alone: a pixel may be unstable in the bias frames only.
        unstable |= (nu > 0) & (excess > np.maximum(nu, 1) * _limit(nu, len(parts)))
        # A single outlier may be a cosmic ray; two in one pixel indicate an unstable pixel.
        unstable |= full.nclipped > 1
        if weight:
            pair = (full, full) if cell.role == "bias" else (odd, even)
            means = np.stack([part.mean for part in pair]).astype(float)
            # Where a cell is saturated, the rate came from the others: the model stands for it.
            halves += weight * np.where(np.isfinite(means), means, bias + rate * cell.exptime)
            if cell.role == "dark":
                shares = 1 / np.maximum(odd.count, 1) + 1 / np.maximum(even.count, 1)
                half_variance += weight**2 * expected * shares
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = squares / freedom
    images = (halves, np.sqrt(half_variance), ratio)
    return *(image.astype(np.float32) for image in images), freedom.astype(np.int32), unstable


def _limit(freedom, trials=1):
    """Return the variance ratio above which a pixel is unstable, for a number of trials."""
    limit = np.full(freedom.shape, np.inf, np.float32)
    for number in np.unique(freedom[freedom > 0]):
        limit[freedom == number] = (
            distributions.chi2_above(_UNSTABLE_CHANCE / trials, number) / number
        )
    return np.maximum(limit, _LEAST_EXCESS)


def _flags(stacks, excess, halves, half_error, ratio, freedom, unstable, threshold):
    """Return the DQ image (see `find`)."""
    dq = np.zeros(excess.shape, np.int32)
    low = np.zeros(freedom.shape, np.float32)
    for number in np.unique(freedom[freedom > 0]):
        low[freedom == number] = distributions.chi2_below(_DEAD_CHANCE, number) / number
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
