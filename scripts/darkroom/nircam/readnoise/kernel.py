"""Compiled parts of the read noise: line residuals of ramps, jumps, telegraph noise.

A block holds all groups of all ramps of some pixels, one row per group; ramp r has the rows
`starts[r]` to `starts[r + 1]`. Whole ramps are fitted in loops whose inner part runs over pixels,
so that they are vectorised. Pixels with a jump or a missing group are then treated one by one.
"""

from __future__ import annotations

import math

import numpy as np
from numba import float32, float64, int32, int64, njit, types, void

MAD_TO_STD = 1.482602218505602
#: Steps are inspected individually above LOOK standard deviations, and are jumps above JUMP.
LOOK, JUMP = 4.0, 5.0
_SHORTEST = 3  # groups needed for a residual of a straight line
_MANY_RAMPS = 5  # ramps needed for medians over ramps that are robust against one with a jump
_CHUNK = 256  # pixels whose sums fit into the cache of the processor

_helper = njit(nogil=True, error_model="numpy")
_values = types.Array(float32, 2, "C", readonly=True)


@_helper
def _add_two(before, row, later, base, place, sums):
    """Add two groups to the sums of `_fit_ramp`, the step between them not to those of pairs."""
    for j in range(row.size):
        zero, one, two = np.float64(base[j]), np.float64(row[j]), np.float64(later[j])
        value, further = one - zero, two - zero
        step, second = one - np.float64(before[j]), two - one
        most = step if step > second else second
        least = step if step < second else second
        sums[j] = (sums[j] + value) + further
        sums[_CHUNK + j] = (sums[_CHUNK + j] + value * value) + further * further
        sums[2 * _CHUNK + j] = (sums[2 * _CHUNK + j] + place * value) + (place + 1.0) * further
        high, low = sums[3 * _CHUNK + j], sums[4 * _CHUNK + j]
        sums[3 * _CHUNK + j] = high if high > most else most
        sums[4 * _CHUNK + j] = low if low < least else least
        sums[5 * _CHUNK + j] += step
        sums[6 * _CHUNK + j] += step * step


@_helper
def _add_one(before, row, base, place, sums):
    """Add a single group."""
    for j in range(row.size):
        value = np.float64(row[j]) - np.float64(base[j])
        step = np.float64(row[j]) - np.float64(before[j])
        sums[j] += value
        sums[_CHUNK + j] += value * value
        sums[2 * _CHUNK + j] += place * value
        high, low = sums[3 * _CHUNK + j], sums[4 * _CHUNK + j]
        sums[3 * _CHUNK + j] = high if high > step else step
        sums[4 * _CHUNK + j] = low if low < step else step
        sums[5 * _CHUNK + j] += step
        sums[6 * _CHUNK + j] += step * step


@_helper
def _add_pair(earlier, later, sums):
    for j in range(later.size):
        step = np.float64(later[j]) - np.float64(earlier[j])
        sums[5 * _CHUNK + j] += step
        sums[6 * _CHUNK + j] += step * step


@_helper
def _fit_ramp(values, first, stop, left, right, stride, sums, squares, slope, farthest, pairs):
    """Fit a line to a ramp of some pixels, and sum the squares of the differences of group pairs.

    Written are residual squares, slope, largest deviation of a step from it, and the squares of the
    differences about their mean (CDS noise), whose degrees of freedom are returned. `stride` 2
    takes independent pairs and 1 consecutive pairs, for which the sum of squares is scaled for the
    correlation of successive differences. `sums` is work space: seven sums of each pixel in one
    array, in which the compiler sees that they do not overlap; else it does not vectorise. The
    groups run once through the processor, two at a time.
    """
    n = stop - first
    sums[:] = 0.0
    sums[3 * _CHUNK : 4 * _CHUNK] = -np.inf
    sums[4 * _CHUNK : 5 * _CHUNK] = np.inf
    base = values[first, left:right]
    for g in range(first + 1, stop, 2):
        before, row, place = values[g - 1, left:right], values[g, left:right], g - first
        if g + 1 == stop:
            _add_one(before, row, base, place - 0.5 * (n - 1), sums)
            continue
        later = values[g + 1, left:right]
        _add_two(before, row, later, base, place - 0.5 * (n - 1), sums)
        if stride == 1:
            _add_pair(row, later, sums)
    lever = n * (n * n - 1.0) / 12.0
    npairs = (n - 1 + stride - 1) // stride
    scale = 1.0 if stride == 2 else npairs / (npairs + 1.0)
    for j in range(right - left):
        total, sd = sums[j], sums[5 * _CHUNK + j]
        slope[j] = sums[2 * _CHUNK + j] / lever
        left_over = sums[_CHUNK + j] - total * total / n - slope[j] * slope[j] * lever
        squares[j] = max(left_over, 0.0)
        # Of the steps, the highest or the lowest deviates most.
        farthest[j] = max(
            abs(sums[3 * _CHUNK + j] - slope[j]), abs(sums[4 * _CHUNK + j] - slope[j])
        )
        pairs[j] = (sums[6 * _CHUNK + j] - sd * sd / npairs) * scale
    return npairs - 1


@_helper
def _median(values, n):
    ordered = np.sort(values[:n])
    return 0.5 * (ordered[(n - 1) // 2] + ordered[n // 2])


@_helper
def _steps_of(values, pixel, starts, steps):
    """Collect the finite steps between neighbouring groups of all ramps of a pixel."""
    n = 0
    for r in range(starts.size - 1):
        for g in range(starts[r] + 1, starts[r + 1]):
            step = np.float64(values[g, pixel]) - np.float64(values[g - 1, pixel])
            if abs(step) < np.inf:
                steps[n] = step
                n += 1
    return n


@_helper
def _segment_squares(values, pixel, first, stop):
    """Return the residual squares of a line through one segment of one pixel."""
    n = stop - first
    base = np.float64(values[first, pixel])
    sx = sxx = sgx = 0.0
    for g in range(first, stop):
        value = np.float64(values[g, pixel]) - base
        place = (g - first) - 0.5 * (n - 1)
        sx += value
        sxx += value * value
        sgx += place * value
    return max(sxx - sx * sx / n - sgx * sgx / (n * (n * n - 1.0) / 12.0), 0.0)


@_helper
def _split(values, pixel, first, stop, usual, limit, ends):
    """Cut a ramp of one pixel after each upward jump and at missing groups.

    Writes (first, stop) of every segment into `ends`; returns their number and that of jumps.
    """
    n = jumps = 0
    begin = -1
    for g in range(first, stop):
        finite = abs(values[g, pixel]) < np.inf
        if begin >= 0:
            step = np.float64(values[g, pixel]) - np.float64(values[g - 1, pixel])
            jumped = finite and step - usual > limit
            if jumped or not finite:
                ends[n, 0], ends[n, 1] = begin, g
                n += 1
                begin = -1
                jumps += 1 if jumped else 0
        if begin < 0 and finite:
            begin = g
    if begin >= 0:
        ends[n, 0], ends[n, 1] = begin, stop
        n += 1
    return n, jumps


@_helper
def _forward_backward(x, offset, first, stop, amplitude, variance, up, down, high, work):
    """Apply the forward-backward algorithm to one segment; write the probabilities of high.

    Returns the log-likelihood and the expected numbers of steps down, of steps up, and of groups
    in the high and in the low state (without the last group, which no step follows).
    """
    n = stop - first
    high0 = up / (up + down)
    alpha = work
    total = 0.0
    a0, a1 = 1.0 - high0, high0
    for g in range(n):
        if g:
            a0, a1 = a0 * (1 - up) + a1 * down, a0 * up + a1 * (1 - down)
        r0 = x[first + g] - offset
        r1 = r0 - amplitude
        least = min(r0 * r0, r1 * r1)
        a0 *= math.exp(-0.5 * (r0 * r0 - least) / variance)
        a1 *= math.exp(-0.5 * (r1 * r1 - least) / variance)
        scale = a0 + a1
        a0 /= scale
        a1 /= scale
        alpha[g, 0], alpha[g, 1] = a0, a1
        total += math.log(scale) - 0.5 * least / variance
    b0 = b1 = 1.0
    downs = ups = from_high = from_low = 0.0
    high[first + n - 1] = alpha[n - 1, 1]
    for g in range(n - 2, -1, -1):
        r0 = x[first + g + 1] - offset
        r1 = r0 - amplitude
        least = min(r0 * r0, r1 * r1)
        e0 = b0 * math.exp(-0.5 * (r0 * r0 - least) / variance)
        e1 = b1 * math.exp(-0.5 * (r1 * r1 - least) / variance)
        x00, x01 = alpha[g, 0] * (1 - up) * e0, alpha[g, 0] * up * e1
        x10, x11 = alpha[g, 1] * down * e0, alpha[g, 1] * (1 - down) * e1
        norm = x00 + x01 + x10 + x11
        downs += x10 / norm
        ups += x01 / norm
        from_high += (x10 + x11) / norm
        from_low += (x00 + x01) / norm
        high[first + g] = (x10 + x11) / norm
        b0, b1 = (1 - up) * e0 + up * e1, down * e0 + (1 - down) * e1
        scale = b0 + b1
        b0 /= scale
        b1 /= scale
    return total, downs, ups, from_high, from_low


@_helper
def two_states(
    x: np.ndarray, ends: np.ndarray, nsegments: int, floor: float
) -> tuple[float, float, float]:
    """Test a pixel for telegraph noise with a two-state model, by maximum likelihood.

    In the two-state model every segment has its own low level, and the high level is above it by a
    common amplitude. The pixel changes state from group to group with fixed probabilities, and has
    white noise. The alternative is white noise about the mean of every segment.

    Parameters
    ----------
    x : (n,) float64 array
        Levels of the groups after subtraction of the median slope of the pixel, DN.
    ends : (nsegments, 2) int64 array
        First group and end (exclusive) of every segment.
    nsegments : int
    floor : float
        The white noise is assumed to be at least half of this, DN.

    Returns
    -------
    gain : float
        Log-likelihood of the two-state model minus that of the alternative.
    amplitude : float
        High minus low level, DN.
    downs : float
        Expected number of steps down; cosmic rays only step up.
    """
    n, squares, longest = 0, 0.0, 0
    offset = np.empty(nsegments)
    for s in range(nsegments):
        first, stop = ends[s, 0], ends[s, 1]
        offset[s] = x[first:stop].mean()
        for g in range(first, stop):
            squares += (x[g] - offset[s]) ** 2
        n += stop - first
        longest = max(longest, stop - first)
    if n < 2 * nsegments or squares <= 0.0:
        return 0.0, 0.0, 0.0
    single = -0.5 * n * (math.log(squares / n) + 1.0)
    high, work = np.zeros(x.size), np.empty((longest, 2))
    for s in range(nsegments):
        for g in range(ends[s, 0], ends[s, 1]):
            high[g] = 1.0 if x[g] > offset[s] else 0.0
    up = down = 0.3
    amplitude, variance, found, downs = 0.0, squares / n, -np.inf, 0.0
    for _ in range(40):
        above = weight = 0.0
        for s in range(nsegments):
            first, stop = ends[s, 0], ends[s, 1]
            offset[s] = (x[first:stop] - amplitude * high[first:stop]).mean()
            for g in range(first, stop):
                above += high[g] * (x[g] - offset[s])
                weight += high[g]
        amplitude = above / weight if weight > 0.0 else 0.0
        rest = 0.0
        for s in range(nsegments):
            first, stop = ends[s, 0], ends[s, 1]
            offset[s] = (x[first:stop] - amplitude * high[first:stop]).mean()
            for g in range(first, stop):
                r0 = x[g] - offset[s]
                r1 = r0 - amplitude
                rest += (1.0 - high[g]) * r0 * r0 + high[g] * r1 * r1
        variance = max(rest / n, 0.25 * floor * floor)
        before, found = found, 0.0
        downs = ups = from_high = from_low = 0.0
        for s in range(nsegments):
            part = _forward_backward(
                x, offset[s], ends[s, 0], ends[s, 1], amplitude, variance, up, down, high, work
            )
            found += part[0]
            downs += part[1]
            ups += part[2]
            from_high += part[3]
            from_low += part[4]
        found -= 0.5 * n * math.log(variance)
        up = min(max(ups / max(from_low, 1e-9), 1e-3), 0.95)
        down = min(max(downs / max(from_high, 1e-9), 1e-3), 0.95)
        if abs(found - before) < 0.01:
            break
    return found - single, amplitude, downs


@_helper
def _telegraph(values, pixel, starts, usual, limit, floor, levels, slopes, ends):
    """Apply `two_states` to a pixel, with its ramps split at steps more than `limit` above usual.

    Ramps with telegraph noise are split at its steps up, too; its steps down remain.
    """
    count, nslopes = 0, 0
    for r in range(starts.size - 1):
        found, _ = _split(values, pixel, starts[r], starts[r + 1], usual, limit, ends[count:])
        for s in range(count, count + found):
            middle = 0.5 * (ends[s, 0] + ends[s, 1] - 1)
            base = np.float64(values[ends[s, 0], pixel])
            product = lever = 0.0
            for g in range(ends[s, 0], ends[s, 1]):
                levels[g] = np.float64(values[g, pixel]) - base
                product += (g - middle) * levels[g]
                lever += (g - middle) ** 2
            if 2 * (ends[s, 1] - ends[s, 0]) > starts[r + 1] - starts[r]:
                slopes[nslopes] = product / lever
                nslopes += 1
        count += found
    # The median, since a small cosmic ray that was not found changes the slope of its segment.
    slope = _median(slopes, nslopes) if nslopes else 0.0
    for s in range(count):
        for g in range(ends[s, 0], ends[s, 1]):
            levels[g] -= slope * (g - ends[s, 0])
    return two_states(levels, ends, count, floor)


@_helper
def _usual_step(values, pixel, starts, squares, slopes, steps, floor):
    """Return the usual step of a pixel, and the distance above it beyond which a step is a jump.

    They are medians over the ramps of the pixel, which jumps in a few ramps do not affect, or over
    all steps when there are few ramps.

    Parameters
    ----------
    squares, slopes : (nramps,) arrays
        Residual squares and slopes of lines through whole ramps; NaN without a line.
    steps : (ngroups,) float64 array
        Work space.
    floor : float
        Typical noise of a step, DN.
    """
    n = 0
    for r in range(squares.size):
        if squares[r] < np.inf:
            steps[n] = slopes[r]
            n += 1
    if n >= _MANY_RAMPS:
        usual, n = _median(steps, n), 0
        for r in range(squares.size):
            if squares[r] < np.inf:
                free = starts[r + 1] - starts[r] - 2.0
                # Ratio of median to mean of chi² (Wilson and Hilferty).
                steps[n] = 2.0 * squares[r] / free / (1.0 - 2.0 / (9.0 * free)) ** 3
                n += 1
        return usual, JUMP * max(math.sqrt(_median(steps, n)), floor)
    n = _steps_of(values, pixel, starts, steps)
    if n == 0:
        return 0.0, np.inf
    usual = _median(steps, n)
    for k in range(n):
        steps[k] = abs(steps[k] - usual)
    return usual, JUMP * max(MAD_TO_STD * _median(steps, n), floor)


@_helper
def _add_odd_ramps(values, pixel, starts, odd, usual, limit, ends, total, nu, njumps):
    """Add the segments of those ramps of a pixel that may contain a jump or lack a group."""
    for r in range(starts.size - 1):
        if not odd[r, pixel]:
            continue
        count, jumps = _split(values, pixel, starts[r], starts[r + 1], usual, limit, ends)
        njumps[pixel] += jumps
        for s in range(count):
            n = ends[s, 1] - ends[s, 0]
            if n >= _SHORTEST:
                total[pixel] += _segment_squares(values, pixel, ends[s, 0], ends[s, 1])
                nu[pixel] += n - 2


@_helper
def _find_strange(squares, farthest, limit, missing, strange):
    """Tell which pixels lack a group in a ramp, and in which it is to be looked at by itself."""
    for j in range(squares.size):
        missing[j] = not squares[j] < np.inf
        strange[j] = missing[j] or farthest[j] > limit[j]


@_helper
def _note(squares, slope, all_squares, all_slopes):
    for j in range(squares.size):
        all_squares[j] = squares[j]
        all_slopes[j] = slope[j]


@_helper
def _mark(strange, odd, any_odd):
    for j in range(strange.size):
        odd[j] = strange[j]
        any_odd[j] |= strange[j]


@_helper
def _add_others(squares, left_out, free, total, nu):
    """Add squares and degrees of freedom of the pixels that are not left out."""
    for j in range(squares.size):
        total[j] += 0.0 if left_out[j] else squares[j]
        nu[j] += 0 if left_out[j] else free


@_helper
def _whole_ramps(
    values, starts, left, right, stride, kind, step_noise, all_squares, all_slopes, odd, any_odd,
    total, nu, raw, raw_nu, pairs, pairs_nu,
):  # fmt: skip
    """Fit every ramp of the pixels from `left` to `right`; mark those to be treated one by one.

    The arguments are those of `residuals`; arrays by pixel cover these pixels only.
    """
    width = right - left
    sums = np.empty(7 * _CHUNK)
    squares, slope, farthest, sdd = (
        np.empty(width), np.empty(width), np.empty(width), np.empty(width),
    )  # fmt: skip
    missing, strange, limit = np.empty(width, np.bool_), np.empty(width, np.bool_), np.empty(width)
    for j in range(width):
        limit[j] = LOOK * step_noise[kind[j]]
    total[:] = 0.0
    raw[:] = 0.0
    pairs[:] = 0.0
    nu[:] = 0
    raw_nu[:] = 0
    pairs_nu[:] = 0
    for r in range(starts.size - 1):
        first, stop = starts[r], starts[r + 1]
        n = stop - first
        if n < _SHORTEST:
            continue
        free = _fit_ramp(
            values, first, stop, left, right, stride, sums, squares, slope, farthest, sdd
        )  # fmt: skip
        _find_strange(squares, farthest, limit, missing, strange)
        _note(squares, slope, all_squares[r, left:right], all_slopes[r, left:right])
        _mark(strange, odd[r, left:right], any_odd)
        _add_others(squares, missing, n - 2, raw, raw_nu)
        _add_others(squares, strange, n - 2, total, nu)
        _add_others(sdd, strange, free, pairs, pairs_nu)


@njit(
    void(
        _values, int64[::1], int32[::1], float64[::1], float64[::1], int64,
        float64[::1], int32[::1], float64[::1], int32[::1], float64[::1], int32[::1],
        int32[::1], float32[::1], float32[::1], float32[::1], float64[:, ::1], int64[:, ::1],
    ),
    nogil=True,
    error_model="numpy",
    cache=True,
)  # fmt: skip
def residuals(
    values: np.ndarray, starts: np.ndarray, kind: np.ndarray, step_noise: np.ndarray,
    candidate: np.ndarray, stride: int, total: np.ndarray, nu: np.ndarray, raw: np.ndarray,
    raw_nu: np.ndarray, pairs: np.ndarray, pairs_nu: np.ndarray, njumps: np.ndarray,
    gain: np.ndarray, amplitude: np.ndarray, downs: np.ndarray, ramp_squares: np.ndarray,
    ramp_nu: np.ndarray,
) -> None:  # fmt: skip
    """Sum the squared residuals of a straight line through every ramp of every pixel.

    Parameters
    ----------
    values : (ngroups, npixels) float32 array
        Groups of all ramps, DN; NaN where unusable.
    starts : (nramps + 1,) int64 array
        First row of each ramp.
    kind : (npixels,) int32 array
        Kind of every pixel: index into the arrays by kind.
    step_noise : (nkinds,) float64 array
        Typical noise of a difference of two groups, DN.
    candidate : (nkinds,) float64 array
        Noise of one read above which a pixel is tested for telegraph noise, DN.
    stride : int
        2 for independent pairs, 1 for consecutive ones.
    total, nu : (npixels,) arrays
        Written to: sum of squared residuals and degrees of freedom, with ramps split at jumps.
    raw, raw_nu : (npixels,) arrays
        Written to: the same for whole ramps, without those that lack a group.
    pairs, pairs_nu : (npixels,) arrays
        Written to: sum of squared pair differences about their mean and degrees of freedom, of
        ramps without a jump.
    njumps : (npixels,) int32 array
        Written to: number of upward jumps.
    gain, amplitude, downs : (npixels,) float32 arrays
        Written to: see `two_states`; 0 where not tested.
    ramp_squares, ramp_nu : (nramps, nkinds) arrays
        Added to: sum of squared residuals and degrees of freedom of the quiet pixels, by ramp.
    """
    nramps, npixels = starts.size - 1, values.shape[1]
    squares = np.full((nramps, npixels), np.float32(np.nan))
    slopes = np.empty((nramps, npixels), np.float32)
    odd = np.zeros((nramps, npixels), np.bool_)
    any_odd, quiet = np.zeros(npixels, np.bool_), np.empty(npixels, np.bool_)
    for left in range(0, npixels, _CHUNK):
        right = min(left + _CHUNK, npixels)
        _whole_ramps(
            values, starts, left, right, stride,
            kind[left:right], step_noise, squares, slopes, odd, any_odd[left:right],
            total[left:right], nu[left:right], raw[left:right], raw_nu[left:right],
            pairs[left:right], pairs_nu[left:right],
        )  # fmt: skip
    njumps[:] = 0
    gain[:] = 0.0
    amplitude[:] = 0.0
    downs[:] = 0.0
    steps, levels = np.empty(values.shape[0]), np.empty(values.shape[0])
    ends = np.empty((values.shape[0], 2), np.int64)
    for j in range(npixels):
        noisy = raw_nu[j] > 0 and raw[j] / raw_nu[j] > candidate[kind[j]] ** 2
        if any_odd[j] or noisy:
            noise = step_noise[kind[j]]
            usual, limit = _usual_step(values, j, starts, squares[:, j], slopes[:, j], steps, noise)
            _add_odd_ramps(values, j, starts, odd, usual, limit, ends, total, nu, njumps)
            # Pixels that are noisy only because of cosmic rays are not tested.
            noisy = noisy and nu[j] > 0 and total[j] / nu[j] > candidate[kind[j]] ** 2
            if noisy:
                floor = noise / math.sqrt(2.0)
                # Whole ramps first. Without steps down, a step may be a cosmic ray: split there.
                found = _telegraph(values, j, starts, usual, np.inf, floor, levels, steps, ends)
                if found[2] < 1.5:
                    found = _telegraph(values, j, starts, usual, limit, floor, levels, steps, ends)
                gain[j], amplitude[j], downs[j] = found
        quiet[j] = not noisy
    for r in range(nramps):
        free = starts[r + 1] - starts[r] - 2
        for j in range(npixels):
            if quiet[j] and squares[r, j] < np.inf and not odd[r, j]:
                ramp_squares[r, kind[j]] += squares[r, j]
                ramp_nu[r, kind[j]] += free
