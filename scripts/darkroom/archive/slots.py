"""Claims and turns between processes, by locks of the kernel: they end with their holder."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from pathlib import Path
from time import sleep

_POLL_S = 0.1


class Claims:
    """Numbered claims, each held by one process at a time.

    They are locks on single bytes of an empty file. The kernel frees them when the process ends in
    whatever way, so none has to be cleaned up.

    Parameters
    ----------
    path : path-like
        The file; made when missing.
    """

    def __init__(self, path):
        self._path = Path(path)
        self._file = None

    def take(self, number):
        """Take a claim; return whether it was free."""
        try:
            fcntl.lockf(self._open(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
        except OSError:
            return False
        return True

    def wait(self, number):
        """Take a claim, waiting until it is free."""
        fcntl.lockf(self._open(), fcntl.LOCK_EX, 1, number)

    def free(self, number):
        """Give a claim back."""
        fcntl.lockf(self._open(), fcntl.LOCK_UN, 1, number)

    def _open(self):
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # Open for the life of the process: closing it would free every claim.
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        return self._file


class TransferSlots:
    """At most so many transfers at once, counted over all processes that share a file.

    Parameters
    ----------
    path : path-like
        The file.
    count : int
        Transfers at once.
    beat : callable
        Called while it waits, and when the turn has come.
    """

    def __init__(self, path, count, beat):
        self._claims, self._count, self._beat = Claims(path), count, beat

    @contextmanager
    def __call__(self):
        """Hold a turn during the block; wait for one first."""
        while (number := next(filter(self._claims.take, range(self._count)), None)) is None:
            self._beat()
            sleep(_POLL_S)
        self._beat()
        try:
            yield
        finally:
            self._claims.free(number)
