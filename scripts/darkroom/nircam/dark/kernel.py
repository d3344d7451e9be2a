"""Compiled loops of the dark current: rates of ramps by generalised least squares, and their steps.

A block holds the groups of all ramps of some pixels, one row per group; ramp r has the rows
`starts[r]` to `starts[r + 1]`. The differences of neighbouring groups have a tri-diagonal
covariance, the same along a ramp: `a` on its diagonal and `b` beside it. Ramps without a step or a
missing group are fitted in loops whose inner part runs over pixels, so that they are vectorised;
the others one by one.
"""

from __future__ import annotations

import math

import numpy as np
from numba import float32, float64, int8, int16, int32, int64, njit, types, void

#: Excess over the usual rate, standard deviations, above which a pixel's own rate gives the noise.
OWN_RATE = 5.0
#: Downward steps are counted beyond this many standard deviations of a difference.
DOWN = 5.0
#: And of the pixel's own scatter, which telegraph noise itself raises: three steps beyond it are
#: due to chance in 1e-9 of pixels with 500 steps.
OWN_DOWN = 4.5
#: Downward steps from which a pixel's own scatter is looked at.
_FEW_DOWN = 3
MAD_TO_STD = 1.482602218505602
_CHUNK = 128  # pixels whose sums fit into the cache of the processor

# Called by compiled code alone: without what Python or C would call, it compiles in half the time.
_helper = njit(nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
_values = types.Array(float32, 2, "C", readonly=True)


@_helper
def _pivots(a, b, n, pivot):
    """Compute the pivots of the elimination; they are the same for segments of all lengths."""
    pivot[0] = a
    for k in range(1, n):
        pivot[k] = a - b * b / pivot[k - 1]


@_helper
def _solve_ones(b, pivot, n, weight):
    """Solve C w = 1 for a segment of n differences; return the sum of w."""
    weight[0] = 1.0 / pivot[0]
    for k in range(1, n):
        weight[k] = (1.0 - b * weight[k - 1]) / pivot[k]
    total = weight[n - 1]
    for k in range(n - 2, -1, -1):
        weight[k] -= b / pivot[k] * weight[k + 1]
        total += weight[k]
    return total


@_helper
def _segment(d, first, stop, a, b, scales, pivot, weight, y):
    """Fit one segment of differences.

    Returns the sum of C^-1 d, that of C^-1 1, the residual chi2, and the most positive step: its
    size in standard deviations, as `scales` corrects them, and its place.
    """
    n = stop - first
    information = _solve_ones(b, pivot, n, weight)
    y[0] = d[first] / pivot[0]
    for k in range(1, n):
        y[k] = (d[first + k] - b * y[k - 1]) / pivot[k]
    total = y[n - 1]
    for k in range(n - 2, -1, -1):
        y[k] -= b / pivot[k] * y[k + 1]
        total += y[k]
    level = total / information
    chi2, largest, place = 0.0, -np.inf, -1
    for k in range(n):
        rest = y[k] - level * weight[k]
        chi2 += d[first + k] * rest
        room = 1.0 / (pivot[k] + pivot[n - 1 - k] - a) - weight[k] * weight[k] / information
        if room > 1e-12 / a:
            z = rest / math.sqrt(room) / scales[min(k, n - 1 - k)]
            if z > largest:
                largest, place = z, first + k
    return total, information, chi2, largest, place


@_helper
def _ramp(d, n, a, b, limit, scales, pivot, weight, y, ends, keep):
    """Fit a ramp of n differences of one pixel, cut at missing differences and at steps up.

    Returns the sums of all segments: C^-1 d, C^-1 1, chi2, degrees of freedom, and the number of
    steps. `keep` is written to: 1 for the differences that are used.
    """
    waiting, begin = 0, -1
    for k in range(n + 1):
        finite = k < n and abs(d[k]) < np.inf
        if k < n:
            keep[k] = 1 if finite else 0
        if finite and begin < 0:
            begin = k
        elif not finite and begin >= 0:
            ends[waiting, 0], ends[waiting, 1] = begin, k
            waiting += 1
            begin = -1
    total = information = chi2 = 0.0
    free = steps = 0
    while waiting > 0:
        waiting -= 1
        first, stop = ends[waiting, 0], ends[waiting, 1]
        part, weights, rest, largest, place = _segment(
            d, first, stop, a, b, scales, pivot, weight, y
        )
        if largest > limit:
            keep[place] = 0
            steps += 1
            if place > first:
                ends[waiting, 0], ends[waiting, 1] = first, place
                waiting += 1
            if stop > place + 1:
                ends[waiting, 0], ends[waiting, 1] = place + 1, stop
                waiting += 1
            continue
        total += part
        information += weights
        chi2 += rest
        free += stop - first - 1
    return total, information, chi2, free, steps


@_helper
def _eliminate(later, earlier, gain, b, pivot, before, y):
    for j in range(y.size):
        y[j] = (gain * (np.float64(later[j]) - np.float64(earlier[j])) - b * before[j]) / pivot


@_helper
def _substitute(later, earlier, gain, factor, after, y, total, squares):
    for j in range(y.size):
        y[j] -= factor * after[j]
        total[j] += y[j]
        squares[j] += y[j] * gain * (np.float64(later[j]) - np.float64(earlier[j]))


@_helper
def _largest_step(y, level, weight, scale, largest):
    for j in range(y.size):
        z = (y[j] - level[j] * weight) * scale
        largest[j] = largest[j] if largest[j] > z else z


@_helper
def _count_down(later, earlier, gain, limit, down):
    for j in range(down.size):
        step = gain * (np.float64(later[j]) - np.float64(earlier[j]))
        down[j] += 1 if step < limit else 0


@_helper
def _add_steps(later, earlier, good, sums, counts):
    for j in range(good.size):
        step = np.float32(later[j] - earlier[j])
        sums[j] += step if good[j] else np.float32(0.0)
        counts[j] += 1 if good[j] else 0


@_helper
def _alone(
    values, pixel, starts, r, rule, limit, scales, pivot, space, rate, information, sums, counts
):  # fmt: skip
    """Fit one ramp of one pixel step by step, with its cuts; write its rate, add its steps.

    `rule` is gain, `a`, `b` and TGROUP. Returns chi2, degrees of freedom and the number of steps
    up.
    """
    gain, a, b, tgroup = rule
    weight, d, y, ends, keep = space
    first, n = starts[r], starts[r + 1] - starts[r] - 1
    for k in range(n):
        later, earlier = values[first + k + 1, pixel], values[first + k, pixel]
        d[k] = gain * (np.float64(later) - np.float64(earlier))
    part, weights, rest, free, steps = _ramp(
        d, n, a, b, limit, scales, pivot, weight, y, ends, keep
    )
    rate[r, pixel] = part / weights / tgroup if weights > 0.0 else np.nan
    information[r, pixel] = weights * tgroup * tgroup
    if sums.shape[0] > 0:
        for k in range(n):
            if keep[k]:
                sums[k, pixel] += np.float32(d[k] / gain)
                counts[k, pixel] += 1
    return rest, free, steps


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


@_helper
def _median(values, n):
    """Return the median of `n` values, which are reordered."""
    upper = _select(values, n, n // 2)
    return upper if n % 2 else (_select(values, n, n // 2 - 1) + upper) / 2


@_helper
def _own_down(values, pixel, starts, gain, floor):
    """Count the downward steps of a pixel beyond its own scatter, or the floor if larger."""
    steps, distances = np.empty(values.shape[0]), np.empty(values.shape[0])
    n = np.int64(0)  # as it stays: what is called with it is compiled for one type
    for r in range(starts.size - 1):
        for g in range(starts[r] + 1, starts[r + 1]):
            step = gain * (np.float64(values[g, pixel]) - np.float64(values[g - 1, pixel]))
            if abs(step) < np.inf:
                steps[n] = step
                n += 1
    middle = _median(steps, n)
    for k in range(n):
        distances[k] = abs(steps[k] - middle)
    scatter = MAD_TO_STD * _median(distances, n)
    limit = max(OWN_DOWN * scatter, DOWN * floor)
    found = 0
    for k in range(n):
        found += 1 if steps[k] - middle < -limit else 0
    return np.int32(found)


@_helper
def _combined(rate, information):
    weight = total = 0.0
    for r in range(rate.size):
        if information[r] > 0.0:
            weight += information[r]
            total += information[r] * rate[r]
    return (total / weight if weight > 0.0 else np.nan), weight


@njit(
    void(
        _values, types.Array(int64, 1, "C", readonly=True),
        types.Array(int8, 1, "C", readonly=True), types.Array(float64, 2, "C", readonly=True),
        float64[::1], float64, types.Array(float64, 2, "C", readonly=True),
        float64[:, ::1], float64[:, ::1], float64[::1], int32[::1], int32[::1], int32[::1],
        float32[:, ::1], int16[:, ::1],
    ),
    nogil=True,
    error_model="numpy",
    cache=True, no_cfunc_wrapper=True,
)  # fmt: skip
def rates(
    values: np.ndarray,
    starts: np.ndarray,
    kind: np.ndarray,
    kinds: np.ndarray,
    times: np.ndarray,
    limit: float,
    scales: np.ndarray,
    rate: np.ndarray,
    information: np.ndarray,
    chi2: np.ndarray,
    free: np.ndarray,
    hits: np.ndarray,
    down: np.ndarray,
    sums: np.ndarray,
    counts: np.ndarray,
) -> None:
    """Fit the rate of every ramp of every pixel.

    Parameters
    ----------
    values : (ngroups, npixels) float32 array
        Groups of all ramps, DN; NaN where a sample is not to be used.
    starts : (nramps + 1,) int64 array
    kind : (npixels,) int8 array
        Row of `kinds` that holds for a pixel; negative: not fitted.
    kinds : (nkinds, 4) float64 array
        Gain in e-/DN, usual rate in e-/s, variance of a group from read noise in e-2, and the
        factor by which the variance of rates exceeds the model's.
    times : (3,) float64 array
        TGROUP, and what a rate of 1 e-/s adds to `a` and to `b`, seconds.
    limit : float
        Steps up beyond this many standard deviations are hits.
    scales : (nkinds, n) float64 array
        Scatter of steps over that of the noise model, by kind and by the number of differences
        between the step and the nearer end of its segment.
    rate, information : (nramps, npixels) float64 arrays
        Written to: e-/s, NaN without data; and inverse variance of it by the noise model, s2/e-2.
    chi2, free, hits, down : (npixels,) arrays
        Written to: chi2 of differences within segments, its degrees of freedom, steps up that were
        cut out, steps down.
    sums, counts : (nsteps, npixels) arrays
        Added to: sum (DN) and number of the differences that were used, by their place in a ramp.
        Nothing is added with 0 rows.
    """
    npixels, nramps = values.shape[1], starts.size - 1
    longest = np.int64(1)
    for r in range(nramps):
        longest = max(longest, starts[r + 1] - starts[r] - 1)
    # Arrays of their own, not rows of one: those would count as strided, and compile a second time.
    pivot, own = np.empty(longest), np.empty(longest)
    weight, d, y = np.empty(longest), np.empty(longest), np.empty(longest)
    space = weight, d, y, np.empty((longest + 1, 2), np.int64), np.empty(longest, np.int8)
    fitted, zeros = np.empty((longest, _CHUNK)), np.zeros(_CHUNK)
    total, squares = np.empty(_CHUNK), np.empty(_CHUNK)
    level, largest = np.empty(_CHUNK), np.empty(_CHUNK)
    good = np.empty(_CHUNK, np.bool_)
    tgroup, summed = times[0], sums.shape[0] > 0
    chi2[:] = 0.0
    free[:] = 0
    hits[:] = 0
    down[:] = 0
    left = 0
    while left < npixels:
        right = left + 1
        while right < npixels and right - left < _CHUNK and kind[right] == kind[left]:
            right += 1
        width = right - left
        if kind[left] < 0:
            rate[:, left:right] = np.nan
            information[:, left:right] = 0.0
            left = right
            continue
        group = kind[left]
        gain, usual, read, factor = kinds[group]
        a, b = usual * times[1] + 2.0 * read, usual * times[2] - read
        _pivots(a, b, longest, pivot)
        lowest = usual * tgroup - DOWN * math.sqrt(a)
        for r in range(nramps):
            first, n = starts[r], starts[r + 1] - starts[r] - 1
            if n < 1:
                rate[r, left:right] = np.nan
                information[r, left:right] = 0.0
                continue
            _eliminate(
                values[first + 1, left:right], values[first, left:right], gain, b, pivot[0],
                zeros[:width], fitted[0, :width],
            )  # fmt: skip
            for k in range(1, n):
                _eliminate(
                    values[first + k + 1, left:right], values[first + k, left:right], gain, b,
                    pivot[k], fitted[k - 1, :width], fitted[k, :width],
                )  # fmt: skip
            total[:] = 0.0
            squares[:] = 0.0
            largest[:] = -np.inf
            for k in range(n - 1, -1, -1):
                after = zeros if k == n - 1 else fitted[k + 1]
                _substitute(
                    values[first + k + 1, left:right], values[first + k, left:right], gain,
                    b / pivot[k], after[:width], fitted[k, :width], total[:width], squares[:width],
                )  # fmt: skip
            whole = _solve_ones(b, pivot, n, weight)
            for j in range(width):
                level[j] = total[j] / whole
            for k in range(n):
                room = 1.0 / (pivot[k] + pivot[n - 1 - k] - a) - weight[k] * weight[k] / whole
                if room > 1e-12 / a:
                    _largest_step(
                        fitted[k, :width], level[:width], weight[k],
                        1.0 / math.sqrt(room) / scales[group, min(k, n - 1 - k)],
                        largest[:width],
                    )  # fmt: skip
                _count_down(
                    values[first + k + 1, left:right], values[first + k, left:right], gain, lowest,
                    down[left:right],
                )  # fmt: skip
            for j in range(width):
                good[j] = abs(total[j]) < np.inf and largest[j] <= limit
                if good[j]:
                    rate[r, left + j] = level[j] / tgroup
                    information[r, left + j] = whole * tgroup * tgroup
                    chi2[left + j] += squares[j] - level[j] * total[j]
                    free[left + j] += n - 1
            if summed:
                for k in range(n):
                    _add_steps(
                        values[first + k + 1, left:right], values[first + k, left:right],
                        good[:width], sums[k, left:right], counts[k, left:right],
                    )  # fmt: skip
            for j in range(width):
                if good[j]:
                    continue
                rest, nu, steps = _alone(
                    values, left + j, starts, r, (gain, a, b, tgroup), limit, scales[group],
                    pivot, space, rate, information, sums, counts,
                )  # fmt: skip
                chi2[left + j] += rest
                free[left + j] += nu
                hits[left + j] += steps
        for j in range(left, right):
            if down[j] >= _FEW_DOWN:
                down[j] = _own_down(values, j, starts, gain, math.sqrt(a))
            found, weights = _combined(rate[:, j], information[:, j])
            # A bright pixel has more noise than usual ones: again, with the noise of its rate.
            if not (found - usual) * math.sqrt(weights / factor) > OWN_RATE:
                continue
            own_a, own_b = found * times[1] + 2.0 * read, found * times[2] - read
            _pivots(own_a, own_b, longest, own)
            chi2[j], free[j], hits[j] = 0.0, 0, 0
            if summed:
                sums[:, j] = 0.0
                counts[:, j] = 0
            for r in range(nramps):
                if starts[r + 1] - starts[r] < 2:
                    continue
                rest, nu, steps = _alone(
                    values, j, starts, r, (gain, own_a, own_b, tgroup), limit, scales[group],
                    own, space, rate, information, sums, counts,
                )  # fmt: skip
                chi2[j] += rest
                free[j] += nu
                hits[j] += steps
        left = right
