"""Addresses of servers, as a person writes them into a campaign."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from urllib.parse import SplitResult


def server_address(text: str) -> SplitResult | None:
    """Return the parts of the address of a server; None of what is none.

    An address with a name or password in it is none: it would be in every message and log.
    """
    try:
        parts = urlsplit(text)
        _ = parts.port  # it is read when it is asked for
    except ValueError:
        # Brackets that do not match, or a port that is no number.
        return None
    valid = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
    return parts if valid else None


def shown(text: str) -> str:
    """Return a text that is no address of a server, for a message, without a password in it."""
    return "an address with a name or password" if "@" in text else repr(text)
