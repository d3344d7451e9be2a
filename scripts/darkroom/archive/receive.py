"""Receiving an exposure: to a temporary name, verified, then renamed."""

from __future__ import annotations

import logging
import re
from collections import Counter
from contextlib import suppress

from darkroom.atomic import written_atomically
from darkroom.campaign.status import acceptance
from darkroom.errors import DarkroomError, InputError
from darkroom.fits.describe import Recover, describe
from darkroom.fits.verify import verify
from darkroom.provenance import sha256

log = logging.getLogger(__name__)

# What IMAGETYP may say of each role of a CCD frame.
_IMAGETYP = {"bias": r"bias|zero", "dark": r"dark", "science": r"light|object|science"}


# A file of which no two copies are alike is given up after so many.
_COPIES = 4


def receive(
    exposure, destination, deliver, item, check_pin, known=None, *, confirm=False, fixed=True
):
    """Bring an exposure to `destination` and verify it.

    Bytes that are there already and are the known ones are verified again, not brought again: an
    edit of our own code must not cost an archive a thousand transfers. Bytes that are no good are
    brought a second time: only what comes twice the same is what the archive has, and refused. Nor
    is a copy that is there replaced by other bytes unless they come twice the same.

    Parameters
    ----------
    exposure : darkroom.campaign.lock.Exposure
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
    confirm : bool
        Believe good bytes, too, only when they come twice the same.
    fixed : bool
        Whether the bytes of an exposure stay what they are; those of a simulated one may change.

    Returns
    -------
    dict
        The status, see `darkroom.campaign.status.acceptance`.

    Raises
    ------
    InputError
        When the exposure must be refused, naming it and the fault.
    DarkroomError
        When no two copies are alike, or something that is no file is in the way.
    """
    if destination.is_dir():
        raise DarkroomError(f"{destination} is a folder, and the file should go there; remove it")
    if known and _is_ours(destination) and sha256(destination) == known:
        with suppress(InputError):
            return _accept(destination, known, exposure, item, check_pin)
    copies = Counter()
    if fixed and _is_whole(destination, exposure.size):
        copies[sha256(destination)], confirm = 1, True
    with written_atomically(destination) as temporary:
        for _ in range(_COPIES):
            deliver(temporary)
            digest = sha256(temporary)
            copies[digest] += 1
            try:
                status = _accept(temporary, digest, exposure, item, check_pin)
            except InputError as error:
                if copies[digest] > 1:
                    # The temporary name tells a person nothing.
                    raise InputError(exposure.file, error.fault, error.advice) from error
                log.warning("%s: %s; bringing it once more", exposure.file, error.fault)
                continue
            if not confirm or copies[digest] > 1 or digest == known:
                return status
        raise DarkroomError(
            f"{exposure.file} came {_COPIES} times, and no two copies were alike; the line or the "
            "archive damages files: repeat the command later"
        )


def _is_ours(path):
    """Tell whether `path` is a file, and no link to another's."""
    return path.is_file() and not path.is_symlink()


def _is_whole(path, size):
    """Tell whether `path` may be a good copy."""
    try:
        return _is_ours(path) and bool(verify(path, size))
    except InputError:
        return False


def _accept(path, digest, exposure, item, check_pin):
    """Return the status of bytes that hold in every respect; raise `InputError` about others."""
    verify(path, exposure.size)
    check_pin(digest)
    facts, notes = _facts(path, exposure, item)
    return acceptance(exposure, path.stat().st_size, digest, facts, notes)


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
