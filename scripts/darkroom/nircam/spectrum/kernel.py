"""Compiled loops over the frames of a ramp; every operation rounds as NumPy's on whole images."""

from __future__ import annotations

import numpy as np
from numba import boolean, float32, float64, int64, njit, types, void

_jit = {"nogil": True, "error_model": "numpy", "cache": True, "no_cfunc_wrapper": True}
_image = types.Array(float32, 2, "C", readonly=True)
_levels = types.Array(float32, 1, "C", readonly=True)
_mask = types.Array(boolean, 2, "C", readonly=True)
_flags = types.Array(boolean, 1, "C", readonly=True)
_places = types.Array(int64, 1, "C", readonly=True)
_waves = types.Array(float32, 3, "C", readonly=True)
# NumPy adds up to so many numbers in eight interleaved sums, and more of them in halves.
_BLOCK = 128


@njit(float32(float32[::1], int64, int64), **_jit)
def _pairwise(values, first, count):
    """Return the sum of some values with the bits of ``numpy.sum``."""
    if count < 8:
        total = np.float32(0)
        for k in range(first, first + count):
            total += values[k]
        return total
    if count <= _BLOCK:
        a, b, c, d = values[first], values[first + 1], values[first + 2], values[first + 3]
        e, f, g, h = values[first + 4], values[first + 5], values[first + 6], values[first + 7]
        whole = count - count % 8
        for k in range(first + 8, first + whole, 8):
            a += values[k]
            b += values[k + 1]
            c += values[k + 2]
            d += values[k + 3]
            e += values[k + 4]
            f += values[k + 5]
            g += values[k + 6]
            h += values[k + 7]
        total = ((a + b) + (c + d)) + ((e + f) + (g + h))
        for k in range(first + whole, first + count):
            total += values[k]
        return total
    half = count // 2
    half -= half % 8
    return _pairwise(values, first, half) + _pairwise(values, first + half, count - half)


@njit(
    void(
        _image, _image, _levels, _levels, float32, boolean, float32[:, ::1], float32[:, ::1],
        float32[:, ::1], float32[:, ::1], float32[:, ::1], float32[:, ::1], float64[:, ::1],
    ),
    **_jit,
)  # fmt: skip
def add_group(
    values: np.ndarray,
    first: np.ndarray,
    offsets: np.ndarray,
    limit: np.ndarray,
    place: float,
    backwards: bool,
    before: np.ndarray,
    highest: np.ndarray,
    lowest: np.ndarray,
    total: np.ndarray,
    lever: np.ndarray,
    squares: np.ndarray,
    means: np.ndarray,
) -> None:
    """Add a group to the running sums of a straight-line fit.

    Parameters
    ----------
    values, first : (ny, nx) float32 arrays
        The group, and group 0, DN.
    offsets, limit : (noutputs,) float32 arrays
        Level of each amplifier above group 0, DN; pixels farther from it than `limit` do not count
        in the mean of a row.
    place : float
        Number of the group from the middle of the ramp.
    backwards : bool
        Columns are in the opposite order to that of the detector frame, in which rows are summed.
    before : (ny, nx) float32 array
        The group before about its rows; replaced by this one.
    highest, lowest, total, lever, squares : (ny, nx) float32 arrays
        Steps between groups, and sums; updated.
    means : (ny, noutputs) float64 array
        Mean of each row and amplifier, written.
    """
    ny, nx = values.shape
    outputs = offsets.size
    width = nx // outputs
    row, near = np.empty(nx, np.float32), np.empty(width, np.float32)
    for y in range(ny):
        for a in range(outputs):
            left, offset, farthest = a * width, offsets[a], limit[a]
            count = 0
            for k in range(width):
                x = left + k
                value = np.float32(values[y, x] - first[y, x]) - offset
                inside = abs(value) < farthest  # false for NaN
                row[x] = value
                near[width - 1 - k if backwards else k] = value if inside else np.float32(0)
                count += inside
            mean = np.float64(_pairwise(near, 0, width)) / max(count, 1)
            means[y, a] = mean
            for x in range(left, left + width):
                row[x] -= np.float32(mean)
        for x in range(nx):
            value = row[x]
            step = -np.float32(before[y, x] - value)
            before[y, x] = value
            # NaN stays, as with np.maximum.
            high, low = highest[y, x], lowest[y, x]
            highest[y, x] = high if high >= step or high != high else step
            lowest[y, x] = low if low <= step or low != low else step
            total[y, x] += value
            lever[y, x] += np.float32(value * place)
            squares[y, x] += np.float32(value * value)


@njit(
    void(_levels, _levels, _levels, _levels, _flags, float32, float32, float32[::1]),
    **_jit,
)  # fmt: skip
def _residuals(values, first, mean, slope, good, offset, place, out):
    """Write the residuals of a row of one amplifier."""
    for x in range(out.size):
        above = np.float32(values[x] - first[x]) - offset
        found = np.float32(above - mean[x]) - np.float32(slope[x] * place)
        out[x] = found if good[x] else np.float32(0)


@njit(float64(_levels), **_jit)
def total(values: np.ndarray) -> float:
    """Return the sum of values in double precision, by four sums that do not wait for another."""
    one, two, three, four = 0.0, 0.0, 0.0, 0.0
    whole = values.size - values.size % 4
    for k in range(0, whole, 4):
        one += np.float64(values[k])
        two += np.float64(values[k + 1])
        three += np.float64(values[k + 2])
        four += np.float64(values[k + 3])
    for k in range(whole, values.size):
        one += np.float64(values[k])
    return (one + two) + (three + four)


@njit(void(_levels, float64[::1]), **_jit)
def _add_row(row, columns):
    """Add a row to the sums of columns."""
    for x in range(row.size):
        columns[x] += np.float64(row[x])


@njit(void(_levels, _levels, boolean, float32[::1]), **_jit)
def _tapered(row, taper, backwards, out):
    """Write the product of a row, in the order in which it is read, with the taper."""
    last = row.size - 1
    if backwards:
        for k in range(row.size):
            out[k] = row[last - k] * taper[k]
    else:
        for k in range(row.size):
            out[k] = row[k] * taper[k]


@njit(
    void(
        _image, _image, _image, _image, _mask, _levels, float32, _levels, int64, float32[:, ::1],
        int64, float64[:, ::1], float64[::1],
    ),
    **_jit,
)  # fmt: skip
def tapered_residuals(
    values: np.ndarray,
    first: np.ndarray,
    mean: np.ndarray,
    slope: np.ndarray,
    good: np.ndarray,
    offsets: np.ndarray,
    place: float,
    taper: np.ndarray,
    tick: int,
    stream: np.ndarray,
    begin: int,
    rows: np.ndarray,
    columns: np.ndarray,
) -> None:
    """Write taper × residuals of rows from a straight line in the order in which they are read.

    Parameters
    ----------
    values, first, mean, slope : (nrows, nx) float32 arrays
        Rows of a group, of group 0, and of the line above it, detector frame, DN.
    good : (nrows, nx) bool array
        Residuals of other pixels are 0.
    offsets : (noutputs,) float32 array
        Level of each amplifier above group 0, DN.
    place : float
        Number of the group from the middle of the ramp.
    taper : (n,) float32 array
        At the clock ticks of these rows.
    tick : int
        Clock ticks from the start of one row to that of the next.
    stream : (noutputs, n) float32 array
        Written where pixels are read.
    begin : int
        Clock tick at which the first row begins.
    rows, columns : (nrows, noutputs) and (nx,) float64 arrays
        As of `summed_residuals`; nothing is summed when they are empty.
    """
    nrows, nx = values.shape
    width = nx // offsets.size
    row = np.empty(width, np.float32)
    for y in range(nrows):
        start = y * tick
        for a in range(offsets.size):
            # Loops over parts of one row are vectorised; with two indices they are not.
            left, right = a * width, (a + 1) * width
            _residuals(
                values[y, left:right], first[y, left:right], mean[y, left:right],
                slope[y, left:right], good[y, left:right], offsets[a], place, row,
            )  # fmt: skip
            if columns.size:
                _add_row(row, columns[left:right])
                rows[y, a] = total(row)
            out = stream[a, begin + start : begin + start + width]
            _tapered(row, taper[start : start + width], a % 2 == 1, out)


@njit(float64(_levels, _levels, _flags, float32, float32[:]), **_jit)
def level_removed(
    stream: np.ndarray, taper: np.ndarray, good: np.ndarray, level: float, out: np.ndarray
) -> float:
    """Subtract level × taper from a time series where pixels are good; return its sum of squares.

    Parameters
    ----------
    stream : (ticks,) float32 array
        DN.
    taper : (ticks,) float32 array
    good : (ticks,) bool array
    level : float
        DN.
    out : (ticks,) float32 array
        Written, DN.
    """
    sums = np.zeros(8)
    whole = stream.size - stream.size % 8
    for first in range(0, whole, 8):
        for k in range(8):
            value = stream[first + k]
            value -= np.float32(taper[first + k] * level) if good[first + k] else np.float32(0)
            out[first + k] = value
            sums[k] += np.float64(value) * np.float64(value)
    for k in range(whole, stream.size):
        value = stream[k]
        if good[k]:
            value -= np.float32(taper[k] * level)
        out[k] = value
        sums[0] += np.float64(value) * np.float64(value)
    return sums.sum()


@njit(void(_waves, _waves, int64, float32[:, :, ::1], float32[:, :, ::1]), **_jit)
def add_products(
    waves: np.ndarray, opposite: np.ndarray, first: int, real: np.ndarray, imaginary: np.ndarray
) -> None:
    """Add the products of the transforms of all pairs of series, at frequencies f and -f.

    Each complex series Z is x1 + i x2 of two real ones. Then the mean of Z_a Z_b* at f and its
    conjugate at -f is the sum over both of X_a X_b*.

    Parameters
    ----------
    waves : (count, nrows, 2 × ncolumns) float32 array
        Transforms at f, real and imaginary parts in turn.
    opposite : (count, nrows, 2 × ncolumns) float32 array
        The same at -f, rows and columns in the opposite order.
    first : int
        Row of the sums that is the first of `waves`.
    real : (npairs, ny, ncolumns) float32 array
        Updated; pairs (0, 0), (0, 1) …
    imaginary : (nmixed, ny, ncolumns) float32 array
        Updated; those of two different series. In the second half of the columns it is that of
        -f, which is below half of the length there.
    """
    count, nrows, nx = waves.shape[0], waves.shape[1], waves.shape[2] // 2
    half = np.float32(0.5)
    xr, xi = np.empty((count, nx), np.float32), np.empty((count, nx), np.float32)
    yr, yi = np.empty((count, nx), np.float32), np.empty((count, nx), np.float32)
    for y in range(nrows):
        for a in range(count):
            here, there = waves[a, y], opposite[a, nrows - 1 - y]
            for k in range(nx):
                xr[a, k] = here[2 * k]
                xi[a, k] = here[2 * k + 1]
            for k in range(nx):
                yr[a, k] = there[2 * (nx - 1 - k)]
                yi[a, k] = -there[2 * (nx - 1 - k) + 1]
        pair = mixed = 0
        for a in range(count):
            for b in range(a, count):
                sums = real[pair, first + y]
                for k in range(nx):
                    sums[k] += half * (
                        (xr[a, k] * xr[b, k] + xi[a, k] * xi[b, k])
                        + (yr[a, k] * yr[b, k] + yi[a, k] * yi[b, k])
                    )
                pair += 1
                if a == b:
                    continue
                sums = imaginary[mixed, first + y]
                for k in range(nx):
                    found = half * (
                        (xi[a, k] * xr[b, k] - xr[a, k] * xi[b, k])
                        + (yi[a, k] * yr[b, k] - yr[a, k] * yi[b, k])
                    )
                    sums[k] += found if 2 * k < nx else -found
                mixed += 1


@njit(
    void(
        _image, _image, _image, _image, _mask, _levels, float32, float64[:, ::1], float64[::1]
    ),
    **_jit,
)  # fmt: skip
def summed_residuals(
    values: np.ndarray,
    first: np.ndarray,
    mean: np.ndarray,
    slope: np.ndarray,
    good: np.ndarray,
    offsets: np.ndarray,
    place: float,
    rows: np.ndarray,
    columns: np.ndarray,
) -> None:
    """Sum residuals from a straight line by row and amplifier, and by column.

    Parameters
    ----------
    values, first, mean, slope, good, offsets, place
        As of `tapered_residuals`.
    rows : (nrows, noutputs) float64 array
        DN, written.
    columns : (nx,) float64 array
        DN, added to.
    """
    nrows, nx = values.shape
    width = nx // offsets.size
    row = np.empty(width, np.float32)
    for y in range(nrows):
        for a in range(offsets.size):
            left, right = a * width, (a + 1) * width
            _residuals(
                values[y, left:right], first[y, left:right], mean[y, left:right],
                slope[y, left:right], good[y, left:right], offsets[a], place, row,
            )  # fmt: skip
            _add_row(row, columns[left:right])
            rows[y, a] = total(row)


@njit(void(types.Array(float32, 1, "A", readonly=True), _places, _places, float64[::1]), **_jit)
def sums_in_bins(
    values: np.ndarray, inside: np.ndarray, where: np.ndarray, sums: np.ndarray
) -> None:
    """Add values to the sums of their bins, in order.

    Parameters
    ----------
    values : (n,) float32 array
    inside : (k,) int array
        The values that are in a bin.
    where : (k,) int array
        Bin of each of them.
    sums : (nbins,) float64 array
        Updated.
    """
    for k in range(inside.size):
        sums[where[k]] += np.float64(values[inside[k]])
