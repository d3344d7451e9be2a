"""Compiled passes over many values that leave the few among which an order statistic is."""

from __future__ import annotations

import numpy as np
from numba import boolean, float32, float64, int64, njit, types

_OPTIONS = {"nogil": True, "error_model": "numpy", "cache": True, "no_cfunc_wrapper": True}


def _flat(kind):
    return types.Array(kind, 1, "C", readonly=True)


@njit([int64(_flat(kind)) for kind in (float32, float64)], **_OPTIONS)
def count_finite(values: np.ndarray) -> int:
    """Return the number of finite values."""
    count = 0
    for i in range(values.size):
        count += np.isfinite(values[i])
    return count


@njit(
    [types.UniTuple(int64, 2)(_flat(kind), kind, kind, kind[::1]) for kind in (float32, float64)],
    **_OPTIONS,
)
def between(values: np.ndarray, low: float, high: float, out: np.ndarray) -> tuple[int, int]:
    """Count the finite values below `low`, and copy those from `low` to `high`.

    Parameters
    ----------
    values : (n,) array
    low, high : float
    out : (m,) array
        Written to.

    Returns
    -------
    below, kept : int
        `kept` is the length of `out` where there are as many or more: `out` is then of no use.
    """
    below, kept, last = 0, 0, out.size - 1
    for i in range(values.size):
        value = values[i]
        below += (value < low) & (value > -np.inf)
        out[kept] = value
        kept = min(kept + ((value >= low) & (value <= high)), last)
    return below, kept + (kept == last)


@njit(
    [
        types.UniTuple(int64, 2)(_flat(kind), kind, kind, kind, kind[::1])
        for kind in (float32, float64)
    ],
    **_OPTIONS,
)
def distances_between(
    values: np.ndarray, centre: float, low: float, high: float, out: np.ndarray
) -> tuple[int, int]:
    """Do as `between` with the absolute differences of finite values from `centre`."""
    below, kept, last = 0, 0, out.size - 1
    for i in range(values.size):
        value = abs(values[i] - centre)
        below += value < low
        out[kept] = value
        kept = min(kept + ((value >= low) & (value <= high)), last)
    return below, kept + (kept == last)


@njit([types.Tuple((boolean, kind, kind))(_flat(kind)) for kind in (float32, float64)], **_OPTIONS)
def whole_range(values: np.ndarray) -> tuple[bool, float, float]:
    """Tell whether values are whole numbers, and the smallest and the largest, if so."""
    low = high = values[0]
    for i in range(values.size):
        value = values[i]
        if value != np.rint(value):
            return False, low, high
        low = min(low, value)
        high = max(high, value)
    return True, low, high


@njit([(_flat(kind), float64, int64[::1]) for kind in (float32, float64)], **_OPTIONS)
def count_levels(values: np.ndarray, low: float, counts: np.ndarray) -> None:
    """Count whole numbers by their distance from the smallest, `low`."""
    for i in range(values.size):
        counts[int64(values[i] - low)] += 1


@njit([(_flat(kind), float64[::1], int64[::1]) for kind in (float32, float64)], **_OPTIONS)
def count_in_bins(values: np.ndarray, edges: np.ndarray, counts: np.ndarray) -> None:
    """Count values by the bins they are in; those outside of all, and NaN, are left out.

    Parameters
    ----------
    values : (n,) array
    edges : (m + 1,) float64 array
        Ascending. A value at an edge belongs to the bin above it, one at the last to the last.
    counts : (m,) int64 array
        Added to.
    """
    last = counts.size - 1
    low, high = edges[0], edges[last + 1]
    scale = counts.size / (high - low)
    for i in range(values.size):
        value = float64(values[i])
        if not (value >= low and value <= high):
            continue
        # About where it is, if the bins are equally wide; then exactly.
        k = min(int64((value - low) * scale), last)
        while value < edges[k]:
            k -= 1
        while k < last and value >= edges[k + 1]:
            k += 1
        counts[k] += 1


@njit([int64(float64[::1], float64, float64, float64[::1])], **_OPTIONS)
def keep_near(values: np.ndarray, centre: float, limit: float, out: np.ndarray) -> int:
    """Copy the values that are at most `limit` from `centre`, in their order.

    Parameters
    ----------
    values : (n,) float64 array
    centre, limit : float
    out : (n,) float64 array
        Written to.

    Returns
    -------
    int
        How many they are.
    """
    kept = 0
    for i in range(values.size):
        value = values[i]
        if abs(value - centre) <= limit:
            out[kept] = value
            kept += 1
    return kept
