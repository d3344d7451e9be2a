"""Treatments of bad reads: mask them, subtract their counts, or flatten the sky.

`mask` leaves reads out of the fit of CRCORR (`darkroom.wfc3.engine.engine.reduce`). `subtract`
removes the counts of bad intervals from the last read, for events in the middle of an exposure; no
line is fitted, so cosmic rays stay in (they are flagged). `flatten` subtracts the variable part of
the sky from every read before the fit, for a sky that varies uniformly over the field: no exposure
time is lost (ISR WFC3 2016-16). `last_minus_first` is the last read minus the zeroth, without a
fit: what calwf3 makes with CRCORR OMIT.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from darkroom.errors import DarkroomError
from darkroom.wfc3 import dq as dqbits
from darkroom.wfc3.engine.engine import calibrated_read, reduce
from darkroom.wfc3.engine.ramp import Reduced
from darkroom.wfc3.files.imsets import read_of
from darkroom.wfc3.files.mask import check_reads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from darkroom.wfc3.engine.ramp import Ramp


@dataclass(frozen=True)
class Subtracted:
    """An exposure without the counts of its bad intervals.

    Parameters
    ----------
    image : darkroom.wfc3.engine.ramp.Reduced
        The final image.
    exptime : float
        Remaining exposure time, s.
    reads : tuple of int
        EXTVERs subtracted.
    """

    image: Reduced
    exptime: float
    reads: tuple[int, ...]


def flatten(ramp: Ramp, sky: np.ndarray, reads: Iterable[int] = ()) -> tuple[Ramp, float]:
    """Subtract the variable part of the sky from every read.

    Parameters
    ----------
    ramp : darkroom.wfc3.engine.ramp.Ramp
        Calibrated up to UNITCORR; not changed.
    sky : (n-1,) array
        Sky in each interval between reads, e-/s after flat-fielding.
    reads : iterable of int
        EXTVERs that are masked besides: their intervals are not changed and have no part in the
        mean, and their sky need not be known.

    Returns
    -------
    ramp : Ramp
        For `darkroom.wfc3.engine.engine.reduce`. Errors are unchanged, since the light was
        collected; the counts of the last read are the same.
    mean : float
        Mean sky of the exposure, e-/s, which remains in the reads.

    Raises
    ------
    DarkroomError
        When the sky is not known in every interval, or the reads are not rates.
    """
    _require_rates(ramp)
    steps = np.diff(ramp.times.astype(float))
    sky = np.asarray(sky, float)
    kept = np.ones(steps.size, bool)
    kept[[read_of(extver, ramp.nsamp) - 1 for extver in reads]] = False
    # A read without data in the middle: its intervals have the sky between the reads around it.
    kept |= np.isfinite(sky) & _between_kept(kept)
    if sky.shape != steps.shape or not np.isfinite(sky[kept]).all():
        raise DarkroomError(
            f"{ramp.primary['ROOTNAME']}: the sky of every interval is needed to flatten it; "
            f"{np.isfinite(sky[kept]).sum()} of {kept.sum()} are known"
        )
    mean = float((sky * steps)[kept].sum() / steps[kept].sum())
    excess = np.cumsum(np.where(kept, sky - mean, 0) * steps)
    # The reads are in DN and not flat-fielded: the sky in them is multiplied by the flat.
    y0, y1, x0, x1 = ramp.window
    inside = slice(y0, y1), slice(x0, x1)
    response: np.ndarray | np.float32 = np.float32(1) / ramp.amplifiers.mean_gain
    if ramp.flat is not None:
        response = ramp.flat.sci[inside] * response
    sci = ramp.sci.copy()
    for k in range(1, ramp.nsamp):
        sci[(k, *inside)] -= response * np.float32(excess[k - 1] / float(ramp.times[k]))
    return replace(ramp, sci=sci), mean


def _between_kept(kept):
    """Return which intervals lie between kept ones."""
    return np.logical_or.accumulate(kept) & np.logical_or.accumulate(kept[::-1])[::-1]


def last_minus_first(ramp: Ramp, image: Reduced | None = None) -> Reduced:
    """Return the last read minus the zeroth, without a fit.

    Parameters
    ----------
    ramp : darkroom.wfc3.engine.ramp.Ramp
        Calibrated up to UNITCORR.
    image : darkroom.wfc3.engine.ramp.Reduced, optional
        Result of CRCORR, with events: pixels that a cosmic ray hit are flagged 8192, since it is
        not removed.

    Returns
    -------
    Reduced
        SCI, ERR, SAMP and TIME are those of calwf3 with CRCORR OMIT, DQ but for 8192.
    """
    plain = reduce(replace(ramp, steps=ramp.steps | {"CRCORR": "OMIT"}))
    if image is not None and image.events is not None:
        for k in range(1, ramp.nsamp):
            plain.dq[_first_hit(image.events, k)] |= np.int16(dqbits.COSMIC_RAY)
    return plain


def subtract(
    ramp: Ramp,
    reads: Iterable[int],
    darks: Callable[[int], tuple[np.ndarray, np.ndarray]],
    image: Reduced,
) -> Subtracted:
    """Subtract the counts of bad intervals from the last read of an exposure.

    Parameters
    ----------
    ramp : darkroom.wfc3.engine.ramp.Ramp
        Calibrated up to UNITCORR.
    reads : iterable of int
        EXTVERs: the interval that ends with each of them is subtracted.
    darks : callable
        ``darks(k)`` returns SCI and ERR of the dark of read k, DN.
    image : darkroom.wfc3.engine.ramp.Reduced
        Result of CRCORR without a mask, with events: which pixels were hit by a cosmic ray, and
        when.

    Returns
    -------
    Subtracted
        Errors follow the formula of the WFC3 team's notebook (read noise, counts, dark, and the
        errors of dark and flat) with one difference: the read noise, which is that of a difference
        of two reads, enters once for each contiguous stretch of kept reads, not once in all. The
        flags are those of the kept reads. A cosmic ray found in a kept interval is flagged 8192,
        since it is not removed; saturation in any read is flagged.

    Raises
    ------
    DarkroomError
        For reads that cannot be left out, an empty list, or reads that are not rates.
    """
    _require_rates(ramp)
    name, n = ramp.primary["ROOTNAME"], ramp.nsamp
    bad = sorted(read_of(extver, n) for extver in check_reads(reads, n, name))
    if not bad:
        raise DarkroomError(f"{name}: there is no read to subtract")
    y0, y1, x0, x1 = ramp.window
    inside = slice(y0, y1), slice(x0, x1)

    def counts(k: int) -> np.ndarray:
        if k == 0:
            return np.zeros((y1 - y0, x1 - x0), np.float32)
        return calibrated_read(ramp, k)[0][inside] * np.float32(ramp.times[k])

    def dark(k: int) -> np.ndarray:
        return darks(k)[0][inside].astype(float)

    times = ramp.times.astype(float)
    signal, seconds, charge = counts(n - 1).astype(float), times[-1], dark(n - 1)
    for k in bad:
        signal -= counts(k) - counts(k - 1)
        seconds -= times[k] - times[k - 1]
        charge -= dark(k) - dark(k - 1)
    stretches = sum(k not in bad and (k == 1 or k - 1 in bad) for k in range(1, n))
    variance, flat = _variance(ramp, signal, charge, darks(n - 1)[1][inside], stretches)
    with np.errstate(divide="ignore", invalid="ignore"):
        err = np.sqrt(variance) / (flat * seconds)
    sci = (signal / seconds).astype(np.float32)
    err = np.where(np.isfinite(err), err, 0).astype(np.float32)
    samp = np.full(sci.shape, n - len(bad), np.int16)
    time = np.full(sci.shape, seconds, np.float32)
    flags = _flags_without(ramp, bad, image)
    result = Reduced(sci, err, flags, samp, time, (), image.scope)
    return Subtracted(result, round(float(seconds), 6), tuple(sorted(n - k for k in bad)))


def _require_rates(ramp):
    if not ramp.as_rate:
        raise DarkroomError(f"{ramp.primary['ROOTNAME']}: UNITCORR is OMIT, rates are needed")


def _variance(ramp, signal, charge, dark_error, stretches):
    """Return the variance of the counts (e-²) and the flat, inside the border.

    The signal is flat-fielded; signal times flat is the charge that was collected.
    """
    y0, y1, x0, x1 = ramp.window
    gain, noise = gain_and_noise(ramp)
    flat = np.ones(signal.shape)
    flat_error = np.zeros(signal.shape)
    if ramp.flat is not None:
        flat = ramp.flat.sci[y0:y1, x0:x1].astype(float)
        flat_error = ramp.flat.err[y0:y1, x0:x1].astype(float)
    variance = stretches * noise**2 + np.maximum(signal, 0) * flat + np.maximum(charge, 0) * gain
    variance += (dark_error * gain) ** 2 + (flat_error * signal) ** 2
    return variance, flat


def gain_and_noise(ramp: Ramp) -> tuple[np.ndarray, np.ndarray]:
    """Return gain (e-/DN) and read noise (e-) of every pixel inside the border."""
    y0, y1, x0, x1 = ramp.window
    right, upper = ramp.amplifiers.corner(ramp.headers[-1]["SCI"], ramp.border)
    y, x = np.mgrid[y0:y1, x0:x1]
    amplifier = np.where(y < upper, np.where(x < right, 1, 2), np.where(x < right, 0, 3))
    return (
        ramp.amplifiers.gains.astype(float)[amplifier],
        ramp.amplifiers.readnoise.astype(float)[amplifier],
    )


def _flags_without(ramp, bad, image):
    """Return the flags of the kept reads, cosmic rays in kept intervals, and saturation."""
    y0, y1, x0, x1 = ramp.window
    flags = np.zeros((y1 - y0, x1 - x0), np.int16)
    everywhere = np.int16(~(dqbits.ZEROTH_SIGNAL | dqbits.SATURATED))
    for k in range(1, ramp.nsamp):
        read = ramp.dq[k, y0:y1, x0:x1]
        flags |= read & np.int16(dqbits.SATURATED)
        if k in bad:
            continue
        flags |= read & everywhere
        if image.events is not None:
            flags[_first_hit(image.events, k)] |= np.int16(dqbits.COSMIC_RAY)
    if ramp.flat is not None:
        flags |= ramp.flat.dq[y0:y1, x0:x1]
    return flags


def _first_hit(events, k):
    """Return in which pixels a cosmic ray hit between reads k-1 and k.

    The event stays set in all later reads: the hit is where it begins. A hit before the first read
    looks to CRCORR like a spike in that read.
    """
    ray = (events[k] & dqbits.EVENT_COSMIC_RAY) != 0
    if k == 1:
        return ray | ((events[1] & dqbits.EVENT_SPIKE) != 0)
    return ray & ((events[k - 1] & dqbits.EVENT_COSMIC_RAY) == 0)
