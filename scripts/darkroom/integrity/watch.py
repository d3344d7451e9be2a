"""Comparing what a program reads with what is recorded of it, whoever opens the file.

`watch` is called once by every program of the workflow (`darkroom.cli.run`). From then on each file
that is opened for reading, by darkroom or by a library it uses, is looked up: has it a record
(`darkroom.integrity.records`), or did a status file or a list state its SHA-256
(`darkroom.integrity.seen.expect`)? If so its SHA-256 is computed by a thread beside the work, while
the file is in the memory of the system anyway. No product gets its name before all of them are
compared (`settle`).
"""

from __future__ import annotations

import os
import stat
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from darkroom import naming
from darkroom.errors import InputError
from darkroom.integrity import digests
from darkroom.integrity.digests import absolute
from darkroom.integrity.fence import require_own_run
from darkroom.integrity.recording import forget_record, record
from darkroom.integrity.records import advice_to_remake, read_record, root_of
from darkroom.integrity.seen import Read, seen, unwatched

if TYPE_CHECKING:
    from collections.abc import Callable
    from queue import SimpleQueue

    from darkroom.hints import StrPath

T = TypeVar("T")

# Folders of Python and its packages, of which a program opens a thousand files when it starts.
_PACKAGES = (
    str(Path(os.__file__).parent) + os.sep,
    *(path + os.sep for path in sys.path if path.endswith(("site-packages", "dist-packages"))),
)
# Lists, tables and notes: the longest has a line for each of a million exposures.
_TEXTS = (".tsv", ".list", ".json", ".txt")
_LONGEST_TEXT = 1_000_000_000
# Bytes that take less time to sum than to hand over to a thread.
_SMALL = 1 << 17
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class DamagedInput(InputError):  # noqa: N818 (as InputError's other kinds)
    """A file that is not the one that was recorded."""


def watch() -> None:
    """Compare from now on, in this process and those forked from it."""
    if seen.on:
        return
    seen.on = True
    naming.before.extend((require_own_run, settle, forget_record))
    naming.after.append(record)
    sys.addaudithook(_audit)


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    """Look at a file that is being opened (`sys.addaudithook`)."""
    if event != "open" or sys.is_finalizing() or getattr(seen.local, "off", False):
        return
    path, _, flags = arguments
    if not isinstance(path, (str, bytes, os.PathLike)) or (flags or 0) & _WRITES:
        return
    if isinstance(path, str) and path.startswith(_PACKAGES):
        return
    with unwatched():
        try:
            _note(absolute(os.fsdecode(path)))
        except (OSError, ValueError):
            return  # the program that opens it says what is wrong


def _note(path: str) -> None:
    """Begin to compare a file that is being opened for reading, if anything is stated of it."""
    stated = seen.expected.get(path)
    if stated is None and root_of(path) is None:
        return
    if path in seen.reads:
        # Read again: it must still be what it was.
        seen.waiting[path] = seen.reads[path]
        return
    if not _is_readable(path):
        return
    signature = digests.signature(path)
    with seen.lock:
        try:
            kept = read_record(path)
        except InputError as error:
            seen.take(path, Read(signature, "", "", found="", fault=error))
            return
        if stated is None and kept is None:
            return
        # A status file speaks of an exposure with more weight than the record of its bytes.
        sha256, by = stated or (kept.sha256 if kept else "", "")
        content = kept.content if kept and kept.sha256 == sha256 else ""
        read = Read(signature, sha256, by, content, digests.known(path))
        if kept and kept.sha256 == sha256 and kept.size != signature[2]:
            # Not summed: a file that has grown to terabytes would take hours.
            read.found, read.fault = "", _of_another_size(path, signature[2], kept.size)
        seen.take(path, read)
        if read.fault and signature[2] > (kept.size if kept else 0) + _LONGEST_TEXT:
            raise read.fault  # nor read
        if read.found is None and signature[2] <= _SMALL:
            _complete(path, read)
        elif read.found is None:
            _hand_over(path)


def _is_readable(path: str) -> bool:
    """Tell whether a file of a campaign is there to be read.

    Raises
    ------
    DamagedInput
        When it is a pipe or a device, which would be waited for or read without end, or a text
        that has grown beyond all bounds.
    """
    try:
        found = Path(path).stat()
    except FileNotFoundError:
        return False
    if stat.S_ISREG(found.st_mode):
        if found.st_size <= _LONGEST_TEXT or not path.endswith(_TEXTS):
            return True
        fault = f"has {found.st_size} bytes, {_LONGEST_TEXT} are allowed"
    elif stat.S_ISDIR(found.st_mode):
        return False
    else:
        fault = "is no regular file"
    raise DamagedInput(_shown(path), fault, advice_to_remake(path))


def _of_another_size(path: str, size: int, stated: int) -> DamagedInput:
    fault = f"it has {size} bytes, its record states {stated}: it was damaged or replaced since"
    return DamagedInput(_shown(path), fault, advice_to_remake(path))


def _shown(path: str) -> str:
    """Return a path as messages name it."""
    shown = os.path.relpath(path)
    return path if shown.startswith("..") else shown


def _hand_over(path: str) -> None:
    """Give a file to the thread that computes sums; it is started with the first of them."""
    if seen.queue is None:
        # Many programs read no file of which anything is stated.
        from queue import SimpleQueue

        seen.queue = SimpleQueue()
        arguments = (seen.queue,)
        threading.Thread(target=_compute, args=arguments, name="integrity", daemon=True).start()
    seen.queue.put(path)


def _compute(waiting: SimpleQueue[str]) -> None:
    """Compute the sums of files, in the order in which they were opened."""
    seen.local.off = True
    while True:
        path = waiting.get()
        read = seen.reads.get(path)
        if read is not None and read.found is None:
            _complete(path, read)


def _complete(path: str, read: Read) -> None:
    try:
        found = digests.sha256(path)
        # Settling may have been quicker.
        read.found = read.found or found
    except OSError as error:
        read.found, read.fault = "", InputError(path, f"cannot be read again ({error.strerror})")


def settle(target: StrPath | None = None) -> None:
    """Wait until every file that was read is compared; called before a product gets its name.

    Parameters
    ----------
    target : path-like, optional
        File or folder that is about to be replaced: it need not be whole.

    Raises
    ------
    DamagedInput
        Naming the first file that differs from what is stated of it, both sums, and the command
        that makes it again.
    """
    own = None if target is None else absolute(target)
    with unwatched():
        # At the end of a program all of them once more: none may have changed since.
        reads = seen.reads if target is None else seen.waiting
        for path, read in list(reads.items()):
            if path == own or (own and path.startswith(own + os.sep)):
                continue
            with seen.lock:
                if read.found is None:
                    _complete(path, read)
            if fault := _fault(path, read):
                read.fault = fault
                raise fault
            seen.waiting.pop(path, None)


def compared(work: Callable[[], T]) -> T:
    """Do some work, and compare all that it read; a damaged file is the cause of what it raises.

    Parameters
    ----------
    work : callable
        Takes no arguments.

    Returns
    -------
    object
        What it returns.

    Raises
    ------
    DamagedInput
        As by `settle`.
    """
    try:
        done = work()
    except Exception:
        settle()
        raise
    settle()
    return done


def _fault(path: str, read: Read) -> InputError | None:
    """Return what is wrong with a file that was read."""
    if read.fault:
        return read.fault
    try:
        same = digests.signature(path) == read.signature
    except OSError:
        same = True  # removed after it was read: what was read was compared
    if not same and not (read.found == read.expected == digests.sha256(path)):
        return DamagedInput(
            _shown(path),
            "has changed while it was being read",
            "run again when nothing writes to it",
        )
    if read.found == read.expected:
        return None
    by = f"{read.stated_by} states" if read.stated_by else "its record states"
    return DamagedInput(
        _shown(path),
        f"its SHA-256 is {read.found}, {by} {read.expected}: it was damaged or replaced since",
        advice_to_remake(path),
    )


def compare(path: StrPath) -> None:
    """Compare one file with what is stated of it, at once.

    Raises
    ------
    DamagedInput
        As by `settle`.
    """
    path = absolute(path)
    with unwatched():
        _note(path)
        if (read := seen.reads.get(path)) is None:
            return
        if read.found is None:
            _complete(path, read)
        if fault := _fault(path, read):
            raise fault


def is_intact(path: StrPath) -> bool:
    """Return whether a file, that may be made again, is as it was recorded; no error follows.

    A file of which nothing is stated counts as intact.
    """
    path = absolute(path)
    try:
        compare(path)
    except InputError:
        seen.drop(path, replaced=False)
        return False
    return True


def reading(path: StrPath) -> digests.InPassing:
    """Return a `darkroom.integrity.digests.InPassing` for a program that reads all bytes itself.

    Call it before the file is opened, and its ``finish`` when all is read: the file is then not
    read a second time. What is stated of the file is compared when a product gets its name, or by
    `compare`.
    """
    path = absolute(path)
    passing = digests.InPassing(path)
    with unwatched():
        stated = seen.expected.get(path)
        found = read_record(path)
        sha256, by = stated or (found.sha256 if found else "", "")
        if sha256:
            signature = digests.signature(path)
            if found and found.sha256 == sha256 and found.size != signature[2]:
                raise _of_another_size(path, signature[2], found.size)
            with seen.lock:
                seen.take(path, Read(signature, sha256, by))
    return passing


def content_of(path: StrPath) -> str | None:
    """Return the recorded digest of a FITS product's content, once its bytes are compared.

    None when it is not recorded, see `darkroom.fits.content`.
    """
    if not seen.on:
        return None
    compare(path)
    read = seen.reads.get(absolute(path))
    return (read.content or None) if read else None
