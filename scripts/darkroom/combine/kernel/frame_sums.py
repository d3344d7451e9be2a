"""Sums over frames for a block of lanes, in frame order as numpy adds over the first axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from darkroom.combine.kernel.constants import LANES, helper

if TYPE_CHECKING:
    from numpy import ndarray


@helper
def load(
    values: ndarray, start: int, width: int,
    work: ndarray, nfinite: ndarray, mean: ndarray, squares: ndarray,
) -> None:  # fmt: skip
    """Copy a block of lanes to `work`, and reduce all its finite values.

    Parameters
    ----------
    values : (n, npixels) array
        One row per frame.
    start, width : int
        First pixel and number of pixels of the block. Lanes beyond `width` are left empty.
    work : (n, LANES) array
        Written: the values; those that are not finite become +inf.
    nfinite : (LANES,) int32 array
        Written: number of finite values.
    mean, squares : (LANES,) float64 arrays
        Written: their mean, and the sum of squared deviations from it.
    """
    n = values.shape[0]
    nfinite[:] = 0
    mean[:] = 0.0
    squares[:] = 0.0
    if width < LANES:
        work[:] = np.inf
    for f in range(n):
        _take_finite(values[f, start : start + width], work[f], nfinite)
    for f in range(n):
        _add(work[f], mean)
    for j in range(LANES):
        mean[j] /= nfinite[j]
    for f in range(n):
        _add_squares(work[f], mean, squares)


@helper
def _take_finite(source, target, nfinite):
    """Copy one frame's values, not-finite ones as +inf; count the finite ones."""
    for j in range(source.size):
        value = source[j]
        finite = abs(value) < np.inf
        target[j] = value if finite else np.inf
        nfinite[j] += 1 if finite else 0


@helper
def _add(row, total):
    for j in range(LANES):
        total[j] += np.float64(row[j]) if row[j] < np.inf else 0.0


@helper
def _add_squares(row, mean, squares):
    for j in range(LANES):
        difference = np.float64(row[j]) - mean[j]
        squares[j] += difference * difference if row[j] < np.inf else 0.0


@helper
def reduce_within(
    values: ndarray, start: int, stop: int, low: ndarray, high: ndarray, used: ndarray,
    mean: ndarray, squares: ndarray,
) -> None:  # fmt: skip
    """Reduce a block of lanes again, with the values inside the limits alone.

    Parameters
    ----------
    values : (n, npixels) array
        One row per frame.
    start, stop : int
        First pixel of the block, and the one after its last.
    low, high : (LANES,) float64 arrays
        Limits; values equal to one are inside.
    used : (LANES,) int32 array
        Number of values inside.
    mean, squares : (LANES,) float64 arrays
        Written: mean, and sum of squared deviations from it.
    """
    mean[:] = 0.0
    squares[:] = 0.0
    for f in range(values.shape[0]):
        _add_within(values[f, start:stop], low, high, mean)
    for j in range(LANES):
        mean[j] /= used[j]
    for f in range(values.shape[0]):
        _add_squares_within(values[f, start:stop], low, high, mean, squares)


@helper
def _add_within(source, low, high, total):
    for j in range(source.size):
        value = np.float64(source[j])
        inside = (low[j] <= value) & (value <= high[j]) & (abs(value) < np.inf)
        total[j] += value if inside else 0.0


@helper
def _add_squares_within(source, low, high, mean, squares):
    for j in range(source.size):
        value = np.float64(source[j])
        inside = (low[j] <= value) & (value <= high[j]) & (abs(value) < np.inf)
        difference = value - mean[j]
        squares[j] += difference * difference if inside else 0.0


@helper
def reduce_narrow(
    values: ndarray, start: int, stop: int, low: ndarray, high: ndarray, used: ndarray,
    total: ndarray, mean: ndarray, squares: ndarray,
) -> None:  # fmt: skip
    """Reduce a block of lanes as numpy's masked arrays do: the sum for the mean is not widened.

    Parameters
    ----------
    values, start, stop, low, high, used, mean, squares
        As of `reduce_within`.
    total : (LANES,) array of the values' type
        Overwritten: the sums.
    """
    total[:] = 0
    squares[:] = 0.0
    for f in range(values.shape[0]):
        _add_within_narrow(values[f, start:stop], low, high, total)
    for j in range(LANES):
        mean[j] = np.float64(total[j]) / used[j]
    for f in range(values.shape[0]):
        _add_squares_within(values[f, start:stop], low, high, mean, squares)


@helper
def _add_within_narrow(source, low, high, total):
    """Add in the type of the values themselves."""
    for j in range(source.size):
        value = np.float64(source[j])
        inside = (low[j] <= value) & (value <= high[j]) & (abs(value) < np.inf)
        total[j] += source[j] if inside else source.dtype.type(0)
