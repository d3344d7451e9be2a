"""Loading compiled loops (kernels), safely while other jobs do the same.

numba keeps machine code on disk: in ``NUMBA_CACHE_DIR`` when set (the workflow sets it to a folder
inside the checkout), else beside the source, else in the user's own cache. Its index is keyed by
signature, processor model and processor features, so machines of different kinds may share a
folder. But two processes that add entries at the same moment can pick the same file name for
different code. So a kernel is imported under an exclusive lock of its own: the first job compiles
(seconds), the others wait for it and load, while other kernels are compiled at the same time.

A kernel is a module, or a package all of whose files belong to it. numba compares the one file that
holds the called function with the file that was compiled, and would not notice an edit of another.
So the code of a kernel is kept in a folder named by the digest of all its files. A compiled
function must not use constants or functions from outside its kernel.

What takes long to compile: a copy of each function for Python and one for C to call
(`no_cpython_wrapper`, `no_cfunc_wrapper`: nothing calls a kernel from C, nor its helpers from
Python, which would end the process); a helper called with a literal number as well as with a
variable, or with a row of an array of more dimensions as well as with an array of its own; numpy's
sorts, and an array assigned to an array, which brings in all that words an error.

numba does not flush what it writes, and after a power cut stops at a file that is empty or cut, or
runs what it holds. So the sums of the files are kept beside them; when one differs, all are
compiled again.
"""

from __future__ import annotations

import fcntl
import gc
import hashlib
import os
import shlex
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TextIO

from darkroom.atomic import write_text
from darkroom.errors import DarkroomError

#: The sums of the files of compiled code in a folder.
_SUMS = "sums.txt"
_loaded: dict[tuple, Any] = {}
_loading = threading.Lock()


def load_kernel(name: str, *variant: Any) -> Any:
    """Return a module of compiled loops, compiled or loaded from numba's cache.

    May be called from several threads: the first one loads, the others wait.

    Parameters
    ----------
    name : str
        Dotted name of the kernel, written out, so that it counts among what a program uses
        (`darkroom.workflow.programs`). Its functions have explicit signatures: they are compiled
        when it is imported, and never outside the lock.
    *variant
        Arguments of its function ``compiled``, for a kernel that is compiled for several types of
        values; what that returns is returned.

    Raises
    ------
    DarkroomError
        When compiled code cannot be kept anywhere, or the file system there has no locks.
    """
    key = (name, *variant)
    found = _loaded.get(key)
    if found is None:
        with _loading:
            found = _loaded.get(key)
            if found is None:
                with _garbage_collection_paused():
                    found = _loaded[key] = _load(name, variant)
    return found


def _load(name: str, variant: tuple) -> Any:
    # Before the lock, so that jobs that start together do not import numba one after the other.
    from numba import config

    # numba reads its environment again when it compiles, which would undo what is set below.
    config.reload_config()
    _register_without_scipy()
    with cache_lock(name) as folder, _code_by_digest(name, folder):
        module = import_module(name)
        return module.compiled(*variant) if variant else module


def _register_without_scipy() -> None:
    """Let numba register its functions of arrays without importing scipy.linalg.

    It does so only to choose a version of ``np.inner``, which no kernel uses, and takes longer over
    it than over loading a kernel.
    """
    from numba.np import linalg

    given = getattr(linalg, "ensure_blas", None)
    if given is None:
        return
    linalg.ensure_blas = _no_scipy
    try:
        import_module("numba.np.arraymath")
    finally:
        linalg.ensure_blas = given


def _no_scipy() -> None:
    raise ImportError


@contextmanager
def _code_by_digest(name: str, folder: Path) -> Iterator[None]:
    """Let numba keep the code of a kernel by the digest of all its files.

    Code of earlier states of the same checkout's kernel is removed, as numba itself replaces the
    code of an edited module: it is made again in seconds, and would pile up without end. Nobody
    reads it meanwhile, since the lock is held.
    """
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        yield  # the import says what is missing
        return
    import shutil

    from numba import config

    package = Path(spec.origin).absolute()
    if spec.submodule_search_locations:
        package = package.parent
    checkout = hashlib.sha256(bytes(package)).hexdigest()[:8]
    states = folder / f"{name}-{checkout}"
    present = states / _digest(package)
    before, config.CACHE_DIR = config.CACHE_DIR, str(present)
    whole = _remove_damaged(present)
    try:
        yield
    finally:
        config.CACHE_DIR = before
    _note_sums(present, whole)
    for state in states.glob("*"):
        if state != present:
            shutil.rmtree(state, ignore_errors=True)


def _code_sums(folder: Path) -> str:
    """Return a line for each file of compiled code below a folder: its SHA-256 and its name."""
    return "".join(
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder)}\n"
        for path in sorted(folder.rglob("*.nb[ic]"))
    )


def _remove_damaged(folder: Path) -> str:
    """Remove the compiled code unless every file is as it was noted; return the sums of the rest.

    All of it, since an index and the code that it names are written one after the other.
    """
    import shutil

    try:
        noted = (folder / _SUMS).read_bytes()
    except OSError:
        noted = b""
    present = _code_sums(folder)
    if present.encode() == noted:
        return present
    shutil.rmtree(folder, ignore_errors=True)
    return ""


def _note_sums(folder: Path, before: str) -> None:
    """Note the sums of the compiled code when it changed; a lost note costs a compilation."""
    present = _code_sums(folder)
    if present != before:
        write_text(folder / _SUMS, present)


@cache
def _digest(package: Path) -> str:
    """Return 16 hexadecimal digits that change with any Python file of a folder.

    Found once: a process keeps to what it has imported, also for variants that it compiles later.
    """
    total = hashlib.sha256()
    for path in sorted(package.rglob("*.py")) if package.is_dir() else [package]:
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f"{path.relative_to(package)}\0{content}\n".encode())
    return total.hexdigest()[:16]


@contextmanager
def cache_lock(name: str) -> Iterator[Path]:
    """Hold the lock of a kernel's compiled code, and give the folder of all compiled code.

    It is the first that can be written of those where numba looks: ``NUMBA_CACHE_DIR``, the folder
    beside the source, the user's own cache. The lock ends with the process that holds it, however
    it dies.

    Parameters
    ----------
    name : str
        Dotted name of the kernel. Each has a folder of its own, and so its own index.

    Raises
    ------
    DarkroomError
        When none of them can be written, its file system has no locks, or others can write to it.
    """
    folder, stream = _open_lock(name)
    with stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX)
        except OSError as error:
            msg = (
                f"{folder}: compiled code cannot be locked there ({error.strerror}); "
                "set NUMBA_CACHE_DIR to a folder on a local disk"
            )
            raise DarkroomError(msg) from error
        yield folder


def _shared(folder: Path) -> str:
    """Return who else could put code into a folder; empty when nobody can.

    The group counts only when it is not the user's own: many systems give each user one.
    """
    status = folder.stat()
    if status.st_mode & stat.S_IWOTH:
        return "everybody can write to it"
    if status.st_mode & stat.S_IWGRP and status.st_gid != os.getgid():
        return f"the group {status.st_gid} can write to it"
    if os.geteuid() and status.st_uid not in (0, os.geteuid()):
        return f"it belongs to another user ({status.st_uid})"
    return ""


def _open_lock(name: str) -> tuple[Path, TextIO]:
    """Return the first folder that can be written, and its lock, open."""
    import tempfile  # late, as numba: most programs that import this module compile nothing

    named, own = os.environ.get("NUMBA_CACHE_DIR"), os.environ.get("XDG_CACHE_HOME")
    beside = Path(__file__).parent / "__pycache__"
    folders = [*([Path(named)] if named else []), beside, Path(own or "~/.cache", "numba")]
    for folder in folders:
        try:
            folder = folder.expanduser()
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()  # numba tries the same
            if fault := _shared(folder):
                raise DarkroomError(
                    f"{folder}: {fault}, and compiled code that lies there is run; take that right "
                    f"away (chmod go-w {shlex.quote(str(folder))}), or set NUMBA_CACHE_DIR to a "
                    "folder of your own"
                )
            return folder, (folder / f"{name}.lock").open("w")
        except (OSError, RuntimeError):  # the latter for a user without a home
            continue
    msg = (
        f"compiled code cannot be kept in any of {', '.join(map(str, folders))}: "
        "set NUMBA_CACHE_DIR to a folder that can be written"
    )
    raise DarkroomError(msg)


@contextmanager
def _garbage_collection_paused() -> Iterator[None]:
    """Pause the garbage collector, which finds nothing in imports and takes a tenth of them."""
    pause = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if pause:
            gc.enable()
