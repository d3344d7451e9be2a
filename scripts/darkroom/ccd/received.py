"""Header values of a received CCD frame, checked against the role of the exposure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from darkroom.errors import InputError
from darkroom.fits.describe import Recover, describe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from darkroom.campaign.lock import Exposure

# Values of IMAGETYP that fit each role.
_IMAGETYP = {
    "bias": r"bias|zero",
    "dark": r"dark",
    "science": r"light|object|science",
    "flat": r"flat",
}


def read_header(
    path: Path, exposure: Exposure, item: Mapping[str, Any]
) -> tuple[dict[str, Any], Sequence[str]]:
    """Return the header values of a frame, and notes on the cards that were recovered.

    `darkroom.archive.fetching` calls it for every frame that it fetches for a CCD item.

    Parameters
    ----------
    path : pathlib.Path
        The received file.
    exposure : darkroom.campaign.lock.Exposure
        Its row of the lock.
    item : mapping
        Settings of the work item: ``recover`` lists the cards that may be recovered.

    Raises
    ------
    InputError
        When the header cannot be read, or its IMAGETYP contradicts the role.
    """
    frame = describe(path, [Recover.parse(text) for text in item.get("recover", ())])
    said = next((r for r, p in _IMAGETYP.items() if re.search(p, frame.imagetyp or "", re.I)), None)
    if said not in (None, exposure.role):
        raise InputError(
            path, f"its IMAGETYP is {frame.imagetyp!r}, the campaign uses it as {exposure.role}"
        )
    facts = {
        "instrument": frame.instrument,
        "shape": f"{frame.shape[0]}x{frame.shape[1]}",
        "binning": frame.binning,
        "exptime_s": frame.exptime,
        "temperature_c": frame.temperature,
        "date_obs": frame.date_obs,
        "mjd": frame.mjd,
    }
    return facts, frame.notes
