"""The status of an exposure: accepted or refused, and why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkroom.atomic import write_text
from darkroom.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from darkroom.campaign.lock import Exposure
    from darkroom.hints import StrPath


def acceptance(
    exposure: Exposure,
    size: int,
    sha256: str,
    facts: Mapping[str, Any],
    notes: Iterable[str],
) -> dict[str, Any]:
    """Return the status of a verified exposure.

    Parameters
    ----------
    exposure : darkroom.campaign.lock.Exposure
        The row of the lock.
    size : int
        Size of the file in bytes.
    sha256 : str
        SHA-256 of the file.
    facts : mapping
        Values of its header.
    notes : iterable of str
        Header cards that were recovered.

    Returns
    -------
    dict
        The status, as `write_status` writes it.
    """
    return _status(exposure, True, "") | {
        "size": size,
        "sha256": sha256,
        "facts": facts,
        "notes": list(notes),
    }


def refusal(exposure: Exposure, error: Exception) -> dict[str, Any]:
    """Return the status of an exposure that cannot be used; the error's text is the reason."""
    return _status(exposure, False, str(error)) | {
        "size": None,
        "sha256": "",
        "facts": dict(exposure.facts),
        "notes": [],
    }


def _status(exposure: Exposure, accepted: bool, reason: str) -> dict[str, Any]:
    return {
        "item": exposure.item,
        "role": exposure.role,
        "exposure": exposure.exposure,
        "file": exposure.file,
        "uri": exposure.uri,
        "accepted": accepted,
        "reason": reason,
    }


def write_status(path: StrPath, status: Mapping[str, Any]) -> None:
    """Write a status file, atomically."""
    write_text(path, json.dumps(status, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def read_status(path: StrPath) -> dict[str, Any]:
    """Return the content of a status file, with ``path``, that of the exposure.

    Raises
    ------
    InputError
        When the file is missing or damaged, or the accepted exposure beside it is missing or
        changed.
    """
    path = Path(path)
    again = "remove it and run again: the exposure is fetched again"
    try:
        status: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        frame = path.with_name(status["file"])
        accepted, size = status["accepted"], status["size"]
    except FileNotFoundError:
        raise InputError(path, "no such status file") from None
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(path, f"is a damaged status file ({error})", again) from error
    if accepted and (not frame.is_file() or frame.stat().st_size != size):
        raise InputError(
            frame,
            "was verified, but is gone or has changed since",
            f"remove {path} and run again",
        )
    return status | {"path": str(frame)}
