"""Outliers of a line fit: spikes, cosmic rays, a bad first sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

from darkroom.wfc3.engine.ramp_kernel.constants import COSMIC_RAY, MASKED, SPIKE_SIGMA, ZERO, helper
from darkroom.wfc3.engine.ramp_kernel.line import equal_weights_line

if TYPE_CHECKING:
    from numpy import ndarray


@helper
def flag_outlier(
    s: ndarray, e: ndarray, d: ndarray, t: ndarray, member: ndarray, flags: ndarray,
    i: int, count: int, deviation: ndarray, some_zero: bool, second: bool,
    weights: ndarray, table: ndarray, ignore: int, threshold: float,
) -> tuple[int, int]:  # fmt: skip
    """Fit one interval and flag its worst outlier; return the flag (0: none) and the read.

    A spike is looked for first, then a cosmic ray, then a first sample off the second.

    Parameters
    ----------
    s, e, d, t : (n,) arrays
        Counts and their errors, DN; flags, added to; seconds since the zeroth read.
    member, flags : 2-D int arrays
        Reads of each interval, and their flags.
    i, count : int
        The interval, and its number of samples, 2 or more.
    deviation : (n,) float32 array
        Overwritten.
    some_zero : bool
        Some error is 0.
    second : bool
        In the second pass, samples with a flag of `ignore` are not tested.
    weights, table : float32 arrays
        As of `line.equal_weights_line`.
    ignore : int
        Flags that make a sample useless.
    threshold : float32
        Jump above which a sample is a cosmic ray, sigma.
    """
    a, b = equal_weights_line(s, e, t, member, i, count, some_zero, weights, table)
    untested = ignore if second else -1  # bits that keep a sample out of the tests
    for j in range(count):
        k = member[i, j]
        deviation[j] = ZERO
        if e[k] != ZERO and not flags[i, j] & untested:
            deviation[j] = (s[k] - (a + b * t[k])) / e[k]
    found, flag = _find_spike(deviation, flags, i, count, ignore), MASKED
    if found < 0:
        found, flag = _find_cosmic_ray(deviation, flags, i, count, ignore, threshold), COSMIC_RAY
    if found < 0 and _first_is_bad(deviation, flags, i, ignore, threshold):
        found, flag = 0, MASKED
    if found < 0:
        return 0, 0
    d[member[i, found]] |= flag
    return flag, member[i, found]


@helper
def _find_spike(deviation, flags, i, count, ignore):
    """Return the sample of interval i that stands out most from both its neighbours, or -1."""
    bad = ignore | COSMIC_RAY | MASKED
    best, found = ZERO, -1
    for j in range(2, count):
        if (flags[i, j - 1] | flags[i, j] | flags[i, j + 1]) & bad:
            continue
        peak = deviation[j - 1]
        left, right = deviation[j - 2], deviation[j]
        stands_out = peak - left > SPIKE_SIGMA and peak - right > SPIKE_SIGMA
        if stands_out and left < 0 and right < 0 and abs(peak) > best:
            best, found = peak, j - 1
    return found


@helper
def _find_cosmic_ray(deviation, flags, i, count, ignore, threshold):
    """Return the sample before which the largest jump of interval i lies, or -1."""
    bad = ignore | COSMIC_RAY
    before, best, found = ZERO, ZERO, -1
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


@helper
def _first_is_bad(deviation, flags, i, ignore, threshold):
    """Tell whether the first sample of interval i lies off the second."""
    bad = ignore | COSMIC_RAY | MASKED
    return not (flags[i, 0] | flags[i, 1]) & bad and abs(deviation[0] - deviation[1]) > threshold


@helper
def flag_outlier_of_run(
    s: ndarray, e: ndarray, d: ndarray, t: ndarray, first: int, count: int, hit: bool,
    deviation: ndarray, weights: ndarray, table: ndarray, threshold: float,
) -> tuple[int, int]:  # fmt: skip
    """Do what `flag_outlier` does, for reads without gaps, flags or errors of 0.

    No sample but the first can have a flag then. So cosmic rays and bad first samples are jumps
    between neighbours, and a spike is two such jumps.

    Parameters
    ----------
    s, e, d, t, deviation, weights, table, threshold
        As of `flag_outlier`.
    first, count : int
        First read of the interval, and its number of reads, 2 or more.
    hit : bool
        A cosmic ray is flagged in the first read.
    """
    sy, sxy = ZERO, ZERO
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
        deviation[0] = ZERO
    best, found = threshold, -1
    for j in range(1, count):
        jump = abs(deviation[j] - deviation[j - 1])
        if jump > best:
            best, found = jump, j
    flag = COSMIC_RAY
    if best > SPIKE_SIGMA:  # as large a jump is on both sides of a spike
        peak, spike = ZERO, -1
        for j in range(1, count - 1):
            left, middle, right = deviation[j - 1], deviation[j], deviation[j + 1]
            stands_out = middle - left > SPIKE_SIGMA and middle - right > SPIKE_SIGMA
            if stands_out and left < 0 and right < 0 and abs(middle) > peak:
                peak, spike = middle, j
        if spike >= 0:
            found, flag = spike, MASKED
    if found < 0:
        return 0, 0
    d[first + found] |= flag
    return flag, first + found
