"""One process at a time fills a shared cache."""

from __future__ import annotations

import fcntl
import logging
import os
import socket
import time
from contextlib import contextmanager, suppress

log = logging.getLogger(__name__)

_POLL_S = 0.2
_SIGN_OF_LIFE_S = 1.0


class _Holder:
    """Whoever fills the cache now.

    Attributes
    ----------
    alone : bool
        Whether nobody else can be filling it.
    """

    def __init__(self, descriptor, alone):
        self._descriptor, self.alone = descriptor, alone
        self._last = 0.0
        self.sign("")

    def sign(self, what=None):
        """Show others that work goes on; `what`: at which file."""
        if not self.alone or (what is None and time.monotonic() - self._last < _SIGN_OF_LIFE_S):
            return
        self._last = time.monotonic()
        # A file of another user can be locked, but not written to.
        with suppress(OSError):
            if what is None:
                os.utime(self._descriptor)
            else:
                text = f"{socket.gethostname()}, process {os.getpid()} {what}\n".encode()
                os.ftruncate(self._descriptor, 0)
                os.pwrite(self._descriptor, text, 0)


@contextmanager
def filling(path, patience_s):
    """Hold the lock of a cache while filling it.

    The lock is the kernel's: it ends with its process, so that of a dead one is in nobody's way.
    Between hosts it is as good as the locks of the file system. Where there are none, or where
    its holder shows no sign of life, this process goes on without it: files get their names only
    when they are right, so two at a time cost a second transfer, never a wrong file.

    Parameters
    ----------
    path : pathlib.Path
        The lock; its folder is made when missing.
    patience_s : float
        Longest time without a sign of life from the holder.

    Yields
    ------
    object
        With ``alone``, and ``sign(what)``, to be called whenever something was done.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except PermissionError:
        descriptor = os.open(path, os.O_RDONLY)
    try:
        yield _Holder(descriptor, _locked(descriptor, path, patience_s))
    finally:
        os.close(descriptor)


def _locked(descriptor, path, patience_s):
    """Wait for the lock; tell whether it was got."""
    seen, since, told = None, time.monotonic(), False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            pass
        except OSError as error:
            log.warning("%s: this file system has no locks (%s)", path, error.strerror)
            return False
        if not told:
            told = True
            log.info("%s: waiting for %s", path, _holder(descriptor) or "another process")
        # Clocks of hosts differ: that the time of the file changes counts, not its value.
        if (now := os.fstat(descriptor).st_mtime_ns) != seen:
            seen, since = now, time.monotonic()
        elif time.monotonic() - since > patience_s:
            who = _holder(descriptor) or "its holder"
            log.warning("%s: no sign of life from %s for %g s", path, who, patience_s)
            return False
        time.sleep(_POLL_S)


def _holder(descriptor):
    return os.pread(descriptor, 300, 0).decode("utf-8", "replace").strip()
