"""An exposure given to a program: as its status file by a rule, as a bare file by a person."""

from __future__ import annotations

from pathlib import Path

from darkroom.campaign.status import read_status
from darkroom.errors import InputError


def read_exposure(path):
    """Return the status of an exposure, see `darkroom.campaign.status`.

    Parameters
    ----------
    path : path-like
        A status file (``.json``), or the exposure itself.

    Returns
    -------
    dict
        Of a bare file: accepted, with ``path``, ``file`` and ``exposure``.

    Raises
    ------
    InputError
        When there is no such file.
    """
    path = Path(path)
    if path.suffix == ".json":
        return read_status(path)
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
