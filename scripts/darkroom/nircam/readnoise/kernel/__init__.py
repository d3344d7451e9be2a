"""Compiled parts of the read noise: line residuals of ramps, jumps, telegraph noise.

A block holds all groups of all ramps of some pixels, one row per group; ramp r has the rows
`starts[r]` to `starts[r + 1]`. Whole ramps are fitted in loops whose inner part runs over pixels,
so that they are vectorised (`lines`). Pixels with a jump or a missing group are then treated one by
one, and tested for telegraph noise (`telegraph`).
"""

from __future__ import annotations

import math

import numpy as np
from numba import float32, float64, int32, int64, njit, types, void

from darkroom.nircam.readnoise.kernel.constants import (
    CHUNK,
    JUMP,
    MAD_TO_STD,
    MANY_RAMPS,
    SHORTEST,
    helper,
)
from darkroom.nircam.readnoise.kernel.lines import whole_ramps
from darkroom.nircam.readnoise.kernel.telegraph import any_jump, median, split, telegraph

_values = types.Array(float32, 2, "C", readonly=True)


@helper
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


@helper
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


@helper
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
    if n >= MANY_RAMPS:
        usual, n = median(steps, n), 0
        for r in range(squares.size):
            if squares[r] < np.inf:
                free = starts[r + 1] - starts[r] - 2.0
                # Ratio of median to mean of chi² (Wilson and Hilferty).
                steps[n] = 2.0 * squares[r] / free / (1.0 - 2.0 / (9.0 * free)) ** 3
                n += 1
        return usual, JUMP * max(math.sqrt(median(steps, n)), floor)
    n = _steps_of(values, pixel, starts, steps)
    if n == 0:
        return 0.0, np.inf
    usual = median(steps, n)
    for k in range(n):
        steps[k] = abs(steps[k] - usual)
    return usual, JUMP * max(MAD_TO_STD * median(steps, n), floor)


@helper
def _add_odd_ramps(values, pixel, starts, odd, usual, limit, ends, total, nu, njumps):
    """Add the segments of those ramps of a pixel that may contain a jump or lack a group."""
    for r in range(starts.size - 1):
        if not odd[r, pixel]:
            continue
        count, jumps = split(values, pixel, starts[r], starts[r + 1], usual, limit, ends)
        njumps[pixel] += jumps
        for s in range(count):
            n = ends[s, 1] - ends[s, 0]
            if n >= SHORTEST:
                total[pixel] += _segment_squares(values, pixel, ends[s, 0], ends[s, 1])
                nu[pixel] += n - 2


@njit(
    void(
        _values, int64[::1], int32[::1], float64[::1], float64[::1], int64,
        float64[::1], int32[::1], float64[::1], int32[::1], float64[::1], int32[::1],
        int32[::1], float32[::1], float32[::1], float32[::1], float64[:, ::1], int64[:, ::1],
    ),
    nogil=True,
    error_model="numpy",
    cache=True,
    no_cfunc_wrapper=True,
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
    for left in range(0, npixels, CHUNK):
        right = min(left + CHUNK, npixels)
        whole_ramps(
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
                found = telegraph(values, j, starts, usual, np.inf, floor, levels, steps, ends)
                if found[2] < 1.5 and any_jump(values, j, starts, usual, limit):
                    found = telegraph(values, j, starts, usual, limit, floor, levels, steps, ends)
                gain[j], amplitude[j], downs[j] = found
        quiet[j] = not noisy
    for r in range(nramps):
        free = starts[r + 1] - starts[r] - 2
        for j in range(npixels):
            if quiet[j] and squares[r, j] < np.inf and not odd[r, j]:
                ramp_squares[r, kind[j]] += squares[r, j]
                ramp_nu[r, kind[j]] += free
