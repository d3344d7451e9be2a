"""What this process has read and written, and what is stated of it (`darkroom.integrity.watch`)."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from darkroom.integrity.digests import absolute
from darkroom.integrity.records import forget_roots, root_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from queue import SimpleQueue

    from darkroom.errors import InputError
    from darkroom.hints import StrPath
    from darkroom.integrity.digests import Signature
    from darkroom.integrity.inputs import Inputs


@dataclass
class Read:
    """A file that was opened: its state then, what it must be, and what was found."""

    signature: Signature
    expected: str
    stated_by: str
    content: str = ""
    found: str | None = None
    fault: InputError | None = None


class Seen:
    """The files that this process has read."""

    def __init__(self) -> None:
        self.expected: dict[str, tuple[str, str]] = {}
        self.reads: dict[str, Read] = {}
        # Those of them that are not yet compared, and those that no record names yet.
        self.waiting: dict[str, Read] = {}
        self.unnamed: dict[str, Read] = {}
        self.inputs: dict[Path, Inputs] = {}
        self.written: set[str] = set()
        self.run = os.urandom(8).hex()
        self.on = False
        self.begin()

    def take(self, path: str, read: Read) -> None:
        """Take a file that is being read."""
        self.reads[path] = self.waiting[path] = self.unnamed[path] = read

    def drop(self, path: str, replaced: bool = True) -> None:
        """Forget that a file was read: it has been replaced, or will be."""
        for kept in (self.reads, self.waiting, self.unnamed):
            kept.pop(path, None)
        if replaced:
            self.expected.pop(path, None)
        root = root_of(path)
        inputs = None if root is None else self.inputs.get(root)
        if root and inputs and os.path.relpath(path, root) in inputs.names:
            # What comes next was not made from it.
            del self.inputs[root]
            self.unnamed = dict(self.reads)

    def begin(self) -> None:
        """Start without a thread, as in a forked process."""
        self.local = threading.local()
        self.lock = threading.RLock()
        self.queue: SimpleQueue[str] | None = None


seen = Seen()
os.register_at_fork(after_in_child=seen.begin)


def expect(path: StrPath, sha256: str, stated_by: StrPath) -> None:
    """State the SHA-256 that a file must have when it is read.

    Parameters
    ----------
    path : path-like
        The file.
    sha256 : str
        Of its bytes.
    stated_by : path-like
        Where this is stated: a status file, a list.
    """
    seen.expected[absolute(path)] = sha256, str(stated_by)


def forget() -> None:
    """Forget what was read and stated so far: what this process does next is other work."""
    with seen.lock:
        for kept in (seen.expected, seen.reads, seen.waiting, seen.unnamed, seen.inputs):
            kept.clear()
        seen.written.clear()
        forget_roots()


@contextmanager
def unwatched() -> Iterator[None]:
    """Read and write files that other processes may replace meanwhile: notes of the transfers."""
    was = getattr(seen.local, "off", False)
    seen.local.off = True
    try:
        yield
    finally:
        seen.local.off = was
