"""The lock by which one process at a time fills a shared cache."""

from __future__ import annotations

import fcntl
import logging
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from darkroom.atomic import make_folder

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger(__name__)

_POLL_S = 0.2
_HEARTBEAT_S = 1.0


class Holder:
    """The process that fills the cache now.

    Attributes
    ----------
    alone : bool
        Whether no other process can be filling it.
    """

    def __init__(self, descriptor: int, alone: bool) -> None:
        self._descriptor, self.alone = descriptor, alone
        self._last = 0.0
        self.heartbeat("")

    def heartbeat(self, what: str | None = None) -> None:
        """Show other processes that this one is working, at most once a second.

        Parameters
        ----------
        what : str, optional
            What it does now; shown at once to processes that wait.
        """
        if not self.alone or (what is None and time.monotonic() - self._last < _HEARTBEAT_S):
            return
        self._last = time.monotonic()
        if os.fstat(self._descriptor).st_nlink != 1:
            return  # it has another name, in a backup for example
        # Another user's file can be locked, but not written to.
        with suppress(OSError):
            if what is None:
                os.utime(self._descriptor)
            else:
                text = f"{socket.gethostname()}, process {os.getpid()} {what}\n".encode()
                os.ftruncate(self._descriptor, 0)
                os.pwrite(self._descriptor, text, 0)


@contextmanager
def filling(path: Path, patience_s: float) -> Iterator[Holder]:
    """Hold the lock of a cache while filling it.

    The lock is the kernel's: it ends with its process, so a killed process never blocks others.
    Between hosts it is as reliable as the locks of the file system. Where there are none, or where
    its holder gives no heartbeat, this process continues without it: a file gets its name only when
    it is verified, so two processes at a time cost a second transfer, never a wrong file.

    Parameters
    ----------
    path : pathlib.Path
        The lock; its folder is made when missing.
    patience_s : float
        Longest time without a heartbeat from the holder, in seconds.

    Yields
    ------
    Holder
        Its ``heartbeat`` is to be called whenever something was done.
    """
    make_folder(path.parent)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    except PermissionError:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        yield Holder(descriptor, _locked(descriptor, path, patience_s))
    finally:
        os.close(descriptor)


def _locked(descriptor: int, path: Path, patience_s: float) -> bool:
    """Wait for the lock; return whether this process has it."""
    seen, since, reported = None, time.monotonic(), False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            pass
        except OSError as error:
            log.warning("%s: this file system has no locks (%s)", path, error.strerror)
            return False
        if not reported:
            reported = True
            log.info("%s: waiting for %s", path, _holder(descriptor) or "another process")
        # Clocks of hosts differ: only whether the time of the file changes matters.
        if (now := os.fstat(descriptor).st_mtime_ns) != seen:
            seen, since = now, time.monotonic()
        elif time.monotonic() - since > patience_s:
            who = _holder(descriptor) or "its holder"
            log.warning("%s: no sign of life from %s for %g s", path, who, patience_s)
            return False
        time.sleep(_POLL_S)


def _holder(descriptor: int) -> str:
    return os.pread(descriptor, 300, 0).decode("utf-8", "replace").strip()
