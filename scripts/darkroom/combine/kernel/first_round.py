"""The first round of the clip for a block of lanes: the pixels that may lose a value."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from darkroom.combine.kernel.constants import LANES, MAD, MAD_TO_STD, SIGMA, helper
from darkroom.combine.kernel.limits import mad_deviation, median_of_sorted, rounding_margin

if TYPE_CHECKING:
    from numpy import ndarray


@helper
def first_round(
    work: ndarray, width: int, method: int, nsigma: float, floor: float,
    nfinite: ndarray, squares: ndarray, column: ndarray, centre: ndarray, flagged: ndarray,
) -> None:  # fmt: skip
    """Take the medians, and flag the pixels where the first round may reject a value.

    Parameters
    ----------
    work : (n, LANES) array
        Values of each lane sorted upwards; those that are not finite are +inf.
    width : int
        Lanes that hold a pixel.
    method : int
        `NONE`, `SIGMA` or `MAD`.
    nsigma : float
        Half width of the clip, in deviations.
    floor : float
        Least deviation the clip goes by.
    nfinite : (LANES,) int32 array
        Number of finite values.
    squares : (LANES,) float64 array
        Sum of their squared deviations from the mean.
    column : (n,) float64 array
        Overwritten.
    centre : (LANES,) float64 array
        Written: medians.
    flagged : (LANES,) bool array
        Written: a value lies outside the limits, or so near that rounding could decide.
    """
    n = work.shape[0]
    lower, upper, smallest = work[(n - 1) // 2], work[n // 2], work[0]
    deviation, scratch, largest = np.empty(LANES), np.empty(LANES), np.empty(LANES)
    for j in range(LANES):
        centre[j] = 0.5 * (np.float64(lower[j]) + np.float64(upper[j])) + 0.0
        deviation[j] = math.sqrt(squares[j] / nfinite[j])
        largest[j] = work[n - 1, j]
    if method == MAD:
        _mad_of_lanes(work, centre, deviation, scratch)
    _lanes_with_gaps(work, width, method, nfinite, column, centre, deviation, largest)
    for j in range(LANES):
        margin = 0.0
        if method == SIGMA:
            margin = rounding_margin(np.float64(smallest[j]), largest[j], nfinite[j], nsigma)
        reach = nsigma * max(deviation[j], floor)
        outside = smallest[j] < centre[j] - reach + margin
        outside |= largest[j] > centre[j] + reach - margin
        flagged[j] = outside & (smallest[j] != largest[j]) & (nfinite[j] > 0)


@helper
def _mad_of_lanes(work, centre, deviation, scratch):
    """Write the scaled MAD of every lane without gaps (`limits.mad_deviation` for many)."""
    n = work.shape[0]
    for k, best in ((n // 2 + 1, deviation), ((n + 1) // 2, scratch)):
        best[:] = np.inf
        for i in range(n - k + 1):
            _take_lesser_reach(work[i], work[i + k - 1], centre, best)
    for j in range(LANES):
        deviation[j] = 0.5 * (deviation[j] + scratch[j]) * MAD_TO_STD


@helper
def _take_lesser_reach(below, above, centre, best):
    """Lower `best` to the larger end distance of a window where that is less."""
    for j in range(LANES):
        left = centre[j] - np.float64(below[j])
        right = np.float64(above[j]) - centre[j]
        reach = left if left > right else right
        best[j] = reach if reach < best[j] else best[j]


@helper
def _lanes_with_gaps(work, width, method, nfinite, column, centre, deviation, largest):
    """Correct median, deviation and largest value of lanes with values that are not finite."""
    n = work.shape[0]
    for j in range(width):
        if nfinite[j] == n:
            continue
        if nfinite[j] == 0:
            centre[j] = np.nan
            continue
        for i in range(nfinite[j]):
            column[i] = work[i, j]
        centre[j] = median_of_sorted(column, np.int64(0), np.int64(nfinite[j]))
        largest[j] = column[nfinite[j] - 1]
        if method == MAD:
            deviation[j] = mad_deviation(column, np.int64(0), np.int64(nfinite[j]), centre[j])
