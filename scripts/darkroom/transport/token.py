"""The token that gives access to proprietary data; no message or log contains it."""

from __future__ import annotations

import os
import re
from urllib.parse import urlsplit

from darkroom.errors import DarkroomError
from darkroom.secrets import TOKEN_VARIABLE

#: Hosts that may get the token beside MAST and this machine, in the user's own environment.
HOSTS_VARIABLE = "DARKROOM_TOKEN_HOSTS"
_MAST = "mast.stsci.edu"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def read_token(server: str) -> str | None:
    """Return the archive's token from the environment, or None.

    Parameters
    ----------
    server : str
        Address that the token would be sent to.

    Raises
    ------
    DarkroomError
        When the host of the server is not one that may get the token (MAST, this machine, and those
        that the user lists in `HOSTS_VARIABLE`; a campaign cannot), when it would be sent
        unencrypted over a network, or when the value of the variable cannot be a token. No message
        contains the token.
    """
    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    if not token:
        return None
    parts = urlsplit(server)
    if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
        raise DarkroomError(
            f"archive.server is {server}: {TOKEN_VARIABLE} is set and would be sent unencrypted; "
            "use an https address, or unset the variable"
        )
    trusted = {host.lower() for host in re.split(r"[\s,]+", os.environ.get(HOSTS_VARIABLE, ""))}
    if (parts.hostname or "") not in {_MAST, *_LOOPBACK, *(trusted - {""})}:
        raise DarkroomError(
            f"archive.server is {server}: {TOKEN_VARIABLE} is set, and {parts.hostname} is no host "
            f"that may get it; unset it, or, if you trust that host with your token, put it into "
            f"the environment variable {HOSTS_VARIABLE}"
        )
    if not re.fullmatch(r"[A-Za-z0-9._~+/=-]+", token):
        raise DarkroomError(
            f"{TOKEN_VARIABLE} contains characters that no MAST token has; copy the token again "
            "from https://auth.mast.stsci.edu/token"
        )
    return token
