"""Compiled statistics of the pixels of a read difference: exact medians, and a band's pixels."""

from __future__ import annotations

import numpy as np
from numba import boolean, float32, float64, int64, njit, types, uint32

_plane = types.Array(float32, 2, "A", readonly=True)
_mask = types.Array(boolean, 2, "A", readonly=True)
_options = {"nogil": True, "error_model": "numpy", "cache": True, "no_cfunc_wrapper": True}
# Bits of a value that are looked at in one round, three rounds in all.
_SHIFTS, _BINS = (21, 10, 0), 2048


@njit(int64(_plane, _mask, float32[::1]), **_options)
def gather(image: np.ndarray, chosen: np.ndarray, out: np.ndarray) -> int:
    """Copy the finite values of the chosen pixels to `out`, in their order; return how many."""
    count = 0
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            if chosen[y, x] and np.isfinite(image[y, x]):
                out[count] = image[y, x]
                count += 1
    return count


@njit(uint32(uint32), **_options)
def _key(bits: int) -> int:
    """Return an integer that sorts as the float32 of these bits does."""
    if bits >> uint32(31):
        return ~bits
    return bits | uint32(0x80000000)


@njit(float32(uint32), **_options)
def _value(key: int) -> float:
    """Return the float32 of a `_key`."""
    bits = np.empty(1, np.uint32)
    bits[0] = key & uint32(0x7FFFFFFF) if key >> uint32(31) else ~key
    return bits.view(np.float32)[0]


@njit(float32(float32[::1], uint32[::1]), **_options)
def median(values: np.ndarray, scratch: np.ndarray) -> float:
    """Return the median of finite values, the one that ``numpy.median`` returns.

    Parameters
    ----------
    values : (n,) float32 array
        At least one.
    scratch : (n,) uint32 array
        Written to.
    """
    n = values.size
    bits = values.view(np.uint32)
    rank = (n - 1) // 2
    counts = np.zeros(_BINS, np.int64)
    left = n
    for index in range(3):
        counts[:] = 0
        shift = uint32(_SHIFTS[index])
        mask = uint32(0x3FF if index == 2 else 0x7FF)
        for i in range(left):
            key = _key(bits[i]) if index == 0 else scratch[i]
            counts[(key >> shift) & mask] += 1
        digit = 0
        while rank >= counts[digit]:
            rank -= counts[digit]
            digit += 1
        kept = 0
        for i in range(left):
            key = _key(bits[i]) if index == 0 else scratch[i]
            if (key >> shift) & mask == digit:
                scratch[kept] = key
                kept += 1
        left = kept
    found = scratch[0]
    low = _value(found)
    if n % 2 or rank + 1 < left:
        return low
    following = uint32(0xFFFFFFFF)
    for i in range(n):
        key = _key(bits[i])
        if found < key < following:
            following = key
    return (low + _value(following)) / float32(2)


@njit(float32(float32[::1], float32, float32[::1], uint32[::1]), **_options)
def deviation(values: np.ndarray, middle: float, apart: np.ndarray, scratch: np.ndarray) -> float:
    """Return the median of the absolute deviations from `middle`; `apart` is written to."""
    for i in range(values.size):
        apart[i] = abs(values[i] - middle)
    return median(apart[: values.size], scratch)


@njit(
    types.UniTuple(int64, 3)(
        float64[::1], float64[::1], float64[::1], float64[::1], float64, float64[::1]
    ),
    **_options,
)
def fullest_band(
    x: np.ndarray,
    y: np.ndarray,
    cosines: np.ndarray,
    sines: np.ndarray,
    half: float,
    across: np.ndarray,
) -> tuple[int, int, int]:
    """Find the straight band, of width 2 `half`, that holds most points.

    Parameters
    ----------
    x, y : (n,) float64 arrays
        The points.
    cosines, sines : (m,) float64 arrays
        Of the angles that are tried.
    half : float
        Bands begin at multiples of it.
    across : (n,) float64 array
        Written to.

    Returns
    -------
    points, angle, first : int
        Number of points, number of the angle, and of the half band at which the band begins.
    """
    most, best, begin = 0, 0, 0
    cells = np.empty(2, np.int64)
    for k in range(cosines.size):
        least, greatest = np.inf, -np.inf
        for i in range(x.size):
            across[i] = x[i] * cosines[k] + y[i] * sines[k]
            least = min(least, across[i])
            greatest = max(greatest, across[i])
        number = max(int(np.floor((greatest - least) / half)) + 1, 2)
        if cells.size < number:
            cells = np.empty(2 * number, np.int64)
        cells[:number] = 0
        for i in range(x.size):
            cells[int(np.floor((across[i] - least) / half))] += 1
        for cell in range(number - 1):
            if cells[cell] + cells[cell + 1] > most:
                most, best, begin = cells[cell] + cells[cell + 1], k, cell
    return most, best, begin


@njit(
    types.Tuple((int64, float64, float64))(int64, int64, float64, float64, float64, float64),
    **_options,
)
def band_inside(
    ny: int, nx: int, cosine: float, sine: float, centre: float, half: float
) -> tuple[int, float, float]:
    """Count the pixels in a band about `centre`, of every second in every second row.

    Returns
    -------
    count : int
        Pixels in the band.
    low, high : float
        Places of the first and the last of them along the band.
    """
    count, low, high = 0, np.inf, -np.inf
    for row in range(0, ny, 2):
        y = row - (ny - 1) / 2
        for column in range(0, nx, 2):
            x = column - (nx - 1) / 2
            if abs(x * cosine + y * sine - centre) <= half:
                count += 1
                along = y * cosine - x * sine
                low, high = min(low, along), max(high, along)
    return count, low, high
