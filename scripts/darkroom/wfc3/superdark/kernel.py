"""Compiled loops of the superdark: steps of ramps against the other darks, means and scatters.

A block holds the reads of all darks of some pixels, (pixels, darks, reads): DN since the zeroth
read, levels aligned, NaN where saturated. The zeroth read is not in it: its value is 0 with the
noise of a read. `keep` is the number of reads that are used of each ramp, from its start.
"""

from __future__ import annotations

import math

import numpy as np
from numba import float32, float64, int16, njit, types, void

_kernel = {"nogil": True, "error_model": "numpy", "cache": True, "no_cfunc_wrapper": True}
# Called by compiled code alone: without what Python or C would call, it compiles in half the time.
_helper = njit(nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
_reads = types.Array(float32, 3, "C", readonly=True)
_means = types.Array(float32, 2, "C")
_keep = types.Array(int16, 2, "C")
_table = types.Array(float64, 3, "C", readonly=True)
_noise = types.Array(float32, 1, "C", readonly=True)


@_helper
def _finite(ramp):
    """Return the number of reads before the first that is missing."""
    for k in range(ramp.size):
        if not math.isfinite(ramp[k]):
            return k
    return ramp.size


@njit(void(_reads, _keep), **_kernel)
def whole(reads, keep):
    """Set `keep` to all reads of each ramp before the first that is missing.

    Parameters
    ----------
    reads : (pixels, darks, reads) float32 array
    keep : (pixels, darks) int16 array
        Output.
    """
    for p in range(reads.shape[0]):
        for i in range(reads.shape[1]):
            keep[p, i] = _finite(reads[p, i])


@njit(void(_reads, _keep, _means), **_kernel)
def medians(reads, keep, centre):
    """Fill the median of each read over the darks; NaN where there is none.

    Parameters
    ----------
    reads, keep
        See `whole`.
    centre : (pixels, reads) float32 array
        Output, DN.
    """
    values = np.empty(reads.shape[1], np.float32)
    for p in range(reads.shape[0]):
        for k in range(reads.shape[2]):
            n = 0
            for i in range(reads.shape[1]):
                if keep[p, i] > k:
                    value = reads[p, i, k]
                    place = n
                    while place > 0 and values[place - 1] > value:
                        values[place] = values[place - 1]
                        place -= 1
                    values[place] = value
                    n += 1
            centre[p, k] = np.nan
            if n:
                centre[p, k] = np.float32(0.5) * (values[(n - 1) // 2] + values[n // 2])


@njit(void(_reads, _keep, _means, _means, _means), **_kernel)
def moments(reads, keep, mean, squares, count):
    """Fill the mean of each read, the squared deviations from it and the number of darks.

    Parameters
    ----------
    reads, keep
        See `whole`.
    mean, squares, count : (pixels, reads) float32 arrays
        Output: DN (NaN where there is none), DN², number.
    """
    for p in range(reads.shape[0]):
        for k in range(reads.shape[2]):
            n, total = 0, 0.0
            for i in range(reads.shape[1]):
                if keep[p, i] > k:
                    total += np.float64(reads[p, i, k])
                    n += 1
            centre = total / n if n else np.nan
            deviations = 0.0
            for i in range(reads.shape[1]):
                if keep[p, i] > k:
                    deviation = np.float64(reads[p, i, k]) - centre
                    deviations += deviation * deviation
            mean[p, k], squares[p, k], count[p, k] = centre, deviations, n


@_helper
def _step(residual, length, increments, read_variance, shares, limit):
    """Return the read of the most significant step up among the first reads, 0 without one.

    A step at read j is the mean of the reads from j on minus that of those before; `increments`
    is the Poisson variance that each interval adds, `shares` its squared weight in such a step.
    """
    total = 0.0
    for k in range(length):
        total += residual[k]
    found, most, before = 0, limit, 0.0
    for j in range(1, length + 1):
        n_before, n_after = j, length + 1 - j
        if j > 1:
            before += residual[j - 2]
        height = (total - before) / n_after - before / n_before
        if height > 0:
            variance = read_variance * (1.0 / n_before + 1.0 / n_after)
            for m in range(length):
                variance += shares[length, j, m] * increments[m]
            size = height / math.sqrt(variance)
            if size > most:
                found, most = j, size
    return found


@njit(
    void(_reads, _keep, _means, _means, _noise, _noise, _table, float64, float64), **_kernel
)  # fmt: skip
def cut(reads, keep, centre, count, read_variance, gain, shares, limit, alike):
    """Cut each ramp at a step up against the mean or median of all: a cosmic ray, or persistence.

    A ramp that goes on to rise after the step is left out in that pixel: charge that comes out
    slowly was there before it was seen.

    Parameters
    ----------
    reads, keep
        See `whole`; `keep` is made smaller, to the reads before the step.
    centre, count : (pixels, reads) float32 arrays
        What the ramps are compared with, DN, and the number of darks in it.
    read_variance : (pixels,) float32 array
        Variance of one read, DN².
    gain : (pixels,) float32 array
        e-/DN.
    shares : (reads + 1, reads + 1, reads) float64 array
        Squared weight of each interval in a step, by number of reads and read of the step.
    limit : float
        Standard deviations.
    alike : float
        1 where the ramp is one of those in the mean, which takes 1/n of its deviation; 0 for
        medians.
    """
    size = reads.shape[2]
    residual, increments = np.empty(size), np.empty(size)
    for p in range(reads.shape[0]):
        last = 0.0
        for k in range(size):
            value = np.float64(centre[p, k])
            increments[k] = max(value - last, 0.0) / gain[p] if math.isfinite(value) else 0.0
            last = value if math.isfinite(value) else last
        for i in range(reads.shape[1]):
            whole_length = np.int64(keep[p, i])
            for k in range(whole_length):
                share = alike / count[p, k]
                residual[k] = np.float64(reads[p, i, k]) - np.float64(centre[p, k])
                if share < 1.0:
                    residual[k] /= math.sqrt(1.0 - share)
            length = whole_length
            while length > 0:
                at = _step(residual, length, increments, read_variance[p], shares, limit)
                if at == 0:
                    break
                noise = 2.0 * read_variance[p]
                for m in range(at, length):
                    noise += increments[m]
                rise = residual[length - 1] - residual[at - 1]
                length = at - 1
                if rise > limit * math.sqrt(noise):
                    length = 0
            keep[p, i] = length
