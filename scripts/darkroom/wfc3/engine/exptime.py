"""Exposure time, start and end of an exposure of which some reads were left out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from darkroom.wfc3.files.imsets import read_of

_DAY = 86400.0


@dataclass(frozen=True)
class Span:
    """The part of a ramp that was used.

    Parameters
    ----------
    first, last : int
        First and last read used (0 = zeroth); the interval before `first` counts.
    exptime : float
        Seconds from read `first` - 1 to read `last`. Reads masked in between do not shorten it:
        the line is fitted across them, and the time stays in TIME.
    late, early : float
        Seconds by which it begins after the exposure's start and ends before its end.
    """

    first: int
    last: int
    exptime: float
    late: float
    early: float


def span(times, masked):
    """Return the `Span` of a ramp.

    Parameters
    ----------
    times : sequence of float
        Seconds since the zeroth read, one per read.
    masked : iterable of int
        EXTVERs left out; one read after the zeroth must be left.
    """
    nsamp = len(times)
    left_out = {read_of(extver, nsamp) for extver in masked}
    used = [k for k in range(1, nsamp) if k not in left_out]
    first, last = used[0], used[-1]
    start = float(times[first - 1])
    end = float(times[last])
    gaps = end - start, start - float(times[0]), float(times[-1]) - end
    return Span(first, last, *(round(gap, 6) for gap in gaps))


def correct(primary, science, last_used, times, masked, exptime=None):
    """Set exposure time, start and end in the headers of an FLT with masked reads.

    EXPTIME, EXPSTART, EXPEND, DATE-OBS and TIME-OBS of the primary header and SAMPTIME, SAMPNUM
    and ROUTTIME of the SCI header; each change is told in HISTORY with the value before.

    Parameters
    ----------
    primary, science : astropy.io.fits.Header
        Changed in place.
    last_used : callable
        ``last_used(k)`` gives the RAW's SCI header of read k.
    times, masked
        As for `span`.
    exptime : float, optional
        Seconds used, where they are not those of the span: intervals in the middle were taken off.
    """
    part = span(times, masked)
    exptime = part.exptime if exptime is None else exptime
    _change(primary, primary, "EXPTIME", exptime)
    _change(primary, science, "SAMPTIME", exptime)
    if part.late and "EXPSTART" in primary:
        _change(primary, primary, "EXPSTART", primary["EXPSTART"] + part.late / _DAY)
        _shift_clock(primary, part.late)
    if part.early and "EXPEND" in primary:
        _change(primary, primary, "EXPEND", primary["EXPEND"] - part.early / _DAY)
        read = last_used(part.last)
        for card in ("SAMPNUM", "ROUTTIME"):
            if card in read:
                _change(primary, science, card, read[card])


def _change(primary, header, card, value):
    if header.get(card) != value:
        primary.add_history(f"  {card} = {value} from the reads used; was {header.get(card)}")
        header[card] = value


def _shift_clock(primary, seconds):
    """Move DATE-OBS and TIME-OBS, where they are times, to the nearest second."""
    try:
        start = datetime.fromisoformat(f"{primary['DATE-OBS']}T{primary['TIME-OBS']}")
    except (KeyError, ValueError):
        return
    start = (start + timedelta(seconds=seconds + 0.5)).replace(microsecond=0)
    _change(primary, primary, "DATE-OBS", start.date().isoformat())
    _change(primary, primary, "TIME-OBS", start.time().isoformat())
