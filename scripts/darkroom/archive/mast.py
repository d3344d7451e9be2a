"""Exposures from MAST, the archive at STScI: what its catalogues list, and their files."""

from __future__ import annotations

import os
from contextlib import nullcontext

from darkroom.archive.mast_files import Files, most_seconds
from darkroom.errors import DarkroomError
from darkroom.provenance import settings_digest
from darkroom.transport.token import VARIABLE
from darkroom.transport.transfer import LONGEST_WAIT_S


def find(archive, items):
    """List the exposures of a campaign.

    Parameters
    ----------
    archive : dict
        Settings of the archive: ``server``, ``timeout_s``, ``retries``.
    items : dict
        Work items; ``query`` of each says what to ask for.

    Returns
    -------
    list of Exposure
        By item, in order of their file names.

    Raises
    ------
    DarkroomError
        When MAST cannot be asked, or an answer is empty or lacks what was asked for.
    """
    for item, settings in items.items():
        if "query" not in settings:
            raise DarkroomError(f"item {item} lacks 'query', which says what to ask MAST for")
    # Only who asks needs astroquery: it costs more than a small file.
    from darkroom.archive import mast_hst, mast_jwst
    from darkroom.archive.mast_client import Client

    missions = {"hst": mast_hst.find, "jwst": mast_jwst.find}
    client = Client(archive)
    return [
        exposure
        for item, settings in items.items()
        for exposure in missions[settings["query"]["mission"]](client, item, settings["query"])
    ]


def deliver(exposure, destination, archive, item, turn=nullcontext):  # noqa: ARG001
    """Bring an exposure's file to `destination` (a temporary name; the caller verifies it).

    The arguments are those of every archive, and ``turn``: ``with turn():`` waits before each
    attempt until the archive may be asked.
    """
    _files(archive).fetch(exposure.uri, destination, exposure.size, turn)


def longest_attempt_s(exposure, archive):
    """Return the seconds that one attempt to bring an exposure may take, pause and all."""
    return most_seconds(archive, exposure.size) + LONGEST_WAIT_S


def _files(archive):
    """Return the session of this process for files."""
    key = settings_digest({"archive": archive, "secret": os.environ.get(VARIABLE, "")})
    if key not in _sessions:
        _sessions.clear()
        _sessions[key] = Files(archive)
    return _sessions[key]


_sessions = {}
