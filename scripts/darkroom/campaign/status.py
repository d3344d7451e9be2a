"""The status of an exposure: accepted or refused, and why."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkroom.atomic import write_text
from darkroom.campaign.names import name_fault
from darkroom.errors import InputError
from darkroom.integrity.recording import unrecorded
from darkroom.integrity.records import root_of
from darkroom.integrity.seals import is_sealed_text, seal_fault, sealed, sealed_text, text_fault
from darkroom.integrity.seen import expect
from darkroom.reading import bounded_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from darkroom.campaign.lock_rows import Exposure
    from darkroom.hints import StrPath

_AGAIN = "remove it and run again: it is made again"
_LONGEST = 50_000_000
_TYPES: dict[str, tuple[type, ...]] = {
    "item": (str,),
    "role": (str,),
    "exposure": (str,),
    "file": (str,),
    "uri": (str,),
    "accepted": (bool,),
    "reason": (str,),
    "size": (int, type(None)),
    "sha256": (str,),
    "facts": (dict,),
    "notes": (list,),
}
# What a status may have, and most have not.
_OPTIONAL: dict[str, tuple[type, ...]] = {"beside": (dict,)}
_FACT = (str, int, float, type(None))


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
    exposure : darkroom.campaign.lock_rows.Exposure
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
    """Write a status file with the digest of its content, atomically."""
    content = sealed(json.loads(json.dumps(dict(status))))
    # It states its own digest, and is also copied by rules: it has no record.
    with unrecorded():
        write_text(path, sealed_text(content))


def read_status(path: StrPath) -> dict[str, Any]:
    """Return the content of a status file, with ``path``, that of the exposure.

    It has a ``digest`` unless it was written by hand. The SHA-256 that it states is compared when a
    program reads the exposure, see `darkroom.integrity.watch`.

    Raises
    ------
    InputError
        When the file is missing, damaged, or the status of another exposure, or the accepted
        exposure beside it is missing or has changed.
    """
    path = Path(path)
    status = load_status(path)
    frame = path.with_name(status["file"])
    if status["accepted"]:
        if not frame.is_file() or frame.stat().st_size != status["size"]:
            raise InputError(
                frame,
                "was verified, but is gone or has changed since",
                f"remove {path} and run again",
            )
        for name, sha256 in named_files(status).items():
            expect(path.with_name(name), sha256, path)
    return status | {"path": str(frame)}


def named_files(status: Mapping[str, Any]) -> dict[str, str]:
    """Return the SHA-256 of every file that the status of an accepted exposure names.

    Parameters
    ----------
    status : mapping
        Its ``file``, and what was made with it: ``beside``, ``{name: SHA-256}``.
    """
    return {status["file"]: status.get("sha256", ""), **status.get("beside", {})}


def load_status(path: StrPath) -> dict[str, Any]:
    """Return the content of a status file; the exposure beside it need not be there.

    Raises
    ------
    InputError
        When the file is missing, damaged, or the status of another exposure.
    """
    path = Path(path)
    try:
        text = bounded_text(path, _LONGEST)
        status: Any = json.loads(text)
        # Outside of a campaign a person may write one by hand, without a digest.
        by_hand = isinstance(status, dict) and root_of(path) is None
        whole = is_sealed_text(text, status) or (by_hand and "digest" not in status)
        fault = "" if whole else seal_fault(status)
        fault = fault or _type_fault(status, () if by_hand else _TYPES)
        if not fault and not whole and not by_hand:
            fault = text_fault(text, status)
    except FileNotFoundError:
        raise InputError(path, "no such status file") from None
    except RecursionError:
        fault = "nested too deep"
    except ValueError as error:
        fault = str(error)[:200]
    if fault:
        raise InputError(path, f"is a damaged status file ({fault})", _AGAIN)
    # A program that is called by hand for a file writes the status to any name, without an item.
    if by_hand and not (status.get("item") and {"digest", "exposure"} <= status.keys()):
        return dict(status)
    named, place = status["exposure"], path.stem
    if named != place or (path.parent.parent.name == "raw" and status["item"] != path.parent.name):
        raise InputError(
            path,
            f"is the status of {status['item']}/{named}, not of {path.parent.name}/{place}: it was "
            "copied or renamed",
            _AGAIN,
        )
    return dict(status)


def _type_fault(status: Mapping[str, Any], needed: Iterable[str]) -> str:
    """Return which value of a status is missing or not of its type; empty when all are."""
    for key in ("accepted", "file", "size", *needed):
        if key not in status:
            return f"no {key}"
    of_key = _TYPES | _OPTIONAL
    for key in of_key.keys() & status.keys():
        value, types = status[key], of_key[key]
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            return f"{key} is {_shown(value)}"
    for key in ("file", "exposure"):
        if key in status and (fault := name_fault(status[key])):
            return f"{key} {status[key][:80]!r} {fault}"
    for name, sha256 in status.get("beside", {}).items():
        if fault := name_fault(name):
            return f"beside {name[:80]!r} {fault}"
        if not _is_sha256(sha256):
            return f"beside {name[:80]!r} is {_shown(sha256)}"
    if status["accepted"]:
        if not _is_sha256(status.get("sha256", "")):
            return f"sha256 is {_shown(status.get('sha256'))}"
        if status["size"] is None or status["size"] < 0:
            return f"size is {_shown(status['size'])}"
    if not all(isinstance(note, str) for note in status.get("notes", ())):
        return "notes are no texts"
    for key, value in status.get("facts", {}).items():
        fits = isinstance(value, dict) if key == "judged" else isinstance(value, _FACT)
        if not fits:
            return f"facts: {key[:40]!r} is {_shown(value)}"
    return ""


def _is_sha256(value: Any) -> bool:
    return isinstance(value, str) and bool(re.fullmatch("[0-9a-f]{64}", value, re.ASCII))


def _shown(value: Any) -> str:
    return f"{type(value).__name__} {str(value)[:40]!r}"
