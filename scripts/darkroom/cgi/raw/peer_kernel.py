"""Compiled search for cosmic rays by corgidrp's rules (5.1.1).

Import it through `darkroom.compiled`, which guards numba's cache. In `flags` bit 0 marks pixels
above the histogram's threshold and their tails, bit 1 plateaus. `zeroed` marks pixels whose
value is taken as zero (within the coronagraph's inner working angle); without rows, there are none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit, types

if TYPE_CHECKING:
    from typing import Any

HIT, PLATEAU = 1, 2

_helper = njit(nogil=True, inline="always", error_model="numpy")
_plain: dict[str, Any] = {
    "nogil": True,
    "cache": True,
    "no_cfunc_wrapper": True,
    "error_model": "numpy",
}
_SMALL = 32767


def _keys(raw, base, scale, first, zeroed, out, padded):
    """Scale bias-subtracted pixels to whole numbers; copy them with margins for the rank filter.

    Parameters
    ----------
    raw : (ny, nx) uint16 array
        The image area.
    base : (ny,) int64 array
        `scale` times the bias of each row.
    scale : int64
        Factor that makes the bias of every row a whole number.
    first : int64
        Rows and columns that windows reach up and left; one less down and right.
    zeroed : (ny, nx) bool array, or one without rows
        Pixels whose value is taken as zero.
    out : (ny, nx) int32 array
        Filled with scale × (raw - bias).
    padded : int16 or int32 array
        Filled with the same, mirrored at the edges; int16 is clipped at its limits.
    """
    ny, nx = out.shape
    any_zeroed = zeroed.shape[0] > 0
    for r in range(ny):
        line, target, b = raw[r], out[r], base[r]
        inner = padded[first + r, first : first + nx]
        for c in range(nx):
            key = np.int32(np.int64(line[c]) * scale - b)
            target[c] = key
        if any_zeroed:
            for c in range(nx):
                if zeroed[r, c]:
                    target[c] = 0
        for c in range(nx):
            inner[c] = min(max(target[c], -_SMALL), _SMALL) if padded.itemsize == 2 else target[c]
        row = padded[first + r]
        for k in range(first):
            row[first - 1 - k] = row[first + k]
        for k in range(first - 1):
            row[first + nx + k] = row[first + nx - 1 - k]
    for k in range(first):
        for c in range(padded.shape[1]):
            padded[first - 1 - k, c] = padded[first + k, c]
    for k in range(first - 1):
        for c in range(padded.shape[1]):
            padded[first + ny + k, c] = padded[first + ny - 1 - k, c]


_bytes = types.Array(types.uint8, 2, "C")
_zeroed = types.Array(types.boolean, 2, "C")
_raw = types.Array(types.uint16, 2, "C")
_raw_part = types.Array(types.uint16, 2, "A")
_keys_array = types.Array(types.int32, 2, "C")
_ints, _floats = types.Array(types.int64, 1, "C"), types.Array(types.float64, 1, "C")


def _padded_signature(number):
    return types.void(
        _raw_part, _ints, types.int64, types.int64, types.Array(types.boolean, 2, "A"),
        _keys_array, types.Array(number, 2, "C"),
    )  # fmt: skip


keys = njit([_padded_signature(types.int16), _padded_signature(types.int32)], **_plain)(_keys)


def _differences(values, background, extremes):
    """Subtract the background in place.

    `extremes` (4,) is filled with the lowest and highest background, and the lowest and highest
    difference.
    """
    low, high = np.int64(values[0, 0]), np.int64(values[0, 0])
    low -= background[0, 0]
    high = low
    deep = np.int64(background[0, 0])
    top = deep
    for r in range(values.shape[0]):
        a, b = values[r], background[r]
        lowest, highest = a[0] - b[0], a[0] - b[0]
        least, most = b[0], b[0]
        for c in range(a.size):
            least, most = min(least, b[c]), max(most, b[c])
            a[c] -= b[c]
            lowest, highest = min(lowest, a[c]), max(highest, a[c])
        low, high = min(low, lowest), max(high, highest)
        deep, top = min(deep, np.int64(least)), max(top, np.int64(most))
    extremes[0], extremes[1], extremes[2], extremes[3] = deep, top, low, high


def _differences_signature(number):
    return types.void(_keys_array, types.Array(number, 2, "C"), _ints)


differences = njit(
    [_differences_signature(types.int16), _differences_signature(types.int32)], **_plain
)(_differences)


def _count_keys(values, lowest, counts):
    for r in range(values.shape[0]):
        line = values[r]
        for c in range(line.size):
            counts[line[c] - lowest] += 1


count_keys = njit([types.void(_keys_array, types.int64, _ints)], **_plain)(_count_keys)


@_helper
def _mark(flags, start, stop, value):
    """Flag a range of the flattened frame."""
    nx = flags.shape[1]
    stop = min(stop, flags.size)
    for p in range(start, stop):
        flags[p // nx, p % nx] |= value


def _hits(raw, highest, cut, zeroed, zero_is_hit, tail, wrap, flags):
    """Flag pixels above the threshold, and the tail after the last pixel of each connected group.

    Parameters
    ----------
    raw : (ny, nx) uint16 array
    highest, cut : (ny,) int64 arrays
        Largest number of each row, and the smallest that is above the threshold.
    zeroed : (ny, nx) bool array, or one without rows
        Pixels whose value is taken as zero.
    zero_is_hit : bool
        Whether zero is above the threshold.
    tail : int64
        Length of the tail that is flagged after a group, in pixels.
    wrap : bool
        True when tails continue in the next row.
    flags : (ny, nx) uint8 array
        Bits are set.

    Notes
    -----
    Connected groups are found from runs of pixels within a row (union-find): each run points to a
    later one of its group, and the run that points to itself is the group's last.
    """
    ny, nx = raw.shape
    any_zeroed = zeroed.shape[0] > 0
    for r in range(ny):
        if highest[r] >= cut[r]:
            line, marks, level = raw[r], flags[r], cut[r]
            for c in range(nx):
                marks[c] |= np.uint8(np.int64(line[c]) >= level)
        if any_zeroed:
            for c in range(nx):
                if zeroed[r, c]:
                    flags[r, c] = np.uint8(zero_is_hit)
    most = ny * ((nx + 1) // 2)
    starts, stops = np.empty(most, np.int32), np.empty(most, np.int32)
    parent = np.empty(most, np.int32)
    number, above = 0, 0
    for r in range(ny):
        begin = number
        if any_zeroed or highest[r] >= cut[r]:
            c = 0
            while c < nx:
                if flags[r, c] == 0:
                    c += 1
                    continue
                starts[number] = r * nx + c
                while c < nx and flags[r, c] != 0:
                    c += 1
                stops[number] = r * nx + c
                parent[number] = number
                number += 1
        k = above
        for run in range(begin, number):
            while k < begin and stops[k] + nx <= starts[run]:
                k += 1
            other = k
            while other < begin and starts[other] + nx < stops[run]:
                root = other
                while parent[root] != root:
                    parent[root] = parent[parent[root]]
                    root = parent[root]
                mine = run
                while parent[mine] != mine:
                    mine = parent[mine]
                parent[min(root, mine)] = max(root, mine)
                other += 1
        above = begin
    if tail <= 0:
        return
    for run in range(number):
        if parent[run] == run:
            stop = np.int64(stops[run])
            end = stop + tail
            if not wrap:
                end = min(end, ((stop - 1) // nx + 1) * nx)
            _mark(flags, stop, end, np.uint8(HIT))


hits = njit(
    [types.void(_raw, _ints, _ints, _zeroed, types.boolean, types.int64, types.boolean, _bytes)],
    **_plain,
)(_hits)


@_helper
def _value(raw, zeroed, bias, r, c):
    if zeroed.shape[0] > 0 and zeroed[r, c]:
        return 0.0
    return np.float64(raw[r, c]) - bias[r]


@_helper
def _filtered(raw, zeroed, bias, flags, r, c, size, with_gaps, window):
    """Return the median of a window along a row; edge pixels are repeated, hits are left out."""
    nx, n = raw.shape[1], 0
    for k in range(c - size // 2, c - size // 2 + size):
        at = min(max(k, 0), nx - 1)
        if flags[r, at] & HIT:
            continue
        v = _value(raw, zeroed, bias, r, at)
        j = n
        while j > 0 and window[j - 1] > v:
            window[j] = window[j - 1]
            j -= 1
        window[j] = v
        n += 1
    if n == 0:
        return -np.inf
    if with_gaps and n % 2 == 0:
        return (window[n // 2 - 1] + window[n // 2]) / 2
    return window[n // 2]


def _plateaus(raw, highest, bias, zeroed, cut, level, edge, size, box, tail, wrap, flags):
    """Flag plateaus: a box around their first pixel, and a streak from there along the row.

    Parameters
    ----------
    raw : (ny, nx) uint16 array
    highest, cut : (ny,) int64 arrays
        Largest number of each row, and the smallest that reaches `level`.
    bias : (ny,) float64 array
        Bias of each row [DN].
    zeroed : (ny, nx) bool array, or one without rows
        Pixels whose value is taken as zero.
    level, edge : float64
        Levels above the bias [DN] that the median-filtered row must reach in a plateau, and that
        each of its pixels reaches.
    size : int64
        Width of the median filter.
    box : int64
        Half width of the box around the first pixel of a plateau.
    tail : int64
        Pixels that are flagged after the streak.
    wrap : bool
        True when streaks continue in the next row.
    flags : (ny, nx) uint8 array
        Bits are set; pixels with bit 0 are left out of the median.
    """
    ny, nx = raw.shape
    window = np.empty(size)
    any_zeroed = zeroed.shape[0] > 0
    for r in range(ny):
        if highest[r] < cut[r] and not (any_zeroed and level <= 0.0):
            continue
        with_gaps = False
        for c in range(nx):
            with_gaps |= (flags[r, c] & HIT) != 0
        tried, previous = -1, -1
        for at in range(nx):
            if flags[r, at] & HIT or _value(raw, zeroed, bias, r, at) < level:
                continue
            first = max(tried + 1, at - (size - 1 - size // 2))
            for c in range(first, min(at + size // 2, nx - 1) + 1):
                tried = c
                if _filtered(raw, zeroed, bias, flags, r, c, size, with_gaps, window) < level:
                    continue
                i = c
                while i > 0 and not flags[r, i] & HIT and _value(raw, zeroed, bias, r, i) >= edge:
                    i -= 1
                if not flags[r, i] & HIT and _value(raw, zeroed, bias, r, i) < edge:
                    i += 1
                if i >= nx or i == previous:
                    continue
                previous = i
                end = i + size + tail
                _mark(flags, r * nx + i, r * nx + min(end, nx), np.uint8(PLATEAU))
                for y in range(max(r - box, 0), min(r + box + 1, ny)):
                    for x in range(max(i - box, 0), min(i + box + 1, nx)):
                        flags[y, x] |= np.uint8(PLATEAU)
                if wrap and end > nx:
                    start = (r + 1) * nx - 1
                    _mark(flags, start, start + end - nx, np.uint8(PLATEAU))


plateaus = njit(
    [
        types.void(
            _raw, _ints, _floats, _zeroed, _ints, types.float64, types.float64, types.int64,
            types.int64, types.int64, types.boolean, _bytes,
        )
    ],
    **_plain,
)(_plateaus)  # fmt: skip


def _quality(raw, highest, cut, flags, saturated, cosmic, out):
    """Fill DQ from `flags` and from the pixels that reach the saturation level."""
    for r in range(raw.shape[0]):
        line, marks, target, level = raw[r], flags[r], out[r], cut[r]
        for c in range(line.size):
            target[c] = cosmic if marks[c] != 0 else np.uint16(0)
        if highest[r] >= level:
            for c in range(line.size):
                if np.int64(line[c]) >= level:
                    target[c] |= saturated


quality = njit(
    [types.void(_raw, _ints, _ints, _bytes, types.uint16, types.uint16, _raw)], **_plain
)(_quality)
