"""The environment variables by which CRDS and jwst find a cache."""

from __future__ import annotations

import os
from pathlib import Path


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


def go_offline(cache, observatory, context):
    """Give this process the `offline_environment`.

    Call it before anything imports crds or jwst: both look at the environment then.
    """
    os.environ |= offline_environment(cache, observatory, context)


def server_environment(cache, observatory, context, server):
    """Return the environment of a process that fills a cache from a server."""
    return os.environ | {
        "CRDS_PATH": str(Path(cache).resolve()),
        "CRDS_SERVER_URL": server,
        "CRDS_OBSERVATORY": observatory,
        "CRDS_CONTEXT": context,
        "CRDS_READONLY_CACHE": "0",
        "CRDS_CLIENT_RETRY_COUNT": "3",
        "CRDS_CLIENT_TIMEOUT_SECONDS": "60",
    }
