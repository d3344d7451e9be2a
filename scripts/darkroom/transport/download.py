"""One file on its way here, over as many attempts as it takes.

Every attempt begins anew, unless it is provable that the bytes here and the rest over there are
parts of one file; see `Download`.
"""

from __future__ import annotations

import logging
import re
import shutil
from email.utils import parsedate_to_datetime
from time import monotonic

from darkroom.errors import DarkroomError
from darkroom.transport.transfer import Unlucky

log = logging.getLogger(__name__)

BLOCK = 1 << 18
# So much of what is here is asked for again when a transfer is taken up, and compared.
OVERLAP = 1 << 16
# Free bytes that a transfer leaves on the disk.
RESERVE = 100_000_000
PROGRESS_S = 15.0
_LOOK_AGAIN = "lock the campaign again to see whether the file has changed (snakemake lock)"
# A validator older than this, by the server's own clock, tells two versions of a file apart.
_OLD_S = 60
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


class Download:
    """A file that is being brought.

    What an attempt that broke off left is taken up again only when all of this holds: the server
    gave the file a strong ETag (or an old enough Last-Modified), it answers ``If-Range`` with that
    same one and ``206``, the announced range and size are the ones asked for, and the last 64 kB
    before the break come again the same. Else the next attempt begins at byte 0.

    Parameters
    ----------
    session : requests.Session
        Has its own limit of silence.
    url : str
        Address.
    path : pathlib.Path
        A name of our own that is not there yet.
    size : int or None
        Bytes that must come, when known.
    say_failure : callable
        ``say_failure(response)`` raises what a status other than 200 and 206 means.
    """

    def __init__(self, session, url, path, size, say_failure):
        self.session, self.url, self.path, self.size = session, url, path, size
        self._say_failure = say_failure
        self._validator = None
        self.taken_up = 0

    def attempt(self):
        """Bring the whole file, or raise `Unlucky` with the reason."""
        begin = self._begin()
        headers = {"Accept-Encoding": "identity"}
        if begin:
            headers |= {"Range": f"bytes={begin}-", "If-Range": self._validator}
        with self.session.get(self.url, headers=headers, stream=True) as response:
            if response.status_code not in (200, 206):
                self._say_failure(response)
            if response.status_code == 206 and begin:
                self._take_up(response, begin)
            else:
                self._from_the_beginning(response)
        self._check_size()

    def drop(self):
        """Remove what is here."""
        self._validator = None
        self.path.unlink(missing_ok=True)

    def _begin(self):
        """Return the byte to begin with."""
        here = self.path.stat().st_size if self.path.is_file() else 0
        if self._validator and self.size and OVERLAP < here < self.size:
            return here - OVERLAP
        self.drop()
        return 0

    def _from_the_beginning(self, response):
        self.drop()
        announced = response.headers.get("Content-Length")
        announced = int(announced) if announced and announced.isdecimal() else None
        if None not in (announced, self.size) and announced != self.size:
            start = response.raw.read(200)
            self._unexpected(announced, start)
        self._validator = _validator(response.headers)
        check_space(self.path.parent, self.size or announced or 0, self.path.name)
        # A new file and nobody else's: no link is followed.
        with self.path.open("xb") as stream:
            self._copy(response, stream, self.size or announced)

    def _take_up(self, response, begin):
        found = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if not found or tuple(map(int, found.groups())) != (begin, self.size - 1, self.size):
            self.drop()
            raise Unlucky("the server sent another part of the file than was asked for")
        with self.path.open("r+b") as stream:
            stream.seek(begin)
            before = stream.read()
            again = b""
            while len(again) < len(before) and (block := response.raw.read1(OVERLAP)):
                again += block
            if again[: len(before)] != before[: len(again)] or len(again) < len(before):
                self.drop()
                raise Unlucky("the rest that came is of another file than the beginning")
            stream.write(again[len(before) :])
            self.taken_up += 1
            log.info("%s: taken up at byte %d of %d", self.path.name, begin, self.size)
            self._copy(response, stream, self.size)

    def _copy(self, response, stream, expected):
        begun = told = monotonic()
        while block := response.raw.read1(BLOCK):
            stream.write(block)
            if expected is not None and stream.tell() > expected:
                break
            if monotonic() - told > PROGRESS_S:
                told = monotonic()
                rate = stream.tell() / (told - begun) / 1e6
                log.info("%s: %.0f MB came, %.1f MB/s", self.url, stream.tell() / 1e6, rate)

    def _check_size(self):
        """Raise `Unlucky` unless all bytes came (some, when their number is not known)."""
        found = self.path.stat().st_size
        if found == self.size or (self.size is None and found):
            return
        with self.path.open("rb") as stream:
            start = stream.read(200)
        if self.size is None or found > self.size:
            self.drop()
        self._unexpected(found, start)

    def _unexpected(self, found, start):
        """Raise `Unlucky` about a number of bytes and what they begin with."""
        fits = not start or start.startswith((b"SIMPLE  =", b"\x1f\x8b"))
        kind = "" if fits else f", no FITS: {first_words(start)}"
        if self.size is not None and found > self.size:
            # How many more depends on when reading stopped.
            raise Unlucky(f"more bytes came{kind} than the {self.size} expected", _LOOK_AGAIN)
        expected = "some" if self.size is None else self.size
        raise Unlucky(f"{found} bytes came{kind}, {expected} are expected", _LOOK_AGAIN)


def check_space(folder, size, name):
    """Refuse a file that the disk cannot take.

    Parameters
    ----------
    folder : pathlib.Path
        Where the file goes.
    size : int
        Its bytes.
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


def first_words(text):
    """Return the first words of an answer, without markup, as they may stand in a message."""
    text = text.decode("latin-1") if isinstance(text, bytes) else text
    text = " ".join(re.sub(r"<[^>]*>|[^ -~]", " ", text).split())
    return repr(text[:60]) if text else "it is empty"


def _validator(headers):
    """Return what tells this version of a file from every other, or None.

    A weak ETag does not; Last-Modified does when the file was a minute old as it was sent (RFC
    9110, section 8.8.2.2).
    """
    tag = headers.get("ETag", "")
    if re.fullmatch(r'"[!-~]+"', tag):
        return tag
    try:
        changed = parsedate_to_datetime(headers["Last-Modified"])
        sent = parsedate_to_datetime(headers["Date"])
        old = (sent - changed).total_seconds() >= _OLD_S
    except (KeyError, ValueError, TypeError):
        return None
    return headers["Last-Modified"] if old and not tag else None
