"""Recording what a program writes, with what it has read before (`darkroom.integrity.records`)."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from darkroom.atomic import remove_durably
from darkroom.errors import InputError
from darkroom.integrity import digests
from darkroom.integrity.digests import absolute
from darkroom.integrity.inputs import Inputs
from darkroom.integrity.records import (
    Record,
    load,
    place,
    remove_record,
    root_of,
    write_records,
)
from darkroom.integrity.seen import seen, unwatched

if TYPE_CHECKING:
    from collections.abc import Iterator

    from darkroom.hints import StrPath


def record(path: StrPath) -> None:
    """Record a file, or all files of a folder, that this process has just given its name."""
    path = absolute(path)
    if (root := root_of(path)) is None:
        return
    with unwatched(), seen.lock:
        files = [path]
        if Path(path).is_dir():
            files = [str(found) for found in sorted(Path(path).rglob("*")) if found.is_file()]
        for file in files:
            seen.drop(file)
            seen.written.add(file)
        if getattr(seen.local, "unrecorded", False):
            return
        inputs = _inputs(root)
        write_records((file, _record_of(file, inputs)) for file in files)


def record_ahead(path: StrPath, source: StrPath) -> None:
    """Record what `path` will be when the job of its exposure moves `source` there, unread."""
    path = absolute(path)
    if (root := root_of(path)) is None:
        return
    with unwatched(), seen.lock:
        write_records([(path, _record_of(absolute(source), _inputs(root)))])


def forget_record(path: StrPath) -> None:
    """Remove the record of a file that is about to be replaced."""
    with unwatched(), seen.lock:
        remove_record(path)


def is_unrecorded(path: StrPath) -> bool:
    """Tell whether a file is there and has no whole record.

    So it is after a run that was cut short, and when the record itself was damaged.
    """
    root = root_of(path) if seen.on else None
    if root is None or not Path(path).is_file():
        return False
    try:
        return load(place(root, path), path) is None
    except InputError:
        return True


def remove(path: StrPath) -> None:
    """Remove a file that may be recorded, its record first: no record speaks of what is gone."""
    forget_record(path)
    remove_durably(path)


def keep_record(path: StrPath) -> None:
    """Record a file that was verified otherwise, if it has no whole record."""
    if is_unrecorded(path):
        record(path)


@contextmanager
def unrecorded() -> Iterator[None]:
    """Write files without records: those that state the digest of their own content."""
    was = getattr(seen.local, "unrecorded", False)
    seen.local.unrecorded = True
    try:
        yield
    finally:
        seen.local.unrecorded = was


def _inputs(root: Path) -> Inputs:
    """Return the files below a folder of results that were read so far, with their digests.

    What this process wrote itself, and read again, is no input.
    """
    for path, read in seen.unnamed.items():
        below = root_of(path)
        if read.expected and below and path not in seen.written:
            inputs = seen.inputs.setdefault(below, Inputs(below))
            inputs.add(path, read.expected, read.content)
    seen.unnamed.clear()
    return seen.inputs.setdefault(root, Inputs(root))


def _record_of(file: str, inputs: Inputs) -> Record:
    """Return the record of a file as it is."""
    sha256, content = _digests(file)
    size, program = Path(file).stat().st_size, Path(sys.argv[0]).stem
    return Record(sha256, size, content, program, seen.run, inputs.last, inputs.earlier)


def _digests(path: str) -> tuple[str, str]:
    """Return the SHA-256 of a file and, of a FITS product, that of its content."""
    with Path(path).open("rb") as stream:
        if stream.read(6) != b"SIMPLE":
            return digests.sha256(path), ""
    from darkroom.fits.content import both_sha256, is_product

    try:
        return both_sha256(path) if is_product(path) else (digests.sha256(path), "")
    except InputError:
        return digests.sha256(path), ""
