"""Downloading one file, over several attempts if necessary.

An attempt begins at byte 0 unless it is certain that the bytes on disk and the rest on the server
are parts of the same file; then an interrupted transfer resumes, see `Download`.
"""

from __future__ import annotations

import logging
import re
import shutil
from email.utils import parsedate_to_datetime
from time import monotonic
from typing import IO, TYPE_CHECKING, NoReturn

from darkroom.errors import DarkroomError
from darkroom.transport.transfer import TransientError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import requests

log = logging.getLogger(__name__)

BLOCK = 1 << 18
# Bytes before the interruption that are requested again and compared when a transfer resumes.
OVERLAP = 1 << 16
# Bytes that a transfer leaves free on the disk.
RESERVE = 100_000_000
PROGRESS_S = 15.0
_LOCK_AGAIN = "lock the campaign again to see whether the file has changed (snakemake lock)"
# A Last-Modified at least this old, by the server's own clock, identifies one version of a file.
_OLD_S = 60
# Numbers of bytes: of more digits they are no sizes of files.
_LENGTH = re.compile(r"[0-9]{1,15}")
_RANGE = re.compile(r"bytes ([0-9]{1,15})-([0-9]{1,15})/([0-9]{1,15})")


class Download:
    """A file that is being downloaded.

    An interrupted transfer resumes only when all of this holds: the server gave the file a strong
    ETag (or a sufficiently old Last-Modified), it answers ``If-Range`` with that validator and
    ``206``, the announced range and size are those requested, and the last 64 kB before the
    interruption arrive again unchanged. Otherwise the next attempt begins at byte 0.

    Parameters
    ----------
    session : requests.Session
        Has its own limit on silence.
    url : str
        Address.
    path : pathlib.Path
        File to write: a private name that does not exist yet.
    size : int or None
        Size of the file in bytes, when known.
    raise_failure : callable
        ``raise_failure(response)`` raises the error that a status other than 200 and 206 means.

    Attributes
    ----------
    resumed : int
        How often an interrupted transfer was resumed.
    """

    def __init__(
        self,
        session: requests.Session,
        url: str,
        path: Path,
        size: int | None,
        raise_failure: Callable[[requests.Response], NoReturn],
    ) -> None:
        self.session, self.url, self.path, self.size = session, url, path, size
        self._raise_failure = raise_failure
        self._validator: str | None = None
        self.resumed = 0

    def attempt(self) -> None:
        """Download the whole file.

        Raises
        ------
        TransientError
            With the reason, when another attempt may succeed.
        DarkroomError
            When no other attempt can succeed.
        """
        begin = self._begin()
        headers = {"Accept-Encoding": "identity"}
        if begin and self._validator:
            headers |= {"Range": f"bytes={begin}-", "If-Range": self._validator}
        with self.session.get(self.url, headers=headers, stream=True) as response:
            if response.status_code == 416 and begin:
                self.discard()
                raise TransientError("the server no longer has the part that is missing")
            if response.status_code not in (200, 206):
                self._raise_failure(response)
            if response.status_code == 206 and not begin:
                raise TransientError("the server sent a part of the file, the whole was asked for")
            if begin and response.status_code == 206:
                self._resume(response, begin)
            else:
                self._start(response)
        self._check_size()

    def discard(self) -> None:
        """Remove what was downloaded so far."""
        self._validator = None
        self.path.unlink(missing_ok=True)

    def _begin(self) -> int:
        """Return the byte to begin with."""
        here = self.path.stat().st_size if self.path.is_file() else 0
        if self._validator and self.size and OVERLAP < here < self.size:
            return here - OVERLAP
        self.discard()
        return 0

    def _start(self, response: requests.Response) -> None:
        """Write the file from byte 0."""
        self.discard()
        length = response.headers.get("Content-Length")
        if length and not _LENGTH.fullmatch(length):
            raise TransientError(f"the server states a length of {length[:20]!a}, which is none")
        announced = int(length) if length else None
        if announced is not None and self.size is not None and announced != self.size:
            start = response.raw.read(200)
            self._raise_wrong_size(announced, start)
        self._validator = _validator(response.headers)
        check_space(self.path.parent, self.size or announced or 0, self.path.name)
        # Mode x: a new file; no link of another's is followed.
        with self.path.open("xb") as stream:
            self._copy(response, stream, self.size or announced)

    def _resume(self, response: requests.Response, begin: int) -> None:
        """Append the rest of the file, after comparing the overlap."""
        size = self.size or 0
        if not self._is_same_version(response.headers):
            self.discard()
            raise TransientError(
                "the file was replaced on the server; it is fetched from its start"
            )
        found = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if not found or tuple(map(int, found.groups())) != (begin, size - 1, size):
            self.discard()
            raise TransientError("the server sent another part of the file than was asked for")
        with self.path.open("r+b") as stream:
            stream.seek(begin)
            before = stream.read()
            again = b""
            while len(again) < len(before) and (block := response.raw.read1(OVERLAP)):
                again += block
            if again[: len(before)] != before[: len(again)] or len(again) < len(before):
                self.discard()
                raise TransientError("the rest that came is of another file than the beginning")
            stream.write(again[len(before) :])
            self.resumed += 1
            log.info("%s: resumed at byte %d of %d", self.path.name, begin, size)
            self._copy(response, stream, size)

    def _is_same_version(self, headers: Mapping[str, str]) -> bool:
        """Tell whether the headers of a part are of the version that the beginning came from."""
        stated = [headers[name] for name in ("ETag", "Last-Modified") if name in headers]
        # The rest of a file must state its ETag if the whole did (RFC 9110, section 15.3.7).
        by_date = not str(self._validator).startswith('"')
        return self._validator in stated or (by_date and not stated)

    def _copy(self, response: requests.Response, stream: IO[bytes], expected: int | None) -> None:
        """Write a response to a file, not many more bytes than expected; log the progress."""
        begun = reported = monotonic()
        while block := response.raw.read1(BLOCK):
            stream.write(block)
            if expected is not None and stream.tell() > expected:
                break
            if monotonic() - reported > PROGRESS_S:
                reported = monotonic()
                rate = stream.tell() / (reported - begun) / 1e6
                log.info("%s: %.0f MB received, %.1f MB/s", self.url, stream.tell() / 1e6, rate)

    def _check_size(self) -> None:
        """Raise `TransientError` unless all bytes came (some, when their number is not known)."""
        found = self.path.stat().st_size
        if found == self.size or (self.size is None and found):
            return
        with self.path.open("rb") as stream:
            start = stream.read(200)
        if self.size is None or found > self.size:
            self.discard()
        self._raise_wrong_size(found, start)

    def _raise_wrong_size(self, found: int, start: bytes) -> NoReturn:
        """Raise `TransientError` that states how many bytes came and what they begin with."""
        fits = not start or start.startswith((b"SIMPLE  =", b"\x1f\x8b"))
        kind = "" if fits else f", no FITS: {first_words(start)}"
        if self.size is not None and found > self.size:
            # Reading stopped early, so their number is not stated.
            fault = f"more bytes came{kind} than the {self.size} expected"
            raise TransientError(fault, _LOCK_AGAIN)
        expected = "some" if self.size is None else self.size
        raise TransientError(f"{found} bytes came{kind}, {expected} are expected", _LOCK_AGAIN)


def check_space(folder: Path, size: int, name: str) -> None:
    """Refuse a file for which the disk has no room.

    Parameters
    ----------
    folder : pathlib.Path
        Folder of the file.
    size : int
        Size of the file in bytes.
    name : str
        The file, for the message.

    Raises
    ------
    DarkroomError
        When less than `size` and a reserve of 100 MB is free.
    """
    free = shutil.disk_usage(folder).free
    if free < size + RESERVE:
        raise DarkroomError(
            f"{name} has {size / 1e6:.1f} MB, and {free / 1e6:.1f} MB are free where it goes "
            f"(100 MB stay free); make room, or put results on another disk"
        )


def first_words(answer: bytes | str) -> str:
    """Return the first words of an answer, without markup, for a message."""
    text = answer.decode("latin-1") if isinstance(answer, bytes) else answer
    text = " ".join(re.sub(r"<[^>]*>|[^ -~]", " ", text).split())
    return repr(text[:60]) if text else "it is empty"


def _validator(headers: Mapping[str, str]) -> str | None:
    """Return the header value that identifies this version of a file, or None.

    A strong ETag does, a weak one does not; Last-Modified does when the file was at least a minute
    old when it was sent (RFC 9110, section 8.8.2.2).
    """
    tag = headers.get("ETag", "")
    if re.fullmatch(r'"[!-~]+"', tag):
        return tag
    try:
        changed = parsedate_to_datetime(headers["Last-Modified"])
        sent = parsedate_to_datetime(headers["Date"])
        old = (sent - changed).total_seconds() >= _OLD_S
    except (KeyError, ValueError, TypeError, OverflowError):
        return None
    return headers["Last-Modified"] if old and not tag else None
