"""CRCORR, compiled: the line through each pixel's reads, cosmic rays rejected up the ramp.

What calwf3 does to a pixel is `_fit_pixel`: split the reads into intervals at cosmic rays, fit each
with equal weights, look for a spike, a cosmic ray, a bad first read, and begin anew until nothing
is found; then fit each interval with weights that suit its signal and average the slopes.

Most pixels have no flag and nothing to find. They share their reads, so they are done in lanes of
neighbours by `_fit_lanes` with the same float operations in the same order, and whatever shows a
jump above a threshold there, or has a flag, is given to `_fit_pixel`. Both give the same bits (a
test holds them against each other).

All arithmetic is that of C `float` (see `darkroom.wfc3.kernel`). numba's on-disk cache looks at
this file alone: nothing compiled may be imported here.
"""

from __future__ import annotations

import math

import numpy as np
from numba import boolean, float32, int16, int64, njit, types, uint8, void

LANES = 64
MOST_COSMIC_RAYS = 4
_SPIKE_SIGMA = 6.0
# Signal-to-noise ratios above which an interval is fitted with the next power of weights.
POWERS = (0.0, 0.4, 1.0, 3.0, 6.0, 10.0)
_STEPS = (np.float32(5), np.float32(10), np.float32(20), np.float32(50), np.float32(100))

_SATURATED, _MASKED, _ZEROTH_SIGNAL = 256, 1024, 2048
_COSMIC_RAY, _CURVED, _UNSTABLE = 8192, 16384, 32
_EVENT_COSMIC_RAY, _EVENT_SPIKE, _EVENT_UNSTABLE = 1, 2, 4

_ZERO, _ONE, _NO_ERROR = np.float32(0.0), np.float32(1.0), np.float32(1e9)
_LEAST_DETERMINANT = np.float32(1e-6)
_NO_SAMPLES_ERROR = np.float32(1e5)

_helper = njit(nogil=True, error_model="numpy")


@_helper
def _power_index(snr):
    """Return the place in `POWERS` of the weights for a signal-to-noise ratio."""
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
def _fit_line(s, e, t, dark, member, count, weights, optimum, gain):
    """Return intercept, slope and its error of the samples `member[:count]`, count > 1."""
    first, last = member[0], member[count - 1]
    power = 0
    if optimum and e[last] > _ZERO:
        power = _power_index((s[last] - s[first]) / e[last])
    sw, sx, sy, sxx, sxy = _ZERO, _ZERO, _ZERO, _ZERO, _ZERO
    for i in range(count):
        k = member[i]
        if e[k] != _ZERO:
            w = weights[count, i, power]
            sw += w
            sy += s[k] * w
            sx += t[k] * w
            sxx += t[k] * t[k] * w
            sxy += t[k] * s[k] * w
    if not sw > _ZERO:
        return _ZERO, _ZERO, _NO_ERROR
    dx, dy = t[last] - t[first], s[last] - s[first]
    determinant = sw * sxx - sx * sx
    if determinant < _LEAST_DETERMINANT:
        determinant = _LEAST_DETERMINANT
    if count == 2:
        slope = dy / dx
        intercept = s[first] - slope * t[first]
        spread = _ZERO
        a, b = e[first] / t[first], e[last] / t[last]
        error = np.float32(math.sqrt(a * a + b * b))
    else:
        slope = (sw * sxy - sx * sy) / determinant
        intercept = (sxx * sy - sx * sxy) / determinant
        spread = np.float32(math.sqrt(sw / determinant))
        error = spread
    reading = gain * spread * dx
    excess = reading * reading + gain * (dark[last] - dark[first]) + gain * dy
    return intercept, slope, _slope_error(excess, dx, gain, error)


@_helper
def _find_spike(deviation, flags, count, ignore):
    """Return the sample that sticks out from both its neighbours most, or -1."""
    bad = ignore | _COSMIC_RAY | _MASKED
    best, found = _ZERO, -1
    for i in range(2, count):
        if (flags[i - 1] | flags[i] | flags[i + 1]) & bad:
            continue
        peak = deviation[i - 1]
        left, right = deviation[i - 2], deviation[i]
        if peak - left > _SPIKE_SIGMA and peak - right > _SPIKE_SIGMA and left < 0 and right < 0:
            if abs(peak) > best:
                best, found = peak, i - 1
    return found


@_helper
def _find_cosmic_ray(deviation, flags, count, ignore, threshold):
    """Return the sample before which the largest jump lies, or -1."""
    bad = ignore | _COSMIC_RAY
    before, best, found = _ZERO, _ZERO, -1
    for i in range(1, count):
        if not flags[i - 1] & bad:
            before = deviation[i - 1]
        if not flags[i] & bad:
            jump = abs(deviation[i] - before)
            if jump > threshold:
                if jump > best:
                    best, found = jump, i
                before = deviation[i]
    return found


@_helper
def _first_is_bad(deviation, flags, ignore, threshold):
    """Tell whether the first sample lies off the second."""
    bad = ignore | _COSMIC_RAY | _MASKED
    return not (flags[0] | flags[1]) & bad and abs(deviation[0] - deviation[1]) > threshold


@_helper
def _split(n, d, leave_out, second, ignore, member, flags, counts):
    """Split the samples into intervals that begin at cosmic rays; return their number.

    The second pass takes samples with any flag but `ignore`. Returns -1 without any sample.
    """
    intervals, count = 0, 0
    for k in range(1, n):
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
        return intervals
    counts[intervals] = count
    return intervals + 1


@_helper
def _inspect(s, e, t, dark, d, member, flags, count, deviation, weights, second, ignore,
             threshold, gain):  # fmt: skip
    """Fit an interval and flag what sticks out: the flag set (0: none) and its sample."""
    a, b, _ = _fit_line(s, e, t, dark, member, count, weights, False, gain)
    untested = ignore if second else -1  # bits that keep a sample out of the tests
    for i in range(count):
        k = member[i]
        deviation[i] = _ZERO
        if e[k] != _ZERO and not flags[i] & untested:
            deviation[i] = (s[k] - (a + b * t[k])) / e[k]
    found, flag = _find_spike(deviation, flags, count, ignore), _MASKED
    if found < 0:
        found, flag = _find_cosmic_ray(deviation, flags, count, ignore, threshold), _COSMIC_RAY
    if found < 0 and _first_is_bad(deviation, flags, ignore, threshold):
        found, flag = 0, _MASKED
    if found < 0:
        return 0, 0
    d[member[found]] |= flag
    return flag, member[found]


@_helper
def _reject(n, s, e, t, dark, d, leave_out, second, member, flags, counts, deviation, weights,
            ignore, threshold, gain):  # fmt: skip
    """Flag samples until nothing more is found: number of intervals (-1: no samples), given up."""
    cosmic_rays = 0
    while True:
        intervals = _split(n, d, leave_out, second, ignore, member, flags, counts)
        if intervals < 0:
            return -1, False
        flag = 0
        for i in range(intervals):
            if counts[i] < 2:
                continue
            flag, k = _inspect(s, e, t, dark, d, member[i], flags[i], counts[i], deviation,
                               weights, second, ignore, threshold, gain)  # fmt: skip
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
def _average(s, e, t, dark, member, flags, counts, intervals, weights, gain):
    """Return the sums of weights and of weighted slopes of all intervals, and their time."""
    total_weight, total, seconds = _ZERO, _ZERO, _ZERO
    for i in range(intervals):
        first, last = member[i, 0], member[i, max(counts[i] - 1, 0)]
        if counts[i] > 1:
            if i == 0:
                seconds += t[first] - t[first - 1]
            _, slope, error = _fit_line(s, e, t, dark, member[i], counts[i], weights, True, gain)
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
def _ends(n, s, e, t, d, leave_out, ignore):
    """Return rate, error, time and samples between the first and last read that can be used."""
    first, good = 0, 0
    for k in range(1, n):
        if not leave_out[k] and not d[k] & ignore:
            first, good = k, 1
            break
    last = first
    for k in range(first, n):
        if not leave_out[k] and d[k] == 0:
            last = k
            good += 1
    if last == first:
        return _ZERO, _ZERO, _ZERO, 0
    seconds = t[last] - t[first]
    return (s[last] - s[first]) / seconds, (e[last] - e[first]) / seconds, seconds, good


@_helper
def _fit_pixel(n, s, e, t, dark, d, leave_out, member, flags, counts, deviation, weights, ignore,
               threshold, gain):  # fmt: skip
    """Reject and fit one pixel: rate, error, time, samples, and whether there was any sample.

    `d` (flags without 2048, masked reads with 1024) gets the flags of what was found.
    """
    flags[:, :] = 0  # entries beyond an interval's end are looked at: they start as 0
    intervals, given_up = _reject(n, s, e, t, dark, d, leave_out, False, member, flags, counts,
                                  deviation, weights, ignore, threshold, gain)  # fmt: skip
    if intervals < 0:
        intervals, given_up = _reject(n, s, e, t, dark, d, leave_out, True, member, flags,
                                      counts, deviation, weights, ignore, threshold,
                                      gain)  # fmt: skip
    if intervals < 0:
        return _ZERO, _NO_SAMPLES_ERROR, _ZERO, 0, False
    if not given_up:
        total_weight, total, seconds = _average(
            s, e, t, dark, member, flags, counts, intervals, weights, gain
        )
        if total_weight > _ZERO:
            samples = 2 - intervals  # the zeroth read counts; ends shared by intervals once
            for i in range(intervals):
                samples += counts[i]
            error = np.float32(math.sqrt(_ONE / total_weight))
            return total / total_weight, error, seconds, samples, True
    rate, error, seconds, samples = _ends(n, s, e, t, d, leave_out, ignore)
    return rate, error, seconds, samples, True


@_helper
def _spread_flags(n, d):
    """Carry cosmic rays on to all later reads, and a given-up pixel's flag to all reads."""
    for k in range(n - 1):
        d[k + 1] |= d[k] & _COSMIC_RAY
    for k in range(n - 1):
        if d[k] & _CURVED:
            for j in range(n):
                d[j] = (d[j] | _CURVED) & ~_COSMIC_RAY
            break


@_helper
def _events(flags):
    """Translate flags of CRCORR into the bits of `Fit.events`."""
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
def _lane_line(sw, sx, sxx, determinant, sy, sxy, a, b, width):
    for j in range(width):
        b[j] = (sw * sxy[j] - sx * sy[j]) / determinant
        a[j] = (sxx * sy[j] - sx * sxy[j]) / determinant


@_helper
def _lane_jumps(s, e, t, a, b, before, compare, suspect, limit, width):
    """Look for a jump of the deviation from the line between a sample and the one before."""
    for j in range(width):
        now = (s[j] - (a[j] + b[j] * t)) / e[j]
        jump = abs(now - before[j])
        if compare:
            suspect[j] |= jump > limit
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
def _lane_result(first, last, power, table, dark, dx, gain, sy, sxy, sci, err, suspect, width):
    """Write rate and error; table rows: sums of w, wx, determinant, spread, its variance."""
    for j in range(width):
        p = power[j]
        slope = (table[0, p] * sxy[j] - table[1, p] * sy[j]) / table[2, p]
        excess = table[4, p] + dark + gain * (last[j] - first[j])
        error = table[3, p]
        if excess > _ZERO:
            error = np.float32(math.sqrt(np.float64(excess)) / np.float64(dx) / np.float64(gain))
        square = error * error
        weight = np.float32(1.0 / np.float64(square))
        suspect[j] |= not weight > _ZERO
        sci[j] = (slope / square) / weight
        err[j] = np.float32(math.sqrt(_ONE / weight))


@_helper
def _lane_tables(t, used, weights, gain):
    """Return what the line fits of all pixels without flags share, one column per power."""
    count = used.size
    table = np.empty((6, len(POWERS)), np.float32)
    dx = t[used[count - 1]] - t[used[0]]
    for p in range(len(POWERS)):
        sw, sx, sxx = _ZERO, _ZERO, _ZERO
        for i in range(count):
            x, w = t[used[i]], weights[count, i, p]
            sw += w
            sx += x * w
            sxx += x * x * w
        determinant = sw * sxx - sx * sx
        if determinant < _LEAST_DETERMINANT:
            determinant = _LEAST_DETERMINANT
        spread = np.float32(math.sqrt(sw / determinant))
        reading = gain * spread * dx
        table[0, p], table[1, p], table[2, p] = sw, sx, determinant
        table[3, p], table[4, p], table[5, p] = spread, reading * reading, sxx
    return table


@_helper
def _fit_lanes(y, x, width, sci, err, scale, t, dark, used, weights, table, gain, limit,
               scratch, suspect, rate, error):  # fmt: skip
    """Fit `width` pixels of a row from column `x`, of which only suspect ones need another look.

    `rate` and `error` are written, `suspect` is added to.
    """
    count = used.size
    s, e, work, power = scratch
    sy, sxy, a, b, before = work[0], work[1], work[2], work[3], work[4]
    sy[:], sxy[:] = _ZERO, _ZERO
    for i in range(count):
        k = used[i]
        _lane_counts(sci[k, y, x : x + width], err[k, y, x : x + width], scale[k], s[i], e[i],
                     suspect, width)  # fmt: skip
        _lane_sums(s[i], t[k], weights[count, i, 0], sy, sxy, width)
    _lane_line(table[0, 0], table[1, 0], table[5, 0], table[2, 0], sy, sxy, a, b, width)
    for i in range(count):
        _lane_jumps(s[i], e[i], t[used[i]], a, b, before, i > 0, suspect, limit, width)
    _lane_power(s[0], s[count - 1], e[count - 1], power, width)
    sy[:], sxy[:] = _ZERO, _ZERO
    for i in range(count):
        _lane_weighted_sums(s[i], t[used[i]], weights[count, i], power, sy, sxy, width)
    first, last = used[0], used[count - 1]
    _lane_result(s[0], s[count - 1], power, table, gain * (dark[last] - dark[first]),
                 t[last] - t[first], gain, sy, sxy, rate, error, suspect, width)  # fmt: skip


@_helper
def _shared_values(t, used, masked, leave_out):
    """Return flags, samples and seconds of every pixel in which nothing is found."""
    flag = 0
    for k in range(masked.size):
        if masked[k] and not leave_out[k]:
            flag = _MASKED
    seconds = _ZERO
    if used.size:
        seconds += t[used[0]] - t[used[0] - 1]
        seconds += t[used[-1]] - t[used[0]]
    return np.int16(flag), np.int16(used.size + 1), seconds


@_helper
def _lane_scratch(n):
    s, e = np.empty((n, LANES), np.float32), np.empty((n, LANES), np.float32)
    work = np.empty((5, LANES), np.float32)
    return s, e, work, np.empty(LANES, np.int64)


@_helper
def _pixel_scratch(n):
    s, e, d = np.empty(n, np.float32), np.empty(n, np.float32), np.empty(n, np.int64)
    member, flags = np.empty((n + 1, n + 1), np.int64), np.empty((n + 1, n + 1), np.int64)
    return s, e, d, member, flags, np.empty(n + 1, np.int64), np.empty(n, np.float32)


@_helper
def _lane_counts_of_rate(rate, error, seconds, width):
    for j in range(width):
        rate[j] *= seconds
        error[j] *= seconds


@_helper
def _fit_flagged(y, x, sci, err, dq, scale, t, dark, masked, leave_out, weights, ignore,
                 threshold, gain, as_rate, scratch):  # fmt: skip
    """Fit one pixel by itself: rate, error, flags, samples, seconds; its reads' flags in scratch."""
    n = sci.shape[0]
    s, e, d, member, flags, counts, deviation = scratch
    passed, some_left_out = 0, False
    for k in range(n):
        s[k] = sci[k, y, x] * scale[k]
        e[k] = err[k, y, x] * scale[k]
        d[k] = dq[k, y, x] & ~_ZEROTH_SIGNAL
        if masked[k]:
            d[k] |= _MASKED
        if leave_out[k]:
            some_left_out = True
        else:
            passed |= d[k]
    value, sigma, time, count, any_sample = _fit_pixel(
        n, s, e, t, dark, d, leave_out, member, flags, counts, deviation, weights, ignore,
        threshold, gain,
    )  # fmt: skip
    if any_sample or not some_left_out:
        passed &= ~_SATURATED
    _spread_flags(n, d)
    if d[n - 1] & _CURVED:
        passed = (passed | _UNSTABLE) & ~_COSMIC_RAY
    for k in range(n):
        if leave_out[k]:
            d[k] &= ~_MASKED
    if not as_rate:
        value *= time
        sigma *= time
    return value, sigma, passed, count, time


_F1, _F2 = types.Array(float32, 1, "C"), types.Array(float32, 2, "C")
_F3, _D3 = types.Array(float32, 3, "C"), types.Array(int16, 3, "C")
_D2, _B3 = types.Array(int16, 2, "C"), types.Array(uint8, 3, "C")
_FLAGS = types.Array(boolean, 1, "C")


@njit(
    void(
        int64, int64, types.UniTuple(int64, 4), _F3, _F3, _D3, _F1, boolean, _F1, _FLAGS, _FLAGS,
        _F3, int64, float32, float32, boolean, float32, _F2, _F2, _D2, _D2, _F2, boolean, _B3,
    ),
    nogil=True,
    error_model="numpy",
    cache=True,
)  # fmt: skip
def fit_rows(
    first_row, last_row, window, sci, err, dq, t, as_rate, dark, masked, leave_out,
    weights, ignore, threshold, gain, zeroth_rule, zeroth_time,
    rate, error, out_dq, samples, seconds, keep_events, events,
):  # fmt: skip
    """Fit the pixels of some rows.

    Parameters
    ----------
    first_row, last_row : int
        Rows of the full arrays.
    window : tuple of int
        (y0, y1, x0, x1) inside the border.
    sci, err : (n, ny, nx) float32 arrays
        Reads in time order, the zeroth first; DN/s when `as_rate`, else DN.
    dq : (n, ny, nx) int16 array
        Their flags, without the mask.
    t : (n,) float32 array
        Seconds since the zeroth read.
    dark : (n,) float32 array
        Dark counts assumed up to each read, DN.
    masked, leave_out : (n,) bool arrays
        Reads that carry 1024 in every pixel, and those not used even where nothing else is left.
    weights : (n, n, npowers) float32 array
        Weight of sample i of `count`, by count, i and power.
    ignore : int
        Flags that make a sample useless (BADINPDQ).
    threshold, gain : float32
        CR threshold in sigma; mean gain in e-/DN.
    zeroth_rule : bool
        Take the zeroth read's rate where the first is saturated (ZSIGCORR was done).
    zeroth_time : float32
        Its exposure time.
    rate, error, out_dq, samples, seconds : 2-D arrays over the window
        Written.
    keep_events, events : bool, (n, rows, columns) uint8 array over the window
        Written when asked for: what was found in each read.
    """
    n = sci.shape[0]
    y0, _, x0, x1 = window
    used = np.array([k for k in range(1, n) if not masked[k]], dtype=np.int64)
    scale = t.copy() if as_rate else np.ones(n, np.float32)
    alike = _shared_values(t, used, masked, leave_out)
    lanes = used.size > 2
    table = _lane_tables(t, used, weights, gain) if lanes else np.empty((6, 6), np.float32)
    limit = min(threshold, np.float32(_SPIKE_SIGMA))
    lane_scratch = _lane_scratch(n)
    scratch = _pixel_scratch(n)
    union, suspect = np.empty(LANES, np.int16), np.empty(LANES, np.bool_)
    for y in range(first_row, last_row):
        row = y - y0
        for x in range(x0, x1, LANES):
            width = min(LANES, x1 - x)
            place = slice(x - x0, x - x0 + width)
            union[:] = 0
            suspect[:] = not lanes
            for k in range(n):
                _lane_union(dq[k, y, x : x + width], union, width)
            if lanes:
                _fit_lanes(y, x, width, sci, err, scale, t, dark, used, weights, table, gain,
                           limit, lane_scratch, suspect, rate[row, place],
                           error[row, place])  # fmt: skip
            out_dq[row, place], samples[row, place], seconds[row, place] = alike
            if not as_rate:
                _lane_counts_of_rate(rate[row, place], error[row, place], alike[2], width)
            if keep_events:
                for k in range(n):
                    spike = masked[k] and not leave_out[k]
                    events[k, row, place] = _EVENT_SPIKE if spike else 0
            for j in range(width):
                if not suspect[j] and union[j] == 0:
                    continue
                if zeroth_rule and dq[1, y, x + j] & _SATURATED:
                    value, sigma = sci[0, y, x + j], err[0, y, x + j]
                    flag, count, time = dq[0, y, x + j] & ~_ZEROTH_SIGNAL, 1, zeroth_time
                    scratch[2][:] = 0
                else:
                    value, sigma, flag, count, time = _fit_flagged(
                        y, x + j, sci, err, dq, scale, t, dark, masked, leave_out, weights,
                        ignore, threshold, gain, as_rate, scratch,
                    )  # fmt: skip
                i = x - x0 + j
                rate[row, i], error[row, i], out_dq[row, i] = value, sigma, flag
                samples[row, i], seconds[row, i] = count, time
                if keep_events:
                    for k in range(n):
                        events[k, row, i] = _events(scratch[2][k])
