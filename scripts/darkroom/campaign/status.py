"""What came of each exposure: accepted or refused, and why."""

from __future__ import annotations

import json
from pathlib import Path

from darkroom.atomic import write_text
from darkroom.errors import InputError


def acceptance(exposure, size, sha256, facts, notes):
    """Return the status of a verified exposure.

    Parameters
    ----------
    exposure : darkroom.campaign.lock.Exposure
        The row of the lock.
    size : int
        Bytes.
    sha256 : str
        SHA-256 of the bytes.
    facts : dict
        What its header says.
    notes : list of str
        Cards that were recovered.
    """
    return _status(exposure, True, "") | {
        "size": size,
        "sha256": sha256,
        "facts": facts,
        "notes": list(notes),
    }


def refusal(exposure, error):
    """Return the status of an exposure that cannot be used, with the reason in words."""
    return _status(exposure, False, str(error)) | {
        "size": None,
        "sha256": "",
        "facts": dict(exposure.facts),
        "notes": [],
    }


def _status(exposure, accepted, reason):
    return {
        "item": exposure.item,
        "role": exposure.role,
        "exposure": exposure.exposure,
        "file": exposure.file,
        "uri": exposure.uri,
        "accepted": accepted,
        "reason": reason,
    }


def write_status(path, status):
    """Write a status file, whole or not at all."""
    write_text(path, json.dumps(status, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def read_status(path):
    """Read a status file; ``path`` of the exposure is added to it.

    Raises
    ------
    InputError
        When the file is missing or damaged, or the accepted exposure is no longer beside it.
    """
    path = Path(path)
    again = "remove it and run again to fetch the exposure anew"
    try:
        status = json.loads(path.read_text(encoding="utf-8"))
        frame = path.with_name(status["file"])
        accepted, size = status["accepted"], status["size"]
    except FileNotFoundError:
        raise InputError(path, "no such status file") from None
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(path, f"is a damaged status file ({error})", again) from error
    if accepted and (not frame.is_file() or frame.stat().st_size != size):
        raise InputError(
            frame, "was verified, but is gone or has changed since", f"remove {path} and run again"
        )
    return status | {"path": str(frame)}
