"""Folders as a person writes them: with ``$VARIABLES`` and ``~``."""

from __future__ import annotations

import os
import re
from pathlib import Path

from darkroom.errors import DarkroomError

# What Linux takes for a path.
_LONGEST = 4000
# As `os.path.expandvars` reads them; any other $ is a letter of the path.
_VARIABLE = re.compile(r"\$(\w+|\{[^}]*\})", re.ASCII)


def expanded(text: str, setting: str, advice: str) -> Path:
    """Return a folder with environment variables and ``~`` expanded.

    Parameters
    ----------
    text : str
        As it is written.
    setting : str
        What names the folder, for the message.
    advice : str
        What to do when it cannot be expanded.

    Raises
    ------
    DarkroomError
        When there is no such variable or no such user, or the text cannot be a path.
    """
    for name in (found.strip("{}") for found in _VARIABLE.findall(text)):
        if name not in os.environ:
            raise DarkroomError(
                f"{setting} is {text!r}, but that environment variable is not set; {advice}"
            )
    if "\0" in text or len(text) > _LONGEST:
        raise DarkroomError(f"{setting} is {text[:200]!r}…, which names no folder; {advice}")
    try:
        return Path(os.path.expandvars(text)).expanduser()
    except RuntimeError:
        user = text.partition("/")[0].removeprefix("~")
        raise DarkroomError(
            f"{setting} is {text!r}, but there is no user {user!r} with a home; {advice}"
        ) from None
