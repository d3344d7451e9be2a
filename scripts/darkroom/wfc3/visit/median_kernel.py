"""Compiled running median: that of scipy to the bit, in a fraction of its time."""

from __future__ import annotations

import numpy as np
from numba import float32, int64, njit, types, void

# Without NaN the reductions of the loops below are done for many values at once.
_count = njit(inline="always")
_reduce = njit(fastmath={"nnan", "nsz"})


@_count
def _at_most(values, limit):
    count = np.int32(0)
    for k in range(values.size):
        count += np.int32(values[k] <= limit)
    return count


@_count
def _below(values, limit):
    count = np.int32(0)
    for k in range(values.size):
        count += np.int32(values[k] < limit)
    return count


@_reduce
def _next_above(values, limit):
    found = np.float32(np.inf)
    for k in range(values.size):
        found = min(found, values[k] if values[k] > limit else np.float32(np.inf))
    return found


@_reduce
def _next_below(values, limit):
    found = np.float32(-np.inf)
    for k in range(values.size):
        found = max(found, values[k] if values[k] < limit else np.float32(-np.inf))
    return found


@njit(
    void(types.Array(float32, 2, "C", readonly=True), int64, float32[:, ::1]),
    nogil=True,
    error_model="numpy",
    cache=True,
    no_cfunc_wrapper=True,
)
def median_filter(padded: np.ndarray, side: int, out: np.ndarray) -> None:
    """Write the median of the square around each pixel.

    A step along a row exchanges one column of the square, so that the median moves by a few places
    in the order of the values, and each of these moves is one pass over the square. A row begins
    with the median that the one before began with.

    Parameters
    ----------
    padded : (ny + side - 1, nx + side - 1) float32 array
        The image and its margin; without NaN.
    side : int
        Of the square, odd.
    out : (ny, nx) float32 array
        Written to.
    """
    ny, nx = out.shape
    window = np.empty(side * side, np.float32)
    half = side * side // 2
    median = padded[0, 0]
    for y in range(ny):
        for x in range(side - 1):
            for k in range(side):
                window[x * side + k] = padded[y + k, x]
        for x in range(nx):
            column = (x + side - 1) % side * side
            for k in range(side):
                window[column + k] = padded[y + k, x + side - 1]
            while _at_most(window, median) <= half:
                median = _next_above(window, median)
            while _below(window, median) > half:
                median = _next_below(window, median)
            out[y, x] = median
        median = out[y, 0]
