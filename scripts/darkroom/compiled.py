"""Loading compiled loops (kernels), safely while other jobs do the same.

numba keeps machine code on disk: in ``NUMBA_CACHE_DIR`` when set (the workflow sets it to a folder
inside the checkout), else beside the source. Its index is keyed by signature, processor model and
processor features, and by the time and size of the file in which a function is written; so
machines of different kinds may share a folder. But two processes that add entries at the same
moment can choose the same file name for different code. Therefore a kernel is imported under an
exclusive lock: the first job compiles (seconds), the others wait for it and load.

A kernel is a module, or a package all of whose files belong to it. numba notices an edit of the
file that holds the called function only, so the code of a package is kept in a folder named by the
digest of all its files.
"""

from __future__ import annotations

import fcntl
import gc
import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from darkroom.errors import DarkroomError

_loaded: dict[tuple, Any] = {}
_loading = threading.Lock()


def load_kernel(name: str, *variant: Any) -> Any:
    """Return a module of compiled loops, compiled or loaded from numba's cache.

    May be called from several threads: the first one loads, the others wait.

    Parameters
    ----------
    name : str
        Dotted name of the kernel, a literal, so that it is found among the modules a program uses
        (`darkroom.workflow.programs`). Its functions have explicit signatures: they are compiled
        when it is imported, and never outside the lock.
    *variant
        Arguments of the kernel's function ``compiled``, for a kernel that is compiled for several
        types of values.

    Returns
    -------
    module or object
        The module, or what its function ``compiled`` returns.

    Raises
    ------
    DarkroomError
        When the file system of the cache does not support locks.
    """
    key = (name, *variant)
    found = _loaded.get(key)
    if found is None:
        with _loading:
            found = _loaded.get(key)
            if found is None:
                with cache_lock(), _garbage_collection_paused(), _package_cache(name):
                    module = import_module(name)
                    found = module.compiled(*variant) if variant else module
                _loaded[key] = found
    return found


@contextmanager
def _package_cache(name: str) -> Iterator[None]:
    """Let numba keep the code of a package in a folder named by the digest of all its files."""
    spec = find_spec(name)
    folders = spec.submodule_search_locations if spec else None
    if not folders:
        yield
        return
    from numba import config

    before = config.CACHE_DIR
    config.CACHE_DIR = str(Path(before or Path(folders[0], "__pycache__")) / _digest(folders[0]))
    try:
        yield
    finally:
        config.CACHE_DIR = before


def _digest(folder: str) -> str:
    """Return 16 hexadecimal digits that change with any Python file of a folder."""
    total = hashlib.sha256()
    for path in sorted(Path(folder).glob("*.py")):
        total.update(f"{path.name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()[:16]


@contextmanager
def cache_lock() -> Iterator[None]:
    """Hold the lock of the folder of compiled code during the block.

    The lock ends with the process that holds it, however that process ends. Where the folder cannot
    be written no lock is needed: numba then keeps its code in the user's own cache.

    Raises
    ------
    DarkroomError
        When the file system does not support locks.
    """
    named = os.environ.get("NUMBA_CACHE_DIR")
    folder = Path(named) if named else Path(__file__).parent / "__pycache__"
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
def _garbage_collection_paused() -> Iterator[None]:
    """Pause the garbage collector: it finds nothing during imports and takes 10 % of their time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
