"""Many pixels at once: neighbours of a row in which most likely nothing is found.

They share their reads, so the same float operations run for all of them in the order in which
`pixel.fit_pixel` has them. Each inner loop is a function of its own, so that it becomes vector
instructions.
"""

from __future__ import annotations

import math

import numpy as np

from darkroom.wfc3.engine.ramp_kernel.constants import (
    LANES,
    MASKED,
    ONE,
    POWER_STEPS,
    SPIKE_SIGMA,
    ZERO,
    helper,
)


@helper
def lane_scratch(n: int) -> tuple[np.ndarray, ...]:
    """Return the working arrays of `fit_lanes`, for ramps of n reads."""
    s, e = np.empty((n, LANES), np.float32), np.empty((n, LANES), np.float32)
    return s, e, np.empty((5, LANES), np.float32), np.empty(LANES, np.int64)


@helper
def result_without_events(
    used: np.ndarray, reads: tuple[np.ndarray, ...]
) -> tuple[int, int, float]:
    """Return flags, samples and seconds, the same for all pixels in which nothing is found."""
    t, _, masked, leave_out = reads
    flag, seconds = 0, ZERO
    for k in range(masked.size):
        if masked[k] and not leave_out[k]:
            flag = MASKED
    if used.size:
        seconds += t[used[0]] - t[used[0] - 1]
        seconds += t[used[-1]] - t[used[0]]
    return np.int16(flag), np.int16(used.size + 1), seconds


@helper
def unite_flags(dq: np.ndarray, union: np.ndarray, width: int) -> None:
    """Add the flags of one read to those of all reads.

    Parameters
    ----------
    dq : (width,) int16 array
        Flags of the read.
    union : (LANES,) int16 array
        Added to.
    width : int
        Number of pixels.
    """
    for j in range(width):
        union[j] |= dq[j]


@helper
def fit_lanes(
    y: int, x: int, width: int, cube: tuple[np.ndarray, ...], scale: np.ndarray, used: np.ndarray,
    shared: np.ndarray, reads: tuple[np.ndarray, ...], weights: np.ndarray, rule: tuple,
    scratch: tuple[np.ndarray, ...], suspect: np.ndarray, rate: np.ndarray, error: np.ndarray,
) -> None:  # fmt: skip
    """Fit neighbouring pixels of a row; those that are not suspect afterwards are done.

    Parameters
    ----------
    y, x, width : int
        Row, first column and number of pixels.
    cube, reads, weights, rule
        As of `fit_rows`.
    scale : (n,) float32 array
        Factor to counts, DN.
    used : int array
        Reads that are fitted.
    shared : (npowers, 5) float32 array
        Of `line.tabulate_line`.
    scratch : tuple of arrays
        Of `lane_scratch`, overwritten.
    suspect : (LANES,) bool array
        Added to: pixels with a jump, an error of 0 or no weight, which need `pixel.fit_pixel`.
    rate, error : (width,) float32 arrays
        Written, DN/s.
    """
    sci, err, _ = cube
    t, dark, gain = reads[0], reads[1], rule[2]
    count, limit = used.size, min(rule[1], SPIKE_SIGMA)
    s, e, work, power = scratch
    sy, sxy, a, b, before = work[0], work[1], work[2], work[3], work[4]
    sy[:], sxy[:] = ZERO, ZERO
    for i in range(count):
        k = used[i]
        _read_counts(
            sci[k, y, x : x + width], err[k, y, x : x + width], scale[k], s[i], e[i],
            suspect, width,
        )  # fmt: skip
        _add_to_sums(s[i], t[k], weights[count, i, 0], sy, sxy, width)
    _solve_line(shared[0], sy, sxy, a, b, width)
    for i in range(count):
        _find_jumps(s[i], e[i], t[used[i]], a, b, before, i > 0, suspect, limit, width)
    _choose_power(s[0], s[count - 1], e[count - 1], power, width)
    sy[:], sxy[:] = ZERO, ZERO
    for i in range(count):
        _add_to_weighted_sums(s[i], t[used[i]], weights[count, i], power, sy, sxy, width)
    first, last = used[0], used[count - 1]
    _solve_rate(
        s[0], s[count - 1], power, shared, gain * (dark[last] - dark[first]),
        t[last] - t[first], gain, sy, sxy, rate, error, suspect, width,
    )  # fmt: skip


@helper
def _read_counts(sci, err, scale, s, e, suspect, width):
    """Fill counts and their errors; an error of 0 changes the fit, so the pixel is suspect."""
    for j in range(width):
        s[j] = sci[j] * scale
        e[j] = err[j] * scale
        suspect[j] |= e[j] == ZERO


@helper
def _add_to_sums(s, t, w, sy, sxy, width):
    for j in range(width):
        sy[j] += s[j] * w
        sxy[j] += t * s[j] * w


@helper
def _solve_line(shared, sy, sxy, a, b, width):
    sw, sx, sxx, determinant = shared[0], shared[1], shared[2], shared[3]
    for j in range(width):
        b[j] = (sw * sxy[j] - sx * sy[j]) / determinant
        a[j] = (sxx * sy[j] - sx * sxy[j]) / determinant


@helper
def _find_jumps(s, e, t, a, b, before, compare, suspect, limit, width):
    """Compare each sample's deviation from the line with that of the sample before."""
    for j in range(width):
        now = (s[j] - (a[j] + b[j] * t)) / e[j]
        if compare:
            suspect[j] |= abs(now - before[j]) > limit
        before[j] = now


@helper
def _choose_power(first, last, error, power, width):
    for j in range(width):
        snr = (last[j] - first[j]) / error[j] if error[j] > ZERO else ZERO
        index = 0
        index += snr > POWER_STEPS[0]
        index += snr > POWER_STEPS[1]
        index += snr > POWER_STEPS[2]
        index += snr > POWER_STEPS[3]
        index += snr > POWER_STEPS[4]
        power[j] = index


@helper
def _add_to_weighted_sums(s, t, weights, power, sy, sxy, width):
    for j in range(width):
        w = weights[power[j]]
        sy[j] += s[j] * w
        sxy[j] += t * s[j] * w


@helper
def _solve_rate(first, last, power, shared, dark, dx, gain, sy, sxy, sci, err, suspect, width):
    """Write rate and error; a pixel without a positive weight is suspect."""
    for j in range(width):
        p = power[j]
        slope = (shared[p, 0] * sxy[j] - shared[p, 1] * sy[j]) / shared[p, 3]
        reading = gain * shared[p, 4] * dx
        excess = reading * reading + dark + gain * (last[j] - first[j])
        error = shared[p, 4]
        if excess > ZERO:
            error = np.float32(math.sqrt(np.float64(excess)) / np.float64(dx) / np.float64(gain))
        square = error * error
        weight = np.float32(1.0 / np.float64(square))
        suspect[j] |= not weight > ZERO
        sci[j] = (slope / square) / weight
        err[j] = np.float32(math.sqrt(ONE / weight))


@helper
def rate_to_counts(rate: np.ndarray, error: np.ndarray, seconds: float, width: int) -> None:
    """Multiply rates and their errors by the exposure time.

    Parameters
    ----------
    rate, error : (width,) float32 arrays
        DN/s, changed to DN.
    seconds : float32
        The time.
    width : int
        Number of pixels.
    """
    for j in range(width):
        rate[j] *= seconds
        error[j] *= seconds
