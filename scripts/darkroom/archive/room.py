"""Files that would fill the disk if they were copied: told before a byte of them is."""

from __future__ import annotations

import errno
import os
import shutil
from typing import TYPE_CHECKING

from darkroom.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

# As for files that are compressed: noise hardly packs, so a large file with 50 times the bytes that
# are on the disk is a hole. File systems that compress store less than the size, too.
_GROWTH, _SMALL = 50, 1_000_000_000
_SECTOR = 512  # unit of `st_blocks`, whatever the blocks of the file system


def check_holes(path: Path) -> None:
    """Refuse a file that is nearly all hole: it takes no room where it is, but a copy does.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Raises
    ------
    InputError
        When it has more than a gigabyte, and fifty times what the disk holds of it.
    """
    found = path.stat()
    held = found.st_blocks * _SECTOR
    if found.st_size <= max(_SMALL, _GROWTH * held):
        return
    if not held:
        with path.open("rb") as stream:
            if stream.read(_SECTOR).strip(b"\0"):
                return  # a file system that does not tell what it holds
    raise InputError(
        path,
        f"has {found.st_size} bytes, of which the disk holds {held}: it is a hole",
    )


def check_room(path: Path, folder: Path) -> None:
    """Tell that a file has no room in a folder before all that is free there is taken.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    folder : pathlib.Path
        Where it is to be copied.

    Raises
    ------
    OSError
        As when the disk is full: the file itself is not at fault, and must not be refused.
    """
    if path.stat().st_size > shutil.disk_usage(folder).free:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
