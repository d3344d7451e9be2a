"""Segments of ramps between jumps, and telegraph noise in them, one pixel at a time."""

from __future__ import annotations

import math

import numpy as np

from darkroom.nircam.readnoise.kernel.constants import SMALL, helper


@helper
def median(values: np.ndarray, n: int) -> float:
    """Return the median of the first n values."""
    ordered = np.sort(values[:n])
    return 0.5 * (ordered[(n - 1) // 2] + ordered[n // 2])


@helper
def split(
    values: np.ndarray, pixel: int, first: int, stop: int, usual: float, limit: float,
    ends: np.ndarray,
) -> tuple[int, int]:  # fmt: skip
    """Cut a ramp of one pixel after each upward jump and at missing groups.

    Writes (first, stop) of every segment into `ends`; returns their number and that of jumps.
    """
    n = jumps = 0
    begin = -1
    for g in range(first, stop):
        finite = abs(values[g, pixel]) < np.inf
        if begin >= 0:
            step = np.float64(values[g, pixel]) - np.float64(values[g - 1, pixel])
            jumped = finite and step - usual > limit
            if jumped or not finite:
                ends[n, 0], ends[n, 1] = begin, g
                n += 1
                begin = -1
                jumps += 1 if jumped else 0
        if begin < 0 and finite:
            begin = g
    if begin >= 0:
        ends[n, 0], ends[n, 1] = begin, stop
        n += 1
    return n, jumps


@helper
def any_jump(
    values: np.ndarray, pixel: int, starts: np.ndarray, usual: float, limit: float
) -> bool:
    """Tell whether `split` would cut a ramp of a pixel at a jump."""
    for r in range(starts.size - 1):
        for g in range(starts[r] + 1, starts[r + 1]):
            step = np.float64(values[g, pixel]) - np.float64(values[g - 1, pixel])
            if step < np.inf and step - usual > limit:
                return True
    return False


@helper
def _forward_backward(x, offset, first, stop, amplitude, variance, up, down, high, work):
    """Apply the forward-backward algorithm to one segment; write the probabilities of high.

    Returns the log-likelihood and the expected numbers of steps down, of steps up, and of groups
    in the high and in the low state (without the last group, which no step follows).
    """
    n = stop - first
    stay0, stay1 = 1 - up, 1 - down
    total = 0.0
    a0, a1 = down / (up + down), up / (up + down)
    for g in range(n):
        if g:
            a0, a1 = a0 * stay0 + a1 * down, a0 * up + a1 * stay1
        r0 = x[first + g] - offset
        r1 = r0 - amplitude
        square0, square1 = r0 * r0, r1 * r1
        # The likelihoods of both states over that of the likelier one, which is 1.
        least, most = min(square0, square1), max(square0, square1)
        other = math.exp(-0.5 * (most - least) / variance)
        e0, e1 = (1.0, other) if square0 <= square1 else (other, 1.0)
        a0 *= e0
        a1 *= e1
        scale = a0 + a1
        # Divided out seldom, long before it is too small a number.
        if scale < SMALL or g == n - 1:
            a0 /= scale
            a1 /= scale
            total += math.log(scale)
        work[g, 0], work[g, 1], work[g, 2], work[g, 3] = a0, a1, e0, e1
        total -= 0.5 * least / variance
    b0 = b1 = 1.0
    downs = ups = from_high = from_low = 0.0
    high[first + n - 1] = work[n - 1, 1]
    for g in range(n - 2, -1, -1):
        e0, e1 = b0 * work[g + 1, 2], b1 * work[g + 1, 3]
        b0, b1 = stay0 * e0 + up * e1, down * e0 + stay1 * e1
        low, top = work[g, 0], work[g, 1]
        norm = 1.0 / (low * b0 + top * b1)
        now = top * b1 * norm
        downs += top * down * e0 * norm
        ups += low * up * e1 * norm
        from_high += now
        from_low += low * b0 * norm
        high[first + g] = now
        if b0 + b1 < SMALL:
            scale = b0 + b1
            b0 /= scale
            b1 /= scale
    return total, downs, ups, from_high, from_low


@helper
def two_states(
    x: np.ndarray, ends: np.ndarray, nsegments: int, floor: float
) -> tuple[float, float, float]:
    """Test a pixel for telegraph noise with a two-state model, by maximum likelihood.

    In the two-state model every segment has its own low level, and the high level is above it by a
    common amplitude. The pixel changes state from group to group with fixed probabilities, and has
    white noise. The alternative is white noise about the mean of every segment.

    Parameters
    ----------
    x : (n,) float64 array
        Levels of the groups after subtraction of the median slope of the pixel, DN.
    ends : (nsegments, 2) int64 array
        First group and end (exclusive) of every segment.
    nsegments : int
    floor : float
        The white noise is assumed to be at least half of this, DN.

    Returns
    -------
    gain : float
        Log-likelihood of the two-state model minus that of the alternative.
    amplitude : float
        High minus low level, DN.
    downs : float
        Expected number of steps down; cosmic rays only step up.
    """
    n, squares, longest = 0, 0.0, 0
    offset = np.empty(nsegments)
    for s in range(nsegments):
        first, stop = ends[s, 0], ends[s, 1]
        offset[s] = x[first:stop].mean()
        for g in range(first, stop):
            squares += (x[g] - offset[s]) ** 2
        n += stop - first
        longest = max(longest, stop - first)
    if n < 2 * nsegments or squares <= 0.0:
        return 0.0, 0.0, 0.0
    single = -0.5 * n * (math.log(squares / n) + 1.0)
    high, work = np.zeros(x.size), np.empty((longest, 4))
    for s in range(nsegments):
        for g in range(ends[s, 0], ends[s, 1]):
            high[g] = 1.0 if x[g] > offset[s] else 0.0
    up = down = 0.3
    amplitude, variance, found, downs = 0.0, squares / n, -np.inf, 0.0
    for _ in range(40):
        above = weight = 0.0
        for s in range(nsegments):
            first, stop = ends[s, 0], ends[s, 1]
            offset[s] = (x[first:stop] - amplitude * high[first:stop]).mean()
            for g in range(first, stop):
                above += high[g] * (x[g] - offset[s])
                weight += high[g]
        amplitude = above / weight if weight > 0.0 else 0.0
        rest = 0.0
        for s in range(nsegments):
            first, stop = ends[s, 0], ends[s, 1]
            offset[s] = (x[first:stop] - amplitude * high[first:stop]).mean()
            for g in range(first, stop):
                r0 = x[g] - offset[s]
                r1 = r0 - amplitude
                rest += (1.0 - high[g]) * r0 * r0 + high[g] * r1 * r1
        variance = max(rest / n, 0.25 * floor * floor)
        before, found = found, 0.0
        downs = ups = from_high = from_low = 0.0
        for s in range(nsegments):
            part = _forward_backward(
                x, offset[s], ends[s, 0], ends[s, 1], amplitude, variance, up, down, high, work
            )
            found += part[0]
            downs += part[1]
            ups += part[2]
            from_high += part[3]
            from_low += part[4]
        found -= 0.5 * n * math.log(variance)
        up = min(max(ups / max(from_low, 1e-9), 1e-3), 0.95)
        down = min(max(downs / max(from_high, 1e-9), 1e-3), 0.95)
        if abs(found - before) < 0.01:
            break
    return found - single, amplitude, downs


@helper
def telegraph(
    values: np.ndarray, pixel: int, starts: np.ndarray, usual: float, limit: float, floor: float,
    levels: np.ndarray, slopes: np.ndarray, ends: np.ndarray,
) -> tuple[float, float, float]:  # fmt: skip
    """Apply `two_states` to a pixel, with its ramps split at steps more than `limit` above usual.

    Ramps with telegraph noise are split at its steps up, too; its steps down remain.
    """
    count, nslopes = 0, 0
    for r in range(starts.size - 1):
        found, _ = split(values, pixel, starts[r], starts[r + 1], usual, limit, ends[count:])
        for s in range(count, count + found):
            middle = 0.5 * (ends[s, 0] + ends[s, 1] - 1)
            base = np.float64(values[ends[s, 0], pixel])
            product = lever = 0.0
            for g in range(ends[s, 0], ends[s, 1]):
                levels[g] = np.float64(values[g, pixel]) - base
                product += (g - middle) * levels[g]
                lever += (g - middle) ** 2
            if 2 * (ends[s, 1] - ends[s, 0]) > starts[r + 1] - starts[r]:
                slopes[nslopes] = product / lever
                nslopes += 1
        count += found
    # The median, since a small cosmic ray that was not found changes the slope of its segment.
    slope = median(slopes, nslopes) if nslopes else 0.0
    for s in range(count):
        for g in range(ends[s, 0], ends[s, 1]):
            levels[g] -= slope * (g - ends[s, 0])
    return two_states(levels, ends, count, floor)
