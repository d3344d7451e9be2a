"""The secret that opens proprietary data, kept where nothing prints it."""

from __future__ import annotations

import os
import re
from urllib.parse import urlsplit

from darkroom.errors import DarkroomError
from darkroom.secrets import TOKEN_VARIABLE

VARIABLE = TOKEN_VARIABLE
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def read_token(server):
    """Return the archive token of this process, or None.

    Parameters
    ----------
    server : str
        Address that the token would go to.

    Raises
    ------
    DarkroomError
        When the address would carry the token unencrypted over a network, or what the variable
        holds cannot be a token. The token itself is in no message.
    """
    token = os.environ.get(VARIABLE, "").strip()
    if not token:
        return None
    parts = urlsplit(server)
    if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
        raise DarkroomError(
            f"archive.server is {server}: {VARIABLE} is set and would travel unencrypted; use an "
            "https address, or unset the variable"
        )
    if not re.fullmatch(r"[A-Za-z0-9._~+/=-]+", token):
        raise DarkroomError(
            f"{VARIABLE} holds characters that no MAST token has; copy the token again from "
            "https://auth.mast.stsci.edu/token"
        )
    return token
