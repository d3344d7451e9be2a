"""Receiving an exposure: to a temporary name, verified, then renamed."""

from __future__ import annotations

import os
import re

from darkroom.archive.status import acceptance
from darkroom.atomic import whole
from darkroom.errors import InputError
from darkroom.fits.describe import Recover, describe
from darkroom.fits.verify import verify
from darkroom.provenance import sha256

# What IMAGETYP may say of each role of a CCD frame.
_IMAGETYP = {"bias": r"bias|zero", "dark": r"dark", "science": r"light|object|science"}


def receive(exposure, destination, deliver, item, check_pin, known=None):
    """Bring an exposure to `destination` and verify it.

    Bytes that are there already and are the known ones are verified again, not brought again: an
    edit of our own code must not cost an archive a thousand transfers.

    Parameters
    ----------
    exposure : darkroom.archive.lock.Exposure
        The row of the lock: its size and role must be met.
    destination : pathlib.Path
        Final name; nothing is there under this name unless everything holds.
    deliver : callable
        ``deliver(path)`` writes the bytes to a temporary path.
    item : dict
        Settings of the work item (``instrument``, ``recover``).
    check_pin : callable
        ``check_pin(sha256)`` raises when the bytes are not the pinned ones.
    known : str, optional
        SHA-256 of the bytes received earlier.

    Returns
    -------
    dict
        The status, see `darkroom.archive.status.acceptance`.

    Raises
    ------
    InputError
        When the exposure must be refused, naming it and the fault.
    """
    with whole(destination) as temporary:
        if known and destination.is_file() and sha256(destination) == known:
            os.link(destination, temporary)
        else:
            deliver(temporary)
        try:
            verify(temporary, exposure.size)
            found = sha256(temporary)
            check_pin(found)
            facts, notes = _facts(temporary, exposure, item)
        except InputError as error:
            # The temporary name tells a person nothing.
            raise InputError(exposure.file, error.fault, error.advice) from error
        size = temporary.stat().st_size
    return acceptance(exposure, size, found, facts, notes)


def _facts(path, exposure, item):
    """Return what the header says, and what was recovered, checked against the role."""
    if item["instrument"] != "ccd":
        return dict(exposure.facts), []
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
