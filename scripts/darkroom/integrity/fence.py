"""Programs that outlive their run: they give no file a name once another run is at work.

When the run alone is killed, its programs go on. A run that follows, with other settings perhaps,
makes their products again; whichever ends last would give its product the name.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from darkroom.errors import DarkroomError
from darkroom.integrity.digests import absolute
from darkroom.integrity.records import FOLDER, root_of

if TYPE_CHECKING:
    from darkroom.hints import StrPath

#: In the folder of records: which run is at work.
AT_WORK = "at_work"
_VARIABLE = "DARKROOM_RUN"


def fence(results: StrPath, run: str) -> None:
    """Let the programs that this process starts belong to a run.

    Parameters
    ----------
    results : path-like
        The campaign's folder of results.
    run : str
        What its file `AT_WORK` says while this run is at work.
    """
    os.environ[_VARIABLE] = f"{run} in {absolute(results)}"


def leave() -> None:
    """Let this process, and those forked from it, name what they make whatever run is at work.

    For who holds claims on what it makes: others wait for it, and use what they find.
    """
    os.environ.pop(_VARIABLE, None)


def require_own_run(path: StrPath) -> None:
    """Require, before a file gets its name, that the run that began this program is at work.

    Parameters
    ----------
    path : path-like
        The file.

    Raises
    ------
    DarkroomError
        When another run has begun since.
    """
    own, root = os.environ.get(_VARIABLE), root_of(path)
    if own is None or root is None or not own.endswith(f" in {root}"):
        return
    try:
        run = Path(root, FOLDER, AT_WORK).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return
    if own != f"{run} in {root}":
        raise DarkroomError(
            f"{root}: the run that began this program has ended, and another one is at work "
            f"({run}): {Path(path).name} is left to that one"
        )
