"""One run at a time in a working folder, and in a folder of results."""

from __future__ import annotations

import fcntl
import os
import shlex
import sys
import time
from collections.abc import Collection
from pathlib import Path

from darkroom.errors import DarkroomError
from darkroom.hints import StrPath
from darkroom.integrity.fence import AT_WORK, fence
from darkroom.integrity.records import FOLDER

# Clocks of a host and of its file server may differ by less.
_CLOCKS_DIFFER_S = 60

# Locks of this process: a lock ends when its file is closed.
_holds: dict[Path, int] = {}


def require_own_folder(folder: StrPath, snakefile: StrPath) -> None:
    """Refuse a working folder in which Snakemake cannot keep its notes.

    Parameters
    ----------
    folder : path-like
        The working folder.
    snakefile : path-like
        The Snakefile, which the user may well share with others.

    Raises
    ------
    DarkroomError
        When this user may not write there.
    """
    notes = Path(folder, ".snakemake").absolute()
    place = notes if notes.exists() else notes.parent
    effective = os.access in os.supports_effective_ids
    if not os.access(place, os.W_OK | os.X_OK, effective_ids=effective):
        raise DarkroomError(
            f"{place} may not be written to, and Snakemake keeps its notes there; run in a folder "
            f"of your own, with: --snakefile {shlex.quote(str(snakefile))}"
        )


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
    _hold(Path(folder, ".snakemake", "at_work"), targets)


def hold_results(folder: StrPath, targets: Collection[str], executor: str = "local") -> None:
    """Lock a campaign's folder of results, which runs of other working folders may share.

    What programs of an earlier run, which was killed, still make gets no names any more.

    Parameters
    ----------
    folder : path-like
        The folder. One without records, or that this user may not write to, is not locked.
    targets : collection of str
        Targets of the run.
    executor : str
        What runs the jobs. Of jobs of Slurm `darkroom.workflow.slurm.check_slurm` knows; the disk
        of another machine may tell late which run is at work.

    Raises
    ------
    DarkroomError
        When another run is active in this folder.
    """
    records = Path(folder, FOLDER)
    if records.is_dir() and os.access(records, os.W_OK):
        run = _hold(records / AT_WORK, targets)
        if run and executor == "local":
            fence(folder, run)


def _hold(path: Path, targets: Collection[str]) -> str:
    """Lock a file, and write into it which run has done so; return that, if it was written."""
    if set(targets) in ({"status"}, {"draft"}) or path.absolute() in _holds:
        return ""
    path.parent.mkdir(exist_ok=True)
    try:
        # It is written in place: a link would lead to a file of somebody else.
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise DarkroomError(f"{path} cannot be locked ({error.strerror}); remove it") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        holder = os.pread(handle, 300, 0).decode("utf-8", "replace").strip()
        os.close(handle)
        raise DarkroomError(
            f"another run is at work in this folder ({holder}); wait for it, or stop it first"
        ) from None
    found = os.fstat(handle)
    if (ahead := found.st_mtime - time.time()) > _CLOCKS_DIFFER_S:
        print(
            f"darkroom: the clock is {ahead / 3600:.3g} h behind that of the last run here: what "
            "is made anew may look older than what was made from it; run `snakemake check` at last",
            file=sys.stderr,
        )
    _holds[path.absolute()] = handle
    if found.st_nlink > 1:  # a backup of links has it too
        return ""
    began = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
    run = f"process {os.getpid()} on {os.uname().nodename} since {began} UTC"
    os.ftruncate(handle, 0)
    os.pwrite(handle, run.encode(), 0)
    return run
