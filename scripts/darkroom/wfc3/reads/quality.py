"""How straight the sky's ramp is, and what CRCORR made of it.

CRCORR fits a line to each pixel's counts and takes a step of the residuals for a cosmic ray when it
exceeds four times the error of a read. A sky that changes bends every ramp alike: whole fields are
then flagged or given up. The figures here tell how near an exposure comes to that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from darkroom.wfc3 import dq as dqbits
from darkroom.wfc3.files.imsets import read_of

#: An exposure is warned about above these: departure in sigma of a read, fraction of pixels.
WARN_DEPARTURE, WARN_FLAGGED = 0.5, 0.1


@dataclass(frozen=True)
class RampQuality:
    """The sky's ramp against a straight line.

    Parameters
    ----------
    times : (n,) array
        Seconds since the zeroth read.
    counts : (n,) array
        Counts of the sky, e-.
    error : (n,) array
        Error of a typical sky pixel in a read, e-, as CRCORR uses it.
    used : (n,) bool array
        Reads the line is fitted to.
    residual : (n,) array
        Counts minus the line, e-.
    flagged : (n,) array
        Fraction of pixels in which CRCORR found something first in this read.
    cosmic_rays, given_up : float
        Fractions of pixels with a cosmic ray found, and given up after too many.
    """

    times: np.ndarray
    counts: np.ndarray
    error: np.ndarray
    used: np.ndarray
    residual: np.ndarray
    flagged: np.ndarray
    cosmic_rays: float
    given_up: float

    @property
    def departure(self):
        """Largest departure from the line, in sigma of a read."""
        return float(np.max(np.abs(self.residual[self.used]) / self.error[self.used]))

    @property
    def step(self):
        """Largest step of the departure between reads used, in sigma: 4 is a cosmic ray."""
        off = self.residual[self.used] / self.error[self.used]
        return float(np.max(np.abs(np.diff(off)))) if off.size > 1 else 0.0

    @property
    def warning(self):
        """A sentence when the ramp is bent, else an empty text."""
        parts = []
        if self.departure > WARN_DEPARTURE:
            parts.append(
                f"the sky's ramp departs from a line by {self.departure:.2f} sigma of a read"
            )
        if self.cosmic_rays + self.given_up > WARN_FLAGGED:
            parts.append(
                f"CRCORR flagged {self.cosmic_rays:.1%} of the pixels and gave up "
                f"{self.given_up:.1%}"
            )
        return "; ".join(parts)


def ramp_quality(ramp, image, sky, pixels, reads=()):
    """Measure the ramp of an exposure.

    Parameters
    ----------
    ramp : darkroom.wfc3.engine.ramp.Ramp
        As CRCORR got it.
    image : darkroom.wfc3.engine.ramp.Reduced
        What CRCORR made of it, with events.
    sky : (n-1,) array
        Sky of each interval, e-/s after the flat.
    pixels : (ny, nx) bool array
        Sky pixels, border included.
    reads : iterable of int
        EXTVERs that were left out.

    Returns
    -------
    RampQuality
    """
    n, times = ramp.nsamp, ramp.times.astype(float)
    known = np.isfinite(sky)
    # An interval in which no sky was seen keeps its neighbours' level.
    level = np.interp(np.arange(n - 1), np.flatnonzero(known), np.asarray(sky)[known])
    counts = np.concatenate([[0.0], np.cumsum(level * np.diff(times))])
    gain = float(ramp.amplifiers.mean_gain)
    unit = gain if not ramp.as_rate else gain * times
    error = np.array([float(np.median(ramp.err[k][pixels])) for k in range(n)]) * unit
    used = np.ones(n, bool)
    # CRCORR never uses the zeroth read.
    used[0] = False
    used[[read_of(extver, n) for extver in reads]] = False
    slope, start = np.polyfit(times[used], counts[used], 1)
    events = image.events
    rays = events & np.uint8(dqbits.EVENT_COSMIC_RAY)
    anything = np.zeros(events.shape[1:], bool)
    flagged = np.zeros(n)
    for k in range(1, n):
        new = (rays[k] != 0) & ~anything
        flagged[k] = new.mean()
        anything |= new
    given_up = ((events & np.uint8(dqbits.EVENT_UNSTABLE)) != 0).any(axis=0)
    return RampQuality(
        times=times,
        counts=counts,
        error=error,
        used=used,
        residual=counts - (start + slope * times),
        flagged=flagged,
        cosmic_rays=float(anything.mean()),
        given_up=float(given_up.mean()),
    )


def quality_cards(quality, before=None):
    """Return the header cards (keyword, value, comment) of a ramp's quality.

    Parameters
    ----------
    quality : RampQuality
        Of the ramp the product was made from.
    before : RampQuality, optional
        Of the ramp as it was taken.
    """
    cards = [
        ("RAMPDEV", round(quality.departure, 4), "sky's ramp off a line, sigma of a read"),
        ("RAMPSTEP", round(quality.step, 4), "its largest step, sigma (CRCORR rejects 4)"),
        ("RAMPCR", round(quality.cosmic_rays, 5), "fraction of pixels CRCORR flagged"),
        ("RAMPGUP", round(quality.given_up, 5), "fraction of pixels CRCORR gave up"),
    ]
    if before is not None:
        cards += [
            ("RAMPDEV0", round(before.departure, 4), "RAMPDEV before the treatment"),
            ("RAMPCR0", round(before.cosmic_rays, 5), "RAMPCR before the treatment"),
            ("RAMPGUP0", round(before.given_up, 5), "RAMPGUP before the treatment"),
        ]
    return cards
