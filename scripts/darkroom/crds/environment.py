"""The environment variables by which CRDS and jwst find a cache."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from darkroom.secrets import TOKEN_VARIABLE as TOKEN

if TYPE_CHECKING:
    from darkroom.hints import StrPath


def offline_environment(cache: StrPath, observatory: str, context: str) -> dict[str, str]:
    """Return the variables with which a process uses a filled cache and no network.

    Parameters
    ----------
    cache : path-like
        The cache.
    observatory : str
        ``jwst`` or ``hst``; one process serves one observatory.
    context : str
        The pinned context, a ``.pmap``.

    Returns
    -------
    dict
        Name of a variable to value.
    """
    return {
        "CRDS_PATH": str(Path(cache).resolve()),
        "CRDS_SERVER_URL": f"https://{observatory}-serverless.stsci.edu",
        "CRDS_OBSERVATORY": observatory,
        "CRDS_CONTEXT": context,
        "CRDS_READONLY_CACHE": "1",
        # Otherwise every step takes parameters from CRDS that the campaign did not choose.
        "STPIPE_DISABLE_CRDS_STEPPARS": "true",
        # Otherwise CRDS looks through all of Python's objects before and after each header.
        "CRDS_EXPLICIT_GARBAGE_COLLECTION": "0",
    }


def offline_process(cache: StrPath, observatory: str, context: str) -> dict[str, str]:
    """Return the whole environment of a process that uses a filled cache and no network.

    The user's own CRDS_ variables (other folders, plugins, modes) are removed, so that they cannot
    affect a campaign; so is the archive's token, which CRDS does not need.

    Parameters
    ----------
    cache, observatory, context
        As for `offline_environment`.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("CRDS_") and name != TOKEN
    }
    return kept | offline_environment(cache, observatory, context)


def go_offline(cache: StrPath, observatory: str, context: str) -> None:
    """Give this process the environment of `offline_process`.

    Call it before crds or jwst is imported: both read the environment then.

    Parameters
    ----------
    cache, observatory, context
        As for `offline_environment`.
    """
    environment = offline_process(cache, observatory, context)
    os.environ.clear()
    os.environ.update(environment)


def learn_keywords(observatory: str) -> None:
    """Let CRDS read what it needs for the header of any file, once for all that are to come.

    Of JWST it is the schema of the data models, which takes longer than a hundred headers. Worker
    processes that are forked later have it. `go_offline` must have been called.

    Parameters
    ----------
    observatory : str
        ``jwst`` or ``hst``.
    """
    if observatory != "jwst":
        return
    from crds.jwst import schema

    schema.dm_to_fits("META.TELESCOPE")
    schema.fits_to_dm("TELESCOP")
