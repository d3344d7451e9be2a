"""The pixels that are fitted one by one: those with a flag or with a jump."""

from __future__ import annotations

import numpy as np

from darkroom.wfc3.engine.ramp_kernel.constants import SATURATED, ZEROTH_SIGNAL, helper
from darkroom.wfc3.engine.ramp_kernel.flags import events_of, finish_flags, gather
from darkroom.wfc3.engine.ramp_kernel.pixel import fit_pixel


@helper
def pixel_scratch(n: int) -> tuple[np.ndarray, ...]:
    """Return s, e, d, member, flags, counts, deviation of `pixel.fit_pixel`, for n reads."""
    s, e, d = np.empty(n, np.float32), np.empty(n, np.float32), np.empty(n, np.int32)
    member, flags = np.empty((n + 1, n + 1), np.int32), np.empty((n + 1, n + 1), np.int32)
    return s, e, d, member, flags, np.empty(n + 1, np.int32), np.empty(n, np.float32)


@helper
def fit_singles(
    y: int, x: int, row: int, column: int, width: int, suspect: np.ndarray, union: np.ndarray,
    cube: tuple[np.ndarray, ...], scale: np.ndarray, reads: tuple[np.ndarray, ...],
    weights: np.ndarray, table: np.ndarray, rule: tuple, work: tuple[np.ndarray, ...],
    out: tuple[np.ndarray, ...], keep_events: bool, events: np.ndarray,
) -> None:  # fmt: skip
    """Fit, one by one, those of neighbouring pixels that are suspect or have a flag.

    Parameters
    ----------
    y, x, width : int
        Row, first column and number of pixels.
    row, column : int
        Their place in the window.
    suspect, union : (LANES,) arrays
        Of `lanes.fit_lanes` and `lanes.unite_flags`.
    cube, reads, weights, rule, out, keep_events, events
        As of `fit_rows`.
    scale : (n,) float32 array
        Factor to counts, DN.
    table : (n, n, npowers, 5) float32 array
        Of `line.tabulate_runs`.
    work : tuple of arrays
        Of `pixel_scratch`, overwritten.
    """
    sci, err, dq = cube
    t, dark, masked, leave_out = reads
    ignore, threshold, gain, zeroth_rule, zeroth_time, as_rate = rule
    rate, error, out_dq, samples, seconds = out
    s, e, d, member, flags, counts, deviation = work
    for j in range(width):
        if not suspect[j] and union[j] == 0:
            continue
        if zeroth_rule and dq[1, y, x + j] & SATURATED:
            d[:] = 0
            value, sigma = sci[0, y, x + j], err[0, y, x + j]
            flag, count, time = dq[0, y, x + j] & ~ZEROTH_SIGNAL, 1, zeroth_time
        else:
            passed, some_left_out, some_zero = gather(
                sci, err, dq, y, x + j, scale, masked, leave_out, s, e, d
            )
            value, sigma, time, count, any_sample = fit_pixel(
                s, e, d, t, dark, leave_out, member, flags, counts, deviation, some_zero,
                weights, table, ignore, threshold, gain,
            )  # fmt: skip
            flag = finish_flags(passed, any_sample, some_left_out, leave_out, d)
            if not as_rate:
                value *= time
                sigma *= time
        i = column + j
        rate[row, i], error[row, i], out_dq[row, i] = value, sigma, flag
        samples[row, i], seconds[row, i] = count, time
        if keep_events:
            for k in range(d.size):
                if d[k] or masked[k]:
                    events[k, row, i] = events_of(d[k])
