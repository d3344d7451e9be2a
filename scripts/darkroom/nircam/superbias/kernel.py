"""Compiled parts of the superbias: trends of the unclipped samples, medians and means of classes.

The outer loops run over frames and the inner ones over pixels, so that they are vectorised.
"""

from __future__ import annotations

import math

import numpy as np
from numba import float32, float64, int8, int16, int64, njit, types, void

#: Number of 1-DN bins in `class_medians`; they are centred on zero.
BINS = 1 << 16
_LEAST = -np.finfo(np.float64).max

# Called by compiled code alone: without what Python or C would call, it compiles in half the time.
_helper = njit(nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
_block32 = types.Array(float32, 2, "C", readonly=True)
_limit = types.Array(float64, 1, "C", readonly=True)


@_helper
def _add_times(row, low, high, mean, t, st, stt, stx):
    for j in range(row.size):
        value = np.float64(row[j])
        inside = (value >= low[j]) & (value <= high[j]) & (abs(value) < np.inf)
        st[j] += t if inside else 0.0
        stt[j] += t * t if inside else 0.0
        stx[j] += t * (value - mean[j]) if inside else 0.0


@njit(
    void(
        _block32, _limit, _limit, _limit, float32[::1], float32[::1], int16[::1],
        float32[::1], float32[::1],
    ),
    nogil=True,
    error_model="numpy",
    cache=True, no_cfunc_wrapper=True,
)  # fmt: skip
def trends(
    values: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    times: np.ndarray,
    mean: np.ndarray,
    std: np.ndarray,
    count: np.ndarray,
    slope: np.ndarray,
    tvalue: np.ndarray,
) -> None:
    """Fit a straight line in time to the values of each pixel within its limits.

    Parameters
    ----------
    values : (n, npixels) float32 array
        Frames, DN; NaN and infinite values are left out.
    low, high : (npixels,) float64 arrays
        Limits, DN; values equal to a limit are within.
    times : (n,) float64 array
        Times of the frames, days, with a mean of zero.
    mean, std : (npixels,) float32 arrays
        Mean and standard deviation (count - 1 in its denominator) of the values within, DN.
    count : (npixels,) int16 array
        Number of values within.
    slope, tvalue : (npixels,) float32 arrays
        Written to: slope in DN/day, and slope over its standard error (count - 2 degrees of
        freedom). Both are NaN where count < 3 or where all values have the same time; `tvalue` is
        NaN where the scatter about the line is zero.
    """
    n, npixels = values.shape
    st, stt, stx = np.zeros(npixels), np.zeros(npixels), np.zeros(npixels)
    for f in range(n):
        _add_times(values[f], low, high, mean, times[f], st, stt, stx)
    for j in range(npixels):
        slope[j] = np.nan
        tvalue[j] = np.nan
        lever = stt[j] - st[j] * st[j] / count[j]
        if count[j] < 3 or not lever > 0.0:
            continue
        # The term st * sum(value - mean) / count is left out: it is zero but for the rounding of
        # the mean to float32.
        gain = stx[j] / lever
        slope[j] = gain
        squares = np.float64(std[j]) * np.float64(std[j]) * (count[j] - 1)
        rest = squares - gain * gain * lever
        if rest > 0.0:
            tvalue[j] = gain / math.sqrt(rest / (count[j] - 2) / lever)


@_helper
def _fill(values, reference, classes, level, bins, histogram):
    """Add the differences of one row to the histograms; class -1 has the last histogram."""
    for x in range(values.size):
        k = classes[x]
        value = np.float64(values[x]) - np.float64(reference[x]) - level[k]
        place = min(max(value + 0.5 * BINS, 0.0), BINS - 1.0)
        bins[x] = np.int32(place) if abs(value) < np.inf else -1
    for x in range(values.size):
        if bins[x] >= 0:
            histogram[classes[x], bins[x]] += 1


@_helper
def _find_bins(histogram, total, low, high, quartiles):
    """Find the bins of both middle values, and the quartiles by interpolation within bins."""
    for k in range(total.size):
        below, n = 0, total[k]
        low[k], high[k] = -1, -1
        for b in range(BINS):
            here = histogram[k, b]
            if here == 0:
                continue
            if low[k] < 0 and below + here > (n - 1) // 2:
                low[k] = b
            if high[k] < 0 and below + here > n // 2:
                high[k] = b
            for q in range(2):
                rank = n * (0.25 + 0.5 * q)
                if below < rank <= below + here:
                    quartiles[k, q] = b + (rank - below) / here
            below += here


@_helper
def _collect(values, reference, classes, level, low, high, held, found):
    """Collect the differences of one row that lie in the middle bins of their class.

    Every value is stored, and overwritten by the next one unless it counts: a branch is slower.
    """
    for x in range(values.size):
        k = classes[x]
        value = np.float64(values[x]) - np.float64(reference[x]) - level[k]
        held[k, found[k]] = value
        found[k] += 1 if (value >= low[k]) & (value < high[k]) else 0


@_helper
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


_image = types.Array(float32, 2, "C", readonly=True)


@njit(
    void(
        _image, _image, types.Array(int8, 2, "C", readonly=True), _limit,
        float64[::1], float64[::1], int64[::1],
    ),
    nogil=True,
    error_model="numpy",
    cache=True, no_cfunc_wrapper=True,
)  # fmt: skip
def class_medians(
    frame: np.ndarray,
    reference: np.ndarray,
    classes: np.ndarray,
    level: np.ndarray,
    median: np.ndarray,
    sigma: np.ndarray,
    count: np.ndarray,
) -> None:
    """Compute the median of frame - reference - level over the pixels of each class.

    Parameters
    ----------
    frame, reference : (ny, nx) float32 arrays
        DN; pixels where either is not finite are left out.
    classes : (ny, nx) int8 array
        Class of every pixel; those of class -1 are left out.
    level : (nclasses,) float64 array
        An estimate of the median of frame - reference, DN, so that differences fall into the bins.
    median : (nclasses,) float64 array
        Written to: the exact median in DN, after subtraction of `level`; NaN for an empty class.
    sigma : (nclasses,) float64 array
        Written to: standard deviation of a normal distribution with the same quartiles, DN.
    count : (nclasses,) int64 array
        Written to: number of pixels used.
    """
    nclasses, (ny, nx) = level.size, frame.shape
    levels = np.zeros(nclasses + 1)
    for k in range(nclasses):
        levels[k] = level[k]
    histogram, bins = np.zeros((nclasses + 1, BINS), np.int32), np.empty(nx, np.int32)
    for y in range(ny):
        _fill(frame[y], reference[y], classes[y], levels, bins, histogram)
    for k in range(nclasses):
        count[k] = histogram[k].sum()
    low, high = np.empty(nclasses, np.int64), np.empty(nclasses, np.int64)
    quartiles = np.full((nclasses, 2), np.nan)
    _find_bins(histogram, count, low, high, quartiles)
    # No value of class -1 lies within its limits; the outermost bins are open-ended.
    bottom, top, room = np.full(nclasses + 1, np.inf), np.full(nclasses + 1, -np.inf), 0
    for k in range(nclasses):
        sigma[k] = (quartiles[k, 1] - quartiles[k, 0]) / 1.3489795003921634
        if count[k] > 0:
            room = max(room, histogram[k, low[k] : high[k] + 1].sum())
            bottom[k] = low[k] - BINS // 2 if low[k] > 0 else _LEAST
            top[k] = high[k] + 1 - BINS // 2 if high[k] < BINS - 1 else np.inf
    held, found = np.empty((nclasses + 1, room + 1)), np.zeros(nclasses + 1, np.int64)
    for y in range(ny):
        _collect(frame[y], reference[y], classes[y], levels, bottom, top, held, found)
    for k in range(nclasses):
        median[k] = np.nan
        if count[k] > 0:
            below = histogram[k, : low[k]].sum()
            lower = _select(held[k], found[k], (count[k] - 1) // 2 - below)
            median[k] = 0.5 * (lower + _select(held[k], found[k], count[k] // 2 - below))


@njit(
    void(
        _image, _image, types.Array(int8, 2, "C", readonly=True), _limit, _limit,
        float64[::1], float64[::1],
    ),
    nogil=True,
    error_model="numpy",
    cache=True, no_cfunc_wrapper=True,
)  # fmt: skip
def class_means(
    frame: np.ndarray,
    reference: np.ndarray,
    classes: np.ndarray,
    centre: np.ndarray,
    reach: np.ndarray,
    mean: np.ndarray,
    error: np.ndarray,
) -> None:
    """Compute the mean of frame - reference over the pixels of each class, without outliers.

    Parameters
    ----------
    frame, reference : (ny, nx) float32 arrays
        DN; pixels where either is not finite are left out.
    classes : (ny, nx) int8 array
        Class of every pixel; those of class -1 are left out.
    centre, reach : (nclasses,) float64 arrays
        Differences farther than `reach` from `centre` are left out, DN.
    mean : (nclasses,) float64 array
        Written to: mean minus `centre`, DN; NaN for an empty class.
    error : (nclasses,) float64 array
        Written to: standard error of the mean for independent pixels, DN.
    """
    nclasses, (ny, nx) = centre.size, frame.shape
    number, total, squares = np.zeros((3, nclasses))
    for y in range(ny):
        for x in range(nx):
            k = classes[y, x]
            if k < 0:
                continue
            value = np.float64(frame[y, x]) - np.float64(reference[y, x]) - centre[k]
            if abs(value) <= reach[k]:
                number[k] += 1.0
                total[k] += value
                squares[k] += value * value
    for k in range(nclasses):
        mean[k] = total[k] / number[k]
        variance = squares[k] / number[k] - mean[k] * mean[k]
        error[k] = math.sqrt(max(variance, 0.0) / number[k])
