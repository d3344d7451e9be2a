"""When the integrations of a ramp file were taken."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.dates import DAY, to_mjd
from darkroom.nircam.ramps.header import Segment, as_number

if TYPE_CHECKING:
    from collections.abc import Mapping

# Dates before and after these are no dates of a NIRCam exposure: 2005 (no detector was made yet)
# and 2100.
_EARLIEST, _LATEST = 53371.0, 88069.0
_MIDDLE = "int_mid_MJD_UTC"


def middles(
    header: Mapping[str, Any], shape: tuple[int, ...], times: Any = None
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the middle of every integration, from the best source in the file.

    The table INT_TIMES is used when it has the integrations of this file: by their number in the
    exposure, or by place when it has as many rows as the file, or the exposure, has integrations.
    Else times follow from the start of the exposure, TGROUP, and the integrations of the exposure
    before this segment.

    Parameters
    ----------
    header : mapping
        Values of the primary header.
    shape : tuple of int
        ``(nints, ngroups, ...)`` of SCI.
    times : record array, optional
        The table INT_TIMES.

    Returns
    -------
    mjd : (nints,) float64 array
        NaN when the header gives no time.
    remarks : tuple of str
        What is odd about the times.
    """
    nints, ngroups = shape[:2]
    segment = Segment.from_header(header, nints)
    listed, remarks = _listed(times, segment, nints)
    if listed is not None:
        return listed, remarks
    start, odd = start_mjd(header)
    remarks += odd
    if start is None:
        return np.full(nints, np.nan), remarks
    group, frame = (as_number(header.get(card)) or 0.0 for card in ("TGROUP", "TFRAME"))
    # The frames dropped after the last group are not waited for.
    ramp = ngroups * group - (as_number(header.get("GROUPGAP")) or 0.0) * frame
    step = ramp + frame
    before = 0 if _is_start_of_segment(header, segment, start, step) else segment.first - 1
    return start + ((before + np.arange(nints)) * step + ramp / 2) / DAY, remarks


def _listed(times, segment, nints):
    """Return the middles that INT_TIMES lists, or None, and remarks."""
    if times is None or not len(times) or _MIDDLE not in times.dtype.names:
        return None, ()
    middle = np.asarray(times[_MIDDLE], np.float64)
    rows = None
    if "integration_number" in times.dtype.names:
        number = np.asarray(times["integration_number"])
        wanted = segment.first + np.arange(nints)
        if np.isin(wanted, number).all() and np.unique(number).size == number.size:
            order = np.argsort(number)
            rows = order[np.searchsorted(number, wanted, sorter=order)]
    if rows is None and len(middle) == nints:
        rows = np.arange(nints)
    if rows is None and len(middle) in (segment.total, segment.last):
        rows = segment.first - 1 + np.arange(nints)
    if rows is None:
        return None, (
            f"INT_TIMES has {len(middle)} rows, not those of the integrations {segment.first} to "
            f"{segment.last}; times are counted from the start of the exposure",
        )
    found = middle[rows]
    if not ((found > _EARLIEST) & (found < _LATEST)).all():
        wrong = "" if not found.any() else (
            f"INT_TIMES gives impossible times (MJD {found.min():g} to {found.max():g}); times are "
            "counted from the start of the exposure"
        )  # fmt: skip
        return None, (wrong,) if wrong else ()
    return found, ()


def _is_start_of_segment(header, segment, start, step):
    """Return whether EXPSTART and EXPEND are those of the segment, not of the exposure."""
    end = as_number(header.get("EXPEND"))
    if segment.first == 1 or end is None or segment.total <= segment.count:
        return False
    span = (end - start) * DAY
    return abs(span - segment.count * step) < abs(span - segment.total * step)


def start_mjd(header: Mapping[str, Any]) -> tuple[float | None, tuple[str, ...]]:
    """Return the start of the exposure as MJD, or None, and what is odd about it.

    Parameters
    ----------
    header : mapping
        EXPSTART is used, or else DATE-OBS and TIME-OBS.
    """
    stated, dated = as_number(header.get("EXPSTART")), _dated(header)
    if stated is not None and not _EARLIEST < stated < _LATEST:
        odd = f"EXPSTART {stated:g} is no date of a NIRCam exposure"
        if dated is None:
            return None, (f"{odd}, and there is no valid DATE-OBS: its times are unknown",)
        return dated, (f"{odd}; DATE-OBS is used",)
    if stated is None and dated is None:
        return None, ("it has no valid EXPSTART and DATE-OBS: its times are unknown",)
    if stated is not None and dated is not None and abs(stated - dated) > 1:
        days = f"{abs(stated - dated):.1f} days"
        return stated, (f"EXPSTART and DATE-OBS differ by {days}; EXPSTART is used",)
    return (dated if stated is None else stated), ()


def _dated(header):
    """Return the start of the exposure from DATE-OBS and TIME-OBS, or None."""
    try:
        moment = datetime.fromisoformat(f"{header['DATE-OBS']}T{header.get('TIME-OBS', '00:00')}")
    except (KeyError, ValueError):
        return None
    found = to_mjd(moment)
    return found if _EARLIEST < found < _LATEST else None
