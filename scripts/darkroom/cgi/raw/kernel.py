"""Compiled steps of preparing an L1 frame that the modes best and peer share.

Import it through `darkroom.compiled`, which guards numba's cache. Frames stay unsigned 16-bit
numbers: instead of comparing bias-subtracted pixels with a level, raw ones are compared with the
smallest whole number that reaches the level in their row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit, types

if TYPE_CHECKING:
    from typing import Any

_helper = njit(nogil=True, inline="always", error_model="numpy")
# What is called by compiled code alone, and not inlined: without what Python or C would call, it
# compiles in half the time.
_call = njit(nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
_FULL = 1 << 16
_plain: dict[str, Any] = {
    "nogil": True,
    "cache": True,
    "no_cfunc_wrapper": True,
    "error_model": "numpy",
}


def _native(stored, out, highest):
    """Convert FITS' unsigned numbers to native ones, and find the largest of each row.

    Parameters
    ----------
    stored : (ny, nx) uint16 array
        Bytes as in the file (big-endian, BZERO 32768).
    out : (ny, nx) uint16 array
        Filled.
    highest : (ny,) int64 array
        Filled.
    """
    for r in range(out.shape[0]):
        source, target, top = stored[r], out[r], np.uint16(0)
        for c in range(source.size):
            v = np.uint16((source[c] >> np.uint16(8)) | (source[c] << np.uint16(8)))
            v = np.uint16(v ^ np.uint16(0x8000))
            target[c] = v
            top = max(top, v)
        highest[r] = top


_image = types.Array(types.uint16, 2, "C")
_rows_int = types.Array(types.int64, 1, "C")
_rows = types.Array(types.float64, 1, "C")
native = njit([types.void(_image, _image, _rows_int)], **_plain)(_native)


@_call
def _select(values, n, k):
    """Move the k-th smallest of `n` values to place k, and none larger before it (N. Wirth)."""
    left, right = 0, n - 1
    while left < right:
        pivot = values[k]
        i, j = left, right
        while i <= j:
            while values[i] < pivot:
                i += 1
            while pivot < values[j]:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if j < k:
            left = i
        if k < i:
            right = j
    return values[k]


def _row_levels(raw, first, stop, median, std):
    """Find median and standard deviation (ddof 0) of each row between two columns.

    Sums of whole numbers are exact: only the final standard deviation is rounded.
    """
    n = stop - first
    line = np.empty(n, np.int64)
    for r in range(raw.shape[0]):
        total, square = 0, 0
        for c in range(n):
            v = np.int64(raw[r, first + c])
            line[c] = v
            total += v
            square += v * v
        std[r] = np.sqrt(np.float64(n * square - total * total)) / n
        upper = _select(line, n, n // 2)
        if n % 2:
            median[r] = upper
        else:
            lower = line[0]
            for c in range(1, n // 2):
                lower = max(lower, line[c])
            median[r] = 0.5 * (lower + upper)


row_levels = njit([types.void(_image, types.int64, types.int64, _rows, _rows)], **_plain)(
    _row_levels
)


def _cuts(bias, level, strict, out):
    """Find, row by row, the smallest raw number that reaches a level above the bias.

    Parameters
    ----------
    bias : (ny,) float64 array
        Bias of each row [DN].
    level : float64
        Level above the bias [DN].
    strict : bool
        True when the level must be exceeded, not only reached.
    out : (ny,) int64 array
        Filled; 65536 where no 16-bit number reaches the level.
    """
    for r in range(bias.size):
        b = bias[r]
        guess = np.floor(level + b) - 2.0
        if not guess < _FULL:
            out[r] = _FULL
            continue
        v = np.int64(max(guess, 0.0))
        while v < _FULL:
            x = np.float64(v) - b
            if x > level or (x == level and not strict):
                break
            v += 1
        out[r] = v


cuts = njit([types.void(_rows, types.float64, types.boolean, _rows_int)], **_plain)(_cuts)


@_helper
def _count_from(line, cut):
    """Return how many pixels of a row reach a cut."""
    found = 0
    for c in range(line.size):
        found += np.int64(line[c]) >= cut
    return found


def _number_reaching(raw, highest, cut):
    found = 0
    for r in range(raw.shape[0]):
        if highest[r] >= cut[r]:
            found += _count_from(raw[r], cut[r])
    return found


number_reaching = njit([types.int64(_image, _rows_int, _rows_int)], **_plain)(_number_reaching)


@_helper
def _interpolate(x, nodes, curve):
    """Interpolate a curve linearly; it is constant beyond its ends."""
    last = nodes.size - 1
    if x <= nodes[0]:
        return curve[0]
    if x >= nodes[last]:
        return curve[last]
    low, high = 0, last
    while high - low > 1:
        middle = (low + high) // 2
        if nodes[middle] <= x:
            low = middle
        else:
            high = middle
    slope = (curve[high] - curve[low]) / (nodes[high] - nodes[low])
    return slope * (x - nodes[low]) + curve[low]


@_helper
def _scale(line, bias, low, kgain, gain, out):
    for c in range(line.size):
        out[c] = ((np.float64(line[c]) - bias) * low * kgain) / gain


def _electrons(raw, highest, bias, nodes, curve, kgain, gain, out):
    """Subtract the bias, correct the non-linearity, convert to electrons.

    Parameters
    ----------
    raw : (n, nx) uint16 array
        A band of rows.
    highest : (n,) int64 array
        Largest raw number of each row.
    bias : (n,) float64 array
    nodes, curve : (m,) float64 arrays
        DN, and relative gain there: values are multiplied by the interpolated gain.
    kgain, gain : float64
        Electrons per DN, and the number that electrons are divided by in the end.
    out : (n, nx) float32 or float64 array
        Filled.
    """
    for r in range(raw.shape[0]):
        b = bias[r]
        _scale(raw[r], b, curve[0], kgain, gain, out[r])
        if highest[r] - b <= nodes[0]:
            continue
        cut = np.int64(np.floor(nodes[0] + b))
        for c in range(raw.shape[1]):
            if raw[r, c] > cut:
                x = np.float64(raw[r, c]) - b
                out[r, c] = (x * _interpolate(x, nodes, curve) * kgain) / gain


def _electrons_signature(number):
    double = types.float64
    return types.void(
        _image, _rows_int, _rows, _rows, _rows, double, double, types.Array(number, 2, "C")
    )


electrons = njit(
    [_electrons_signature(types.float32), _electrons_signature(types.float64)], **_plain
)(_electrons)
