"""Compiled loops of the steps over bands of rows; every operation rounds as the pipeline's does."""

from __future__ import annotations

import math

import numpy as np
from numba import boolean, float32, float64, int64, njit, types, uint8, uint16, void

_jit = {"nogil": True, "error_model": "numpy", "cache": True, "no_cfunc_wrapper": True}
# Called by compiled code alone: without what Python or C would call, it compiles in half the time.
_helper = njit(nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
_stored = types.Array(uint16, 2, "C", readonly=True)
_image = types.Array(float32, 2, "C", readonly=True)
_cube = types.Array(float32, 3, "C", readonly=True)
_early = types.Array(uint16, 2, "C", readonly=True)
_line = types.Array(float32, 1, "C", readonly=True)
_groups = types.Array(uint16, 1, "C", readonly=True)
_column = types.Array(float64, 1, "C", readonly=True)
_sides = types.Array(float64, 2, "C", readonly=True)
_output = types.Array(uint8, 1, "C", readonly=True)
_bad = types.Array(uint8, 2, "C", readonly=True)


@njit(inline="always")
def _value(stored, bzero, scale):
    """Return the DN of a stored number, whose bytes are those of the file."""
    swapped = np.int32(np.int16((stored >> 8) | ((stored & 255) << 8)))
    return np.float32(swapped + bzero) * scale


@njit(void(_stored, int64, float32, float32[:, ::1]), **_jit)
def values(stored: np.ndarray, bzero: int, scale: float, out: np.ndarray) -> None:
    """Convert stored numbers to DN."""
    zero = np.int32(bzero)
    for y in range(stored.shape[0]):
        for x in range(stored.shape[1]):
            out[y, x] = _value(stored[y, x], zero, scale)


@njit(int64(_stored, int64, float32, _image, int64, int64, uint16[:, ::1]), **_jit)
def first_saturated(
    stored: np.ndarray,
    bzero: int,
    scale: float,
    limit: np.ndarray,
    row: int,
    group: int,
    first: np.ndarray,
) -> int:
    """Note the first group that reaches the limit of each pixel; return how many were noted.

    Parameters
    ----------
    stored : (n, nx) uint16 array
    limit : (ny, nx) float32 array
        DN.
    row : int
        Row of `limit` that is the first of `stored`.
    group : int
    first : (n, nx) uint16 array
        Updated; 65535 where no group has reached the limit yet.
    """
    zero, now, count = np.int32(bzero), np.uint16(group), 0
    for y in range(stored.shape[0]):
        for x in range(stored.shape[1]):
            reached = _value(stored[y, x], zero, scale) >= limit[row + y, x]
            if reached and first[y, x] == 65535:
                first[y, x] = now
                count += 1
    return count


@njit(void(_early, int64, uint16[:, ::1]), **_jit)
def grown(first: np.ndarray, reach: int, out: np.ndarray) -> None:
    """Write the least value within `reach` pixels, in a box that the edges of the array clip."""
    ny, nx = first.shape
    across = np.empty((ny, nx), np.uint16)
    for y in range(ny):
        for x in range(nx):
            least = first[y, x]
            for k in range(max(0, x - reach), min(nx, x + reach + 1)):
                least = min(least, first[y, k])
            across[y, x] = least
    for y in range(ny):
        for x in range(nx):
            out[y, x] = across[y, x]
        for k in range(max(0, y - reach), min(ny, y + reach + 1)):
            for x in range(nx):
                out[y, x] = min(out[y, x], across[k, x])


@njit(void(_stored, int64, float32, _early, int64, boolean, _bad, int64, uint8[:, ::1]), **_jit)
def group_flags(
    stored: np.ndarray,
    bzero: int,
    scale: float,
    early: np.ndarray,
    group: int,
    floor: bool,
    bad: np.ndarray,
    row: int,
    out: np.ndarray,
) -> None:
    """Write the flags that need no other group.

    Parameters
    ----------
    stored : (n, nx) uint16 array
    early : (n, nx) uint16 array
        First group in which each pixel is flagged saturated.
    group : int
    floor : bool
        Flag values at and below 0.
    bad : (ny, nx) uint8 array
        1: DO_NOT_USE by the mask.
    row : int
        Row of `bad` that is the first of `stored`.
    out : (n, nx) uint8 array
    """
    zero = np.int32(bzero)
    for y in range(stored.shape[0]):
        for x in range(stored.shape[1]):
            found = bad[row + y, x]
            if early[y, x] <= group:
                found |= np.uint8(2)
            if floor and _value(stored[y, x], zero, scale) <= np.float32(0):
                found |= np.uint8(65)
            out[y, x] = found


@njit(void(float32[:, ::1], _image, int64), **_jit)
def subtract(band: np.ndarray, level: np.ndarray, row: int) -> None:
    """Subtract an image, of which row `row` is the first of the band."""
    for y in range(band.shape[0]):
        for x in range(band.shape[1]):
            band[y, x] = band[y, x] - level[row + y, x]


# Loops over one row without a condition are vectorised.
@njit(void(float32[::1], _column), **_jit)
def _subtract_columns(row, column):
    for x in range(row.size):
        row[x] = np.float32(np.float64(row[x]) - column[x])


@njit(void(float32[::1], _column, float64), **_jit)
def _subtract_both(row, column, side):
    for x in range(row.size):
        row[x] = np.float32((np.float64(row[x]) - column[x]) - side)


@njit(void(float32[::1], _column, float64), **_jit)
def _subtract_both_rounded(row, column, side):
    for x in range(row.size):
        row[x] = np.float32(np.float64(np.float32(np.float64(row[x]) - column[x])) - side)


@njit(void(float32[:, ::1], _column, boolean, boolean, _sides, _output, int64), **_jit)
def correct(
    band: np.ndarray,
    column: np.ndarray,
    sided: bool,
    rounded: bool,
    side: np.ndarray,
    output: np.ndarray,
    row: int,
) -> None:
    """Subtract the levels of reference pixels.

    Parameters
    ----------
    band : (n, nx) float32 array
        DN, updated.
    column : (nx,) float64 array
        Level of each column.
    sided : bool
        Whether rows are corrected.
    rounded : bool
        Whether the difference is rounded to float32 before rows are corrected.
    side : (ny, m) float64 array
        Levels of each row, one or one for each output.
    output : (nx,) uint8 array
        Which of the levels of its row a column has.
    row : int
        Row of `side` that is the first of the band.
    """
    for y in range(band.shape[0]):
        if not sided:
            _subtract_columns(band[y], column)
        elif side.shape[1] == 1 and rounded:
            _subtract_both_rounded(band[y], column, side[row + y, 0])
        elif side.shape[1] == 1:
            _subtract_both(band[y], column, side[row + y, 0])
        else:
            for x in range(band.shape[1]):
                value = np.float64(band[y, x]) - column[x]
                if rounded:
                    value = np.float64(np.float32(value))
                band[y, x] = np.float32(value - side[row + y, output[x]])


@njit(void(_line, float32[::1], float32[::1]), **_jit)
def _times(coefficients, values, result):
    for x in range(result.size):
        result[x] = coefficients[x] * values[x]


@njit(void(_line, float32[::1], float32[::1]), **_jit)
def _plus_times(coefficients, values, result):
    for x in range(result.size):
        result[x] = np.float32(result[x] + coefficients[x]) * values[x]


@njit(void(_line, float32[::1], _groups, int64, float32[::1]), **_jit)
def _replace_unsaturated(coefficients, result, early, group, values):
    for x in range(result.size):
        value = np.float32(result[x] + coefficients[x])
        values[x] = values[x] if early[x] <= group else value


@njit(void(float32[:, ::1], _cube, int64, _early, int64), **_jit)
def linearise(
    band: np.ndarray, coefficients: np.ndarray, row: int, early: np.ndarray, group: int
) -> None:
    """Apply polynomials to samples that are not saturated.

    Parameters
    ----------
    band : (n, nx) float32 array
        DN, updated.
    coefficients : (nc, ny, nx) float32 array
    row : int
        Row of `coefficients` that is the first of the band.
    early : (n, nx) uint16 array
        First group in which each pixel is flagged saturated.
    group : int
    """
    nc, _, nx = coefficients.shape
    result = np.empty(nx, np.float32)
    for y in range(band.shape[0]):
        values = band[y]
        _times(coefficients[nc - 1, row + y], values, result)
        for j in range(nc - 2, 0, -1):
            _plus_times(coefficients[j, row + y], values, result)
        _replace_unsaturated(coefficients[0, row + y], result, early[y], group, values)


@_helper
def _insert(ordered, n, value):
    """Put one more value into `n` values in rising order, NaN last; return how many there are."""
    place = n
    while place > 0 and (ordered[place - 1] > value or math.isnan(ordered[place - 1])):
        ordered[place] = ordered[place - 1]
        place -= 1
    ordered[place] = value
    return n + 1


@njit(void(_sides, _bad, int64, int64, boolean, float64[::1]), **_jit)
def running_median(
    values: np.ndarray, good: np.ndarray, before: int, length: int, single: bool, out: np.ndarray
) -> None:
    """Write the running median over rows of the good pixels in some columns.

    Parameters
    ----------
    values : (ny, k) float64 array
    good : (ny, k) uint8 array
        0: left out.
    before : int
        Rows of the window before the row itself; rows beyond the ends are reflected, without the
        end itself repeated.
    length : int
        Rows of the window.
    single : bool
        Take the mean of two middle values in float32.
    out : (ny,) float64 array
        NaN where no pixel is good.
    """
    ny, nk = values.shape
    ordered, n, whole = np.empty(length * nk, np.float64), 0, True
    for y in range(ny):
        for k in range(nk):
            whole &= math.isfinite(values[y, k])
    for y in range(ny):
        leaving, coming = y - before - 1, y - before + length - 1
        if y and whole and leaving >= 0 and coming < ny:
            # The window of the row before, in order, less its first row, with one more.
            for k in range(nk):
                if good[leaving, k]:
                    place = 0
                    while ordered[place] < values[leaving, k]:
                        place += 1
                    for m in range(place, n - 1):
                        ordered[m] = ordered[m + 1]
                    n -= 1
            for k in range(nk):
                if good[coming, k]:
                    n = _insert(ordered, n, values[coming, k])
        else:
            n = 0
            for step in range(length):
                j = y - before + step
                j = -j if j < 0 else j
                j = 2 * (ny - 1) - j if j >= ny else j
                for k in range(nk):
                    if good[j, k]:
                        n = _insert(ordered, n, values[j, k])
        if n == 0:
            out[y] = np.nan
        elif n % 2:
            out[y] = ordered[n // 2]
        elif single:
            low, high = np.float32(ordered[n // 2 - 1]), np.float32(ordered[n // 2])
            out[y] = np.float64(np.float32(low + high) * np.float32(0.5))
        else:
            out[y] = (ordered[n // 2 - 1] + ordered[n // 2]) * 0.5
