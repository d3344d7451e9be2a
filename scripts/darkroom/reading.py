"""Reading text files that others may have made: campaigns, locks, pins, statuses, records."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from darkroom.hints import StrPath


def bounded_text(path: StrPath, longest: int) -> str:
    """Return the text of a file in UTF-8.

    A pipe or a device, to which a link may lead, would be waited for or read without end.

    Parameters
    ----------
    path : path-like
        The file.
    longest : int
        Bytes that it may have.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    ValueError
        When it is no regular file, is longer, or (`UnicodeDecodeError`) is not UTF-8.
    """
    path = Path(path)
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise ValueError("is no regular file")
    if found.st_size > longest:
        raise ValueError(f"has {found.st_size} bytes, {longest} are allowed")
    with path.open(encoding="utf-8") as stream:
        # It may grow meanwhile.
        text = stream.read(longest + 1)
    if len(text) > longest:
        raise ValueError(f"has more than {longest} bytes")
    return text
