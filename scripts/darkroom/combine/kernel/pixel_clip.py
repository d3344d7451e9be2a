"""The iterated clip of one pixel, for the few pixels where a value may be rejected."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from darkroom.combine.kernel.astropy_order import limits_in_astropys_order
from darkroom.combine.kernel.constants import helper
from darkroom.combine.kernel.limits import clip_limits

if TYPE_CHECKING:
    from numpy import ndarray


@helper
def clip_pixel(
    values: ndarray, pixel: int, column: ndarray, n: int, scratch: ndarray,
    method: int, nsigma: float, floor: float, rounds: int,
) -> tuple[float, float, int, int]:  # fmt: skip
    """Return the last limits of one pixel's clip, and the range of `column` inside them.

    As in astropy, the last limits decide about all values, those that an earlier round rejected
    included.

    Parameters
    ----------
    values : (n, npixels) array
        One row per frame.
    pixel : int
        Its index in a row.
    column : (n,) float64 array
        Its values; the finite ones come first, sorted upwards.
    n : int
        Number of finite values.
    scratch : (n,) float64 array
        Overwritten.
    method : int
        `SIGMA` or `MAD`.
    nsigma : float
        Half width of the clip, in deviations.
    floor : float
        Least deviation the clip goes by.
    rounds : int
        Largest number of clip rounds.
    """
    low, high = -np.inf, np.inf
    # Of one type from the beginning, so that what is called is compiled for no other as well.
    begin, end = np.int64(0), np.int64(n)
    first, stop = begin, end
    for _ in range(rounds):
        if column[first] == column[stop - 1]:  # no scatter: nothing can lie outside
            centre = column[first]
            low, high = centre - nsigma * floor, centre + nsigma * floor
            break
        low, high, margin = clip_limits(column, first, stop, method, nsigma, floor)
        kept_first = _first_inside(column, first, stop, low)
        kept_stop = _stop_inside(column, kept_first, stop, high)
        if margin > 0.0 and (
            _undecided(column, end, _first_inside(column, begin, end, low), low, margin)
            or _undecided(column, end, _stop_inside(column, begin, end, high), high, margin)
        ):
            found = _finite_in_frame_order(values, pixel, scratch)
            low, high = limits_in_astropys_order(scratch, found, nsigma, floor, rounds)
            break
        if (kept_first == first and kept_stop == stop) or kept_first == kept_stop:
            break
        first, stop = kept_first, kept_stop
    first = _first_inside(column, begin, end, low)
    return low, high, first, _stop_inside(column, first, end, high)


@helper
def _first_inside(column, first, stop, low):
    """Return the index of the first sorted value that is not below the lower limit."""
    while first < stop and column[first] < low:
        first += 1
    return first


@helper
def _stop_inside(column, first, stop, high):
    """Return the index after the last sorted value that is not above the upper limit."""
    while stop > first and column[stop - 1] > high:
        stop -= 1
    return stop


@helper
def _undecided(column, n, edge, limit, margin):
    """Tell whether a neighbour of `edge` lies so near the limit that rounding could decide."""
    if edge > 0 and abs(column[edge - 1] - limit) <= margin:
        return True
    return edge < n and abs(column[edge] - limit) <= margin


@helper
def _finite_in_frame_order(values, pixel, target):
    """Copy the finite values of one pixel to `target`; return their number."""
    found = 0
    for f in range(values.shape[0]):
        if abs(values[f, pixel]) < np.inf:
            target[found] = np.float64(values[f, pixel])
            found += 1
    return found
