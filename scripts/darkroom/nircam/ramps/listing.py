"""Lists of the calibrated ramps of an item that are used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from darkroom.atomic import write_text
from darkroom.campaign.frames import accepted_exposures, role_list
from darkroom.campaign.status import read_status
from darkroom.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from darkroom.hints import StrPath


def write_list(
    output: StrPath, statuses: Iterable[StrPath], frames: StrPath, role: str = "dark"
) -> None:
    """Write the list of the ramps that are used, and print how many are.

    An exposure is used when it is accepted in the frame table and was not refused in calibration.
    The SHA-256 of each file is in a comment, so that the list changes when a file's content does.

    Parameters
    ----------
    output : path-like
        List to write, for ``@list`` arguments.
    statuses : iterable of path-like
        Status files of the ramps.
    frames : path-like
        Frame table of the item.
    role : str
        Role of the exposures.

    Raises
    ------
    InputError
        When none is left.
    """
    accepted = accepted_exposures(frames)
    rows, refused = [], []
    for path in statuses:
        status = read_status(path)
        used = status["accepted"] and status["exposure"] in accepted
        rows.append(status | {"accepted": "yes" if used else "no", "file": status["path"]})
        if not used:
            refused.append(status["reason"] or f"{status['exposure']}: see the frame table")
    text = role_list(rows, role)
    if not text:
        raise InputError(frames, f"no exposure is left to use: {'; '.join(refused)}")
    write_text(output, text)
    print(f"{len(rows) - len(refused)} of {len(rows)} exposures are used")
    for reason in refused:
        print(f"not used: {reason}")
