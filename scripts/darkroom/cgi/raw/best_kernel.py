"""Compiled search for cosmic rays by the physics of the EM register.

Import it through `darkroom.compiled`, which guards numba's cache. Levels are in DN above the
bias; `unit` is the mean amplified signal of one electron, in DN.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit, types

if TYPE_CHECKING:
    from typing import Any

#: Bits of `marks`: above the threshold; in a hit or its tail; with a signal that often saturates.
HIT, RAY, TRUNCATED = 1, 2, 4
# Shortest block of a tail; later blocks are 1/_PART of the length so far.
_BLOCK, _PART = 8, 4
# Rows and columns around a hit of several rows that its charge may have spread to; rows between a
# tail and those it is compared with.
_AROUND, _APART = 3, 4

_helper = njit(nogil=True, inline="always", error_model="numpy")
# What is called by compiled code alone, and not inlined: without what Python or C would call, it
# compiles in half the time.
_call = njit(nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
_plain: dict[str, Any] = {
    "nogil": True,
    "cache": True,
    "no_cfunc_wrapper": True,
    "error_model": "numpy",
}
_cube = types.Array(types.uint16, 3, "C")
_frame = types.Array(types.uint16, 2, "C")
_marks = types.Array(types.uint8, 3, "C")
_marks_frame = types.Array(types.uint8, 2, "C")
_levels = types.Array(types.float64, 2, "C")
_level = types.Array(types.float64, 1, "C")
_counts = types.Array(types.int64, 1, "C")


def _histogram(counts, level, use, rows, columns, step, low, out):
    """Add bias-subtracted values to a histogram with bins of half a DN, beginning at `low`.

    Values beyond the ends are counted in the first and last bin. Every `step`-th row of `rows`
    (first, stop) counts where `use` is True, with its columns from `columns` (first, stop).
    """
    last = out.size - 1
    for r in range(rows[0], rows[1], step):
        if not use[r]:
            continue
        line, shift = counts[r], 2.0 * (level[r] + low)
        for c in range(columns[0], columns[1]):
            place = np.int64(np.floor(2.0 * line[c] - shift))
            out[min(max(place, 0), last)] += 1


histogram = njit(
    [
        types.void(
            _frame, _level, types.Array(types.boolean, 1, "C"), _counts, _counts, types.int64,
            types.float64, _counts,
        )
    ],
    **_plain,
)(_histogram)  # fmt: skip


@_helper
def _threshold(electrons, base, unit, depth):
    """Return the level that amplified electrons exceed with a probability of about exp(-depth).

    Chernoff's bound for a Poisson number of exponentials: (sqrt(mean) + sqrt(depth))².
    """
    root = np.sqrt(electrons) + np.sqrt(depth)
    return base + unit * root * root


@_helper
def _lower_median(values, n, without):
    """Return the lower median of `n` values, leaving out the one numbered `without` (-1: none)."""
    kept = np.empty(n)
    m = 0
    for k in range(n):
        if k == without:
            continue
        v, j = values[k], m
        while j > 0 and kept[j - 1] > v:
            kept[j] = kept[j - 1]
            j -= 1
        kept[j] = v
        m += 1
    return kept[(m - 1) // 2]


@_helper
def _test_pixel(counts, level, r, c, base, unit, depth, electrons, saturation, margin, marks):
    """Decide in which frames a pixel is hit, from its signal in the other frames."""
    n = counts.shape[0]
    values = np.empty(n)
    for f in range(n):
        values[f] = np.float64(counts[f, r, c]) - level[f, r]
    if n > 2:
        own = max(_lower_median(values, n, -1), 0.0) / unit
        if own > 1.0 and _threshold(own, 0.0, unit, margin) > saturation:
            for f in range(n):
                marks[f, r, c] |= np.uint8(TRUNCATED)
    for f in range(n):
        mean = electrons
        if n > 1:
            mean = max(mean, _lower_median(values, n, f) / unit)
        if values[f] > _threshold(mean, base, unit, depth):
            marks[f, r, c] |= np.uint8(HIT)


def _find_hits(
    counts, level, rows, columns, lowest, base, unit, depth, electrons, saturation, margin, marks
):
    """Mark samples that are too bright to be dark signal.

    Parameters
    ----------
    counts : (n, ny, nx) uint16 array
        Frames of one stack.
    level : (n, ny) float64 array
        Bias of their rows [DN].
    rows, columns : (2,) int64 arrays
        First and stop of the area that is searched.
    lowest : float64
        Level [DN]; pixels above it in any frame are tested.
    base : float64
        Contribution of noise to the threshold [DN].
    unit : float64
        Mean amplified signal of one electron [DN].
    depth : float64
        The probability of a false hit is about exp(-depth).
    electrons : float64
        Smallest mean number of electrons that a pixel is taken to have.
    saturation : float64
        Level of saturation [DN].
    margin : float64
        As `depth`, for the probability that a pixel's own signal saturates.
    marks : (n, ny, nx) uint8 array
        Bits are set.

    Notes
    -----
    The mean signal of a pixel is the lower median of its other frames: the signal of a hot pixel
    is not taken for a hit, and no sample takes part in the decision about itself.
    """
    n = counts.shape[0]
    for r in range(rows[0], rows[1]):
        for f in range(n):
            line, cut = counts[f, r], level[f, r] + lowest
            whole = np.uint16(min(max(np.floor(cut), 0.0), 65535.0))
            found = 0
            for c in range(columns[0], columns[1]):
                found += line[c] > whole
            if not found:
                continue
            for c in range(columns[0], columns[1]):
                if line[c] <= whole:
                    continue
                seen = False
                for before in range(f):
                    seen |= np.float64(counts[before, r, c]) - level[before, r] > lowest
                if not seen:
                    _test_pixel(
                        counts, level, r, c, base, unit, depth, electrons, saturation, margin,
                        marks,
                    )  # fmt: skip


find_hits = njit(
    [
        types.void(
            _cube, _levels, _counts, _counts, *(5 * (types.float64,)), types.float64,
            types.float64, _marks,
        )
    ],
    **_plain,
)(_find_hits)  # fmt: skip


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


@_call
def _block_level(counts, level, start, stop, shift, room):
    """Return the median of a block of the flattened frame, shifted by `shift` pixels."""
    nx = counts.shape[1]
    n = stop - start
    for k in range(n):
        p = start + k + shift
        r = p // nx
        room[k] = np.float64(counts[r, p - r * nx]) - level[r]
    return _select(room, n, n // 2)


@_helper
def _tail_end(counts, level, start, end, sigma, limit):
    """Follow a tail along the flattened frame; return where it ends, and whether there is one.

    Blocks grow with the length so far: few are needed, and the last ones measure faint levels.
    The level of a block is compared with the same columns of rows above and below, so far away that
    a hit of several rows, each with its tail, does not hide them.
    """
    nx = counts.shape[1]
    apart = _APART * nx
    last = start
    at, found = start, False
    room = np.empty(_BLOCK + (end - start) // _PART + 1)
    while at < end:
        width = max(_BLOCK, (at - start) // _PART)
        stop = min(at + width, end)
        here = _block_level(counts, level, at, stop, 0, room)
        around = np.inf
        if at >= apart:
            around = _block_level(counts, level, at, stop, -apart, room)
        if stop + apart <= end:
            around = min(around, _block_level(counts, level, at, stop, apart, room))
        last = stop
        if here - around <= limit * sigma * np.sqrt(2.0 / (stop - at)):
            break
        found = True
        at = stop
    return last, found


@_helper
def _mark(marks, start, stop):
    nx = marks.shape[1]
    for p in range(start, min(stop, marks.size)):
        marks[p // nx, p % nx] |= np.uint8(RAY)


def _grow(counts, level, rows, columns, saturation, sigma, limit, end, marks):
    """Mask hits, their tails and, when they are strong, the pixels around them.

    Parameters
    ----------
    counts : (ny, nx) uint16 array
    level : (ny,) float64 array
        Bias of the rows [DN].
    rows, columns : (2,) int64 arrays
        First and stop of the area with hits.
    saturation : float64
        Level of saturation [DN].
    sigma : float64
        Noise of a pixel [DN].
    limit : float64
        Significance that each block of a tail must have [standard errors].
    end : int64
        Pixel of the flattened frame at which tails end at the latest.
    marks : (ny, nx) uint8 array
        Bits are set.

    Returns
    -------
    hits, tails : int64
        Runs of hit pixels, and pixels of tails.

    Notes
    -----
    A hit in adjacent rows is a cloud of charge, whose wings lie below the threshold: at a high gain
    they have several electrons three pixels from its centre.
    """
    ny, nx = counts.shape
    hits, length = 0, 0
    for r in range(rows[0], rows[1]):
        c = columns[0]
        while c < columns[1]:
            if not marks[r, c] & HIT:
                c += 1
                continue
            first, strong, cloud = c, False, False
            while c < columns[1] and marks[r, c] & HIT:
                strong |= np.float64(counts[r, c]) - level[r] >= saturation
                for y in (r - 1, r + 1):
                    cloud |= 0 <= y < ny and marks[y, c] & HIT != 0
                c += 1
            strong |= cloud | (c - first > 1)
            hits += 1
            reach = (_AROUND if cloud else 1) if strong else 0
            for y in range(max(r - reach, 0), min(r + reach + 1, ny)):
                _mark(marks, y * nx + max(first - reach, 0), y * nx + min(c + reach, nx))
            stop, followed = _tail_end(counts, level, r * nx + c, end, sigma, limit)
            if followed or strong:
                _mark(marks, r * nx + c, stop)
                length += stop - r * nx - c
    return hits, length


grow = njit(
    [
        types.UniTuple(types.int64, 2)(
            _frame, _level, _counts, _counts, types.float64, types.float64, types.float64,
            types.int64, _marks_frame,
        )
    ],
    **_plain,
)(_grow)  # fmt: skip


def _quality(counts, level, saturation, marks, telemetry, saturated, cosmic, unknown, out):
    """Fill DQ; return how many pixels are flagged as hits or tails of cosmic rays."""
    rays = 0
    for r in range(counts.shape[0]):
        line, bits, target = counts[r], marks[r], out[r]
        cut = min(max(np.ceil(level[r] + saturation), 0.0), 65536.0)
        for c in range(line.size):
            flag = np.uint16(0)
            ray = bits[c] & RAY != 0
            rays += ray
            flag |= cosmic if ray else np.uint16(0)
            full = (np.float64(line[c]) >= cut) | (bits[c] & TRUNCATED != 0)
            flag |= saturated if full else np.uint16(0)
            target[c] = flag
        if telemetry[0] <= r < telemetry[1]:
            for c in range(line.size):
                target[c] |= unknown
    return rays


quality = njit(
    [
        types.int64(
            _frame, _level, types.float64, _marks_frame, _counts, types.uint16, types.uint16,
            types.uint16, _frame,
        )
    ],
    **_plain,
)(_quality)  # fmt: skip
