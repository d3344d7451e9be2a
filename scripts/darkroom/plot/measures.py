"""Robust statistics of pixel values that take their digitisation into account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from darkroom import order

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

# Fractions of a normal distribution below mean - sigma and mean + sigma.
_BELOW, _ABOVE = 0.158655, 0.841345
# A Gaussian is fitted to values within this many sigma of the centre.
_CORE = 1.5
# Values of a row that mostly tell that its digital step is 1.
_FIRST = 32
# Whole numbers over a wider range than this do not come from an analogue-to-digital converter.
_MOST_LEVELS = 1 << 21


def finite(values: ArrayLike) -> np.ndarray:
    """Return the finite values as a flat array of the same type, which is not to be changed."""
    flat = np.asarray(values).ravel()
    if flat.dtype.kind in "iu":
        return flat
    good = np.isfinite(flat)
    return flat if good.all() else flat[good]


def digital_step(values: ArrayLike) -> int | None:
    """Return the distance between neighbouring digital levels.

    Cameras with fewer than 16 bits often write multiples of 4 or 16. A histogram whose bins are no
    multiple of that step shows a comb that is not in the data.

    Parameters
    ----------
    values : array
        Pixel values.

    Returns
    -------
    int or None
        Greatest common divisor of the differences; None for values that are not whole numbers, for
        an empty array and for a single level.
    """
    levels, _ = _levels(finite(values))
    return None if levels is None or levels.size < 2 else int(np.gcd.reduce(np.diff(levels)))


def _levels(flat):
    """Return the digital levels of `flat` and their counts; None, None if not whole numbers."""
    return order.levels(flat, _MOST_LEVELS) or (None, None)


def quantiles(values: ArrayLike, fractions: float | Sequence[float]) -> np.ndarray:
    """Return quantiles of digitised values, with the values of a level spread evenly over its step.

    The plain median of whole numbers moves in whole steps, so a drift of half a step does not show.
    Here the cumulative count is interpolated between the edges of the levels (the "grouped"
    quantile). Values without a digital step have numpy's linear quantiles.

    Parameters
    ----------
    values : array
    fractions : float or sequence of float
        Between 0 and 1.

    Returns
    -------
    float or array
        A number for one fraction. NaN when there is no finite value.
    """
    flat = finite(values)
    wanted = np.asarray(fractions, float)
    if flat.size == 0:
        return np.full(wanted.shape, np.nan)[()]
    levels, counts = _levels(flat)
    if levels is None or levels.size < 2:
        return order.quantiles(flat, wanted.reshape(-1)).reshape(wanted.shape)[()]
    step = int(np.gcd.reduce(np.diff(levels)))
    below = np.concatenate([[0], np.cumsum(counts)]) / flat.size
    # Lower and upper edge of every level: a gap between two levels holds no values.
    edges = np.repeat(levels - step / 2.0, 2)
    edges[1::2] += step
    cumulative = np.repeat(below, 2)[1:-1]
    return np.interp(wanted, cumulative, edges)


def row_medians(lines: np.ndarray) -> np.ndarray:
    """Return the median of each row, as `quantiles` has it.

    Parameters
    ----------
    lines : (n, m) array

    Returns
    -------
    (n,) float64 array
        NaN for a row without a finite value.
    """
    # Columns of an image come as a transposed view.
    lines = order.columns(lines.T) if lines.T.flags.c_contiguous else np.ascontiguousarray(lines)
    medians = np.empty(len(lines))
    whole = (lines == np.rint(lines)).all(axis=1)
    plain = np.isfinite(lines).all(axis=1)
    medians[plain & ~whole] = _plain_medians(lines[plain & ~whole])
    digital = plain & whole & (np.ptp(lines, axis=1) <= _MOST_LEVELS)
    medians[digital] = _digital_medians(lines[digital])
    for index in np.flatnonzero(~plain | (whole & ~digital)):
        medians[index] = quantiles(lines[index], 0.5)
    return medians


def _plain_medians(lines):
    """Return the medians of rows of finite values, which are reordered, in float64."""
    high = lines.shape[1] // 2
    # To ask numpy for the two in the middle takes twice as long as for one.
    lines.partition(high, axis=1)
    above = lines[:, high].astype(float)
    below = lines[:, high] if lines.shape[1] % 2 else lines[:, :high].max(axis=1)
    # As numpy.quantile interpolates between the two.
    return above - (above - below) * 0.5


def _digital_medians(lines):
    """Return the grouped medians of rows of whole numbers, which are reordered."""
    n = lines.shape[1]
    step = _steps(lines[:, :_FIRST])
    coarse = np.flatnonzero(step != 1)
    step[coarse] = _steps(lines[coarse])
    lines.partition(n // 2, axis=1)
    middle = lines[:, n // 2].astype(float)
    below = (lines < middle[:, None]).sum(axis=1) / n
    upto = (lines <= middle[:, None]).sum(axis=1) / n
    return step / (upto - below) * (0.5 - below) + (middle - step / 2)


def _steps(lines):
    """Return the greatest common divisor of the differences of each row of whole numbers."""
    differences = np.diff(lines, axis=1).astype(np.int64)
    return np.gcd.reduce(differences, axis=1, initial=0)


def level_and_spread(values: ArrayLike) -> tuple[float, float]:
    """Return the median and a robust sigma (see `spread`)."""
    low, middle, high = quantiles(values, [_BELOW, 0.5, _ABOVE])
    return float(middle), float(high - low) / 2


def spread(values: ArrayLike) -> float:
    """Return a robust sigma: half the distance between the 15.87 and 84.13 % quantiles."""
    return level_and_spread(values)[1]


@dataclass(frozen=True)
class Gaussian:
    """A Gaussian fitted to the core of a distribution.

    Attributes
    ----------
    centre, sigma : float
        In the unit of the values.
    area : float
        Number of values under the curve.
    """

    centre: float
    sigma: float
    area: float

    def counts(self, x: ArrayLike, width: float) -> np.ndarray:
        """Return the expected number of values in bins of `width` centred on `x`."""
        z = (np.asarray(x, float) - self.centre) / self.sigma
        return self.area * width * np.exp(-z * z / 2) / (self.sigma * np.sqrt(2 * np.pi))


def fit_core(values: ArrayLike) -> Gaussian | None:
    """Fit a Gaussian to the core of a distribution.

    A parabola is fitted to the logarithm of the binned counts within 1.5 sigma of the centre,
    weighted by the counts (Guo 2011, IEEE Signal Process. Mag. 28, 134). The fit starts from
    quantiles and is repeated until it converges. Tails and hot pixels do not bias it.

    Parameters
    ----------
    values : array

    Returns
    -------
    Gaussian or None
        None for fewer than 50 finite values, and where nearly all are equal.
    """
    flat = finite(values)
    if flat.size < 50:
        return None
    centre, sigma = float(quantiles(flat, 0.5)), spread(flat)
    if not sigma > 0:
        return None
    step = digital_step(flat)
    fitted = None
    for _ in range(8):
        width = _bin_width(sigma / 5, step)
        if step and sigma < 0.8 * step:
            return None
        found = _log_parabola(flat, centre, sigma, width)
        if found is None:
            return fitted
        moved = abs(found.centre - centre) + abs(found.sigma - sigma)
        fitted, centre, sigma = found, found.centre, found.sigma
        if moved < 1e-4 * sigma:
            break
    return fitted


def _bin_width(wanted, step):
    return wanted if not step else step * max(1, round(wanted / step))


def _log_parabola(flat, centre, sigma, width):
    """Fit a parabola to ln(counts) in bins of `width` within the core; None without a peak."""
    half = max(2, int(np.ceil(_CORE * sigma / width)))
    # A bin is centred on a value that occurs, so that digital levels lie in the middle of bins.
    anchor = flat[np.argmin(np.abs(flat.astype(float) - centre))]
    edges = float(anchor) + width * (np.arange(-half, half + 2) - 0.5)
    counts = order.histogram(flat, edges)
    middles = (edges[:-1] + edges[1:]) / 2
    good = counts > 0
    if good.sum() < 4:
        return None
    z = (middles[good] - centre) / sigma
    c2, c1, c0 = np.polyfit(z, np.log(counts[good]), 2, w=np.sqrt(counts[good]))
    if c2 >= 0 or abs(c1 / c2) > 4:
        return None
    narrow = np.sqrt(-0.5 / c2)
    peak = np.exp(c0 - c1 * c1 / (4 * c2))
    area = peak * np.sqrt(2 * np.pi) * narrow * sigma / width
    return Gaussian(float(centre - c1 / (2 * c2) * sigma), float(narrow * sigma), float(area))


def bin_edges(
    values: ArrayLike, bins: int = 50, low: float | None = None, high: float | None = None
) -> np.ndarray | None:
    """Return edges of equal bins, each of a whole number of digital levels.

    Parameters
    ----------
    values : array
    bins : int
        Number wanted; digitised data may have fewer.
    low, high : float, optional
        Range; default the finite minimum and maximum.

    Returns
    -------
    array or None
        None without a finite value; one bin where all values are equal.
    """
    flat = finite(values)
    if flat.size == 0:
        return None
    low = float(flat.min()) if low is None else float(low)
    high = float(flat.max()) if high is None else float(high)
    step = digital_step(flat)
    if high <= low:
        return np.array([low - 0.5, low + 0.5]) if not step else np.array([low, low + step])
    if not step:
        return np.linspace(low, high, bins + 1)
    width = step * max(1, int(np.ceil((high - low) / bins / step)))
    first = float(flat.min()) + step * np.floor((low - float(flat.min())) / step)
    count = int(np.floor((high - first) / width)) + 1
    return first - step / 2 + width * np.arange(count + 1)
