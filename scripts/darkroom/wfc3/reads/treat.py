"""What is done about bad reads: leave them out, take their signal off, or level the sky.

`mask` leaves reads out of CRCORR's fit (`darkroom.wfc3.engine.engine.reduce`). `subtract` takes the
counts of bad intervals off the last read, for what happens in the middle of an exposure; no line is
fitted, so cosmic rays stay (they are flagged). `flatten` takes the changing part of a sky that
varies alike over the field off every read, before the fit: no exposure time is lost (ISR WFC3
2016-16).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from darkroom.errors import DarkroomError
from darkroom.wfc3 import dq as dqbits
from darkroom.wfc3.engine.engine import calibrated_read
from darkroom.wfc3.engine.ramp import Reduced
from darkroom.wfc3.files.imsets import read_of
from darkroom.wfc3.files.mask import check_reads


@dataclass(frozen=True)
class Subtracted:
    """What remains of an exposure without its bad intervals.

    Parameters
    ----------
    image : darkroom.wfc3.engine.ramp.Reduced
    exptime : float
        Seconds left.
    reads : tuple of int
        EXTVERs taken off.
    """

    image: Reduced
    exptime: float
    reads: tuple[int, ...]


def flatten(ramp, sky):
    """Take the changing part of the sky off every read.

    Parameters
    ----------
    ramp : darkroom.wfc3.engine.ramp.Ramp
        Calibrated up to UNITCORR; not changed.
    sky : (n-1,) array
        Sky of each interval between reads, e-/s after the flat.

    Returns
    -------
    ramp : Ramp
        For `darkroom.wfc3.engine.engine.reduce`. Errors are unchanged: the light was really there,
        and the counts of the last read are the same.
    mean : float
        The sky that stays, its mean over the exposure, e-/s.
    """
    _need_rates(ramp)
    steps = np.diff(ramp.times.astype(float))
    sky = np.asarray(sky, float)
    if sky.shape != steps.shape or not np.isfinite(sky).all():
        raise DarkroomError(
            f"{ramp.primary['ROOTNAME']}: the sky of every interval is needed to flatten it; "
            f"{np.isfinite(sky).sum()} of {steps.size} are known"
        )
    mean = float((sky * steps).sum() / steps.sum())
    excess = np.cumsum((sky - mean) * steps)
    # The sky comes through the flat, and the reads are in DN before it.
    response = np.float32(1) / ramp.amplifiers.mean_gain
    if ramp.flat is not None:
        response = ramp.flat.sci * response
    sci = ramp.sci.copy()
    y0, y1, x0, x1 = ramp.window
    inside = slice(y0, y1), slice(x0, x1)
    share = response if np.ndim(response) == 0 else response[inside]
    for k in range(1, ramp.nsamp):
        sci[(k, *inside)] -= share * np.float32(excess[k - 1] / float(ramp.times[k]))
    return replace(ramp, sci=sci), mean


def subtract(ramp, reads, darks, image):
    """Take the counts of bad intervals off an exposure.

    Parameters
    ----------
    ramp : darkroom.wfc3.engine.ramp.Ramp
        Calibrated up to UNITCORR.
    reads : iterable of int
        EXTVERs: the interval that ends with each of them is taken off.
    darks : callable
        ``darks(k)`` gives the dark's SCI and ERR of read k, DN.
    image : darkroom.wfc3.engine.ramp.Reduced
        CRCORR's result without a mask, with events: which pixels a cosmic ray hit, and when.

    Returns
    -------
    Subtracted
        Errors by the formula of the WFC3 team's notebook: read noise, counts, dark and the errors
        of dark and flat; but the read noise, which is that of a difference of two reads, counts
        once for each stretch of reads that is kept, not once in all. The flags are those of the
        reads that are kept; a cosmic ray found in a kept interval is flagged 8192, since it stays;
        saturation anywhere is flagged.
    """
    _need_rates(ramp)
    name, n = ramp.primary["ROOTNAME"], ramp.nsamp
    bad = sorted(read_of(extver, n) for extver in check_reads(reads, n, name))
    if not bad:
        raise DarkroomError(f"{name}: there is no read to subtract")
    y0, y1, x0, x1 = ramp.window
    inside = slice(y0, y1), slice(x0, x1)

    def counts(k):
        if k == 0:
            return np.zeros((y1 - y0, x1 - x0), np.float32)
        return calibrated_read(ramp, k)[0][inside] * np.float32(ramp.times[k])

    def dark(k):
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
    kept = np.full(sci.shape, n - len(bad), np.int16)
    time = np.full(sci.shape, seconds, np.float32)
    flags = _flags_without(ramp, bad, image)
    made = Reduced(sci, err, flags, kept, time, (), image.scope)
    return Subtracted(made, round(float(seconds), 6), tuple(sorted(n - k for k in bad)))


def _need_rates(ramp):
    if not ramp.as_rate:
        raise DarkroomError(f"{ramp.primary['ROOTNAME']}: UNITCORR is OMIT, rates are needed")


def _variance(ramp, signal, charge, dark_error, stretches):
    """Return the variance of the counts (e-2) and the flat, inside the border.

    The signal is flat-fielded: times the flat it is what was collected.
    """
    y0, y1, x0, x1 = ramp.window
    gain, noise = quadrants(ramp)
    flat = np.ones(signal.shape)
    flat_error = np.zeros(signal.shape)
    if ramp.flat is not None:
        flat = ramp.flat.sci[y0:y1, x0:x1].astype(float)
        flat_error = ramp.flat.err[y0:y1, x0:x1].astype(float)
    variance = stretches * noise**2 + np.maximum(signal, 0) * flat + np.maximum(charge, 0) * gain
    variance += (dark_error * gain) ** 2 + (flat_error * signal) ** 2
    return variance, flat


def quadrants(ramp):
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
    """Return the flags that the kept reads and intervals leave."""
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
    """Return the pixels in which a cosmic ray came between reads k-1 and k.

    The event stays set up the ramp: the hit is where it begins. One before the first read looks to
    CRCORR like a spike in it.
    """
    ray = (events[k] & dqbits.EVENT_COSMIC_RAY) != 0
    if k == 1:
        return ray | ((events[1] & dqbits.EVENT_SPIKE) != 0)
    return ray & ((events[k - 1] & dqbits.EVENT_COSMIC_RAY) == 0)
