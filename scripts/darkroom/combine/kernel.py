"""The compiled heart of the engine: clip and reduce blocks of pixels.

Everything compiled lives in this one file, because numba's on-disk cache notices changes of the
file a function is written in and of no other. Import it through `darkroom.combine.compiled`.

How it is fast. Pixels are handled in lanes of `LANES` neighbours, so that every inner loop runs
over contiguous values of different pixels and becomes vector instructions. The values of each
pixel are sorted by a sorting network, which has no branches. Sorted values make the median an
index, the survivors of a clip a range, and the MAD one sweep. Only pixels that lost a value (to a
NaN or to the clip) are looked at one by one.

How it is exact. Reported sums run in frame order, as numpy's do over the first axis. Medians and
MADs do not depend on order, so the MAD limits are those of astropy to the last bit. The standard
deviation does depend on the order of its sum, and astropy's order is that left by its selection
algorithm; where a value lies so near a limit that rounding could decide, the limits are computed
again in astropy's very order (`_limits_in_astropys_order`).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, types

NONE, SIGMA, MAD = 0, 1, 2
LANES = 128
# Deviation of a normal distribution per MAD, to the digits astropy.stats.mad_std uses.
MAD_TO_STD = 1.482602218505602
_EPSILON = np.finfo(np.float64).eps

_helper = njit(nogil=True, error_model="numpy")


@_helper
def _sort_lanes(work, width):
    """Sort each column of `work` upwards: Batcher's merge exchange, any number of rows.

    Knuth, The Art of Computer Programming 3, section 5.2.2, algorithm M.
    """
    n = work.shape[0]
    top = 1
    while top * 2 < n:
        top *= 2
    p = top
    while p > 0:
        q, r, d = top, 0, p
        while True:
            for i in range(n - d):
                if i & p == r:
                    low, high = work[i], work[i + d]
                    for j in range(width):
                        a, b = low[j], high[j]
                        low[j] = a if a < b else b
                        high[j] = b if a < b else a
            if q == p:
                break
            d, q, r = q - p, q // 2, p
        p //= 2


@_helper
def _middle(column, first, stop):
    """Return the median of the sorted values `column[first:stop]`."""
    middle = (first + stop) // 2
    if (stop - first) % 2:
        return np.float64(column[middle])
    return 0.5 * (np.float64(column[middle - 1]) + np.float64(column[middle]))


@_helper
def _nearest(column, first, stop, centre, k):
    """Return the k-th smallest distance from `centre` among sorted values.

    The k values nearest to the centre are neighbours, and the farthest of them is an end of
    their window: so it is the least, over all windows of k, of the larger end distance.
    """
    best = np.inf
    for i in range(first, stop - k + 1):
        below = centre - np.float64(column[i])
        above = np.float64(column[i + k - 1]) - centre
        best = min(best, max(below, above))
    return best


@_helper
def _limits(column, first, stop, method, nsigma, floor):
    """Return clip limits about the median, and how far rounding could move them."""
    n = stop - first
    centre = _middle(column, first, stop)
    if method == MAD:
        deviation = _nearest(column, first, stop, centre, n // 2 + 1)
        if n % 2 == 0:
            deviation = 0.5 * (deviation + _nearest(column, first, stop, centre, n // 2))
        deviation = max(deviation * MAD_TO_STD, floor)
        return centre - nsigma * deviation, centre + nsigma * deviation, 0.0
    mean = 0.0
    for i in range(first, stop):
        mean += np.float64(column[i])
    mean /= n
    deviation = 0.0
    for i in range(first, stop):
        difference = mean - np.float64(column[i])
        deviation += difference * difference
    deviation = max(math.sqrt(deviation / n), floor)
    margin = _margin(np.float64(column[first]), np.float64(column[stop - 1]), n, nsigma)
    return centre - nsigma * deviation, centre + nsigma * deviation, margin


@_helper
def _margin(smallest, largest, n, nsigma):
    """Bound how far a limit can move when the sums in it run in another order.

    A sum of n numbers is wrong by at most n eps times the largest of them, which moves the mean
    by as much and the deviation by twice that; the factor 8 leaves room to spare.
    """
    return 8.0 * (n + 4) * (nsigma + 1.0) * _EPSILON * max(abs(smallest), abs(largest))


@_helper
def _select(values, n, k):
    """Move the k-th smallest value to place k as N. Wirth's algorithm does, and return it."""
    left, right = 0, n - 1
    while left < right:
        pivot = values[k]
        i, j = left, right
        while True:
            while values[i] < pivot:
                i += 1
            while pivot < values[j]:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
            if i > j:
                break
        if j < k:
            left = i
        if k < i:
            right = j
    return values[k]


@_helper
def _limits_in_astropys_order(values, n, nsigma, floor, rounds):
    """Return clip limits (median, std) with every sum in the order of astropy's C code.

    There the median is selected first, which reorders the values, and the sums follow.
    `values[:n]` are finite and in frame order; they are overwritten.
    """
    low, high = np.nan, np.nan
    for _ in range(rounds):
        if n % 2:
            centre = _select(values, n, n // 2)
        else:
            upper = _select(values, n, n // 2)
            centre = 0.5 * (upper + _select(values, n, n // 2 - 1))
        mean = 0.0
        for i in range(n):
            mean += values[i]
        mean /= n
        deviation = 0.0
        for i in range(n):
            difference = mean - values[i]
            deviation += difference * difference
        deviation = max(math.sqrt(deviation / n), floor)
        low, high = centre - nsigma * deviation, centre + nsigma * deviation
        kept = 0
        for i in range(n):
            if low <= values[i] <= high:
                values[kept] = values[i]
                kept += 1
        if kept in (n, 0):
            break
        n = kept
    return low, high


@_helper
def _below(column, first, stop, limit):
    """Return the index of the first sorted value that is not below `limit`."""
    while first < stop and np.float64(column[first]) < limit:
        first += 1
    return first


@_helper
def _not_above(column, first, stop, limit):
    """Return the index after the last sorted value that is not above `limit`."""
    while stop > first and np.float64(column[stop - 1]) > limit:
        stop -= 1
    return stop


@_helper
def _undecided(column, n, edge, limit, margin):
    """Say whether a neighbour of `edge` lies within `margin` of the limit."""
    if edge > 0 and abs(np.float64(column[edge - 1]) - limit) <= margin:
        return True
    return edge < n and abs(np.float64(column[edge]) - limit) <= margin


@_helper
def _clip_column(column, ordered, n, method, nsigma, floor, rounds):
    """Iterate the clip on one pixel.

    `column[:n]` are its finite values sorted, `ordered[:n]` the same in frame order (scratch).
    Returns the last limits and the range of `column` inside them. As in astropy the last limits
    judge all values, also those an earlier round had left out.
    """
    low, high = -np.inf, np.inf
    first, stop = 0, n
    for _ in range(rounds):
        if column[first] == column[stop - 1]:  # no scatter: nothing can lie outside
            low = high = np.float64(column[first])
            break
        low, high, margin = _limits(column, first, stop, method, nsigma, floor)
        kept_first = _below(column, first, stop, low)
        kept_stop = _not_above(column, kept_first, stop, high)
        if margin > 0.0 and (
            _undecided(column, n, _below(column, 0, n, low), low, margin)
            or _undecided(column, n, _not_above(column, 0, n, high), high, margin)
        ):
            low, high = _limits_in_astropys_order(ordered, n, nsigma, floor, rounds)
            break
        if (kept_first == first and kept_stop == stop) or kept_first == kept_stop:
            break
        first, stop = kept_first, kept_stop
    first = _below(column, 0, n, low)
    return low, high, first, _not_above(column, first, n, high)


@_helper
def _load(values, start, width, work, nfinite, mean, squares):
    """Copy a lane block to `work`, not-finite values as +inf, and reduce it in frame order.

    Leaves the number of finite values, their mean and their sum of squared deviations.
    """
    n = values.shape[0]
    for j in range(width):
        nfinite[j] = 0
        mean[j] = 0.0
        squares[j] = 0.0
    for f in range(n):
        source, target = values[f, start : start + width], work[f]
        for j in range(width):
            value = source[j]
            finite = abs(value) < np.inf
            target[j] = value if finite else np.inf
            mean[j] += np.float64(value) if finite else 0.0
            nfinite[j] += 1 if finite else 0
    for j in range(width):
        mean[j] /= nfinite[j]
    for f in range(n):
        target = work[f]
        for j in range(width):
            difference = np.float64(target[j]) - mean[j]
            squares[j] += difference * difference if target[j] < np.inf else 0.0


@_helper
def _first_round(work, width, method, nsigma, floor, nfinite, squares, centre, flagged):
    """Flag the lanes where something is missing or the first round may reject something."""
    n = work.shape[0]
    lower, upper = work[(n - 1) // 2], work[n // 2]
    smallest, largest = work[0], work[n - 1]
    deviation = np.empty(width)
    for j in range(width):
        centre[j] = 0.5 * (np.float64(lower[j]) + np.float64(upper[j]))
        deviation[j] = math.sqrt(squares[j] / n)
    if method == MAD:
        _mad_lanes(work, width, centre, deviation)
    for j in range(width):
        flagged[j] = nfinite[j] < n
        if method != NONE:
            margin = 0.0
            if method == SIGMA:
                margin = _margin(np.float64(smallest[j]), np.float64(largest[j]), n, nsigma)
            reach = nsigma * max(deviation[j], floor)
            outside = smallest[j] < centre[j] - reach + margin
            outside |= largest[j] > centre[j] + reach - margin
            flagged[j] |= outside & (smallest[j] != largest[j])


@_helper
def _mad_lanes(work, width, centre, deviation):
    """Write the normal-equivalent deviation by the MAD of every lane (see `_nearest`)."""
    n = work.shape[0]
    other = np.empty(width)
    for k, target in ((n // 2 + 1, deviation), ((n + 1) // 2, other)):
        for j in range(width):
            target[j] = np.inf
        for i in range(n - k + 1):
            low, high = work[i], work[i + k - 1]
            for j in range(width):
                below = centre[j] - np.float64(low[j])
                above = np.float64(high[j]) - centre[j]
                far = below if below > above else above
                target[j] = far if far < target[j] else target[j]
    for j in range(width):
        deviation[j] = 0.5 * (deviation[j] + other[j]) * MAD_TO_STD


@_helper
def _redo_lane(values, pixel, column, n, ordered, method, nsigma, floor, rounds):
    """Clip one pixel and reduce its survivors in frame order.

    Returns the mean, sum of squared deviations, median and number of survivors.
    """
    if n == 0:
        return np.nan, np.nan, np.nan, 0
    found = 0
    for f in range(values.shape[0]):
        value = values[f, pixel]
        if abs(value) < np.inf:
            ordered[found] = np.float64(value)
            found += 1
    low, high, first, stop = _clip_column(column, ordered, n, method, nsigma, floor, rounds)
    count = stop - first
    if count == 0:
        return np.nan, np.nan, np.nan, 0
    mean = 0.0
    for f in range(values.shape[0]):
        value = np.float64(values[f, pixel])
        if abs(value) < np.inf and low <= value <= high:
            mean += value
    mean /= count
    squares = 0.0
    for f in range(values.shape[0]):
        value = np.float64(values[f, pixel])
        if abs(value) < np.inf and low <= value <= high:
            squares += (value - mean) * (value - mean)
    return mean, squares, _middle(column, first, stop), count


_IMAGE = types.Array(types.float32, 1, "C")
_COUNT = types.Array(types.int16, 1, "C")


def _signature(value):
    block = types.Array(value, 2, "C", readonly=True)
    return types.void(
        block, types.int64, *(2 * (types.float64,)), types.int64, *(5 * (_IMAGE,)), *(2 * (_COUNT,))
    )


@njit(
    [_signature(types.float32), _signature(types.float64)],
    nogil=True,
    error_model="numpy",
    cache=True,
)
def reduce_block(
    values, method, nsigma, floor, rounds, mean, median, std, std0, error, count, nclipped
):  # compiled: keywords cost nothing, an object would
    """Clip every column of `values` and write the statistics of what survives.

    Parameters
    ----------
    values : (n, npixels) float32 or float64 array
        One row per frame. NaN and infinite values are left out.
    method : int
        `NONE`, `SIGMA` or `MAD`.
    nsigma : float
        Half width of the clip, in deviations.
    floor : float
        Least deviation the clip goes by.
    rounds : int
        Largest number of clip rounds.
    mean, median, std, std0, error : (npixels,) or (0,) float32 arrays
        Written to, unless empty: std has n - 1 in its denominator, std0 has n, error is that of
        the mean, std / sqrt(count).
    count, nclipped : (npixels,) int16 arrays
        Written to: values used, and finite values the clip rejected.
    """
    n, npixels = values.shape
    work = np.empty((n, LANES), values.dtype)
    column, ordered = np.empty(n, values.dtype), np.empty(n)
    nfinite, flagged = np.empty(LANES, np.int32), np.empty(LANES, np.bool_)
    average, squares, centre = np.empty(LANES), np.empty(LANES), np.empty(LANES)
    sort = method != NONE or median.size > 0
    for start in range(0, npixels, LANES):
        width = min(LANES, npixels - start)
        _load(values, start, width, work, nfinite, average, squares)
        if sort:
            _sort_lanes(work, width)
            _first_round(work, width, method, nsigma, floor, nfinite, squares, centre, flagged)
        for j in range(width):
            pixel, used = start + j, nfinite[j]
            if sort and flagged[j]:
                for f in range(n):
                    column[f] = work[f, j]
                average[j], squares[j], centre[j], used = _redo_lane(
                    values, pixel, column, nfinite[j], ordered, method, nsigma, floor, rounds
                )
            count[pixel] = used
            nclipped[pixel] = nfinite[j] - used
            if mean.size:
                mean[pixel] = average[j]
            if median.size:
                median[pixel] = centre[j] + 0.0  # numpy's medians are never -0
            if std0.size:
                std0[pixel] = math.sqrt(squares[j] / used)
            if std.size or error.size:
                deviation = math.sqrt(squares[j] / (used - 1)) if used > 1 else np.nan
                if std.size:
                    std[pixel] = deviation
                if error.size:
                    error[pixel] = deviation / math.sqrt(used)
