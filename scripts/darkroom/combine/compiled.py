"""Loading the compiled kernel, safely while other jobs do the same.

numba keeps machine code on disk: in ``NUMBA_CACHE_DIR`` when set (the workflow sets it to a folder
inside the checkout), else beside the source. Its index is keyed by signature, processor model and
processor features, and goes by the source file's time and size; so machines of different kinds
may share a folder and an edit is noticed. But two processes that add entries at the same moment
can pick the same file name for different code. So the kernel is imported under an exclusive lock:
the first job compiles (seconds), the others wait for it and load.
"""

from __future__ import annotations

import fcntl
import gc
import os
import threading
from contextlib import contextmanager
from pathlib import Path

from darkroom.errors import DarkroomError


@contextmanager
def cache_lock():
    """Hold the lock of the compiled code's folder.

    The lock ends with the process that holds it, however it dies. Where the folder cannot be
    written there is nothing to guard: numba then keeps its code in the user's own cache.

    Raises
    ------
    DarkroomError
        When the file system has no locks.
    """
    folder = os.environ.get("NUMBA_CACHE_DIR")
    folder = Path(folder) if folder else Path(__file__).parent / "__pycache__"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stream = (folder / "darkroom.lock").open("w")
    except OSError:
        yield
        return
    with stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX)
        except OSError as error:
            msg = (
                f"{folder}: compiled code cannot be locked there ({error.strerror}); "
                "set NUMBA_CACHE_DIR to a folder on a local disk"
            )
            raise DarkroomError(msg) from error
        yield


@contextmanager
def collecting_nothing():
    """Pause the garbage collector, which finds nothing in imports and takes a tenth of them."""
    pause = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if pause:
            gc.enable()


_compiled, _compiling = {}, threading.Lock()


def reduce_block(dtype):
    """Return `darkroom.combine.kernel.reduce_block`, compiled or loaded for values of a dtype.

    May be called from several threads: the first one compiles, the others wait.
    """
    with _compiling:
        if dtype not in _compiled:
            with cache_lock(), collecting_nothing():
                from darkroom.combine import kernel

                _compiled[dtype] = kernel.compiled(dtype)
    return _compiled[dtype]
