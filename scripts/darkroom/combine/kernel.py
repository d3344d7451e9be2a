"""The compiled heart of the engine: clip and reduce blocks of pixels.

Everything compiled lives in this one file, because numba's on-disk cache notices changes of the
file a function is written in and of no other. Import it through `darkroom.compiled`.

How it is fast. Pixels are handled in lanes of `LANES` neighbours, so that every inner loop runs
over contiguous values of different pixels and becomes vector instructions (each such loop is a
function of its own: inlined views hide from LLVM that two rows do not overlap, which costs a
factor 4). The values of each pixel are sorted by a sorting network, which has no branches. Sorted
values make the median an index, the survivors of a clip a range, and the MAD one sweep. Only
pixels where the first round may reject something are looked at one by one.

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
from numba.np.numpy_support import from_dtype

NONE, SIGMA, MAD = 0, 1, 2
LANES = 128
# Deviation of a normal distribution per MAD, to the digits astropy.stats.mad_std uses.
MAD_TO_STD = 1.482602218505602
_EPSILON = np.finfo(np.float64).eps

_helper = njit(nogil=True, error_model="numpy")


@_helper
def _exchange(low, high):
    """Put the lesser value of each lane into `low`, the greater into `high`."""
    for j in range(LANES):
        a, b = low[j], high[j]
        low[j] = a if a < b else b
        high[j] = b if a < b else a


@_helper
def _sort_lanes(work):
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
                    _exchange(work[i], work[i + d])
            if q == p:
                break
            d, q, r = q - p, q // 2, p
        p //= 2


@_helper
def _middle(column, first, stop):
    """Return the median of the sorted values `column[first:stop]`; as numpy's it is never -0."""
    lower, upper = column[(first + stop - 1) // 2], column[(first + stop) // 2]
    return 0.5 * (np.float64(lower) + np.float64(upper)) + 0.0


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
def _mad_deviation(column, first, stop, centre):
    """Return the normal-equivalent deviation of sorted values by their MAD."""
    n = stop - first
    upper = _nearest(column, first, stop, centre, n // 2 + 1)
    lower = _nearest(column, first, stop, centre, (n + 1) // 2)
    return 0.5 * (upper + lower) * MAD_TO_STD


@_helper
def _sum(column, first, stop):
    """Add up values, four sums at a time: one would wait for itself."""
    a = b = c = d = 0.0
    i = first
    while i + 4 <= stop:
        a += np.float64(column[i])
        b += np.float64(column[i + 1])
        c += np.float64(column[i + 2])
        d += np.float64(column[i + 3])
        i += 4
    while i < stop:
        a += np.float64(column[i])
        i += 1
    return (a + b) + (c + d)


@_helper
def _sum_of_squares(column, first, stop, centre):
    """Add up the squared differences from a centre, four sums at a time."""
    a = b = c = d = 0.0
    i = first
    while i + 4 <= stop:
        a += (np.float64(column[i]) - centre) ** 2
        b += (np.float64(column[i + 1]) - centre) ** 2
        c += (np.float64(column[i + 2]) - centre) ** 2
        d += (np.float64(column[i + 3]) - centre) ** 2
        i += 4
    while i < stop:
        a += (np.float64(column[i]) - centre) ** 2
        i += 1
    return (a + b) + (c + d)


@_helper
def _limits(column, first, stop, method, nsigma, floor):
    """Return clip limits about the median, and how far rounding could move them."""
    n = stop - first
    centre = _middle(column, first, stop)
    if method == MAD:
        deviation = max(_mad_deviation(column, first, stop, centre), floor)
        return centre - nsigma * deviation, centre + nsigma * deviation, 0.0
    mean = _sum(column, first, stop) / n
    deviation = max(math.sqrt(_sum_of_squares(column, first, stop, mean) / n), floor)
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
def _clip_column(values, pixel, column, n, scratch, method, nsigma, floor, rounds):
    """Iterate the clip on one pixel, of which `column[:n]` are the finite values sorted.

    Returns the last limits and the range of `column` inside them. As in astropy the last limits
    judge all values, also those an earlier round had left out.
    """
    low, high = -np.inf, np.inf
    first, stop = 0, n
    for _ in range(rounds):
        if column[first] == column[stop - 1]:  # no scatter: nothing can lie outside
            centre = np.float64(column[first])
            low, high = centre - nsigma * floor, centre + nsigma * floor
            break
        low, high, margin = _limits(column, first, stop, method, nsigma, floor)
        kept_first = _below(column, first, stop, low)
        kept_stop = _not_above(column, kept_first, stop, high)
        if margin > 0.0 and (
            _undecided(column, n, _below(column, 0, n, low), low, margin)
            or _undecided(column, n, _not_above(column, 0, n, high), high, margin)
        ):
            found = _finite_in_frame_order(values, pixel, scratch)
            low, high = _limits_in_astropys_order(scratch, found, nsigma, floor, rounds)
            break
        if (kept_first == first and kept_stop == stop) or kept_first == kept_stop:
            break
        first, stop = kept_first, kept_stop
    first = _below(column, 0, n, low)
    return low, high, first, _not_above(column, first, n, high)


@_helper
def _finite_in_frame_order(values, pixel, target):
    """Copy the finite values of one pixel to `target`; return their number."""
    found = 0
    for f in range(values.shape[0]):
        if abs(values[f, pixel]) < np.inf:
            target[found] = np.float64(values[f, pixel])
            found += 1
    return found


@_helper
def _take_finite(source, target, nfinite):
    """Copy one frame's values, not-finite ones as +inf; count the finite ones."""
    for j in range(source.size):
        value = source[j]
        finite = abs(value) < np.inf
        target[j] = value if finite else np.inf
        nfinite[j] += 1 if finite else 0


@_helper
def _add(row, total):
    for j in range(LANES):
        total[j] += np.float64(row[j]) if row[j] < np.inf else 0.0


@_helper
def _add_squares(row, mean, squares):
    for j in range(LANES):
        difference = np.float64(row[j]) - mean[j]
        squares[j] += difference * difference if row[j] < np.inf else 0.0


@_helper
def _load(values, start, width, work, nfinite, mean, squares):
    """Copy a block of lanes to `work` and reduce all its finite values in frame order.

    Leaves their number, mean and sum of squared deviations. Lanes beyond `width` are empty.
    """
    n = values.shape[0]
    nfinite[:] = 0
    mean[:] = 0.0
    squares[:] = 0.0
    if width < LANES:
        work[:] = np.inf
    for f in range(n):
        _take_finite(values[f, start : start + width], work[f], nfinite)
    for f in range(n):
        _add(work[f], mean)
    for j in range(LANES):
        mean[j] /= nfinite[j]
    for f in range(n):
        _add_squares(work[f], mean, squares)


@_helper
def _widen(below, above, centre, best):
    """Let `best` be the least reach of any window so far (see `_nearest`)."""
    for j in range(LANES):
        left = centre[j] - np.float64(below[j])
        right = np.float64(above[j]) - centre[j]
        reach = left if left > right else right
        best[j] = reach if reach < best[j] else best[j]


@_helper
def _mad_lanes(work, centre, deviation, scratch):
    """Write the normal-equivalent deviation by the MAD of every full lane."""
    n = work.shape[0]
    for k, best in ((n // 2 + 1, deviation), ((n + 1) // 2, scratch)):
        best[:] = np.inf
        for i in range(n - k + 1):
            _widen(work[i], work[i + k - 1], centre, best)
    for j in range(LANES):
        deviation[j] = 0.5 * (deviation[j] + scratch[j]) * MAD_TO_STD


@_helper
def _short_lanes(work, width, method, nfinite, column, centre, deviation, largest):
    """Set right the lanes with fewer finite values than there are frames."""
    n = work.shape[0]
    for j in range(width):
        if nfinite[j] == n:
            continue
        if nfinite[j] == 0:
            centre[j] = np.nan
            continue
        for i in range(nfinite[j]):
            column[i] = work[i, j]
        centre[j] = _middle(column, 0, nfinite[j])
        largest[j] = column[nfinite[j] - 1]
        if method == MAD:
            deviation[j] = _mad_deviation(column, 0, nfinite[j], centre[j])


@_helper
def _first_round(work, width, method, nsigma, floor, nfinite, squares, column, centre, flagged):
    """Take the medians, and flag the lanes where the first round may reject something."""
    n = work.shape[0]
    lower, upper, smallest = work[(n - 1) // 2], work[n // 2], work[0]
    deviation, scratch, largest = np.empty(LANES), np.empty(LANES), np.empty(LANES)
    for j in range(LANES):
        centre[j] = 0.5 * (np.float64(lower[j]) + np.float64(upper[j])) + 0.0
        deviation[j] = math.sqrt(squares[j] / nfinite[j])
        largest[j] = work[n - 1, j]
    if method == MAD:
        _mad_lanes(work, centre, deviation, scratch)
    _short_lanes(work, width, method, nfinite, column, centre, deviation, largest)
    for j in range(LANES):
        margin = 0.0
        if method == SIGMA:
            margin = _margin(np.float64(smallest[j]), largest[j], nfinite[j], nsigma)
        reach = nsigma * max(deviation[j], floor)
        outside = smallest[j] < centre[j] - reach + margin
        outside |= largest[j] > centre[j] + reach - margin
        flagged[j] = outside & (smallest[j] != largest[j]) & (nfinite[j] > 0)


@_helper
def _add_within(source, low, high, total):
    for j in range(source.size):
        value = np.float64(source[j])
        inside = (low[j] <= value) & (value <= high[j]) & (abs(value) < np.inf)
        total[j] += value if inside else 0.0


@_helper
def _add_squares_within(source, low, high, mean, squares):
    for j in range(source.size):
        value = np.float64(source[j])
        inside = (low[j] <= value) & (value <= high[j]) & (abs(value) < np.inf)
        difference = value - mean[j]
        squares[j] += difference * difference if inside else 0.0


@_helper
def _reduce_within(values, start, stop, low, high, used, mean, squares):
    """Reduce a block of lanes once more, in frame order: the values inside the limits alone."""
    mean[:] = 0.0
    squares[:] = 0.0
    for f in range(values.shape[0]):
        _add_within(values[f, start:stop], low, high, mean)
    for j in range(LANES):
        mean[j] /= used[j]
    for f in range(values.shape[0]):
        _add_squares_within(values[f, start:stop], low, high, mean, squares)


@_helper
def _add_within_narrow(source, low, high, total):
    """Add in the type of the values themselves."""
    for j in range(source.size):
        value = np.float64(source[j])
        inside = (low[j] <= value) & (value <= high[j]) & (abs(value) < np.inf)
        total[j] += source[j] if inside else source.dtype.type(0)


@_helper
def _reduce_narrow(values, start, stop, low, high, used, total, mean, squares):
    """Reduce a block of lanes as numpy's masked arrays do: the sum for the mean is not widened."""
    total[:] = 0
    squares[:] = 0.0
    for f in range(values.shape[0]):
        _add_within_narrow(values[f, start:stop], low, high, total)
    for j in range(LANES):
        mean[j] = np.float64(total[j]) / used[j]
    for f in range(values.shape[0]):
        _add_squares_within(values[f, start:stop], low, high, mean, squares)


@_helper
def _store(source, target):
    for j in range(target.size):
        target[j] = source[j]


@_helper
def _store_deviations(squares, used, std, std0, error):
    """Write the deviations wanted (arrays that are not empty) from the sums of squares."""
    for j in range(std0.size):
        std0[j] = math.sqrt(squares[j] / used[j])
    for j in range(std.size):
        std[j] = math.sqrt(squares[j] / (used[j] - 1)) if used[j] > 1 else np.nan
    for j in range(error.size):
        variance = squares[j] / (used[j] - 1) if used[j] > 1 else np.nan
        error[j] = math.sqrt(variance) / math.sqrt(used[j])


def reduce_block(
    values, method, nsigma, floor, rounds, narrow,
    mean, median, std, std0, error, low, high, mean64, std064, count, nclipped,
):  # fmt: skip
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
    narrow : bool
        The sum for the mean runs in the type of the values, and the deviations are from that
        mean: so do numpy's masked arrays.
    mean, median, std, std0, error : (npixels,) or (0,) float32 arrays
        Written to, unless empty: std has n - 1 in its denominator, std0 has n, error is that of
        the mean, std / sqrt(count).
    low, high : (npixels,) or (0,) float64 arrays
        Written to, unless empty: the last limits of the clip, both inside; infinite where the
        first round cannot reject anything.
    mean64, std064 : (npixels,) or (0,) float64 arrays
        Written to, unless empty: mean and std0, not rounded.
    count, nclipped : (npixels,) int16 arrays
        Written to: values used, and finite values the clip rejected.
    """
    n, npixels = values.shape
    work = np.empty((n, LANES), values.dtype)
    column, scratch = np.empty(n, values.dtype), np.empty(n)
    nfinite, used = np.empty(LANES, np.int32), np.empty(LANES, np.int32)
    average, squares, centre = np.empty(LANES), np.empty(LANES), np.empty(LANES)
    bottom, top = np.empty(LANES), np.empty(LANES)
    total = np.empty(LANES, values.dtype)
    flagged = np.zeros(LANES, np.bool_)
    for start in range(0, npixels, LANES):
        stop = min(start + LANES, npixels)
        width = stop - start
        _load(values, start, width, work, nfinite, average, squares)
        used[:] = nfinite
        bottom[:] = -np.inf
        top[:] = np.inf
        if method != NONE or median.size > 0:
            _sort_lanes(work)
            _first_round(
                work, width, method, nsigma, floor, nfinite, squares, column, centre, flagged
            )
        if method != NONE and flagged[:width].any():
            for j in range(width):
                if flagged[j]:
                    column[:] = work[:, j]
                    bottom[j], top[j], first, last = _clip_column(
                        values, start + j, column, nfinite[j], scratch,
                        method, nsigma, floor, rounds,
                    )  # fmt: skip
                    used[j] = last - first
                    centre[j] = _middle(column, first, last) if used[j] > 0 else np.nan
            if not narrow:
                _reduce_within(values, start, stop, bottom, top, used, average, squares)
        if narrow:
            _reduce_narrow(values, start, stop, bottom, top, used, total, average, squares)
        _store(average, mean[start:stop])
        _store(centre, median[start:stop])
        _store_deviations(squares, used, std[start:stop], std0[start:stop], error[start:stop])
        _store(bottom, low[start:stop])
        _store(top, high[start:stop])
        _store(average, mean64[start:stop])
        for j in range(std064[start:stop].size):
            std064[start + j] = math.sqrt(squares[j] / used[j])
        _store(used, count[start:stop])
        _store(nfinite - used, nclipped[start:stop])


def compiled(dtype):
    """Return `reduce_block` compiled, or loaded from the cache, for values of one dtype.

    One dispatcher per dtype: a call can then never wait for, or fall over, code that another
    thread compiles for the other one; and calls with other types are an error.
    """
    block = types.Array(from_dtype(dtype), 2, "C", readonly=True)
    image, count = types.Array(types.float32, 1, "C"), types.Array(types.int16, 1, "C")
    exact = types.Array(types.float64, 1, "C")
    settings = types.int64, types.float64, types.float64, types.int64, types.boolean
    signature = types.void(block, *settings, *(5 * (image,)), *(4 * (exact,)), *(2 * (count,)))
    return njit([signature], nogil=True, error_model="numpy", cache=True)(reduce_block)
