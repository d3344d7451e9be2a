"""Clip limits by the standard deviation, every sum in the order of astropy's C code."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from darkroom.combine.kernel.constants import helper

if TYPE_CHECKING:
    from numpy import ndarray


@helper
def limits_in_astropys_order(
    values: ndarray, n: int, nsigma: float, floor: float, rounds: int
) -> tuple[float, float]:
    """Return the last clip limits of one pixel, equal to astropy's to the last bit.

    In astropy's C code the median is selected first, which reorders the values; the sums for the
    mean and the deviation then run in that order.

    Parameters
    ----------
    values : 1-D float64 array
        Its first `n` values are finite and in frame order; they are overwritten.
    n : int
        Number of values.
    nsigma : float
        Half width of the clip, in deviations.
    floor : float
        Least deviation the clip goes by.
    rounds : int
        Largest number of clip rounds.
    """
    low, high = np.nan, np.nan
    for _ in range(rounds):
        if n % 2:
            centre = _select(values, n, n // 2)
        else:
            upper = _select(values, n, n // 2)
            centre = 0.5 * (upper + _select(values, n, n // 2 - 1))
        mean = 0.0
        for i in range(n):
            mean += values[i]
        mean /= n
        deviation = 0.0
        for i in range(n):
            difference = mean - values[i]
            deviation += difference * difference
        deviation = max(math.sqrt(deviation / n), floor)
        low, high = centre - nsigma * deviation, centre + nsigma * deviation
        kept = 0
        for i in range(n):
            if low <= values[i] <= high:
                values[kept] = values[i]
                kept += 1
        if kept in (n, 0):
            break
        n = kept
    return low, high


@helper
def _select(values, n, k):
    """Move the k-th smallest value to place k as N. Wirth's algorithm does, and return it."""
    left, right = 0, n - 1
    while left < right:
        pivot = values[k]
        i, j = left, right
        while True:
            while values[i] < pivot:
                i += 1
            while pivot < values[j]:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
            if i > j:
                break
        if j < k:
            left = i
        if k < i:
            right = j
    return values[k]
