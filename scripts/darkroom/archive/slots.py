"""Claims and transfer slots shared by processes, by kernel locks that end with their holder."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING

from darkroom.atomic import make_folder
from darkroom.integrity.fence import leave

if TYPE_CHECKING:
    from darkroom.hints import StrPath

_POLL_S = 0.1


def claim_of(name: str) -> int:
    """Return the number of the claim on what a name stands for, the same in every program."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:7], "big")


class Claims:
    """Numbered claims, each held by one process at a time.

    They are locks on single bytes of an empty file. The kernel releases them however the process
    ends, so none has to be cleaned up.

    Parameters
    ----------
    path : path-like
        The file; made when missing.
    """

    def __init__(self, path: StrPath) -> None:
        self._path = Path(path)
        self._file: int | None = None

    def take(self, number: int) -> bool:
        """Take a claim if it is free; return whether it was.

        Raises
        ------
        OSError
            When the disk fails: waiting for the claim would never end.
        """
        try:
            fcntl.lockf(self._open(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise
            return False
        return True

    def wait(self, number: int) -> None:
        """Take a claim; wait until it is free."""
        fcntl.lockf(self._open(), fcntl.LOCK_EX, 1, number)

    def wait_for_all(self, names: Iterable[str]) -> list[int]:
        """Take the claims on what several names stand for; return their numbers.

        They are taken in one order by all programs, so that no two wait for each other. A run that
        follows, should this one be killed, waits for this program, and uses what it has made.
        """
        numbers = sorted(map(claim_of, names))
        for number in numbers:
            self.wait(number)
        leave()
        return numbers

    def free(self, number: int) -> None:
        """Release a claim."""
        fcntl.lockf(self._open(), fcntl.LOCK_UN, 1, number)

    def _open(self) -> int:
        if self._file is None:
            make_folder(self._path.parent)
            # Open for the life of the process: closing it would free every claim.
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            self._file = os.open(self._path, flags, 0o666)
        return self._file


class TransferSlots:
    """A limit on simultaneous transfers, counted over all processes that share a file.

    Parameters
    ----------
    path : path-like
        The file.
    count : int
        Largest number of transfers at once.
    heartbeat : callable
        Called while waiting for a slot, and when it is taken.
    """

    def __init__(self, path: StrPath, count: int, heartbeat: Callable[[], None]) -> None:
        self._claims, self._count, self._heartbeat = Claims(path), count, heartbeat

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Hold a slot during the block; wait for one first."""
        while (number := next(filter(self._claims.take, range(self._count)), None)) is None:
            self._heartbeat()
            sleep(_POLL_S)
        self._heartbeat()
        try:
            yield
        finally:
            self._claims.free(number)
