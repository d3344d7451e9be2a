"""The environment variables by which CRDS and jwst find a cache."""

from __future__ import annotations

import os
from pathlib import Path

from darkroom.transport.token import VARIABLE as TOKEN


def offline_environment(cache, observatory, context):
    """Return the variables by which a process uses a filled cache and nothing else.

    Parameters
    ----------
    cache : path-like
        The cache.
    observatory : str
        ``jwst`` or ``hst``; one process serves one observatory.
    context : str
        The pinned context, a ``.pmap``.
    """
    return {
        "CRDS_PATH": str(Path(cache).resolve()),
        "CRDS_SERVER_URL": f"https://{observatory}-serverless.stsci.edu",
        "CRDS_OBSERVATORY": observatory,
        "CRDS_CONTEXT": context,
        "CRDS_READONLY_CACHE": "1",
        # Else every step asks CRDS for parameters nobody chose.
        "STPIPE_DISABLE_CRDS_STEPPARS": "true",
    }


def offline_process(cache, observatory, context):
    """Return the whole environment of a process that uses a filled cache and nothing else.

    What else the user's own CRDS_ variables say (other folders, plugins, modes) has no say in a
    campaign; the archive's token is nobody's business here.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("CRDS_") and name != TOKEN
    }
    return kept | offline_environment(cache, observatory, context)


def go_offline(cache, observatory, context):
    """Give this process the `offline_environment`.

    Call it before anything imports crds or jwst: both look at the environment then.
    """
    environment = offline_process(cache, observatory, context)
    os.environ.clear()
    os.environ.update(environment)
