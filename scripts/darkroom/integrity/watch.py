"""Comparing what a program reads with what is recorded of it, whoever opens the file.

`watch` is called once by every program of the workflow (`darkroom.cli.run`). From then on each file
that is opened for reading, by darkroom or by a library it uses, is looked up: has it a record
(`darkroom.integrity.records`), or did a status file or a list state its SHA-256 (`expect`)? If so
its SHA-256 is computed by a thread beside the work, while the file is in the memory of the system
anyway. No product gets its name before all of them are compared (`settle`).
"""

from __future__ import annotations

import os
import stat
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkroom import naming
from darkroom.atomic import remove_durably
from darkroom.errors import InputError
from darkroom.integrity import digests
from darkroom.integrity.digests import absolute
from darkroom.integrity.inputs import Inputs
from darkroom.integrity.records import (
    Record,
    advice_to_remake,
    forget_roots,
    place,
    read_record,
    remove_record,
    root_of,
    write_records,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from queue import SimpleQueue

    from darkroom.hints import StrPath
    from darkroom.integrity.digests import Signature

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


@dataclass
class _Read:
    """A file that was opened: its state then, what it must be, and what was found."""

    signature: Signature
    expected: str
    stated_by: str
    content: str = ""
    found: str | None = None
    fault: InputError | None = None


class _Watch:
    """The files that this process has read."""

    def __init__(self) -> None:
        self.expected: dict[str, tuple[str, str]] = {}
        self.reads: dict[str, _Read] = {}
        # Those of them that are not yet compared, and those that no record names yet.
        self.waiting: dict[str, _Read] = {}
        self.unnamed: dict[str, _Read] = {}
        self.inputs: dict[Path, Inputs] = {}
        self.written: set[str] = set()
        self.run = os.urandom(8).hex()
        self.on = False
        self.begin()

    def take(self, path: str, read: _Read) -> None:
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


_watch = _Watch()
os.register_at_fork(after_in_child=_watch.begin)


def watch() -> None:
    """Compare from now on, in this process and those forked from it."""
    if _watch.on:
        return
    _watch.on = True
    naming.before.extend((settle, _forget_record))
    naming.after.append(record)
    sys.addaudithook(_audit)


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
    _watch.expected[absolute(path)] = sha256, str(stated_by)


def forget() -> None:
    """Forget what was read and stated so far: what this process does next is other work."""
    with _watch.lock:
        for kept in (_watch.expected, _watch.reads, _watch.waiting, _watch.unnamed, _watch.inputs):
            kept.clear()
        _watch.written.clear()
        forget_roots()


@contextmanager
def unwatched() -> Iterator[None]:
    """Read and write files that other processes may replace meanwhile: notes of the transfers."""
    was = getattr(_watch.local, "off", False)
    _watch.local.off = True
    try:
        yield
    finally:
        _watch.local.off = was


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    """Look at a file that is being opened (`sys.addaudithook`)."""
    if event != "open" or sys.is_finalizing() or getattr(_watch.local, "off", False):
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
    stated = _watch.expected.get(path)
    if stated is None and root_of(path) is None:
        return
    if path in _watch.reads:
        # Read again: it must still be what it was.
        _watch.waiting[path] = _watch.reads[path]
        return
    if not _is_readable(path):
        return
    signature = digests.signature(path)
    with _watch.lock:
        try:
            record = read_record(path)
        except InputError as error:
            _watch.take(path, _Read(signature, "", "", found="", fault=error))
            return
        if stated is None and record is None:
            return
        # A status file speaks of an exposure with more weight than the record of its bytes.
        sha256, by = stated or (record.sha256 if record else "", "")
        content = record.content if record and record.sha256 == sha256 else ""
        read = _Read(signature, sha256, by, content, digests.known(path))
        if record and record.sha256 == sha256 and record.size != signature[2]:
            # Not summed: a file that has grown to terabytes would take hours.
            read.found, read.fault = "", _of_another_size(path, signature[2], record.size)
        _watch.take(path, read)
        if read.fault and signature[2] > (record.size if record else 0) + _LONGEST_TEXT:
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
    if _watch.queue is None:
        # Many programs read no file of which anything is stated.
        from queue import SimpleQueue

        _watch.queue = SimpleQueue()
        arguments = (_watch.queue,)
        threading.Thread(target=_compute, args=arguments, name="integrity", daemon=True).start()
    _watch.queue.put(path)


def _compute(waiting: SimpleQueue[str]) -> None:
    """Compute the sums of files, in the order in which they were opened."""
    _watch.local.off = True
    while True:
        path = waiting.get()
        read = _watch.reads.get(path)
        if read is not None and read.found is None:
            _complete(path, read)


def _complete(path: str, read: _Read) -> None:
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
        reads = _watch.reads if target is None else _watch.waiting
        for path, read in list(reads.items()):
            if path == own or (own and path.startswith(own + os.sep)):
                continue
            with _watch.lock:
                if read.found is None:
                    _complete(path, read)
            if fault := _fault(path, read):
                read.fault = fault
                raise fault
            _watch.waiting.pop(path, None)


def _fault(path: str, read: _Read) -> InputError | None:
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
        if (read := _watch.reads.get(path)) is None:
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
        _watch.drop(path, replaced=False)
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
        stated = _watch.expected.get(path)
        found = read_record(path)
        sha256, by = stated or (found.sha256 if found else "", "")
        if sha256:
            signature = digests.signature(path)
            if found and found.sha256 == sha256 and found.size != signature[2]:
                raise _of_another_size(path, signature[2], found.size)
            with _watch.lock:
                _watch.take(path, _Read(signature, sha256, by))
    return passing


def content_of(path: StrPath) -> str | None:
    """Return the recorded digest of a FITS product's content, once its bytes are compared.

    None when it is not recorded, see `darkroom.fits.content`.
    """
    if not _watch.on:
        return None
    compare(path)
    read = _watch.reads.get(absolute(path))
    return (read.content or None) if read else None


def record(path: StrPath) -> None:
    """Record a file, or all files of a folder, that this process has just given its name."""
    path = absolute(path)
    if (root := root_of(path)) is None:
        return
    with unwatched(), _watch.lock:
        files = [path]
        if Path(path).is_dir():
            files = [str(found) for found in sorted(Path(path).rglob("*")) if found.is_file()]
        for file in files:
            _watch.drop(file)
            _watch.written.add(file)
        if getattr(_watch.local, "unrecorded", False):
            return
        inputs = _inputs(root)
        write_records((file, _record_of(file, inputs)) for file in files)


def record_ahead(path: StrPath, source: StrPath) -> None:
    """Record what `path` will be when the job of its exposure moves `source` there, unread."""
    path = absolute(path)
    if (root := root_of(path)) is None:
        return
    with unwatched(), _watch.lock:
        write_records([(path, _record_of(absolute(source), _inputs(root)))])


def _forget_record(path: StrPath) -> None:
    """Remove the record of a file that is about to be replaced."""
    with unwatched(), _watch.lock:
        remove_record(path)


def is_unrecorded(path: StrPath) -> bool:
    """Tell whether a file is there and has no record, as after a run that was cut short."""
    root = root_of(path) if _watch.on else None
    if root is None or not Path(path).is_file():
        return False
    return not place(root, path).exists()


def remove(path: StrPath) -> None:
    """Remove a file that may be recorded, its record first: no record speaks of what is gone."""
    _forget_record(path)
    remove_durably(path)


def keep_record(path: StrPath) -> None:
    """Record a file that was verified otherwise, if a run that was cut short did not."""
    if is_unrecorded(path):
        record(path)


@contextmanager
def unrecorded() -> Iterator[None]:
    """Write files without records: those that state the digest of their own content."""
    was = getattr(_watch.local, "unrecorded", False)
    _watch.local.unrecorded = True
    try:
        yield
    finally:
        _watch.local.unrecorded = was


def _inputs(root: Path) -> Inputs:
    """Return the files below a folder of results that were read so far, with their digests.

    What this process wrote itself, and read again, is no input.
    """
    for path, read in _watch.unnamed.items():
        below = root_of(path)
        if read.expected and below and path not in _watch.written:
            inputs = _watch.inputs.setdefault(below, Inputs(below))
            inputs.add(path, read.expected, read.content)
    _watch.unnamed.clear()
    return _watch.inputs.setdefault(root, Inputs(root))


def _record_of(file: str, inputs: Inputs) -> Record:
    """Return the record of a file as it is."""
    sha256, content = _digests(file)
    size, program = Path(file).stat().st_size, Path(sys.argv[0]).stem
    return Record(sha256, size, content, program, _watch.run, inputs.last, inputs.earlier)


def _digests(path: str) -> tuple[str, str]:
    """Return the SHA-256 of a file and, of a FITS product, that of its content."""
    sha256 = digests.sha256(path)
    with Path(path).open("rb") as stream:
        if stream.read(6) != b"SIMPLE":
            return sha256, ""
    from darkroom.fits.content import content_sha256, is_product

    try:
        return sha256, content_sha256(path) if is_product(path) else ""
    except InputError:
        return sha256, ""
