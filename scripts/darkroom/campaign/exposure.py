"""An exposure given to a program: a rule gives its status file, a person may give the file itself.

A status file is JSON beside the exposure, see `darkroom.campaign.status`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkroom.campaign.status import read_status
from darkroom.errors import InputError

if TYPE_CHECKING:
    from darkroom.hints import StrPath


def read_exposure(path: StrPath, refusal: StrPath | None = None) -> dict[str, Any]:
    """Return the status of an exposure, see `darkroom.campaign.status`.

    Parameters
    ----------
    path : path-like
        A status file (``.json``), or the exposure itself.
    refusal : path-like, optional
        Text file: why the judgement of the item refuses the exposure; empty when it does not.

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
        status = read_status(path)
        reason = Path(refusal).read_text(encoding="utf-8").strip() if refusal else ""
        return status | {"accepted": False, "reason": reason} if reason else status
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
