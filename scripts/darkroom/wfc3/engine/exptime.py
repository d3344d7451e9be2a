"""Exposure time, start and end of an exposure of which some reads were left out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from darkroom.wfc3.files.imsets import read_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import numpy as np
    from astropy.io import fits

_DAY = 86400.0


@dataclass(frozen=True)
class Span:
    """The part of a ramp that was used.

    Parameters
    ----------
    first, last : int
        First and last read used after the zeroth (0 = zeroth); the interval that ends with `first`
        is included.
    exptime : float
        Seconds from read `first` - 1 to read `last`. Reads masked in between do not shorten it: the
        line is fitted across them, and TIME includes them.
    late, early : float
        Seconds from the start of the exposure to that of the span, and from the end of the span to
        that of the exposure.
    """

    first: int
    last: int
    exptime: float
    late: float
    early: float


def span(times: Sequence[float] | np.ndarray, masked: Iterable[int]) -> Span:
    """Return the part of a ramp that is used when some reads are masked.

    Parameters
    ----------
    times : sequence of float
        Seconds since the zeroth read, one per read.
    masked : iterable of int
        EXTVERs left out; at least one read after the zeroth must remain.
    """
    nsamp = len(times)
    left_out = {read_of(extver, nsamp) for extver in masked}
    used = [k for k in range(1, nsamp) if k not in left_out]
    first, last = used[0], used[-1]
    start = float(times[first - 1])
    end = float(times[last])
    gaps = end - start, start - float(times[0]), float(times[-1]) - end
    return Span(first, last, *(round(gap, 6) for gap in gaps))


def correct(
    primary: fits.Header,
    science: fits.Header,
    science_of: Callable[[int], fits.Header],
    times: Sequence[float] | np.ndarray,
    masked: Iterable[int],
    exptime: float | None = None,
) -> None:
    """Set exposure time, start and end in the headers of an FLT with masked reads.

    EXPTIME, EXPSTART, EXPEND, DATE-OBS and TIME-OBS of the primary header, and SAMPTIME, SAMPNUM
    and ROUTTIME of the SCI header. Each change is recorded in HISTORY with the previous value.

    Parameters
    ----------
    primary, science : astropy.io.fits.Header
        Changed in place.
    science_of : callable
        ``science_of(k)`` returns the RAW's SCI header of read k.
    times, masked
        As for `span`.
    exptime : float, optional
        Exposure time, s, when it is not that of the span because intervals in the middle were
        subtracted.
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
        read = science_of(part.last)
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
