"""Exposures from MAST, the archive at STScI: queries of its catalogues, and files."""

from __future__ import annotations

import os
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from darkroom.archive.mast_files import Files
from darkroom.archive.mast_server import TIMEOUT_S
from darkroom.errors import DarkroomError
from darkroom.provenance import settings_digest
from darkroom.secrets import TOKEN_VARIABLE
from darkroom.transport.transfer import LONGEST_WAIT_S, file_time_limit_s

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from darkroom.campaign.lock_rows import Exposure


def find(archive: Mapping[str, Any], items: Mapping[str, Mapping[str, Any]]) -> list[Exposure]:
    """List the exposures of a campaign.

    Parameters
    ----------
    archive : dict
        Settings of the archive: ``server``, ``timeout_s``, ``retries``.
    items : dict
        Work items; ``query`` of each says what to ask for, ``instrument`` of which instrument.

    Returns
    -------
    list of Exposure
        By item, in order of their file names.

    Raises
    ------
    DarkroomError
        When MAST does not answer, or an answer is empty or lacks what was asked for.
    """
    for item, settings in items.items():
        if "query" not in settings:
            raise DarkroomError(f"item {item} lacks 'query', which says what to ask MAST for")
    # Imported here: astroquery takes longer to import than a small file to fetch.
    from darkroom.archive import mast_hst, mast_jwst
    from darkroom.archive.mast_client import Client

    missions = {"hst": mast_hst.find, "jwst": mast_jwst.find}
    client = Client(archive)
    return [
        exposure
        for item, settings in items.items()
        for exposure in missions[settings["query"]["mission"]](client, item, settings)
    ]


def deliver(
    exposure: Exposure,
    destination: Path,
    archive: Mapping[str, Any],
    item: Mapping[str, Any],  # noqa: ARG001 (every archive has these arguments)
    slot: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> None:
    """Fetch an exposure's file to `destination`.

    Parameters
    ----------
    exposure : darkroom.campaign.lock_rows.Exposure
        The exposure.
    destination : pathlib.Path
        A temporary name; the caller verifies the file.
    archive, item : dict
        Settings of the archive and of the work item.
    slot : callable
        ``with slot():`` waits before each attempt until a transfer may begin.

    Raises
    ------
    DarkroomError
        With the last reason, when no attempt succeeded.
    """
    _files(archive).fetch(exposure.uri, destination, exposure.size, slot)


def longest_attempt_s(exposure: Exposure, archive: Mapping[str, Any]) -> float:
    """Return the seconds that one attempt to fetch an exposure may take, with the pause before."""
    return file_time_limit_s(archive.get("timeout_s", TIMEOUT_S), exposure.size) + LONGEST_WAIT_S


def _files(archive: Mapping[str, Any]) -> Files:
    """Return the session of this process for files."""
    key = settings_digest({"archive": archive, "secret": os.environ.get(TOKEN_VARIABLE, "")})
    if key not in _sessions:
        _sessions.clear()
        _sessions[key] = Files(archive)
    return _sessions[key]


_sessions: dict[str, Files] = {}
