"""CRCORR, compiled: the line through each pixel's reads, cosmic rays rejected up the ramp.

What calwf3 does to a pixel is `_fit_pixel`: split the reads into intervals at cosmic rays, fit each
with equal weights, look for a spike, a cosmic ray, a bad first read, and begin anew until nothing
is found; then fit each interval with weights that suit its signal and average the slopes.

Most pixels have no flag and nothing to find. They share their reads, so they are done in lanes of
neighbours by `_fit_lanes` with the same float operations in the same order, and whatever shows a
jump above a threshold there, or has a flag, is given to `_fit_pixel`. Both give the same bits (a
test holds them against each other).

All arithmetic is that of C `float` (see `darkroom.wfc3.engine.kernel`). What runs once a pixel
takes its arrays one by one: numba counts references to those in tuples and to rows cut out of
arrays, which costs as much as a fit. numba's on-disk cache looks at this file alone: everything of
CRCORR that is compiled is here.
"""

from __future__ import annotations

import math

import numpy as np
from numba import boolean, float32, int16, int64, njit, types, uint8, void

LANES = 64
MOST_COSMIC_RAYS = 4
_SPIKE_SIGMA = np.float32(6.0)
# Signal-to-noise ratios above which an interval is fitted with the next power of weights.
_STEPS = (np.float32(5), np.float32(10), np.float32(20), np.float32(50), np.float32(100))

_SATURATED, _MASKED, _ZEROTH_SIGNAL = 256, 1024, 2048
_COSMIC_RAY, _CURVED, _UNSTABLE = 8192, 16384, 32
_EVENT_COSMIC_RAY, _EVENT_SPIKE, _EVENT_UNSTABLE = 1, 2, 4

_ZERO, _ONE, _NO_ERROR = np.float32(0.0), np.float32(1.0), np.float32(1e9)
_LEAST_DETERMINANT = np.float32(1e-6)
_NO_SAMPLES_ERROR = np.float32(1e5)

_helper = njit(nogil=True, error_model="numpy")


# ---- the line through some samples of one pixel ----


@_helper
def _constants(sw, sx, sxx):
    """Return determinant and spread of a line fit from its sums of weights and times."""
    determinant = sw * sxx - sx * sx
    if determinant < _LEAST_DETERMINANT:
        determinant = _LEAST_DETERMINANT
    return determinant, np.float32(math.sqrt(sw / determinant))


@_helper
def _tabulate(t, used, weights, entry):
    """Fill what line fits through the reads `used` share: one row of `entry` per power."""
    count = used.size
    for p in range(weights.shape[2]):
        sw, sx, sxx = _ZERO, _ZERO, _ZERO
        for i in range(count):
            x, w = t[used[i]], weights[count, i, p]
            sw += w
            sx += x * w
            sxx += x * x * w
        determinant, spread = _constants(sw, sx, sxx)
        entry[p, 0], entry[p, 1], entry[p, 2] = sw, sx, sxx
        entry[p, 3], entry[p, 4] = determinant, spread


@_helper
def _line_table(t, weights):
    """Tabulate the line fits through every run of reads without gaps, by first read and count."""
    n = t.size
    table = np.zeros((n, n, weights.shape[2], 5), np.float32)
    for first in range(1, n):
        for count in range(2, n - first + 1):
            _tabulate(t, np.arange(first, first + count), weights, table[first, count])
    return table


@_helper
def _line_sums(s, e, t, member, i, count, power, some_zero, weights, table):
    """Return sw, sx, sxx, determinant, spread, sy, sxy of the samples `member[i, :count]`.

    Samples with an error of 0 do not count.
    """
    sy, sxy = _ZERO, _ZERO
    first = member[i, 0]
    if member[i, count - 1] - first == count - 1 and not some_zero:
        for j in range(count):
            w = weights[count, j, power]
            sy += s[first + j] * w
            sxy += t[first + j] * s[first + j] * w
        return (
            table[first, count, power, 0], table[first, count, power, 1],
            table[first, count, power, 2], table[first, count, power, 3],
            table[first, count, power, 4], sy, sxy,
        )  # fmt: skip
    sw, sx, sxx = _ZERO, _ZERO, _ZERO
    for j in range(count):
        k = member[i, j]
        if e[k] != _ZERO:
            w = weights[count, j, power]
            sw += w
            sy += s[k] * w
            sx += t[k] * w
            sxx += t[k] * t[k] * w
            sxy += t[k] * s[k] * w
    determinant, spread = _constants(sw, sx, sxx)
    return sw, sx, sxx, determinant, spread, sy, sxy


@_helper
def _equal_line(s, e, t, member, i, count, some_zero, weights, table):
    """Return intercept and slope of a fit with equal weights, count > 1."""
    sw, sx, sxx, determinant, _, sy, sxy = _line_sums(
        s, e, t, member, i, count, 0, some_zero, weights, table
    )
    if not sw > _ZERO:
        return _ZERO, _ZERO
    if count == 2:
        first, last = member[i, 0], member[i, 1]
        slope = (s[last] - s[first]) / (t[last] - t[first])
        return s[first] - slope * t[first], slope
    return (sxx * sy - sx * sxy) / determinant, (sw * sxy - sx * sy) / determinant


@_helper
def _power_index(snr):
    """Return the place of the weights for a signal-to-noise ratio in `crrej.POWERS`."""
    index = 0
    for step in _STEPS:
        if snr > step:
            index += 1
    return index


@_helper
def _slope_error(excess, dx, gain, otherwise):
    """Return the error of a slope from the variance of its signal, e-²."""
    if excess > _ZERO:
        return np.float32(math.sqrt(np.float64(excess)) / np.float64(dx) / np.float64(gain))
    return otherwise


@_helper
def _best_line(s, e, t, dark, member, i, count, some_zero, weights, table, gain):
    """Return slope and error of a fit with weights that suit the signal, count > 1."""
    first, last = member[i, 0], member[i, count - 1]
    dx, dy = t[last] - t[first], s[last] - s[first]
    power = _power_index(dy / e[last]) if e[last] > _ZERO else 0
    sw, sx, _, determinant, spread, sy, sxy = _line_sums(
        s, e, t, member, i, count, power, some_zero, weights, table
    )
    if not sw > _ZERO:
        return _ZERO, _NO_ERROR
    if count == 2:
        slope, spread = dy / dx, _ZERO
        a, b = e[first] / t[first], e[last] / t[last]
        error = np.float32(math.sqrt(a * a + b * b))
    else:
        slope, error = (sw * sxy - sx * sy) / determinant, spread
    reading = gain * spread * dx
    excess = reading * reading + gain * (dark[last] - dark[first]) + gain * dy
    return slope, _slope_error(excess, dx, gain, error)


# ---- what sticks out of it ----


@_helper
def _find_spike(deviation, flags, i, count, ignore):
    """Return the sample of interval i that sticks out from both its neighbours most, or -1."""
    bad = ignore | _COSMIC_RAY | _MASKED
    best, found = _ZERO, -1
    for j in range(2, count):
        if (flags[i, j - 1] | flags[i, j] | flags[i, j + 1]) & bad:
            continue
        peak = deviation[j - 1]
        left, right = deviation[j - 2], deviation[j]
        stands_out = peak - left > _SPIKE_SIGMA and peak - right > _SPIKE_SIGMA
        if stands_out and left < 0 and right < 0 and abs(peak) > best:
            best, found = peak, j - 1
    return found


@_helper
def _find_cosmic_ray(deviation, flags, i, count, ignore, threshold):
    """Return the sample before which the largest jump of interval i lies, or -1."""
    bad = ignore | _COSMIC_RAY
    before, best, found = _ZERO, _ZERO, -1
    for j in range(1, count):
        if not flags[i, j - 1] & bad:
            before = deviation[j - 1]
        if not flags[i, j] & bad:
            jump = abs(deviation[j] - before)
            if jump > threshold:
                if jump > best:
                    best, found = jump, j
                before = deviation[j]
    return found


@_helper
def _first_is_bad(deviation, flags, i, ignore, threshold):
    """Tell whether the first sample of interval i lies off the second."""
    bad = ignore | _COSMIC_RAY | _MASKED
    return not (flags[i, 0] | flags[i, 1]) & bad and abs(deviation[0] - deviation[1]) > threshold


@_helper
def _inspect(s, e, d, t, member, flags, i, count, deviation, some_zero, second, weights, table,
             ignore, threshold):  # fmt: skip
    """Fit interval i and flag what sticks out: the flag set (0: none) and its sample."""
    a, b = _equal_line(s, e, t, member, i, count, some_zero, weights, table)
    untested = ignore if second else -1  # bits that keep a sample out of the tests
    for j in range(count):
        k = member[i, j]
        deviation[j] = _ZERO
        if e[k] != _ZERO and not flags[i, j] & untested:
            deviation[j] = (s[k] - (a + b * t[k])) / e[k]
    found, flag = _find_spike(deviation, flags, i, count, ignore), _MASKED
    if found < 0:
        found, flag = _find_cosmic_ray(deviation, flags, i, count, ignore, threshold), _COSMIC_RAY
    if found < 0 and _first_is_bad(deviation, flags, i, ignore, threshold):
        found, flag = 0, _MASKED
    if found < 0:
        return 0, 0
    d[member[i, found]] |= flag
    return flag, member[i, found]


# ---- one pixel ----


@_helper
def _split(d, leave_out, second, ignore, member, flags, counts):
    """Split the samples into intervals that begin at cosmic rays; return their number.

    The second pass takes samples with any flag but `ignore`. Returns -1 without any sample. The
    entry beyond an interval's end is looked at later: it is 0 in the first pass and, as in calwf3,
    whatever an earlier round of the second pass left there.
    """
    intervals, count = 0, 0
    for k in range(1, d.size):
        if leave_out[k]:
            continue
        if second:
            join = not d[k] & (ignore | _COSMIC_RAY)
            begin = (d[k] & _COSMIC_RAY) != 0
        else:
            join = d[k] == 0
            begin = d[k] == _COSMIC_RAY
        if begin:
            counts[intervals] = count
            intervals += 1
            count = 0
        if join or begin:
            member[intervals, count] = k
            flags[intervals, count] = d[k]
            count += 1
    if count == 0:
        return -1
    if flags[intervals, count - 1] == _COSMIC_RAY:  # alone in the last interval
        intervals -= 1
    else:
        counts[intervals] = count
    if not second:
        for i in range(intervals + 1):
            flags[i, counts[i]] = 0
    return intervals + 1


@_helper
def _inspect_run(s, e, d, t, first, count, hit, deviation, weights, table, threshold):
    """Do what `_inspect` does for reads without gaps, flags or errors of 0.

    `hit`: the first read is a cosmic ray. Then no sample but that can have a flag, the jump between
    neighbours is all there is to cosmic rays and bad first reads, and a spike has two of them.
    """
    sy, sxy = _ZERO, _ZERO
    for j in range(count):
        w = weights[count, j, 0]
        sy += s[first + j] * w
        sxy += t[first + j] * s[first + j] * w
    if count == 2:
        b = (s[first + 1] - s[first]) / (t[first + 1] - t[first])
        a = s[first] - b * t[first]
    else:
        sw, sx = table[first, count, 0, 0], table[first, count, 0, 1]
        sxx, determinant = table[first, count, 0, 2], table[first, count, 0, 3]
        a = (sxx * sy - sx * sxy) / determinant
        b = (sw * sxy - sx * sy) / determinant
    for j in range(count):
        deviation[j] = (s[first + j] - (a + b * t[first + j])) / e[first + j]
    if hit:
        deviation[0] = _ZERO
    best, found = threshold, -1
    for j in range(1, count):
        jump = abs(deviation[j] - deviation[j - 1])
        if jump > best:
            best, found = jump, j
    flag = _COSMIC_RAY
    if best > _SPIKE_SIGMA:  # as large a jump is on both sides of a spike
        peak, spike = _ZERO, -1
        for j in range(1, count - 1):
            left, middle, right = deviation[j - 1], deviation[j], deviation[j + 1]
            stands_out = middle - left > _SPIKE_SIGMA and middle - right > _SPIKE_SIGMA
            if stands_out and left < 0 and right < 0 and abs(middle) > peak:
                peak, spike = middle, j
        if spike >= 0:
            found, flag = spike, _MASKED
    if found < 0:
        return 0, 0
    d[first + found] |= flag
    return flag, first + found


@_helper
def _reject(s, e, d, t, leave_out, member, flags, counts, deviation, some_zero, second, weights,
            table, ignore, threshold):  # fmt: skip
    """Flag samples until nothing more is found: number of intervals (-1: no samples), given up."""
    cosmic_rays = 0
    while True:
        intervals = _split(d, leave_out, second, ignore, member, flags, counts)
        if intervals < 0:
            return -1, False
        flag = 0
        for i in range(intervals):
            if counts[i] < 2:
                continue
            first = member[i, 0]
            if member[i, counts[i] - 1] - first == counts[i] - 1 and not (second or some_zero):
                flag, k = _inspect_run(
                    s,
                    e,
                    d,
                    t,
                    first,
                    counts[i],
                    flags[i, 0] != 0,
                    deviation,
                    weights,
                    table,
                    threshold,
                )
            else:
                flag, k = _inspect(s, e, d, t, member, flags, i, counts[i], deviation, some_zero,
                                   second, weights, table, ignore, threshold)  # fmt: skip
            if flag == _COSMIC_RAY:
                cosmic_rays += 1
                if cosmic_rays >= MOST_COSMIC_RAYS:
                    d[k] = (d[k] & ~_COSMIC_RAY) | _CURVED
                    return intervals, True
            if flag:
                break
        if not flag:
            return intervals, False


@_helper
def _average(s, e, t, dark, member, flags, counts, intervals, some_zero, weights, table, gain):
    """Return the sums of weights and of weighted slopes of all intervals, and their time."""
    total_weight, total, seconds = _ZERO, _ZERO, _ZERO
    for i in range(intervals):
        first, last = member[i, 0], member[i, max(counts[i] - 1, 0)]
        if counts[i] > 1:
            if i == 0:
                seconds += t[first] - t[first - 1]
            slope, error = _best_line(
                s, e, t, dark, member, i, counts[i], some_zero, weights, table, gain
            )
            seconds += t[last] - t[first]
            square = error * error
            if square != _ZERO:
                weight = 1.0 / np.float64(square)
                total_weight = np.float32(np.float64(total_weight) + weight)
                total += slope / square
        elif counts[i] == 1 and not flags[i, 0] & _COSMIC_RAY:
            slope, error = s[first] / t[first], e[first] / t[first]
            seconds += t[first] - t[first - 1]
            square = error * error
            if square != _ZERO:
                total_weight += _ONE / square
                total += slope / square
    return total_weight, total, seconds


@_helper
def _ends(s, e, d, t, leave_out, ignore):
    """Return rate, error, seconds and samples between the first and last read of use."""
    first, good = 0, 0
    for k in range(1, t.size):
        if not leave_out[k] and not d[k] & ignore:
            first, good = k, 1
            break
    last = first
    for k in range(first, t.size):
        if not leave_out[k] and d[k] == 0:
            last = k
            good += 1
    if last == first:
        return _ZERO, _ZERO, _ZERO, 0
    seconds = t[last] - t[first]
    return (s[last] - s[first]) / seconds, (e[last] - e[first]) / seconds, seconds, good


@_helper
def _fit_pixel(s, e, d, t, dark, leave_out, member, flags, counts, deviation, some_zero, weights,
               table, ignore, threshold, gain):  # fmt: skip
    """Reject and fit one pixel: rate, error, seconds, samples, and whether there was a sample.

    `d` (flags without 2048, masked reads with 1024) gets those of what was found.
    """
    intervals, given_up = _reject(s, e, d, t, leave_out, member, flags, counts, deviation,
                                  some_zero, False, weights, table, ignore,
                                  threshold)  # fmt: skip
    if intervals < 0:
        flags[:, :] = 0
        intervals, given_up = _reject(s, e, d, t, leave_out, member, flags, counts, deviation,
                                      some_zero, True, weights, table, ignore,
                                      threshold)  # fmt: skip
    if intervals < 0:
        return _ZERO, _NO_SAMPLES_ERROR, _ZERO, 0, False
    if not given_up:
        total_weight, total, seconds = _average(
            s, e, t, dark, member, flags, counts, intervals, some_zero, weights, table, gain
        )
        if total_weight > _ZERO:
            samples = 2 - intervals  # the zeroth read counts; ends shared by intervals once
            for i in range(intervals):
                samples += counts[i]
            error = np.float32(math.sqrt(_ONE / total_weight))
            return total / total_weight, error, seconds, samples, True
    rate, error, seconds, samples = _ends(s, e, d, t, leave_out, ignore)
    return rate, error, seconds, samples, True


@_helper
def _spread_flags(d):
    """Carry cosmic rays on to all later reads, and a given-up pixel's flag to all reads."""
    n = d.size
    for k in range(n - 1):
        d[k + 1] |= d[k] & _COSMIC_RAY
    for k in range(n - 1):
        if d[k] & _CURVED:
            for j in range(n):
                d[j] = (d[j] | _CURVED) & ~_COSMIC_RAY
            break


@_helper
def _gather(sci, err, dq, y, x, scale, masked, leave_out, s, e, d):
    """Fill a pixel's counts, errors and flags; return the flags of its reads, and special cases.

    Those are: some read is left out for good, some error is 0.
    """
    passed, some_left_out, some_zero = 0, False, False
    for k in range(d.size):
        s[k] = sci[k, y, x] * scale[k]
        e[k] = err[k, y, x] * scale[k]
        d[k] = dq[k, y, x] & ~_ZEROTH_SIGNAL
        some_zero |= k > 0 and e[k] == _ZERO
        if masked[k]:
            d[k] |= _MASKED
        if leave_out[k]:
            some_left_out = True
        else:
            passed |= d[k]
    return passed, some_left_out, some_zero


@_helper
def _finish_flags(passed, any_sample, some_left_out, leave_out, d):
    """Return a pixel's flags for the FLT, and leave those of its reads for the IMA in `d`."""
    if any_sample or not some_left_out:
        passed &= ~_SATURATED
    _spread_flags(d)
    if d[d.size - 1] & _CURVED:
        passed = (passed | _UNSTABLE) & ~_COSMIC_RAY
    for k in range(d.size):
        if leave_out[k]:
            d[k] &= ~_MASKED
    return passed


@_helper
def _events(flags):
    """Translate flags of CRCORR into the bits of `Reduced.events`."""
    events = 0
    if flags & _COSMIC_RAY:
        events |= _EVENT_COSMIC_RAY
    if flags & _MASKED:
        events |= _EVENT_SPIKE
    if flags & _CURVED:
        events |= _EVENT_UNSTABLE
    return events


# ---- many pixels that have no flag ----


@_helper
def _lane_union(dq, union, width):
    for j in range(width):
        union[j] |= dq[j]


@_helper
def _lane_counts(sci, err, scale, s, e, suspect, width):
    """Fill counts and their errors; an error of 0 changes the fit, so it is suspect."""
    for j in range(width):
        s[j] = sci[j] * scale
        e[j] = err[j] * scale
        suspect[j] |= e[j] == _ZERO


@_helper
def _lane_sums(s, t, w, sy, sxy, width):
    for j in range(width):
        sy[j] += s[j] * w
        sxy[j] += t * s[j] * w


@_helper
def _lane_line(shared, sy, sxy, a, b, width):
    sw, sx, sxx, determinant = shared[0], shared[1], shared[2], shared[3]
    for j in range(width):
        b[j] = (sw * sxy[j] - sx * sy[j]) / determinant
        a[j] = (sxx * sy[j] - sx * sxy[j]) / determinant


@_helper
def _lane_jumps(s, e, t, a, b, before, compare, suspect, limit, width):
    """Look for a jump of the deviation from the line between a sample and the one before."""
    for j in range(width):
        now = (s[j] - (a[j] + b[j] * t)) / e[j]
        if compare:
            suspect[j] |= abs(now - before[j]) > limit
        before[j] = now


@_helper
def _lane_power(first, last, error, power, width):
    for j in range(width):
        snr = (last[j] - first[j]) / error[j] if error[j] > _ZERO else _ZERO
        index = 0
        index += snr > _STEPS[0]
        index += snr > _STEPS[1]
        index += snr > _STEPS[2]
        index += snr > _STEPS[3]
        index += snr > _STEPS[4]
        power[j] = index


@_helper
def _lane_weighted_sums(s, t, weights, power, sy, sxy, width):
    for j in range(width):
        w = weights[power[j]]
        sy[j] += s[j] * w
        sxy[j] += t * s[j] * w


@_helper
def _lane_result(first, last, power, shared, dark, dx, gain, sy, sxy, sci, err, suspect, width):
    """Write rate and error; without a weight > 0 the pixel needs another look."""
    for j in range(width):
        p = power[j]
        slope = (shared[p, 0] * sxy[j] - shared[p, 1] * sy[j]) / shared[p, 3]
        reading = gain * shared[p, 4] * dx
        excess = reading * reading + dark + gain * (last[j] - first[j])
        error = shared[p, 4]
        if excess > _ZERO:
            error = np.float32(math.sqrt(np.float64(excess)) / np.float64(dx) / np.float64(gain))
        square = error * error
        weight = np.float32(1.0 / np.float64(square))
        suspect[j] |= not weight > _ZERO
        sci[j] = (slope / square) / weight
        err[j] = np.float32(math.sqrt(_ONE / weight))


@_helper
def _fit_lanes(y, x, width, cube, scale, used, shared, reads, weights, rule, scratch, suspect,
               rate, error):  # fmt: skip
    """Fit `width` pixels of a row from column `x`, of which only suspect ones need another look.

    `rate` and `error` are written, `suspect` is added to.
    """
    sci, err, _ = cube
    t, dark, gain = reads[0], reads[1], rule[2]
    count, limit = used.size, min(rule[1], _SPIKE_SIGMA)
    s, e, work, power = scratch
    sy, sxy, a, b, before = work[0], work[1], work[2], work[3], work[4]
    sy[:], sxy[:] = _ZERO, _ZERO
    for i in range(count):
        k = used[i]
        _lane_counts(sci[k, y, x : x + width], err[k, y, x : x + width], scale[k], s[i], e[i],
                     suspect, width)  # fmt: skip
        _lane_sums(s[i], t[k], weights[count, i, 0], sy, sxy, width)
    _lane_line(shared[0], sy, sxy, a, b, width)
    for i in range(count):
        _lane_jumps(s[i], e[i], t[used[i]], a, b, before, i > 0, suspect, limit, width)
    _lane_power(s[0], s[count - 1], e[count - 1], power, width)
    sy[:], sxy[:] = _ZERO, _ZERO
    for i in range(count):
        _lane_weighted_sums(s[i], t[used[i]], weights[count, i], power, sy, sxy, width)
    first, last = used[0], used[count - 1]
    _lane_result(s[0], s[count - 1], power, shared, gain * (dark[last] - dark[first]),
                 t[last] - t[first], gain, sy, sxy, rate, error, suspect, width)  # fmt: skip


@_helper
def _lane_counts_of_rate(rate, error, seconds, width):
    for j in range(width):
        rate[j] *= seconds
        error[j] *= seconds


@_helper
def _alike(used, reads):
    """Return flags, samples and seconds of every pixel in which nothing is found."""
    t, _, masked, leave_out = reads
    flag, seconds = 0, _ZERO
    for k in range(masked.size):
        if masked[k] and not leave_out[k]:
            flag = _MASKED
    if used.size:
        seconds += t[used[0]] - t[used[0] - 1]
        seconds += t[used[-1]] - t[used[0]]
    return np.int16(flag), np.int16(used.size + 1), seconds


@_helper
def _lane_scratch(n):
    s, e = np.empty((n, LANES), np.float32), np.empty((n, LANES), np.float32)
    return s, e, np.empty((5, LANES), np.float32), np.empty(LANES, np.int64)


@_helper
def _pixel_scratch(n):
    """Return s, e, d, member, flags, counts, deviation."""
    s, e, d = np.empty(n, np.float32), np.empty(n, np.float32), np.empty(n, np.int32)
    member, flags = np.empty((n + 1, n + 1), np.int32), np.empty((n + 1, n + 1), np.int32)
    return s, e, d, member, flags, np.empty(n + 1, np.int32), np.empty(n, np.float32)


@_helper
def _fit_suspects(y, x, row, column, width, suspect, union, cube, scale, reads, weights, table,
                  rule, work, out, keep_events, events):  # fmt: skip
    """Fit, one by one, the pixels of a lane that are suspect or have a flag."""
    sci, err, dq = cube
    t, dark, masked, leave_out = reads
    ignore, threshold, gain, zeroth_rule, zeroth_time, as_rate = rule
    rate, error, out_dq, samples, seconds = out
    s, e, d, member, flags, counts, deviation = work
    for j in range(width):
        if not suspect[j] and union[j] == 0:
            continue
        if zeroth_rule and dq[1, y, x + j] & _SATURATED:
            d[:] = 0
            value, sigma = sci[0, y, x + j], err[0, y, x + j]
            flag, count, time = dq[0, y, x + j] & ~_ZEROTH_SIGNAL, 1, zeroth_time
        else:
            passed, some_left_out, some_zero = _gather(
                sci, err, dq, y, x + j, scale, masked, leave_out, s, e, d
            )
            value, sigma, time, count, any_sample = _fit_pixel(
                s, e, d, t, dark, leave_out, member, flags, counts, deviation, some_zero,
                weights, table, ignore, threshold, gain,
            )  # fmt: skip
            flag = _finish_flags(passed, any_sample, some_left_out, leave_out, d)
            if not as_rate:
                value *= time
                sigma *= time
        i = column + j
        rate[row, i], error[row, i], out_dq[row, i] = value, sigma, flag
        samples[row, i], seconds[row, i] = count, time
        if keep_events:
            for k in range(d.size):
                if d[k] or masked[k]:
                    events[k, row, i] = _events(d[k])


_F1, _F2 = types.Array(float32, 1, "C"), types.Array(float32, 2, "C")
_F3, _D3 = types.Array(float32, 3, "C"), types.Array(int16, 3, "C")
_D2, _B3 = types.Array(int16, 2, "C"), types.Array(uint8, 3, "C")
_FLAGS = types.Array(boolean, 1, "C")


@njit(
    void(
        int64, int64, types.UniTuple(int64, 4), types.Tuple((_F3, _F3, _D3)),
        types.Tuple((_F1, _F1, _FLAGS, _FLAGS)), _F3,
        types.Tuple((int64, float32, float32, boolean, float32, boolean)),
        types.Tuple((_F2, _F2, _D2, _D2, _F2)), boolean, _B3,
    ),
    nogil=True,
    error_model="numpy",
    cache=True,
)  # fmt: skip
def fit_rows(first_row, last_row, window, cube, reads, weights, rule, out, keep_events, events):
    """Fit the pixels of some rows.

    Parameters
    ----------
    first_row, last_row : int
        Rows of the full arrays.
    window : tuple of int
        (y0, y1, x0, x1) inside the border.
    cube : tuple
        sci, err (n, ny, nx) float32: reads in time order, the zeroth first, DN/s when `as_rate`,
        else DN; dq (n, ny, nx) int16: their flags, without the mask.
    reads : tuple of (n,) arrays
        t: seconds since the zeroth read; dark: counts assumed up to each read, DN; masked: carries
        1024 in every pixel; leave_out: not used even where nothing else is left.
    weights : (n, n, npowers) float32 array
        Weight of sample i of `count`, by count, i and power.
    rule : tuple
        ignore: flags that make a sample useless (BADINPDQ); threshold of cosmic rays, sigma; gain,
        e-/DN; zeroth_rule: take the zeroth read's rate where the first is saturated (ZSIGCORR was
        run); zeroth_time: its exposure time, s; as_rate.
    out : tuple of 2-D arrays over the window
        Written: rate, its error, flags, samples, seconds.
    keep_events, events : bool, (n, rows, columns) uint8 array over the window
        Written when asked for: what was found in each read.
    """
    dq, (t, _, masked, leave_out) = cube[2], reads
    rate, error, out_dq, samples, seconds = out
    n, (y0, _, x0, x1), as_rate = t.size, window, rule[5]
    used = np.array([k for k in range(1, n) if not masked[k]], dtype=np.int64)
    scale = t.copy() if as_rate else np.ones(n, np.float32)
    table = _line_table(t, weights)
    lanes, shared = used.size > 2, np.empty((weights.shape[2], 5), np.float32)
    if lanes:
        _tabulate(t, used, weights, shared)
    alike = _alike(used, reads)
    scratch = _lane_scratch(n)
    work = _pixel_scratch(n)
    union, suspect = np.empty(LANES, np.int16), np.empty(LANES, np.bool_)
    for y in range(first_row, last_row):
        row = y - y0
        for x in range(x0, x1, LANES):
            width, column = min(LANES, x1 - x), x - x0
            place = slice(column, column + width)
            union[:], suspect[:] = 0, not lanes
            for k in range(n):
                _lane_union(dq[k, y, x : x + width], union, width)
            if lanes:
                _fit_lanes(y, x, width, cube, scale, used, shared, reads, weights, rule, scratch,
                           suspect, rate[row, place], error[row, place])  # fmt: skip
            out_dq[row, place], samples[row, place], seconds[row, place] = alike
            if not as_rate:
                _lane_counts_of_rate(rate[row, place], error[row, place], alike[2], width)
            if keep_events:
                for k in range(n):
                    spike = masked[k] and not leave_out[k]
                    events[k, row, place] = _EVENT_SPIKE if spike else 0
            _fit_suspects(y, x, row, column, width, suspect, union, cube, scale, reads, weights,
                          table, rule, work, out, keep_events, events)  # fmt: skip
