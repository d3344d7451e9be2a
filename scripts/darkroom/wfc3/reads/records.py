"""What the steps of the road tell each other of an exposure: small JSON files."""

from __future__ import annotations

import json
from pathlib import Path

from darkroom.atomic import write_text
from darkroom.campaign.exposure import read_exposure
from darkroom.errors import InputError


def write_record(path, record):
    """Write a record, whole or not at all; numbers as short as they can be read back exactly."""
    text = json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


def read_record(path):
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


def ima_of(path):
    """Return the IMA that a file stands for, and why there is none.

    Parameters
    ----------
    path : path-like
        An IMA, or the status file of a calibrated exposure, whose IMA lies beside it.

    Returns
    -------
    ima : pathlib.Path or None
    refusal : str
        Why the exposure was refused; empty when it was not.
    """
    given = read_exposure(path)
    if not given["accepted"]:
        return None, given["reason"]
    found = Path(given["path"])
    if Path(path).suffix == ".json":
        found = found.with_name(found.name.replace("_flt.fits", "_ima.fits"))
        if not found.is_file():
            raise InputError(found, "no such file; it belongs to the status file", "make it again")
    return found, ""
