"""The intervals of one pixel between cosmic rays, found by rejecting outliers one at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from darkroom.wfc3.engine.ramp_kernel.constants import COSMIC_RAY, CURVED, MOST_COSMIC_RAYS, helper
from darkroom.wfc3.engine.ramp_kernel.outliers import flag_outlier, flag_outlier_of_run

if TYPE_CHECKING:
    from numpy import ndarray


@helper
def reject(
    s: ndarray, e: ndarray, d: ndarray, t: ndarray, leave_out: ndarray, member: ndarray,
    flags: ndarray, counts: ndarray, deviation: ndarray, some_zero: bool, second: bool,
    weights: ndarray, table: ndarray, ignore: int, threshold: float,
) -> tuple[int, bool]:  # fmt: skip
    """Flag outliers until no more is found.

    Parameters
    ----------
    s, e, d, t : (n,) arrays
        Counts and their errors, DN; flags, added to; seconds since the zeroth read.
    leave_out : (n,) bool array
        Reads that are not used even where no other is left.
    member, flags : (n + 1, n + 1) int32 arrays
        Written: reads of each interval, and their flags.
    counts : (n + 1,) int32 array
        Written: samples of each interval.
    deviation : (n,) float32 array
        Overwritten.
    some_zero : bool
        Some error is 0.
    second : bool
        The second pass, for a pixel without a sample in the first, takes flagged samples too.
    weights, table : float32 arrays
        As of `line.equal_weights_line`.
    ignore : int
        Flags that make a sample useless.
    threshold : float32
        Jump above which a sample is a cosmic ray, sigma.

    Returns
    -------
    intervals : int
        Their number, -1 without any sample.
    unstable : bool
        There were as many as `MOST_COSMIC_RAYS` cosmic rays.
    """
    cosmic_rays = 0
    while True:
        intervals = _split(d, leave_out, second, ignore, member, flags, counts)
        if intervals < 0:
            return -1, False
        flag = 0
        for i in range(intervals):
            if counts[i] < 2:
                continue
            first = member[i, 0]
            if member[i, counts[i] - 1] - first == counts[i] - 1 and not (second or some_zero):
                flag, k = flag_outlier_of_run(
                    s, e, d, t, first, counts[i], flags[i, 0] != 0, deviation,
                    weights, table, threshold,
                )  # fmt: skip
            else:
                flag, k = flag_outlier(
                    s, e, d, t, member, flags, i, counts[i], deviation, some_zero, second,
                    weights, table, ignore, threshold,
                )  # fmt: skip
            if flag == COSMIC_RAY:
                cosmic_rays += 1
                if cosmic_rays >= MOST_COSMIC_RAYS:
                    d[k] = (d[k] & ~COSMIC_RAY) | CURVED
                    return intervals, True
            if flag:
                break
        if not flag:
            return intervals, False


@helper
def _split(d, leave_out, second, ignore, member, flags, counts):
    """Split the samples into intervals that begin at cosmic rays; return their number.

    The second pass takes samples with any flag but `ignore`. Returns -1 without any sample. The
    search for spikes reads the flag beyond an interval's end: it is 0 in the first pass and, as in
    calwf3, what an earlier round of the second pass left there.
    """
    intervals, count = 0, 0
    for k in range(1, d.size):
        if leave_out[k]:
            continue
        if second:
            join = not d[k] & (ignore | COSMIC_RAY)
            begin = (d[k] & COSMIC_RAY) != 0
        else:
            join = d[k] == 0
            begin = d[k] == COSMIC_RAY
        if begin:
            counts[intervals] = count
            intervals += 1
            count = 0
        if join or begin:
            member[intervals, count] = k
            flags[intervals, count] = d[k]
            count += 1
    if count == 0:
        return -1
    if flags[intervals, count - 1] == COSMIC_RAY:  # alone in the last interval
        intervals -= 1
    else:
        counts[intervals] = count
    if not second:
        for i in range(intervals + 1):
            flags[i, counts[i]] = 0
    return intervals + 1
