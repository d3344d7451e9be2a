"""What can go wrong between an archive and us, each switchable by name.

A fault is a function that takes the reply the archive would give and returns the one it does
give. A new fault is one more function with the decorator.
"""

from __future__ import annotations

import json
import random
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

KINDS: dict[str, tuple[Callable, tuple[str, ...]]] = {}


@dataclass(frozen=True)
class Reply:
    """What goes over the wire: announced length and sent bytes may differ."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    announce: int | str | None = -1
    """Content-Length; -1 that of the body, None no such header (the end of the line ends it)."""
    silence_s: float = 0.0
    """Seconds without a byte after the headers."""
    byte_pause_s: float = 0.0
    """Seconds between two bytes of the body."""
    reset: bool = False
    """Whether the connection is reset after the body instead of being closed."""
    headers: tuple = ()
    """Further headers, as pairs."""
    head_pause_s: float = 0.0
    """Seconds between two lines of endless headers."""
    bare: bool = False
    """Whether the body goes out alone, without a line of HTTP before it."""
    answers: bool = True
    """Whether there is any answer; the connection is closed without one."""


def fault(*methods):
    """Register a function as the fault of its name, for these HTTP methods only (or for all)."""

    def register(function):
        KINDS[function.__name__] = function, methods
        return function

    return register


@fault("GET")
def cut(reply):
    """Half of the body, with the length of the whole."""
    return replace(reply, announce=len(reply.body), body=reply.body[: len(reply.body) // 2])


@fault("GET")
def cut_without_length(reply):
    """Half of the body, and no length announced."""
    return replace(reply, announce=None, body=reply.body[: len(reply.body) // 2])


@fault("GET")
def reset(reply):
    """Half of the body, then a reset of the connection."""
    return replace(cut(reply), reset=True)


@fault("GET")
def hang(reply):
    """Half of the body, then silence on an open line."""
    return replace(cut(reply), silence_s=30.0)


@fault("GET")
def trickle(reply):
    """All of the body, a byte at a time."""
    return replace(reply, byte_pause_s=0.05)


@fault("GET", "POST")
def silent(reply):
    """Nothing at all, on an open line."""
    return replace(reply, answers=False, silence_s=30.0)


@fault("GET")
def endless_headers(reply):
    """Headers that never end, a line at a time."""
    return replace(reply, head_pause_s=0.05)


@fault()
def down(reply):
    """The connection is closed without an answer."""
    return replace(reply, answers=False)


@fault("GET", "POST")
def html(reply):
    """A web page and status 200."""
    page = b"<html><body>Scheduled maintenance</body></html>"
    return replace(reply, body=page, content_type="text/html")


@fault("GET")
def empty(reply):
    """Status 200 and no bytes."""
    return replace(reply, body=b"")


@fault("GET")
def too_long(reply):
    """A further FITS block of zeros after the end, and no length announced."""
    return replace(reply, announce=None, body=reply.body + bytes(2880))


@fault("GET")
def padded_wrong(reply):
    """The last byte changed, which is padding, the size right; a file without checksums."""
    return replace(reply, body=reply.body[:-1] + b"\xff")


@fault("GET")
def corrupt(reply):
    """One bit of the last block turned, of data or of a comment, the size right."""
    changed = bytearray(reply.body)
    changed[-min(2680, len(changed))] ^= 1
    return replace(reply, body=bytes(changed))


@fault()
def unavailable(reply):
    """HTTP 503."""
    return replace(reply, status=503, body=b"try again later", content_type="text/plain")


@fault()
def busy(reply):
    """HTTP 429 with Retry-After."""
    headers = (("Retry-After", "7"),)
    return replace(reply, status=429, body=b"slow down", content_type="text/plain", headers=headers)


@fault("GET")
def refused(reply):
    """HTTP 403, as for data that are not public."""
    return replace(reply, status=403, body=b"no", content_type="text/plain")


@fault("GET")
def another_part(reply):
    """A part that begins elsewhere than asked for."""
    if reply.status != 206:
        return reply
    headers = tuple((name, value.replace("bytes ", "bytes 1")) for name, value in reply.headers)
    return replace(reply, headers=headers)


@fault("GET")
def another_file(reply):
    """The right part, of a file with other bytes and the same ETag."""
    if reply.status != 206:
        return reply
    return replace(reply, body=bytes(byte ^ 1 for byte in reply.body))


@fault("GET")
def another_version(reply):
    """The part that is missing, with another ETag than the beginning had."""
    return _with_header(reply, "ETag", '"another"') if reply.status == 206 else reply


@fault("GET")
def no_such_part(reply):
    """HTTP 416 where a part is asked for."""
    return Reply(416, b"no such part", "text/plain") if reply.status == 206 else reply


@fault("GET")
def endless_range(reply):
    """A part whose Content-Range has numbers of 5,000 digits."""
    if reply.status != 206:
        return reply
    return _with_header(reply, "Content-Range", f"bytes {'9' * 5000}-{'9' * 5000}/{'9' * 5000}")


def _with_header(reply, name, value):
    headers = tuple((key, value if key == name else text) for key, text in reply.headers)
    return replace(reply, headers=headers)


@fault("GET")
def part_unasked(reply):
    """HTTP 206 and the first half, where the whole was asked for."""
    half = len(reply.body) // 2
    headers = (("Content-Range", f"bytes 0-{half - 1}/{len(reply.body)}"),)
    return replace(reply, status=206, body=reply.body[:half], headers=headers)


@fault("GET")
def endless_length(reply):
    """A Content-Length of 5,000 digits."""
    return replace(reply, announce="9" * 5000)


@fault("GET", "POST")
def no_http(reply):
    """Bytes that are no HTTP, with a command to the terminal."""
    return replace(reply, body=b"\x1b[31mHello\xff\r\n\r\n", bare=True)


@fault("GET")
def broken_redirect(reply):
    """A redirect to something that is no address."""
    return replace(reply, status=302, body=b"", headers=(("Location", "http://[x"),))


@fault("GET")
def unreadable_redirect(reply):
    """A redirect to an address that is no text."""
    return replace(reply, status=302, body=b"", headers=(("Location", "/\xff\xfe"),))


@fault("GET")
def redirect_to_a_file(reply):
    """A redirect to a file of this machine."""
    return replace(reply, status=302, body=b"", headers=(("Location", "file:///etc/passwd"),))


@fault("GET")
def redirect_to_itself(reply):
    """A redirect to where it came from."""
    location = "/api/v0.1/Download/file?uri=mast%3AHST%2Fproduct%2Fiaaa01aaq_raw.fits"
    return replace(reply, status=302, body=b"", headers=(("Location", location),))


@fault()
def missing(reply):
    """HTTP 404."""
    return replace(reply, status=404, body=b"no such thing", content_type="text/plain")


@fault("POST")
def no_rows(reply):
    """A good answer without rows."""
    answer = json.loads(reply.body)
    answer["data"] = []
    return replace(reply, body=json.dumps(answer).encode())


@fault("POST")
def wrong_size(reply):
    """Product lists that give each file one FITS block more than it has."""
    answer = json.loads(reply.body)
    for row in answer["data"]:
        for column in ("size", "fileSize"):
            if row.get(column) is not None:
                row[column] += 2880
    return replace(reply, body=json.dumps(answer).encode())


def _with_rows(reply, **values):
    """Return an answer with these values in each of its rows, where it has such columns."""
    answer = json.loads(reply.body)
    for row in answer["data"]:
        row.update({name: value for name, value in values.items() if name in row})
    return replace(reply, body=json.dumps(answer).encode())


@fault("POST")
def infinite_size(reply):
    """Product lists in which each file has Infinity bytes."""
    return _with_rows(reply, size=float("inf"))


@fault("POST")
def huge_size(reply):
    """Product lists in which each file has 10^30 bytes."""
    return _with_rows(reply, size=10**30)


@fault("POST")
def same_file(reply):
    """Product lists in which all exposures have one file."""
    return _with_rows(reply, productFilename="icqtbbbxq_raw.fits")


@fault("POST")
def newline_in_name(reply):
    """Product lists with a line feed and a command to the terminal in each name."""
    return _with_rows(reply, productFilename="x\n\x1b[1m_raw.fits")


@fault("POST")
def numbers_as_names(reply):
    """Product lists with numbers for names."""
    return _with_rows(reply, productFilename=7)


@fault("POST")
def deep(reply):
    """An answer that nests 100,000 levels deep."""
    return replace(reply, body=b"[" * 100_000)


@fault("POST")
def no_size(reply):
    """Product lists that do not tell the sizes."""
    answer = json.loads(reply.body)
    for row in answer["data"]:
        for column in {"size", "fileSize"} & set(row):
            row[column] = None
    return replace(reply, body=json.dumps(answer).encode())


@fault("POST")
def service_error(reply):
    """Status 200 and an answer that says ERROR."""
    answer = {"status": "ERROR", "msg": "the database is locked", "data": [], "fields": []}
    return replace(reply, body=json.dumps(answer).encode())


@fault("POST")
def executing(reply):
    """The query is still running."""
    return replace(reply, body=json.dumps({"status": "EXECUTING", "msg": ""}).encode())


class Faults:
    """The faults that are switched on."""

    def __init__(self):
        self._active = []
        self._lock = threading.Lock()
        self._chance = None
        self.struck = Counter()

    def add(self, kind, subject="*", times=None):
        """Switch a fault on.

        Parameters
        ----------
        kind : str
            A name in `KINDS`.
        subject : str
            What it strikes: a file name, a service (``Mast.Caom.Products``), ``columnsconfig``
            or ``whoami``; with ``*`` as in file names.
        times : int, optional
            How often; for ever when not given.
        """
        if kind not in KINDS:
            raise ValueError(f"no fault {kind!r}; there are {', '.join(sorted(KINDS))}")
        with self._lock:
            self._active.append([kind, subject, times])

    def at_random(self, rate, kinds, subject, seed):
        """Let a part of the requests meet a fault by chance.

        Parameters
        ----------
        rate : float
            Part of the requests with the method of a fault.
        kinds : sequence of str
            Names in `KINDS`; one of them strikes.
        subject : str
            As for `add`.
        seed : int
            Starts the chance.
        """
        self._chance = random.Random(seed), rate, list(kinds), subject

    def clear(self):
        """Switch all faults off."""
        with self._lock:
            self._active.clear()
            self._chance = None
            self.struck.clear()

    def apply(self, method, subject, reply):
        """Return the reply that goes out for a request with this method and subject."""
        with self._lock:
            for entry in self._active:
                kind, pattern, times = entry
                function, methods = KINDS[kind]
                if (methods and method not in methods) or not fnmatchcase(subject, pattern):
                    continue
                if times == 0:
                    continue
                if times is not None:
                    entry[2] -= 1
                return function(reply)
            return self._by_chance(method, subject, reply)

    def _by_chance(self, method, subject, reply):
        if self._chance is None or method == "HEAD" or not fnmatchcase(subject, self._chance[3]):
            return reply
        chance, rate, kinds, _ = self._chance
        if chance.random() >= rate:
            return reply
        kind = chance.choice(kinds)
        self.struck[kind] += 1
        return KINDS[kind][0](reply)
