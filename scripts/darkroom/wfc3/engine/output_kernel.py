"""Compiled last steps: FLATCORR and the statistics in headers.

Arithmetic is that of C `float` unless noted otherwise (see `darkroom.wfc3.engine.kernel`); sums of
statistics run in double over the pixels in memory order, as in calwf3. numba's on-disk cache
notices changes of this file only: nothing compiled may be imported here.
"""

from __future__ import annotations

import math

import numpy as np
from numba import float32, float64, int16, int64, njit, types, void

_F = types.Array(float32, 2, "C")
_D = types.Array(int16, 2, "C")
_WINDOW = types.UniTuple(int64, 4)
_kernel = {"nogil": True, "error_model": "numpy", "cache": True, "no_cfunc_wrapper": True}
# Called by compiled code alone: without what Python or C would call, it compiles in half the time.
_helper = njit(nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
_ZERO = np.float32(0)


@_helper
def _row_flat(sci, err, dq, flat, flat_err, flat_dq):
    """Divide by the flat and add its error in quadrature; where the flat is 0 the result is 0."""
    for x in range(sci.size):
        s, e, f, g = sci[x], err[x], flat[x], flat_err[x]
        square = f * f
        ratio = s / f
        error = math.sqrt(e * e / square + s * s * g * g / (square * square))
        sci[x] = ratio if f != _ZERO else _ZERO
        err[x] = error if f != _ZERO else _ZERO
        dq[x] |= flat_dq[x]


@_helper
def _row_scale(values, factor):
    for x in range(values.size):
        values[x] *= factor


@njit(void(int64, int64, _WINDOW, _F, _F, _D, _F, _F, _D, float32), **_kernel)
def flat_field(first_row, last_row, window, sci, err, dq, flat, flat_err, flat_dq, gain):
    """Flat-field rows in place inside the window, then convert DN to electrons everywhere.

    Parameters
    ----------
    first_row, last_row : int
        Rows to work on: from `first_row` up to but not including `last_row`.
    window : tuple of int
        (y0, y1, x0, x1): pixels to divide by the flat.
    sci, err, dq, flat, flat_err, flat_dq : (ny, nx) arrays
        Image, changed in place, and flat.
    gain : float32
        e-/DN.
    """
    y0, y1, x0, x1 = window
    for y in range(first_row, last_row):
        if y0 <= y < y1:
            _row_flat(sci[y, x0:x1], err[y, x0:x1], dq[y, x0:x1], flat[y, x0:x1],
                      flat_err[y, x0:x1], flat_dq[y, x0:x1])  # fmt: skip
        _row_scale(sci[y], gain)
        _row_scale(err[y], gain)


@njit(float32(_WINDOW, _F, _D, int64), **_kernel)
def mean_unflagged(window, values, dq, flags):
    """Return the mean of the finite, unflagged values in a window, 0 when there are none.

    Parameters
    ----------
    window : tuple of int
        (y0, y1, x0, x1): pixels to include.
    values, dq : (ny, nx) arrays
        Image and its flags.
    flags : int
        Pixels with any of these flags are left out.
    """
    total, count = 0.0, 0
    y0, y1, x0, x1 = window
    for y in range(y0, y1):
        for x in range(x0, x1):
            value = values[y, x]
            if not dq[y, x] & flags and abs(value) < np.inf:
                total += np.float64(value)
                count += 1
    return np.float32(total / count) if count else _ZERO


@njit(types.Tuple((int64, types.UniTuple(float64, 9)))(_WINDOW, _F, _F, _D, int64), **_kernel)
def good_statistics(window, sci, err, dq, flags):
    """Return the statistics of the unflagged pixels with an error > 0 in a window.

    Parameters
    ----------
    window : tuple of int
        (y0, y1, x0, x1): pixels to include.
    sci, err, dq : (ny, nx) arrays
        Image, its errors and flags.
    flags : int
        Pixels with any of these flags are left out.

    Returns
    -------
    count : int
        Number of pixels.
    (mean, minimum, maximum) of the values, of the errors, of value / error : 9 float
        Rounded to C `float`. As in calwf3, a value that becomes the minimum is not compared with
        the maximum.
    """
    y0, y1, x0, x1 = window
    count = 0
    values = errors = ratios = 0.0
    v0 = v1 = e0 = e1 = r0 = r1 = _ZERO
    for y in range(y0, y1):
        for x in range(x0, x1):
            if dq[y, x] & flags or err[y, x] <= _ZERO:
                continue
            value, error = np.float64(sci[y, x]), np.float64(err[y, x])
            ratio = value / error
            values += value
            errors += error
            ratios += ratio
            count += 1
            if count == 1:
                v0 = v1 = np.float32(value)
                e0 = e1 = np.float32(error)
                r0 = r1 = np.float32(ratio)
                continue
            if value < v0:
                v0 = np.float32(value)
            elif value > v1:
                v1 = np.float32(value)
            if error < e0:
                e0 = np.float32(error)
            elif error > e1:
                e1 = np.float32(error)
            if ratio < r0:
                r0 = np.float32(ratio)
            elif ratio > r1:
                r1 = np.float32(ratio)
    n = max(count, 1)
    return count, (
        np.float32(values / n), v0, v1,
        np.float32(errors / n), e0, e1,
        np.float32(ratios / n), r0, r1,
    )  # fmt: skip
