"""Calendar dates as modified Julian dates (MJD) and back; UTC, leap seconds are not counted."""

from __future__ import annotations

from datetime import datetime, timedelta

#: Calendar date of MJD 0.
MJD_EPOCH = datetime(1858, 11, 17)
#: Length of a day in seconds.
DAY = 86400.0


def to_mjd(moment: datetime) -> float:
    """Return the modified Julian date of a moment (UTC, without a time zone)."""
    return (moment - MJD_EPOCH).total_seconds() / DAY


def from_mjd(mjd: float) -> datetime:
    """Return the moment (UTC, without a time zone) of a modified Julian date."""
    return MJD_EPOCH + timedelta(days=mjd)
