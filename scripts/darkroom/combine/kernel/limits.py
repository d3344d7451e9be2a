"""Clip limits from the sorted values of one pixel.

`column[first:stop]` are the values that earlier rounds of the clip kept, sorted upwards.
"""

from __future__ import annotations

import math

import numpy as np

from darkroom.combine.kernel.constants import MAD, MAD_TO_STD, helper

_EPSILON = np.finfo(np.float64).eps


@helper
def clip_limits(
    column: np.ndarray, first: int, stop: int, method: int, nsigma: float, floor: float
) -> tuple[float, float, float]:
    """Return clip limits about the median, and how far rounding could move them.

    Parameters
    ----------
    column : 1-D float64 array
        Sorted values.
    first, stop : int
        Range of the values that are left.
    method : int
        `SIGMA` or `MAD`.
    nsigma : float
        Half width of the clip, in deviations.
    floor : float
        Least deviation the clip goes by.
    """
    n = stop - first
    centre = median_of_sorted(column, first, stop)
    if method == MAD:
        deviation = max(mad_deviation(column, first, stop, centre), floor)
        return centre - nsigma * deviation, centre + nsigma * deviation, 0.0
    mean = _sum(column, first, stop) / n
    deviation = max(math.sqrt(_sum_of_squares(column, first, stop, mean) / n), floor)
    margin = rounding_margin(column[first], column[stop - 1], n, nsigma)
    return centre - nsigma * deviation, centre + nsigma * deviation, margin


@helper
def median_of_sorted(column: np.ndarray, first: int, stop: int) -> float:
    """Return the median of the sorted values `column[first:stop]`; as numpy's it is never -0.

    Parameters
    ----------
    column : 1-D float64 array
        Sorted values.
    first, stop : int
        Range of the values that are left.
    """
    lower, upper = column[(first + stop - 1) // 2], column[(first + stop) // 2]
    return 0.5 * (lower + upper) + 0.0


@helper
def mad_deviation(column: np.ndarray, first: int, stop: int, centre: float) -> float:
    """Return the median absolute deviation, scaled to the deviation of a normal distribution.

    Parameters
    ----------
    column : 1-D float64 array
        Sorted values.
    first, stop : int
        Range of the values that are left.
    centre : float
        Their median.
    """
    n = stop - first
    upper = _kth_distance(column, first, stop, centre, n // 2 + 1)
    lower = _kth_distance(column, first, stop, centre, (n + 1) // 2)
    return 0.5 * (upper + lower) * MAD_TO_STD


@helper
def _kth_distance(column, first, stop, centre, k):
    """Return the k-th smallest distance from `centre` among sorted values.

    The k values nearest to the centre are neighbours, and the farthest of them is an end of
    their window: so it is the least, over all windows of k, of the larger end distance.
    """
    best = np.inf
    for i in range(first, stop - k + 1):
        below = centre - column[i]
        above = column[i + k - 1] - centre
        best = min(best, max(below, above))
    return best


@helper
def _sum(column, first, stop):
    """Add up values in four sums, so that no addition waits for the one before it."""
    a = b = c = d = 0.0
    i = first
    while i + 4 <= stop:
        a += column[i]
        b += column[i + 1]
        c += column[i + 2]
        d += column[i + 3]
        i += 4
    while i < stop:
        a += column[i]
        i += 1
    return (a + b) + (c + d)


@helper
def _sum_of_squares(column, first, stop, centre):
    """Add up the squared differences from a centre, in four sums."""
    a = b = c = d = 0.0
    i = first
    while i + 4 <= stop:
        a += (column[i] - centre) ** 2
        b += (column[i + 1] - centre) ** 2
        c += (column[i + 2] - centre) ** 2
        d += (column[i + 3] - centre) ** 2
        i += 4
    while i < stop:
        a += (column[i] - centre) ** 2
        i += 1
    return (a + b) + (c + d)


@helper
def rounding_margin(smallest: float, largest: float, n: int, nsigma: float) -> float:
    """Return a bound on how far a limit moves when its sums run in another order.

    A sum of n numbers is wrong by at most n eps times the largest of them, which moves the mean
    by as much and the deviation by twice that; the factor 8 leaves room to spare.

    Parameters
    ----------
    smallest, largest : float
        Ends of the values.
    n : int
        Their number.
    nsigma : float
        Half width of the clip, in deviations.
    """
    return 8.0 * (n + 4) * (nsigma + 1.0) * _EPSILON * max(abs(smallest), abs(largest))
