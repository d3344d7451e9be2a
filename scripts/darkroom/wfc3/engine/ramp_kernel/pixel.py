"""The rate of one pixel: cosmic rays rejected, intervals fitted, slopes averaged."""

from __future__ import annotations

import math

import numpy as np

from darkroom.wfc3.engine.ramp_kernel.constants import COSMIC_RAY, ONE, ZERO, helper
from darkroom.wfc3.engine.ramp_kernel.intervals import reject
from darkroom.wfc3.engine.ramp_kernel.line import optimal_slope

_NO_SAMPLES_ERROR = np.float32(1e5)


@helper
def fit_pixel(
    s: np.ndarray, e: np.ndarray, d: np.ndarray, t: np.ndarray, dark: np.ndarray,
    leave_out: np.ndarray, member: np.ndarray, flags: np.ndarray, counts: np.ndarray,
    deviation: np.ndarray, some_zero: bool, weights: np.ndarray, table: np.ndarray,
    ignore: int, threshold: float, gain: float,
) -> tuple[float, float, float, int, bool]:  # fmt: skip
    """Reject cosmic rays in one pixel and fit its rate, as calwf3 does.

    Parameters
    ----------
    s, e : (n,) float32 arrays
        Counts and their errors, DN.
    d : (n,) int32 array
        Flags without 2048, masked reads with 1024; the flags of what is found are added.
    t, dark : (n,) float32 arrays
        Seconds since the zeroth read; dark counts assumed up to each read, DN.
    leave_out : (n,) bool array
        Reads that are not used even where no other is left.
    member, flags, counts, deviation : arrays of `singles.pixel_scratch`
        Overwritten.
    some_zero : bool
        Some error is 0.
    weights, table : float32 arrays
        As of `line.equal_weights_line`.
    ignore : int
        Flags that make a sample useless.
    threshold : float32
        Jump above which a sample is a cosmic ray, sigma.
    gain : float32
        e-/DN.

    Returns
    -------
    rate, error : float32
        DN/s.
    seconds : float32
        Time the rate is from.
    samples : int
        Reads used, the zeroth included.
    any_sample : bool
        There was a sample to fit.
    """
    intervals, unstable = np.int64(-1), False
    # One call for both, with literals in none: `reject` is compiled for each kind of call.
    for second in (False, True):
        if intervals >= 0:
            break
        if second:
            flags[:, :] = 0
        intervals, unstable = reject(
            s, e, d, t, leave_out, member, flags, counts, deviation, some_zero, second,
            weights, table, ignore, threshold,
        )  # fmt: skip
    if intervals < 0:
        return ZERO, _NO_SAMPLES_ERROR, ZERO, 0, False
    if not unstable:
        total_weight, total, seconds = _average(
            s, e, t, dark, member, flags, counts, intervals, some_zero, weights, table, gain
        )
        if total_weight > ZERO:
            # One more for the zeroth read, one less for each interval after the first.
            samples = 2 - intervals
            for i in range(intervals):
                samples += counts[i]
            error = np.float32(math.sqrt(ONE / total_weight))
            return total / total_weight, error, seconds, samples, True
    rate, error, seconds, samples = _first_to_last(s, e, d, t, leave_out, ignore)
    return rate, error, seconds, samples, True


@helper
def _average(s, e, t, dark, member, flags, counts, intervals, some_zero, weights, table, gain):
    """Return the sums of weights and of weighted slopes of all intervals, and their time."""
    total_weight, total, seconds = ZERO, ZERO, ZERO
    for i in range(intervals):
        first, last = member[i, 0], member[i, max(counts[i] - 1, 0)]
        if counts[i] > 1:
            if i == 0:
                seconds += t[first] - t[first - 1]
            slope, error = optimal_slope(
                s, e, t, dark, member, i, counts[i], some_zero, weights, table, gain
            )
            seconds += t[last] - t[first]
            square = error * error
            if square != ZERO:
                weight = 1.0 / np.float64(square)
                total_weight = np.float32(np.float64(total_weight) + weight)
                total += slope / square
        elif counts[i] == 1 and not flags[i, 0] & COSMIC_RAY:
            slope, error = s[first] / t[first], e[first] / t[first]
            seconds += t[first] - t[first - 1]
            square = error * error
            if square != ZERO:
                total_weight += ONE / square
                total += slope / square
    return total_weight, total, seconds


@helper
def _first_to_last(s, e, d, t, leave_out, ignore):
    """Return rate, error, seconds and samples from the first and last good read alone."""
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
        return ZERO, ZERO, ZERO, 0
    seconds = t[last] - t[first]
    return (s[last] - s[first]) / seconds, (e[last] - e[first]) / seconds, seconds, good
