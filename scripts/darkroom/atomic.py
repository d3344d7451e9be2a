"""Files that are either complete or not there, also after a power cut.

What has a name is whole and durable: the bytes of a file reach the disk before it gets its name,
and the name before anything that describes the file is written.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from darkroom.naming import about_to_name, named

if TYPE_CHECKING:
    from darkroom.hints import StrPath

# Folders whose names, and those of all above them, this process has flushed.
_durable_folders: set[Path] = set()


@contextmanager
def written_atomically(path: StrPath) -> Iterator[Path]:
    """Give a temporary name beside `path`; rename it to `path` when the block ends well.

    A reader never sees an incomplete file: the rename is atomic on one file system, and what
    was at `path` stays until then. Temporary files of killed writers of the same file are removed
    first, so an orphaned writer finds its temporary file gone and cannot overwrite the new one.
    They lie in a hidden folder of their own, ``.<name>.part``: to look for them among all files
    beside `path` would take the longer the more exposures a campaign has.
    A name that is already such a temporary name is given back as it is: whoever made it renames it.
    What belongs beside `path` has its place in `final_folder`.

    Parameters
    ----------
    path : path-like
        The final name. Its folder is made when missing.

    Yields
    ------
    pathlib.Path
        The temporary name to write to (the suffix of `path` is kept: writers look at it).
    """
    path = Path(path)
    if path.name.startswith(".") and path.stem.endswith(".part"):
        yield path
        return
    with _emptied(path, "part") as folder:
        temporary = folder / f".{path.stem}.{os.getpid()}.part{path.suffix}"
        try:
            yield temporary
            rename_durably(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


def final_folder(path: StrPath) -> Path:
    """Return the folder in which a file will be; its name may be one of `written_atomically`."""
    parent = Path(path).parent
    temporary = parent.name.startswith(".") and parent.name.endswith(".part")
    return parent.parent if temporary else parent


def rename_durably(source: StrPath, target: StrPath) -> None:
    """Rename a file once its bytes are on the disk, then flush the folder that names it.

    A rename alone is atomic for readers, but after a power cut the new name may lead to an empty or
    incomplete file: file systems may write names before bytes.

    Parameters
    ----------
    source, target : path-like
        On one file system; a file at `target` is replaced.
    """
    about_to_name(target)
    rename_unannounced(source, target)
    named(target)


def rename_unannounced(source: StrPath, target: StrPath) -> None:
    """Rename like `rename_durably`, for the records of files, which are not recorded themselves."""
    flush(source)
    os.replace(source, target)
    flush(Path(target).parent)


def replace_folder_durably(source: StrPath, target: StrPath) -> None:
    """Let a folder take the place of another once all of it is on the disk.

    A folder cannot replace a full one at once: when the power is cut or the program killed in
    between, there is none. So a note about what it holds is removed first (`remove_durably`).

    Parameters
    ----------
    source, target : path-like
        Beside each other; a folder at `target` is removed.
    """
    source, target = Path(source), Path(target)
    about_to_name(target)
    for folder, _, names in os.walk(source):
        for name in names:
            flush(Path(folder, name))
        flush(folder)
    old = target.with_name(f".{target.name}.old.part")
    # Of one that was killed here.
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        os.replace(target, old)
    os.replace(source, target)
    flush(target.parent)
    named(target)
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def folder_written_atomically(path: StrPath) -> Iterator[Path]:
    """Give an empty hidden folder beside `path`; it replaces `path` when the block ends well.

    After an error it is removed and what was at `path` stays. Folders that killed writers left for
    the same name are removed first.

    Parameters
    ----------
    path : path-like
        The final name; the folder above it is made when missing.

    Yields
    ------
    pathlib.Path
        The folder to write to.
    """
    path = Path(path)
    with _emptied(path, "part") as folder, _made(folder) as temporary:
        yield temporary
        replace_folder_durably(temporary, path)


def remove_durably(path: StrPath) -> None:
    """Remove a file, if it is there, before what comes next can reach the disk.

    For a note about files that are about to be replaced: after a power cut it must not speak of
    the new ones.
    """
    path = Path(path)
    try:
        path.unlink()
    except FileNotFoundError:
        return
    flush(path.parent)


def make_folder(path: StrPath) -> None:
    """Make a folder and those above it that are missing; all their names reach the disk.

    Else a file in it, whole and flushed, would be gone after a power cut with the folder's name.
    Folders that others made (Snakemake makes those of outputs) are flushed too, once in a process,
    as far up as this user may write.
    """
    path = Path(path).absolute()
    if path in _durable_folders and path.is_dir():
        return
    above = path.parent
    if not path.is_dir():
        try:
            path.mkdir(exist_ok=True)
        except FileNotFoundError:
            make_folder(above)
            path.mkdir(exist_ok=True)
    if above != path and os.access(above, os.R_OK | os.W_OK):
        make_folder(above)
        flush(above)
    _durable_folders.add(path)


def flush(path: StrPath) -> None:
    """Wait until the bytes of a file, or the names in a folder, are on the disk.

    Raises
    ------
    OSError
        When the disk fails; file systems that cannot flush folders are left alone.
    """
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        # Some network file systems know no fsync of a folder; of a file it is an error.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP) or not Path(path).is_dir():
            raise
    finally:
        os.close(handle)


@contextmanager
def private_folder(parent: StrPath, name: str) -> Iterator[Path]:
    """Give an empty folder ``.<name>.work/<pid>`` in `parent`; it is removed afterwards.

    For programs that leave files in their working folder. Folders that killed programs left for
    the same name are removed first.

    Parameters
    ----------
    parent : path-like
        Made when missing.
    name : str
        Name of the product that is made in the folder.

    Yields
    ------
    pathlib.Path
        The folder.
    """
    with _emptied(Path(parent, name), "work") as folder, _made(folder) as private:
        yield private


def remove_leftovers(path: Path) -> None:
    """Remove the temporary files that killed writers of `path` left."""
    shutil.rmtree(_place(path, "part"), ignore_errors=True)


def _place(path: Path, kind: str) -> Path:
    """Return the folder of what is temporary while `path` is made."""
    return path.with_name(f".{path.name}.{kind}")


@contextmanager
def _emptied(path: Path, kind: str) -> Iterator[Path]:
    """Give the folder of what is temporary while `path` is made, without leftovers."""
    make_folder(path.parent)
    folder = _place(path, kind)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(exist_ok=True)
    try:
        yield folder
    finally:
        # Unless another is at work on the same file.
        with suppress(OSError):
            folder.rmdir()


@contextmanager
def _made(parent: Path) -> Iterator[Path]:
    """Give a new folder in `parent`; it is removed afterwards."""
    folder = parent / str(os.getpid())
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_text(path: StrPath, text: str) -> None:
    """Write `text` (UTF-8) to `path` atomically."""
    with written_atomically(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def append_text(path: StrPath, text: str) -> None:
    """Append lines (UTF-8) to a journal, and flush it.

    A power cut meanwhile may leave part of them, or zeros; what was there before stays. They begin
    on a line of their own, whatever is there. A journal that has another name elsewhere (a backup
    of links), or is a link itself, is replaced by one of its own first.
    """
    path = Path(path)
    make_folder(path.parent)
    if is_linked(path):
        kept = "" if path.is_symlink() else path.read_text(encoding="utf-8", errors="replace")
        write_text(path, kept)
    new = not path.exists()
    with path.open("a", encoding="utf-8") as stream:
        stream.write(text if new else f"\n{text}")
        stream.flush()
        os.fsync(stream.fileno())
    if new:
        flush(path.parent)


def is_linked(path: StrPath) -> bool:
    """Tell whether what is written to a file in place would change a file elsewhere as well.

    So it is of a symbolic link, and of a file that has a second name.
    """
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return False
    return stat.S_ISLNK(found.st_mode) or (stat.S_ISREG(found.st_mode) and found.st_nlink > 1)


def write_new_text(path: StrPath, text: str) -> None:
    """Write `text` (UTF-8) to `path` atomically, unless something has that name.

    Raises
    ------
    FileExistsError
        When something has; it stays as it is.
    """
    path = Path(path)
    make_folder(path.parent)
    with private_folder(path.parent, path.name) as private:
        draft = private / path.name
        draft.write_text(text, encoding="utf-8")
        _name_new(draft, path)


def copy_new(source: StrPath, path: StrPath) -> None:
    """Copy a file to `path` atomically, unless something has that name.

    Of several that copy to one name at once, one does: each has a draft of its own, in the folder
    of what is temporary while `path` is made. That goes, with what killed programs left in it, as
    soon as the name is taken.

    Raises
    ------
    FileExistsError
        When something has; it stays as it is.
    """
    path = Path(path)
    make_folder(path.parent)
    drafts = _place(path, "part")
    drafts.mkdir(exist_ok=True)
    draft = None
    try:
        descriptor, name = tempfile.mkstemp(path.suffix, dir=drafts)
        draft = Path(name)
        with os.fdopen(descriptor, "wb") as target, Path(source).open("rb") as stream:
            shutil.copyfileobj(stream, target)
        if path.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        shutil.copymode(source, draft)
        about_to_name(path)
        _name_new(draft, path)
        named(path)
    except FileNotFoundError:
        # Another, who has given the name, removed the draft.
        if not path.exists():
            raise
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
    finally:
        if path.exists():
            shutil.rmtree(drafts, ignore_errors=True)
        elif draft:
            draft.unlink(missing_ok=True)
        with suppress(OSError):
            drafts.rmdir()


def name_durably(source: StrPath, target: StrPath) -> None:
    """Give a file, that keeps its name, a name in another folder; it is not announced.

    To move a file between folders: the caller removes the old name afterwards. A rename changes
    two folders, and each reaches the disk by itself: after a power cut the old name may be gone
    and the new one not there.

    Parameters
    ----------
    source, target : path-like
        On one file system. Where that knows no links, the file is renamed.

    Raises
    ------
    FileExistsError
        When another file is at `target`; it stays as it is.
    """
    source, target = Path(source), Path(target)
    try:
        _name_new(source, target)
    except FileExistsError:
        if not target.samefile(source):
            raise
        # Whoever did it may have been killed before the name was on the disk.
        flush(target.parent)


def _name_new(draft: Path, path: Path) -> None:
    """Give a file its name, unless something has it."""
    flush(draft)
    try:
        # Unlike a rename, a link never replaces what is there.
        os.link(draft, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if path.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        os.replace(draft, path)
    flush(path.parent)
