"""What each fault does, as one table: the tests run it, the documentation prints it.

``python -m loopback.matrix`` (with ``PYTHONPATH=tests:scripts``) writes the page again.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "archive-faults.md"


@dataclass(frozen=True)
class File:
    """What a fault of a transfer does.

    The settings are ``timeout_s: 1.5, retries: 1``: two attempts at most for one copy.
    """

    fault: str
    reads: str
    """The reason in what the person reads; ``{size}``, ``{half}``, ``{more}``: bytes."""
    asked: int = 2
    """How often the archive is asked for the file."""
    ends: str = "fails"
    """The first run: ``fails``, ``refuses`` the exposure, ``accepts`` the right bytes, or
    ``is deceived``."""
    pinned: str = ""
    """The same with a pin, where that changes it: what is read."""


FILES = (
    File("cut", "the connection broke off"),
    File("cut_without_length", "{half} bytes came, {size} are expected"),
    File("reset", "the connection broke off"),
    File("down", "no connection (Remote end closed connection without response)"),
    File("silent", "the server fell silent"),
    File("hang", "the server fell silent"),
    File("trickle", "not done within 1.5 s"),
    File("endless_headers", "not done within 1.5 s"),
    File("html", "47 bytes came, no FITS: 'Scheduled maintenance', {size} are expected"),
    File("empty", "0 bytes came, {size} are expected"),
    File("too_long", "{more} bytes came, {size} are expected"),
    File("unavailable", "HTTP 503"),
    File("busy", "HTTP 429"),
    File("missing", "it is not there (HTTP 404)", asked=1),
    File("refused", "access is refused (HTTP 403)", asked=1),
    File("corrupt", "Checksum verification failed", ends="refuses"),
    File("padded_wrong", "", asked=1, ends="is deceived", pinned="its SHA-256 is"),
)


@dataclass(frozen=True)
class Query:
    """What a fault of a query does; settings as above."""

    fault: str
    reads: str
    again: bool = True
    """Whether it is asked a second time before it fails."""


QUERIES = (
    Query("unavailable", "HTTP 503"),
    Query("busy", "HTTP 429"),
    Query("down", "no connection ("),
    Query("silent", "the server fell silent"),
    Query("html", "the answer is no JSON: 'Scheduled maintenance'"),
    Query("service_error", "the archive says: the database is locked"),
    Query("executing", "not done within 1.5 s"),
    Query("missing", "it is not there (HTTP 404)", again=False),
)
