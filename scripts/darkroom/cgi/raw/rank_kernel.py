"""Compiled rank filter of 10 x 10 pixels (see `darkroom.cgi.raw.network`).

Import it through `darkroom.compiled`, which guards numba's cache.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit, types

if TYPE_CHECKING:
    from typing import Any

# As in `darkroom.cgi.raw.network` (a test compares): numba would not notice an edit over there.
SIZE = 10
BOTH, LOWER = 0, 1
# Pixels of a row that are processed together: their wires fit the processor's first cache.
_LANES = 1024

# Called by compiled code alone: without what Python or C would call, it compiles in half the time.
_options: dict[str, Any] = {
    "nogil": True, "error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True,
}  # fmt: skip
# Loops over pixels are inlined before they are compiled: calls of them take 1.6 times as long.
_loop = njit(inline="always", **_options)


@_loop
def _exchange(a, b):
    for j in range(a.size):
        x, y = a[j], b[j]
        a[j] = x if x < y else y
        b[j] = y if x < y else x


@_loop
def _lower(a, b):
    for j in range(a.size):
        x, y = a[j], b[j]
        a[j] = x if x < y else y


@_loop
def _upper(a, b):
    for j in range(a.size):
        x, y = a[j], b[j]
        b[j] = y if x < y else x


@njit(**_options)
def _follow(wires, steps, width):
    for k in range(len(steps)):
        a, b = wires[steps[k, 0], :width], wires[steps[k, 1], :width]
        if steps[k, 2] == BOTH:
            _exchange(a, b)
        elif steps[k, 2] == LOWER:
            _lower(a, b)
        else:
            _upper(a, b)


@_loop
def _copy(source, target):
    for j in range(target.size):
        target[j] = source[j]


@_loop
def _last_rank(four, two, order, out):
    """Find the wanted rank of two sorted lists: `four`, whose middle is `order`, and `two`."""
    top = len(order) - 1
    _copy(four[order[top]], out)
    for j in range(1, top + 1):
        a, b = four[order[top - j]], two[j - 1]
        for p in range(out.size):
            larger = a[p] if a[p] > b[p] else b[p]
            out[p] = larger if larger < out[p] else out[p]


def _rank_filter(padded, sort, order1, two, order2, four, order4, middle, order, out):
    """Replace every pixel by the 51st smallest of its window.

    Parameters
    ----------
    padded : (ny + 9, nx + 9) array
        The image with the margins its windows need: 5 rows and columns before, 4 after.
    sort, order1, two, order2, four, order4, middle, order : int32 arrays
        As from `darkroom.cgi.raw.network.tables`.
    out : (ny, nx) array
        Filled.
    """
    ny, nx = out.shape
    edge = SIZE - 1
    ones = np.empty((SIZE, _LANES + edge), out.dtype)
    twos = np.empty((2 * SIZE, _LANES + edge), out.dtype)
    two_sorted = np.empty((2 * SIZE, _LANES + edge), out.dtype)
    fours = np.empty((4 * SIZE, _LANES + edge), out.dtype)
    wires = np.empty((8 * SIZE, _LANES), out.dtype)
    for start in range(0, nx, _LANES):
        width = min(_LANES, nx - start)
        for row in range(ny):
            full = width + edge
            for k in range(SIZE):
                _copy(padded[row + k, start : start + full], ones[k, :full])
            _follow(ones, sort, full)
            full -= 1
            for k in range(SIZE):
                _copy(ones[order1[k], :full], twos[k, :full])
                _copy(ones[order1[k], 1 : full + 1], twos[SIZE + k, :full])
            _follow(twos, two, full)
            for k in range(2 * SIZE):
                _copy(twos[order2[k], :full], two_sorted[k, :full])
            full -= 2
            for k in range(2 * SIZE):
                _copy(two_sorted[k, :full], fours[k, :full])
                _copy(two_sorted[k, 2 : full + 2], fours[2 * SIZE + k, :full])
            _follow(fours, four, full)
            for k in range(4 * SIZE):
                _copy(fours[order4[k], :width], wires[k, :width])
                _copy(fours[order4[k], 4 : width + 4], wires[4 * SIZE + k, :width])
            _follow(wires, middle, width)
            target = out[row, start : start + width]
            _last_rank(wires[:, :width], two_sorted[:, 8 : width + 8], order, target)


def _signature(number):
    image = types.Array(number, 2, "C")
    steps, wires = types.Array(types.int32, 2, "C"), types.Array(types.int32, 1, "C")
    return types.void(image, *(4 * (steps, wires)), image)


rank_filter = njit(
    [_signature(types.int16), _signature(types.int32)],
    nogil=True,
    cache=True,
    no_cfunc_wrapper=True,
    error_model="numpy",
)(_rank_filter)
