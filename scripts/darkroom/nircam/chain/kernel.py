"""Compiled loops of the steps over bands of rows; every operation rounds as the pipeline's does."""

from __future__ import annotations

import numpy as np
from numba import boolean, float32, float64, int64, njit, types, uint8, uint16, void

_jit = {"nogil": True, "error_model": "numpy", "cache": True}
_stored = types.Array(uint16, 2, "C", readonly=True)
_image = types.Array(float32, 2, "C", readonly=True)
_cube = types.Array(float32, 3, "C", readonly=True)
_early = types.Array(uint16, 2, "C", readonly=True)
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


@njit(
    int64(
        _stored, int64, float32, _image, int64, float64, float64, _early, int64, _bad,
        uint8[:, ::1],
    ),
    **_jit,
)  # fmt: skip
def saturates_within(
    stored: np.ndarray,
    bzero: int,
    scale: float,
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
    stored : (n, nx) uint16 array
    limit : (ny, nx) float32 array
        DN; `never` where there is none.
    row : int
        Row of `limit` that is the first of `stored`.
    share : float
        Mean frame of the group divided by its last one.
    early : (n, nx) uint16 array
        First group in which each pixel is flagged saturated.
    flags : (n, nx) uint8 array
        Flags of the group.
    hit : (n, nx) uint8 array
        Written to: 1 or 0.
    """
    zero, count = np.int32(bzero), 0
    for y in range(stored.shape[0]):
        for x in range(stored.shape[1]):
            found = False
            if early[y, x] == group + 1 and flags[y, x] & 3 == 0:
                most = np.float64(limit[row + y, x])
                bound = most if most == never else most * share
                found = np.float64(_value(stored[y, x], zero, scale)) >= bound
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
        _stored, _stored, int64, float32, _image, _image, int64, float64, float64, float32, _early,
        uint8[:, ::1],
    ),
    **_jit,
)  # fmt: skip
def second_group(
    stored0: np.ndarray,
    stored1: np.ndarray,
    bzero: int,
    scale: float,
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
    stored0, stored1 : (n, nx) uint16 arrays
        Groups 0 and 1.
    limit, bias : (ny, nx) float32 arrays
        DN.
    row : int
        Row of `limit` and `bias` that is the first of `stored0`.
    mean, last : float
        Mean frame of group 0; frames until the end of group 2.
    nframes : float
        Frames of a group.
    early : (n, nx) uint16 array
        First group in which each pixel is flagged saturated.
    flags : (n, nx) uint8 array
        Flags of group 1, updated.
    """
    zero = np.int32(bzero)
    for y in range(stored0.shape[0]):
        for x in range(stored0.shape[1]):
            if early[y, x] != 2:
                continue
            most, level = limit[row + y, x], bias[row + y, x]
            v0, v1 = _value(stored0[y, x], zero, scale), _value(stored1[y, x], zero, scale)
            signal = np.float64(np.float32(v0 - level)) / mean * last + np.float64(level)
            room = np.float32(np.float32(most - v0) / nframes)
            if signal < np.float64(most) and np.float32(v1 - v0) > room:
                flags[y, x] |= np.uint8(1)


@njit(void(float32[:, ::1], _image, int64), **_jit)
def subtract(band: np.ndarray, level: np.ndarray, row: int) -> None:
    """Subtract an image, of which row `row` is the first of the band."""
    for y in range(band.shape[0]):
        for x in range(band.shape[1]):
            band[y, x] = band[y, x] - level[row + y, x]


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
        for x in range(band.shape[1]):
            value = np.float64(band[y, x]) - column[x]
            if sided:
                if rounded:
                    value = np.float64(np.float32(value))
                value -= side[row + y, output[x]]
            band[y, x] = np.float32(value)


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
        for x in range(nx):
            result[x] = coefficients[nc - 1, row + y, x] * band[y, x]
        for j in range(nc - 2, 0, -1):
            for x in range(nx):
                result[x] = np.float32(result[x] + coefficients[j, row + y, x]) * band[y, x]
        for x in range(nx):
            value = np.float32(result[x] + coefficients[0, row + y, x])
            band[y, x] = band[y, x] if early[y, x] <= group else value


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
    found = np.empty(length * nk, np.float64)
    for y in range(ny):
        n = 0
        for step in range(length):
            j = y - before + step
            j = -j if j < 0 else j
            j = 2 * (ny - 1) - j if j >= ny else j
            for k in range(nk):
                if good[j, k]:
                    found[n] = values[j, k]
                    n += 1
        if n == 0:
            out[y] = np.nan
            continue
        ordered = np.sort(found[:n])
        if n % 2:
            out[y] = ordered[n // 2]
        elif single:
            low, high = np.float32(ordered[n // 2 - 1]), np.float32(ordered[n // 2])
            out[y] = np.float64(np.float32(low + high) * np.float32(0.5))
        else:
            out[y] = (ordered[n // 2 - 1] + ordered[n // 2]) * 0.5
