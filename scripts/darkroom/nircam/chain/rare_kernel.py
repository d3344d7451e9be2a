"""Compiled loops of the steps on groups of several frames, and of inter-pixel capacitance.

Few exposures need them: apart, they are not loaded for the others.
"""

from __future__ import annotations

import numpy as np
from numba import boolean, float32, float64, int64, njit, types, uint8, uint16, void

_jit = {"nogil": True, "error_model": "numpy", "cache": True, "no_cfunc_wrapper": True}
_image = types.Array(float32, 2, "C", readonly=True)
_cube = types.Array(float32, 3, "C", readonly=True)
_early = types.Array(uint16, 2, "C", readonly=True)
_sides = types.Array(float64, 2, "C", readonly=True)
_bad = types.Array(uint8, 2, "C", readonly=True)


@njit(
    int64(
        _image, _image, int64, float64, float64, _early, int64, _bad, uint8[:, ::1],
    ),
    **_jit,
)  # fmt: skip
def saturates_within(
    values: np.ndarray,
    limit: np.ndarray,
    row: int,
    share: float,
    never: float,
    early: np.ndarray,
    group: int,
    flags: np.ndarray,
    hit: np.ndarray,
) -> int:
    """Find samples of a group whose last frames may have saturated; return how many.

    Parameters
    ----------
    values : (n, nx) float32 array
        DN.
    limit : (ny, nx) float32 array
        DN; `never` where there is none.
    row : int
        Row of `limit` that is the first of `values`.
    share : float
        Mean frame of the group divided by its last one.
    early : (n, nx) uint16 array
        First group in which each pixel is flagged saturated.
    flags : (n, nx) uint8 array
        Flags of the group.
    hit : (n, nx) uint8 array
        Written to: 1 or 0.
    """
    count = 0
    for y in range(values.shape[0]):
        for x in range(values.shape[1]):
            found = False
            if early[y, x] == group + 1 and flags[y, x] & 3 == 0:
                most = np.float64(limit[row + y, x])
                bound = most if most == never else most * share
                found = np.float64(values[y, x]) >= bound
            hit[y, x] = found
            count += found
    return count


@njit(void(_bad, int64, int64, uint8[:, ::1]), **_jit)
def spread(hit: np.ndarray, offset: int, reach: int, flags: np.ndarray) -> None:
    """Mark DO_NOT_USE within `reach` pixels of a hit; row 0 of `flags` is row `offset` of `hit`."""
    ny, nx = flags.shape
    for y in range(hit.shape[0]):
        for x in range(nx):
            if hit[y, x]:
                top, bottom = max(0, y - offset - reach), min(ny, y - offset + reach + 1)
                for j in range(top, bottom):
                    for k in range(max(0, x - reach), min(nx, x + reach + 1)):
                        flags[j, k] |= np.uint8(1)


@njit(
    void(
        _image, _image, _image, _image, int64, float64, float64, float32, _early, uint8[:, ::1],
    ),
    **_jit,
)  # fmt: skip
def second_group(
    values0: np.ndarray,
    values1: np.ndarray,
    limit: np.ndarray,
    bias: np.ndarray,
    row: int,
    mean: float,
    last: float,
    nframes: float,
    early: np.ndarray,
    flags: np.ndarray,
) -> None:
    """Mark samples of group 1 DO_NOT_USE in which a jump within the group saturated.

    Parameters
    ----------
    values0, values1 : (n, nx) float32 arrays
        Groups 0 and 1, DN.
    limit, bias : (ny, nx) float32 arrays
        DN.
    row : int
        Row of `limit` and `bias` that is the first of `values0`.
    mean, last : float
        Mean frame of group 0; frames until the end of group 2.
    nframes : float
        Frames of a group.
    early : (n, nx) uint16 array
        First group in which each pixel is flagged saturated.
    flags : (n, nx) uint8 array
        Flags of group 1, updated.
    """
    for y in range(values0.shape[0]):
        for x in range(values0.shape[1]):
            if early[y, x] != 2:
                continue
            most, level = limit[row + y, x], bias[row + y, x]
            v0, v1 = values0[y, x], values1[y, x]
            signal = np.float64(np.float32(v0 - level)) / mean * last + np.float64(level)
            room = np.float32(np.float32(most - v0) / nframes)
            if signal < np.float64(most) and np.float32(v1 - v0) > room:
                flags[y, x] |= np.uint8(1)


@njit(inline="always")
def _polynomial(coefficients, y, x, value):
    result = np.float64(coefficients[coefficients.shape[0] - 1, y, x]) * value
    for j in range(coefficients.shape[0] - 2, 0, -1):
        result = (result + np.float64(coefficients[j, y, x])) * value
    return result + np.float64(coefficients[0, y, x])


@njit(
    void(float32[:, ::1], _cube, _cube, int64, _early, int64, int64, _image, _sides),
    **_jit,
)  # fmt: skip
def linearise_frames(
    band: np.ndarray,
    forward: np.ndarray,
    inverse: np.ndarray,
    row: int,
    early: np.ndarray,
    group: int,
    nframes: int,
    start: np.ndarray,
    rate: np.ndarray,
) -> None:
    """Apply polynomials to the frames of averaged groups, which the inverse ones tell apart.

    Parameters
    ----------
    band : (n, nx) float32 array
        DN, updated.
    forward, inverse : (nc, ny, nx), (nd, ny, nx) float32 arrays
    row : int
        Row of the coefficients that is the first of the band.
    early : (n, nx) uint16 array
        First group in which each pixel is flagged saturated.
    group, nframes : int
    start : (n, nx) float32 array
        Linear signal of group 0, DN.
    rate : (n, nx) float64 array
        Linear signal from frame to frame, DN.
    """
    middle = 0.0
    for k in range(nframes):
        middle += np.float64(1 + k)
    middle /= nframes
    frames = np.empty(nframes, np.float64)
    for y in range(band.shape[0]):
        for x in range(band.shape[1]):
            if early[y, x] <= group:
                continue
            total = 0.0
            for k in range(nframes):
                elapsed = np.float64(group * nframes + 1 + k) - middle
                linear = np.float64(start[y, x]) + rate[y, x] * elapsed
                frames[k] = _polynomial(inverse, row + y, x, linear)
                total += frames[k]
            shift = np.float64(band[y, x]) - total / nframes
            total = 0.0
            for k in range(nframes):
                total += _polynomial(forward, row + y, x, frames[k] + shift)
            band[y, x] = np.float32(total / nframes)


@njit(void(_image, _cube, boolean, int64, int64, int64, int64, float32[:, ::1]), **_jit)
def coupled(
    band: np.ndarray,
    kernel: np.ndarray,
    uniform: bool,
    top: int,
    left: int,
    bottom: int,
    right: int,
    out: np.ndarray,
) -> None:
    """Write the signal without the coupling of neighbouring pixels.

    Parameters
    ----------
    band : (n + k - 1, nx) float32 array
        DN, with (k - 1) / 2 rows more than `out` on either side; their values do not matter where
        they are outside the frame.
    kernel : (k * k, ny, nx) float32 array
        Kernel of every pixel of `out`, or (k * k, 1, 1) when it is `uniform`.
    top, left, bottom, right : int
        The active pixels, rows and columns of `band`; others are neither changed nor used.
    out : (n, nx) float32 array
    """
    size = 1
    while size * size < kernel.shape[0]:
        size += 2
    m = size // 2
    ny, nx = out.shape
    for y in range(ny):
        for x in range(nx):
            if y + m < top or y + m >= bottom or x < left or x >= right:
                out[y, x] = band[y + m, x]
                continue
            total = np.float32(0)
            for step in range(size * size):
                k = step if step < m * size + m else step + 1
                if step == size * size - 1:
                    k = m * size + m
                a, b = k // size, k % size
                j, i = y + m + m - a, x + m - b
                inside = j >= top and j < bottom and i >= left and i < right
                value = band[j, i] if inside else np.float32(0)
                weight = kernel[k, 0, 0] if uniform else kernel[k, y, x]
                total = np.float32(total + np.float32(weight * value))
            out[y, x] = total
