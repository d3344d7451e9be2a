"""An exposure given to a program: a rule gives its status file, a person may give the file itself.

A status file is JSON beside the exposure, see `darkroom.campaign.status`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkroom.campaign.frames import read_frames
from darkroom.campaign.status import read_status
from darkroom.errors import InputError

if TYPE_CHECKING:
    from darkroom.hints import StrPath


def read_exposure(path: StrPath, frames: StrPath | None = None) -> dict[str, Any]:
    """Return the status of an exposure, see `darkroom.campaign.status`.

    Parameters
    ----------
    path : path-like
        A status file (``.json``), or the exposure itself.
    frames : path-like, optional
        Frame table of its item: an exposure that it refuses is not accepted.

    Returns
    -------
    dict
        The status with ``path``, that of the exposure. A bare file counts as accepted; nothing
        else is known of it.

    Raises
    ------
    InputError
        When there is no such file.
    """
    path = Path(path)
    if path.suffix == ".json":
        return _judged(read_status(path), frames)
    if not path.is_file():
        raise InputError(path, "no such file")
    exposure = path.name.partition(".")[0]
    return {
        "item": "",
        "role": "",
        "exposure": exposure,
        "file": path.name,
        "uri": "",
        "accepted": True,
        "reason": "",
        "facts": {},
        "notes": [],
        "path": str(path),
    }


def _judged(status: dict[str, Any], frames: StrPath | None) -> dict[str, Any]:
    """Return the status of an exposure, refused where the frame table refuses it."""
    if frames is None or not status["accepted"]:
        return status
    rows = {row["exposure"]: row for row in read_frames(frames)}
    row = rows.get(status["exposure"])
    if row is None:
        raise InputError(frames, f"has no exposure {status['exposure']}")
    if row["accepted"] == "yes":
        return status
    return status | {"accepted": False, "reason": row["reason"]}
