"""Exposures from MAST, the archive at STScI: what its catalogues list, and their files."""

from __future__ import annotations

import logging

from darkroom.archive import mast_hst, mast_jwst
from darkroom.archive.mast_client import Client
from darkroom.errors import DarkroomError, InputError
from darkroom.fits.verify import verify

log = logging.getLogger(__name__)

_MISSIONS = {"hst": mast_hst.find, "jwst": mast_jwst.find}


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
    client = Client(archive)
    return [
        exposure
        for item, settings in items.items()
        for exposure in _MISSIONS[settings["query"]["mission"]](client, item, settings["query"])
    ]


def deliver(exposure, destination, archive, item):  # noqa: ARG001 (every archive has this call)
    """Bring an exposure's file to `destination` (a temporary name; the caller verifies it).

    Bytes that are no good FITS file are brought a second time: what comes twice is what the
    archive has, and the caller refuses it.
    """
    client = Client(archive)
    client.fetch(exposure.uri, destination, exposure.size)
    try:
        verify(destination, exposure.size)
    except InputError as error:
        log.warning("%s: %s; bringing it once more", exposure.file, error.fault)
        client.fetch(exposure.uri, destination, exposure.size)
