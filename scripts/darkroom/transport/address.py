"""Addresses of servers, as a person writes them into a campaign."""

from __future__ import annotations

from urllib.parse import urlsplit


def is_address(text: str) -> bool:
    """Tell whether a text is the address of a server, http or https.

    One with a name or password in it is none: it would be in every message and log.
    """
    try:
        parts = urlsplit(text)
        _ = parts.port  # it is read when it is asked for
    except ValueError:
        # Brackets that do not match, or a port that is no number.
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc


def shown(text: str) -> str:
    """Return a text that is no address of a server, for a message, without a password in it."""
    return "an address with a name or password" if "@" in text else repr(text)
