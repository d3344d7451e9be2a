"""Straight lines through whole ramps, in loops over pixels that are vectorised."""

from __future__ import annotations

import numpy as np

from darkroom.nircam.readnoise.kernel.constants import CHUNK, LOOK, SHORTEST, helper


@helper
def _add_two(before, row, later, base, place, sums):
    """Add two groups to the sums of `_fit_ramp`, the step between them not to those of pairs."""
    for j in range(row.size):
        zero, one, two = np.float64(base[j]), np.float64(row[j]), np.float64(later[j])
        value, further = one - zero, two - zero
        step, second = one - np.float64(before[j]), two - one
        most = step if step > second else second
        least = step if step < second else second
        sums[j] = (sums[j] + value) + further
        sums[CHUNK + j] = (sums[CHUNK + j] + value * value) + further * further
        sums[2 * CHUNK + j] = (sums[2 * CHUNK + j] + place * value) + (place + 1.0) * further
        high, low = sums[3 * CHUNK + j], sums[4 * CHUNK + j]
        sums[3 * CHUNK + j] = high if high > most else most
        sums[4 * CHUNK + j] = low if low < least else least
        sums[5 * CHUNK + j] += step
        sums[6 * CHUNK + j] += step * step


@helper
def _add_one(before, row, base, place, sums):
    """Add a single group."""
    for j in range(row.size):
        value = np.float64(row[j]) - np.float64(base[j])
        step = np.float64(row[j]) - np.float64(before[j])
        sums[j] += value
        sums[CHUNK + j] += value * value
        sums[2 * CHUNK + j] += place * value
        high, low = sums[3 * CHUNK + j], sums[4 * CHUNK + j]
        sums[3 * CHUNK + j] = high if high > step else step
        sums[4 * CHUNK + j] = low if low < step else step
        sums[5 * CHUNK + j] += step
        sums[6 * CHUNK + j] += step * step


@helper
def _add_pair(earlier, later, sums):
    for j in range(later.size):
        step = np.float64(later[j]) - np.float64(earlier[j])
        sums[5 * CHUNK + j] += step
        sums[6 * CHUNK + j] += step * step


@helper
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
    sums[3 * CHUNK : 4 * CHUNK] = -np.inf
    sums[4 * CHUNK : 5 * CHUNK] = np.inf
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
        total, sd = sums[j], sums[5 * CHUNK + j]
        slope[j] = sums[2 * CHUNK + j] / lever
        left_over = sums[CHUNK + j] - total * total / n - slope[j] * slope[j] * lever
        squares[j] = max(left_over, 0.0)
        # Of the steps, the highest or the lowest deviates most.
        farthest[j] = max(abs(sums[3 * CHUNK + j] - slope[j]), abs(sums[4 * CHUNK + j] - slope[j]))
        pairs[j] = (sums[6 * CHUNK + j] - sd * sd / npairs) * scale
    return npairs - 1


@helper
def _find_strange(squares, farthest, limit, missing, strange):
    """Tell which pixels lack a group in a ramp, and in which it is to be looked at by itself."""
    for j in range(squares.size):
        missing[j] = not squares[j] < np.inf
        strange[j] = missing[j] or farthest[j] > limit[j]


@helper
def _note(squares, slope, all_squares, all_slopes):
    for j in range(squares.size):
        all_squares[j] = squares[j]
        all_slopes[j] = slope[j]


@helper
def _mark(strange, odd, any_odd):
    for j in range(strange.size):
        odd[j] = strange[j]
        any_odd[j] |= strange[j]


@helper
def _add_others(squares, left_out, free, total, nu):
    """Add squares and degrees of freedom of the pixels that are not left out."""
    for j in range(squares.size):
        total[j] += 0.0 if left_out[j] else squares[j]
        nu[j] += 0 if left_out[j] else free


@helper
def whole_ramps(
    values: np.ndarray, starts: np.ndarray, left: int, right: int, stride: int, kind: np.ndarray,
    step_noise: np.ndarray, all_squares: np.ndarray, all_slopes: np.ndarray, odd: np.ndarray,
    any_odd: np.ndarray, total: np.ndarray, nu: np.ndarray, raw: np.ndarray, raw_nu: np.ndarray,
    pairs: np.ndarray, pairs_nu: np.ndarray,
) -> None:  # fmt: skip
    """Fit every ramp of the pixels from `left` to `right`; mark those to be treated one by one.

    The arguments are those of `residuals`; arrays by pixel cover these pixels only. In
    `any_odd` pixels are marked that have a ramp marked in `odd`.
    """
    width = right - left
    sums = np.empty(7 * CHUNK)
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
        if n < SHORTEST:
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
