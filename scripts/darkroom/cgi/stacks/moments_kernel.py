"""Compiled inner loops of the running statistics.

Import it through `darkroom.compiled`, which guards numba's cache. The loops over the pixels of
a block are separate functions, so that they are compiled to vector instructions.
"""

from __future__ import annotations

import numpy as np
from numba import njit, types

# As in `darkroom.cgi.units` (a test compares): numba would not notice an edit over there.
NONFINITE = 1
LANES = 256

_helper = njit(nogil=True, inline="always", error_model="numpy")


@_helper
def _weigh(value, dq, weight):
    """Give samples the weight 1 when they have no flag and are finite, else 0."""
    for j in range(value.size):
        weight[j] = 1.0 if (dq[j] == 0) & (abs(value[j]) < np.inf) else 0.0


@_helper
def _drop_without_error(error, weight):
    for j in range(error.size):
        weight[j] = weight[j] if abs(error[j]) < np.inf else 0.0


@_helper
def _collect_flags(dq, weight, seen):
    """Join the flags of a block, and flag samples that are not finite."""
    flags, lost = np.uint16(0), 0
    for j in range(dq.size):
        flags |= dq[j]
        lost += (dq[j] == 0) & (weight[j] == 0.0)
    if flags:
        for j in range(dq.size):
            seen[j] |= dq[j]
    if lost:
        for j in range(dq.size):
            if dq[j] == 0 and weight[j] == 0.0:
                seen[j] |= np.uint16(NONFINITE)


@_helper
def _add_values(value, weight, number, total):
    for j in range(value.size):
        number[j] += weight[j]
        total[j] += np.float64(value[j]) if weight[j] > 0.0 else 0.0


@_helper
def _add_squared_errors(error, weight, total):
    for j in range(error.size):
        sigma = np.float64(error[j])
        total[j] += sigma * sigma if weight[j] > 0.0 else 0.0


@_helper
def _add_deviations(value, weight, centre, square, shift):
    for j in range(value.size):
        deviation = np.float64(value[j]) - centre[j]
        deviation = deviation if weight[j] > 0.0 else 0.0
        square[j] += deviation * deviation
        shift[j] += deviation


@_helper
def _join(number, old, centre, square, shift, count, m2):
    """Combine the squared deviations of the new samples with those of the old ones."""
    for j in range(count.size):
        k, n = number[j], np.float64(count[j])
        between = old[j] / max(n, 1.0) - centre[j]
        within = max(square[j] - shift[j] * shift[j] / max(k, 1.0), 0.0)
        m2[j] += within + n * k / max(n + k, 1.0) * between * between
        count[j] += np.int32(k)


def _add(data, err, dq, count, total, m2, err2, seen):
    """Add frames to the statistics of a run of pixels.

    Parameters
    ----------
    data, err : (n, npixels) float32 or float64 arrays
        Samples and their errors, one row per frame; without errors `err` has no rows.
    dq : (n, npixels) uint16 array
        Any non-zero value masks a sample.
    count : (npixels,) int32 array
        Usable samples so far.
    total, m2 : (npixels,) float64 arrays
        Their sum, and the sum of their squared deviations from the mean.
    err2 : (npixels,) float64 array
        Sum of their squared errors (any array when `err` has no rows).
    seen : (npixels,) uint16 array
        Flags of all frames, joined.

    Notes
    -----
    Sums run in the order of the frames, so they agree with those of a plain loop to the last bit.
    The m2 of the new frames is computed about their mean, corrected for the rounding of that mean,
    and combined with the previous m2 (Chan, Golub & LeVeque 1983, The American Statistician 37,
    242).
    """
    nframes, npixels = data.shape
    with_err = err.shape[0] > 0
    weights = np.empty((nframes, LANES))
    numbers, olds, centres = np.empty(LANES), np.empty(LANES), np.empty(LANES)
    squares, shifts = np.empty(LANES), np.empty(LANES)
    for start in range(0, npixels, LANES):
        stop = min(start + LANES, npixels)
        width = stop - start
        number, old, centre = numbers[:width], olds[:width], centres[:width]
        square, shift, sums = squares[:width], shifts[:width], total[start:stop]
        for j in range(width):
            old[j] = sums[j]
            number[j] = square[j] = shift[j] = 0.0
        for f in range(nframes):
            weight, value, flags = weights[f, :width], data[f, start:stop], dq[f, start:stop]
            _weigh(value, flags, weight)
            if with_err:
                _drop_without_error(err[f, start:stop], weight)
                _add_squared_errors(err[f, start:stop], weight, err2[start:stop])
            _collect_flags(flags, weight, seen[start:stop])
            _add_values(value, weight, number, sums)
        for j in range(width):
            centre[j] = (sums[j] - old[j]) / max(number[j], 1.0)
        for f in range(nframes):
            _add_deviations(data[f, start:stop], weights[f, :width], centre, square, shift)
        _join(number, old, centre, square, shift, count[start:stop], m2[start:stop])


def _signature(sample):
    samples = types.Array(sample, 2, "C")
    double = types.Array(types.float64, 1, "C")
    count, flags = types.Array(types.int32, 1, "C"), types.Array(types.uint16, 1, "C")
    return types.void(
        samples, samples, types.Array(types.uint16, 2, "C"), count, double, double, double, flags
    )


add = njit(
    [_signature(types.float32), _signature(types.float64)],
    nogil=True,
    cache=True,
    no_cfunc_wrapper=True,
    error_model="numpy",
)(_add)
