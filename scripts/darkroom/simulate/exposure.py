"""What every simulator says of an exposure before a pixel of it is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True)
class PlannedExposure:
    """An exposure in the plan of a simulator; each instrument adds fields of its own.

    Parameters
    ----------
    name : str
        Name of the exposure, as the archive would give it.
    role : str
        What the pipeline uses it for: ``bias``, ``dark`` or ``science``.
    file : str
        File name.
    start : datetime.datetime
        Start of the exposure, UTC, without a time zone.
    facts : dict
        Header values kept in the lock file, all as text. ``date_obs`` is `start` in ISO format,
        cut to milliseconds.
    """

    name: str
    role: str
    file: str
    start: datetime
    facts: dict[str, str]
