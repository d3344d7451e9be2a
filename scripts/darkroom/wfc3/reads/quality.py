"""How straight the ramp of the sky is, and how many pixels CRCORR flagged.

CRCORR fits a line to the counts of each pixel and takes a step of the residuals for a cosmic ray
when it exceeds four times the error of a read. A variable sky bends the ramps of all pixels, so
that the whole field may be flagged or given up. The numbers here measure how close an exposure is
to that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.wfc3 import dq as dqbits
from darkroom.wfc3.files.imsets import read_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from darkroom.wfc3.engine.ramp import Ramp, Reduced

#: Limits above which a warning is given: departure (sigma of a read), and fraction of pixels
#: flagged or given up.
WARN_DEPARTURE, WARN_FLAGGED = 0.5, 0.1


@dataclass(frozen=True)
class RampQuality:
    """The ramp of the sky compared with a straight line.

    Parameters
    ----------
    times : (n,) array
        Seconds since the zeroth read.
    counts : (n,) array
        Counts of the sky since the zeroth read, e-.
    error : (n,) array
        Error of a typical sky pixel in a read, e-, as CRCORR uses it.
    used : (n,) bool array
        Reads to which the line is fitted.
    residual : (n,) array
        Counts minus the line, e-.
    flagged : (n,) array
        Fraction of pixels in which CRCORR found the first cosmic ray in this read.
    cosmic_rays, given_up : float
        Fractions of pixels with a cosmic ray, and of those given up after too many.
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
    def departure(self) -> float:
        """Largest departure from the line, in sigma of a read."""
        return float(np.max(np.abs(self.residual[self.used]) / self.error[self.used]))

    @property
    def step(self) -> float:
        """Largest step of the departure between reads used, in sigma; CRCORR rejects 4."""
        departure = self.residual[self.used] / self.error[self.used]
        return float(np.max(np.abs(np.diff(departure)))) if departure.size > 1 else 0.0

    @property
    def warning(self) -> str:
        """A sentence when the ramp is not straight enough, else ""."""
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


def ramp_quality(
    ramp: Ramp, image: Reduced, sky: np.ndarray, pixels: np.ndarray, reads: Iterable[int] = ()
) -> RampQuality:
    """Measure how straight the ramp of an exposure is.

    Parameters
    ----------
    ramp : darkroom.wfc3.engine.ramp.Ramp
        The reads on which CRCORR was run.
    image : darkroom.wfc3.engine.ramp.Reduced
        Result of CRCORR, with events.
    sky : (n-1,) array
        Sky in each interval, e-/s after flat-fielding; NaN where it is not known.
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
    # The sky of an interval in which it is not known is interpolated from its neighbours.
    level = np.interp(np.arange(n - 1), np.flatnonzero(known), np.asarray(sky)[known])
    counts = np.concatenate([[0.0], np.cumsum(level * np.diff(times))])
    gain = float(ramp.amplifiers.mean_gain)
    unit = gain if not ramp.as_rate else gain * times
    error = np.array([float(np.median(ramp.err[k][pixels])) for k in range(n)]) * unit
    used = np.ones(n, bool)
    # CRCORR does not fit the zeroth read.
    used[0] = False
    used[[read_of(extver, n) for extver in reads]] = False
    slope, start = np.polyfit(times[used], counts[used], 1)
    events = image.events
    if events is None:
        events = np.zeros((n, *image.sci.shape), np.uint8)
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


def quality_cards(
    quality: RampQuality, before: RampQuality | None = None
) -> list[tuple[str, Any, str]]:
    """Return the header cards (keyword, value, comment) that describe the quality of a ramp.

    Parameters
    ----------
    quality : RampQuality
        Of the ramp from which the product was made.
    before : RampQuality, optional
        Of the ramp before the treatment.
    """
    cards = [
        ("RAMPDEV", round(quality.departure, 4), "max departure of sky ramp from a line [sigma]"),
        ("RAMPSTEP", round(quality.step, 4), "its largest step [sigma]; CRCORR rejects 4"),
        ("RAMPCR", round(quality.cosmic_rays, 5), "fraction of pixels flagged by CRCORR"),
        ("RAMPGUP", round(quality.given_up, 5), "fraction of pixels given up by CRCORR"),
    ]
    if before is not None:
        cards += [
            ("RAMPDEV0", round(before.departure, 4), "RAMPDEV before the treatment"),
            ("RAMPCR0", round(before.cosmic_rays, 5), "RAMPCR before the treatment"),
            ("RAMPGUP0", round(before.given_up, 5), "RAMPGUP before the treatment"),
        ]
    return cards
