"""SHA-256 of files: computed once in a process, again when a file has changed."""

from __future__ import annotations

import hashlib
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from io import FileIO

    from darkroom.hints import StrPath

    Signature = tuple[int, int, int, int, int]

_BLOCK = 1 << 20
# {signature: SHA-256}: a signature belongs to one file in one state.
_known: dict[Signature, str] = {}
# Files that a thread is summing: another that asks for the same sum waits for it.
_summing: dict[Signature, threading.Lock] = {}
os.register_at_fork(after_in_child=_summing.clear)


def absolute(path: StrPath) -> str:
    """Return the absolute path of a file; links are not followed."""
    return os.path.abspath(path)  # noqa: PTH100 (Path has no such method)


def signature(path: StrPath) -> Signature:
    """Return what changes when a file is written to or replaced: device, inode, size, times.

    Raises
    ------
    OSError
        When there is no such file.
    """
    found = Path(path).stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def sha256(path: StrPath) -> str:
    """Return the SHA-256 of a file's bytes as a hexadecimal string; read once while unchanged."""
    before = signature(path)
    if before in _known:
        return _known[before]
    # Opened before another thread is waited for: who watches what is opened may wait, too.
    with _opened(path) as stream, _summing.setdefault(before, threading.Lock()):
        found = _known.get(before) or _sum_of(stream)
        if signature(path) == before:
            _known[before] = found
    _summing.pop(before, None)
    return found


def read_sha256(path: StrPath, seen: Callable[[memoryview], object] | None = None) -> str:
    """Return the SHA-256 of a file's bytes, all of them read now.

    Parameters
    ----------
    path : path-like
        The file.
    seen : callable, optional
        Called with each block of bytes that was read.
    """
    with _opened(path) as stream:
        return _sum_of(stream, seen)


def _opened(path: StrPath) -> FileIO:
    return Path(path).open("rb", buffering=0)


def _sum_of(stream: FileIO, seen: Callable[[memoryview], object] | None = None) -> str:
    """Return the SHA-256 of an open file; no other is opened here."""
    digest = hashlib.sha256()
    # The memory of a block takes longer to fill with zeros than a small file to read.
    size = os.fstat(stream.fileno()).st_size
    block = memoryview(bytearray(min(max(size, 1), _BLOCK)))
    while count := stream.readinto(block):
        digest.update(block[:count])
        if seen is not None:
            seen(block[:count])
    return digest.hexdigest()


def known(path: StrPath) -> str | None:
    """Return the SHA-256 of a file that this process has computed; None when it has not."""
    return _known.get(signature(path))


def remember(path: StrPath, sha256: str) -> None:
    """Keep a file's SHA-256 that was computed elsewhere, until the file changes."""
    _known[signature(path)] = sha256


class InPassing:
    """The SHA-256 of a file, computed from the blocks that a program reads of it anyway.

    The blocks are given in the order of the file and cover all of it; a gap is read here.

    Parameters
    ----------
    path : path-like
        The file.
    """

    def __init__(self, path: StrPath) -> None:
        self.path = Path(path)
        self._signature = signature(path)
        self._digest = hashlib.sha256()
        self._at = 0

    def update(self, offset: int, block: bytes | memoryview) -> None:
        """Take the bytes at `offset`; those before `offset` that were not given are read.

        Bytes that were given before are left out.
        """
        view = memoryview(block).cast("B")
        if offset > self._at:
            self._read(offset)
        self._digest.update(view[self._at - offset :])
        self._at = max(self._at, offset + len(view))

    def finish(self) -> str:
        """Return the SHA-256 of the whole file, as `sha256` does from now on; read what is left."""
        self._read(sys.maxsize)
        found = self._digest.hexdigest()
        if signature(self.path) == self._signature:
            _known[self._signature] = found
        return found

    def _read(self, end: int) -> None:
        with self.path.open("rb") as stream:
            stream.seek(self._at)
            while block := stream.read(min(_BLOCK, end - self._at)):
                self._digest.update(block)
                self._at += len(block)
