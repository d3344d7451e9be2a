"""The flags of one pixel: read before its fit, and turned into those of the products after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from darkroom.wfc3.engine.ramp_kernel.constants import (
    COSMIC_RAY,
    CURVED,
    EVENT_COSMIC_RAY,
    EVENT_SPIKE,
    EVENT_UNSTABLE,
    MASKED,
    SATURATED,
    UNSTABLE,
    ZERO,
    ZEROTH_SIGNAL,
    helper,
)

if TYPE_CHECKING:
    from numpy import ndarray


@helper
def gather(
    sci: ndarray, err: ndarray, dq: ndarray, y: int, x: int, scale: ndarray,
    masked: ndarray, leave_out: ndarray, s: ndarray, e: ndarray, d: ndarray,
) -> tuple[int, bool, bool]:  # fmt: skip
    """Copy one pixel's counts, errors and flags.

    Parameters
    ----------
    sci, err, dq : (n, ny, nx) arrays
        Reads in time order, their errors and flags.
    y, x : int
        The pixel.
    scale : (n,) float32 array
        Factor to counts, DN.
    masked, leave_out : (n,) bool arrays
        Reads that carry 1024; reads that are not used even where no other is left.
    s, e, d : (n,) arrays
        Written: counts and their errors, DN, and flags.

    Returns
    -------
    passed : int
        Flags of all reads that may be used.
    some_left_out : bool
        Some read is left out.
    some_zero : bool
        Some error is 0.
    """
    passed, some_left_out, some_zero = 0, False, False
    for k in range(d.size):
        s[k] = sci[k, y, x] * scale[k]
        e[k] = err[k, y, x] * scale[k]
        d[k] = dq[k, y, x] & ~ZEROTH_SIGNAL
        some_zero |= k > 0 and e[k] == ZERO
        if masked[k]:
            d[k] |= MASKED
        if leave_out[k]:
            some_left_out = True
        else:
            passed |= d[k]
    return passed, some_left_out, some_zero


@helper
def finish_flags(
    passed: int, any_sample: bool, some_left_out: bool, leave_out: ndarray, d: ndarray
) -> int:
    """Return a pixel's flags for the FLT, and leave those of its reads for the IMA in `d`.

    Parameters
    ----------
    passed, some_left_out
        Of `gather`.
    any_sample : bool
        Of `pixel.fit_pixel`.
    leave_out : (n,) bool array
        Reads that are not used even where no other is left.
    d : (n,) int32 array
        Flags of the reads after the fit; changed.
    """
    if any_sample or not some_left_out:
        passed &= ~SATURATED
    _spread_flags(d)
    if d[d.size - 1] & CURVED:
        passed = (passed | UNSTABLE) & ~COSMIC_RAY
    for k in range(d.size):
        if leave_out[k]:
            d[k] &= ~MASKED
    return passed


@helper
def _spread_flags(d):
    """Carry a cosmic ray's flag on to all later reads, an unstable pixel's to all reads."""
    n = d.size
    for k in range(n - 1):
        d[k + 1] |= d[k] & COSMIC_RAY
    for k in range(n - 1):
        if d[k] & CURVED:
            for j in range(n):
                d[j] = (d[j] | CURVED) & ~COSMIC_RAY
            break


@helper
def events_of(flags: int) -> int:
    """Translate flags of CRCORR into the bits of `Reduced.events`."""
    events = 0
    if flags & COSMIC_RAY:
        events |= EVENT_COSMIC_RAY
    if flags & MASKED:
        events |= EVENT_SPIKE
    if flags & CURVED:
        events |= EVENT_UNSTABLE
    return events
