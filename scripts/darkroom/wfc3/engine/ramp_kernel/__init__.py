"""CRCORR, compiled: the line through each pixel's reads, cosmic rays rejected up the ramp.

Load it with `darkroom.compiled.load_kernel`. calwf3's treatment of a pixel is `pixel.fit_pixel`:
split the reads into intervals at cosmic rays, fit each with equal weights, look for a spike, a
cosmic ray, a bad first sample, and start again until nothing is found; then fit each interval with
weights that suit its signal, and average the slopes.

Most pixels have no flag, and nothing is found in them. These share their reads, so they are fitted
in lanes of neighbours (`lanes.fit_lanes`) by the same float operations in the same order. Pixels
that show a jump above a threshold there, or have a flag, go to `pixel.fit_pixel`. Both give the
same bits (a test compares them).

Its modules, from the bottom up: `constants`; `line`, `outliers`, `intervals`, `pixel` and `flags`
(one pixel), `singles` (the pixels that need that), `lanes` (many pixels).

All arithmetic is that of C `float` (see `darkroom.wfc3.engine.kernel`). Functions that run once a
pixel take their arrays one by one: numba counts references to arrays in tuples and to rows cut out
of arrays, which costs as much as a fit.
"""

from __future__ import annotations

import numpy as np
from numba import boolean, float32, int16, int64, njit, types, uint8, void

from darkroom.wfc3.engine.ramp_kernel.constants import EVENT_SPIKE, LANES
from darkroom.wfc3.engine.ramp_kernel.lanes import (
    fit_lanes,
    lane_scratch,
    rate_to_counts,
    result_without_events,
    unite_flags,
)
from darkroom.wfc3.engine.ramp_kernel.line import tabulate_line, tabulate_runs
from darkroom.wfc3.engine.ramp_kernel.singles import fit_singles, pixel_scratch

_F1, _F2 = types.Array(float32, 1, "C"), types.Array(float32, 2, "C")
_F3, _D3 = types.Array(float32, 3, "C"), types.Array(int16, 3, "C")
_D2, _B3 = types.Array(int16, 2, "C"), types.Array(uint8, 3, "C")
_FLAGS = types.Array(boolean, 1, "C")


@njit(
    void(
        int64, int64, types.UniTuple(int64, 4), types.Tuple((_F3, _F3, _D3)),
        types.Tuple((_F1, _F1, _FLAGS, _FLAGS)), _F3,
        types.Tuple((int64, float32, float32, boolean, float32, boolean)),
        types.Tuple((_F2, _F2, _D2, _D2, _F2)), boolean, _B3,
    ),
    nogil=True,
    error_model="numpy",
    cache=True, no_cfunc_wrapper=True,
)  # fmt: skip
def fit_rows(
    first_row: int, last_row: int, window: tuple[int, int, int, int],
    cube: tuple[np.ndarray, np.ndarray, np.ndarray],
    reads: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray], weights: np.ndarray,
    rule: tuple[int, float, float, bool, float, bool], out: tuple[np.ndarray, ...],
    keep_events: bool, events: np.ndarray,
) -> None:  # fmt: skip
    """Fit the rate of each pixel of some rows.

    Parameters
    ----------
    first_row, last_row : int
        First row of the full arrays, and the one after the last.
    window : tuple of int
        (y0, y1, x0, x1) inside the border.
    cube : tuple
        sci, err (n, ny, nx) float32: reads in time order, the zeroth first, DN/s when `as_rate`,
        else DN; dq (n, ny, nx) int16: their flags, without the mask.
    reads : tuple of (n,) arrays
        t: seconds since the zeroth read; dark: dark counts assumed up to each read, DN; masked:
        carries 1024 in every pixel; leave_out: not used even where no other read is left.
    weights : (n, n, npowers) float32 array
        Weight of sample i of `count`, by count, i and power (`crrej.sample_weights`).
    rule : tuple
        ignore: flags that make a sample useless (BADINPDQ); threshold: jump above which a
        sample is a cosmic ray, sigma; gain, e-/DN; zeroth_rule: take the zeroth read's rate where
        the first is saturated (ZSIGCORR was run); zeroth_time: its exposure time, s; as_rate: the
        reads are rates.
    out : tuple of 2-D arrays over the window
        Written: rate and its error, DN/s when `as_rate`, else counts, DN; flags; samples (the
        zeroth included); seconds.
    keep_events, events : bool, (n, rows, columns) uint8 array over the window
        Written if `keep_events`: what was found in each read (`ramp.Reduced.events`).
    """
    dq, (t, _, masked, leave_out) = cube[2], reads
    rate, error, out_dq, samples, seconds = out
    n, (y0, _, x0, x1), as_rate = t.size, window, rule[5]
    used = np.array([k for k in range(1, n) if not masked[k]], dtype=np.int64)
    scale = t.copy() if as_rate else np.ones(n, np.float32)
    table = tabulate_runs(t, weights)
    lanes, shared = used.size > 2, np.empty((weights.shape[2], 5), np.float32)
    if lanes:
        tabulate_line(t, used, weights, shared)
    usual = result_without_events(used, reads)
    scratch = lane_scratch(n)
    work = pixel_scratch(n)
    union, suspect = np.empty(LANES, np.int16), np.empty(LANES, np.bool_)
    for y in range(first_row, last_row):
        row = y - y0
        for x in range(x0, x1, LANES):
            width, column = min(LANES, x1 - x), x - x0
            place = slice(column, column + width)
            union[:], suspect[:] = 0, not lanes
            for k in range(n):
                unite_flags(dq[k, y, x : x + width], union, width)
            if lanes:
                fit_lanes(
                    y, x, width, cube, scale, used, shared, reads, weights, rule, scratch,
                    suspect, rate[row, place], error[row, place],
                )  # fmt: skip
            out_dq[row, place], samples[row, place], seconds[row, place] = usual
            if not as_rate:
                rate_to_counts(rate[row, place], error[row, place], usual[2], width)
            if keep_events:
                for k in range(n):
                    spike = masked[k] and not leave_out[k]
                    events[k, row, place] = EVENT_SPIKE if spike else 0
            fit_singles(
                y, x, row, column, width, suspect, union, cube, scale, reads, weights, table,
                rule, work, out, keep_events, events,
            )  # fmt: skip
