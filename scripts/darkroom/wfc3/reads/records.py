"""Records of an exposure that the steps of the pipeline pass on: small JSON files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkroom.atomic import write_text
from darkroom.campaign.exposure import read_exposure
from darkroom.errors import InputError

if TYPE_CHECKING:
    from darkroom.hints import StrPath


def write_record(path: StrPath, record: dict[str, Any]) -> None:
    """Write a record atomically; numbers have the fewest digits that read back exactly."""
    text = json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


def read_record(path: StrPath) -> dict[str, Any]:
    """Read a record.

    Raises
    ------
    InputError
        When it is missing or damaged.
    """
    try:
        record = json.loads(Path(path).read_text(encoding="utf-8"))
        record["accepted"]
    except FileNotFoundError:
        raise InputError(path, "no such file") from None
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(path, f"is a damaged record ({error!r})", "make it again") from error
    return record


def ima_of(path: StrPath) -> tuple[Path | None, str]:
    """Return the IMA that a file stands for, or why the exposure was refused.

    Parameters
    ----------
    path : path-like
        An IMA, or the status file of a calibrated exposure, whose IMA is in the same folder.

    Returns
    -------
    ima : pathlib.Path or None
        None when the exposure was refused.
    refusal : str
        Why it was refused; empty when it was not.

    Raises
    ------
    InputError
        When the IMA of an accepted exposure does not exist.
    """
    given = read_exposure(path)
    if not given["accepted"]:
        return None, given["reason"]
    found = Path(given["path"])
    if Path(path).suffix == ".json":
        found = found.with_name(found.name.replace("_flt.fits", "_ima.fits"))
        if not found.is_file():
            raise InputError(
                found, "no such file; it belongs to the status file", f"remove {path} and run again"
            )
    return found, ""
