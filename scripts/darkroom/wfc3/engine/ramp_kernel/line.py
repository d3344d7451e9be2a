"""The straight line through samples of one pixel, with equal weights or with the best ones.

Weighted sums of times are the same for all pixels whose samples are a run of reads without gaps:
they are tabulated.
"""

from __future__ import annotations

import math

import numpy as np

from darkroom.wfc3.engine.ramp_kernel.constants import NO_ERROR, POWER_STEPS, ZERO, helper

_LEAST_DETERMINANT = np.float32(1e-6)


@helper
def tabulate_line(t: np.ndarray, used: np.ndarray, weights: np.ndarray, entry: np.ndarray) -> None:
    """Write what all line fits through the same reads share.

    Parameters
    ----------
    t : (n,) float32 array
        Seconds since the zeroth read.
    used : int array
        The reads.
    weights : (n, n, npowers) float32 array
        Weight of sample i of `count`, by count, i and power.
    entry : (npowers, 5) float32 array
        Written, by power: sums of the weights, of weight times time and of weight times time
        squared, determinant, spread.
    """
    count = used.size
    for p in range(weights.shape[2]):
        sw, sx, sxx = ZERO, ZERO, ZERO
        for i in range(count):
            x, w = t[used[i]], weights[count, i, p]
            sw += w
            sx += x * w
            sxx += x * x * w
        determinant, spread = _determinant_and_spread(sw, sx, sxx)
        entry[p, 0], entry[p, 1], entry[p, 2] = sw, sx, sxx
        entry[p, 3], entry[p, 4] = determinant, spread


@helper
def tabulate_runs(t: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return `tabulate_line` of every run of reads without gaps, by first read and count."""
    n = t.size
    table = np.zeros((n, n, weights.shape[2], 5), np.float32)
    for first in range(1, n):
        for count in range(2, n - first + 1):
            tabulate_line(t, np.arange(first, first + count), weights, table[first, count])
    return table


@helper
def equal_weights_line(
    s: np.ndarray, e: np.ndarray, t: np.ndarray, member: np.ndarray, i: int, count: int,
    some_zero: bool, weights: np.ndarray, table: np.ndarray,
) -> tuple[float, float]:  # fmt: skip
    """Return intercept (DN) and slope (DN/s) of a fit with equal weights.

    Parameters
    ----------
    s, e, t : (n,) float32 arrays
        Counts and their errors, DN; seconds since the zeroth read.
    member : 2-D int array
        Reads of each interval.
    i, count : int
        The interval, and its number of samples, 2 or more.
    some_zero : bool
        Some error is 0.
    weights : (n, n, npowers) float32 array
        Weight of sample i of `count`, by count, i and power.
    table : (n, n, npowers, 5) float32 array
        Of `tabulate_runs`.
    """
    sw, sx, sxx, determinant, _, sy, sxy = _line_sums(
        s, e, t, member, i, count, np.int64(0), some_zero, weights, table
    )
    if not sw > ZERO:
        return ZERO, ZERO
    if count == 2:
        first, last = member[i, 0], member[i, 1]
        slope = (s[last] - s[first]) / (t[last] - t[first])
        return s[first] - slope * t[first], slope
    return (sxx * sy - sx * sxy) / determinant, (sw * sxy - sx * sy) / determinant


@helper
def optimal_slope(
    s: np.ndarray, e: np.ndarray, t: np.ndarray, dark: np.ndarray, member: np.ndarray,
    i: int, count: int, some_zero: bool, weights: np.ndarray, table: np.ndarray, gain: float,
) -> tuple[float, float]:  # fmt: skip
    """Return slope and error (DN/s) of a fit with the weights for its signal-to-noise ratio.

    Parameters
    ----------
    s, e, t, member, i, count, some_zero, weights, table
        As of `equal_weights_line`.
    dark : (n,) float32 array
        Dark counts assumed up to each read, DN.
    gain : float32
        e-/DN.
    """
    first, last = member[i, 0], member[i, count - 1]
    dx, dy = t[last] - t[first], s[last] - s[first]
    power = _power_index(dy / e[last]) if e[last] > ZERO else 0
    sw, sx, _, determinant, spread, sy, sxy = _line_sums(
        s, e, t, member, i, count, power, some_zero, weights, table
    )
    if not sw > ZERO:
        return ZERO, NO_ERROR
    if count == 2:
        slope, spread = dy / dx, ZERO
        a, b = e[first] / t[first], e[last] / t[last]
        error = np.float32(math.sqrt(a * a + b * b))
    else:
        slope, error = (sw * sxy - sx * sy) / determinant, spread
    reading = gain * spread * dx
    excess = reading * reading + gain * (dark[last] - dark[first]) + gain * dy
    return slope, _slope_error(excess, dx, gain, error)


@helper
def _line_sums(s, e, t, member, i, count, power, some_zero, weights, table):
    """Return sw, sx, sxx, determinant, spread, sy, sxy of the samples of an interval.

    Samples with an error of 0 do not count.
    """
    sy, sxy = ZERO, ZERO
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
    sw, sx, sxx = ZERO, ZERO, ZERO
    for j in range(count):
        k = member[i, j]
        if e[k] != ZERO:
            w = weights[count, j, power]
            sw += w
            sy += s[k] * w
            sx += t[k] * w
            sxx += t[k] * t[k] * w
            sxy += t[k] * s[k] * w
    determinant, spread = _determinant_and_spread(sw, sx, sxx)
    return sw, sx, sxx, determinant, spread, sy, sxy


@helper
def _determinant_and_spread(sw, sx, sxx):
    """Return determinant and spread of a line fit from its sums of weights and times."""
    determinant = sw * sxx - sx * sx
    if determinant < _LEAST_DETERMINANT:
        determinant = _LEAST_DETERMINANT
    return determinant, np.float32(math.sqrt(sw / determinant))


@helper
def _power_index(snr):
    """Return the index into `crrej.POWERS` for a signal-to-noise ratio."""
    index = 0
    for step in POWER_STEPS:
        if snr > step:
            index += 1
    return index


@helper
def _slope_error(excess, dx, gain, otherwise):
    """Return the error of a slope (DN/s) from its variance (e-²), `otherwise` without one."""
    if excess > ZERO:
        return np.float32(math.sqrt(np.float64(excess)) / np.float64(dx) / np.float64(gain))
    return otherwise
