"""One run at a time in a working folder. Standard library only."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Collection
from pathlib import Path
from typing import TextIO

from darkroom.errors import DarkroomError
from darkroom.hints import StrPath

_holds: list[TextIO] = []


def hold_folder(folder: StrPath, targets: Collection[str]) -> None:
    """Lock a working folder for this run; a second run at the same time is refused.

    It is a kernel lock on an open file, which ends with the process however that ends: after a
    killed run nothing has to be unlocked. A run that only shows the ``status`` or
    writes the ``draft`` of a campaign needs no lock.

    Parameters
    ----------
    folder : path-like
        The working folder.
    targets : collection of str
        Targets of the run.

    Raises
    ------
    DarkroomError
        When another run is active in this folder.
    """
    if set(targets) in ({"status"}, {"draft"}):
        return
    path = Path(folder) / ".snakemake" / "at_work"
    path.parent.mkdir(exist_ok=True)
    stream = path.open("a+")
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        stream.seek(0)
        holder = stream.read().strip()
        stream.close()
        raise DarkroomError(
            f"another run is at work in this folder ({holder}); wait for it, or stop it first"
        ) from None
    stream.truncate(0)
    stream.write(f"process {os.getpid()} on {os.uname().nodename}")
    stream.flush()
    _holds.append(stream)
