"""Slurm jobs of a run: whether earlier ones are still running, and whether new ones can start.

The Slurm jobs of a killed run continue, and a second run would start others that write the same
files. A job that asks for more than the cluster has waits without a message. Only the standard
library is used: the workflow imports this each time it is planned.
"""

from __future__ import annotations

import getpass
import re
import shutil
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from darkroom.atomic import write_text
from darkroom.errors import DarkroomError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from darkroom.hints import StrPath

    # Id, state, and what the job does.
    Job = tuple[str, str, str]

# Longest time between two status queries of Snakemake's executor (seconds).
_LONGEST_INTERVAL_S = 180
_SHOWN = 5
_OWN = (f"--user={getpass.getuser()}",)
# Reasons, as squeue states them, for which a job can never start as it is.
_NEVER = re.compile(
    r"PartitionTimeLimit|PartitionNodeLimit|PartitionConfig|BadConstraints|Invalid(Account|QOS)"
    r"|(Account|QOS)NotAllowed|(Assoc|QOS)Max\w*(PerJob|WallDuration)\w*|MaxMemPerLimit"
)


def check_slurm(
    folder: StrPath, targets: Collection[str], submits: bool, status_command: str | None = None
) -> None:
    """Refuse a run in a folder where Slurm jobs of an earlier one are pending or running.

    Slurm is queried when this run submits jobs to it or an earlier run in the folder did. The
    latter is noted in the folder, so that a run on the same machine without Slurm is refused too.

    Parameters
    ----------
    folder : path-like
        The working folder of the jobs.
    targets : collection of str
        Targets of the run; ``status`` alone, which only reads, is never refused.
    submits : bool
        Whether this run submits its jobs to Slurm.
    status_command : str, optional
        Program by which the executor learns how a job ended, ``squeue`` or ``sacct``.

    Raises
    ------
    DarkroomError
        When there are such jobs (they are named), when Slurm does not answer, or when it would
        not report how the jobs of this run end.
    """
    if set(targets) == {"status"}:
        return
    folder = Path(folder).resolve()
    note = folder / ".snakemake" / "slurm"
    text = note.read_text("utf-8", "replace").strip() if note.is_file() else "/"
    # One that a power cut damaged tells nothing: Slurm does.
    noted = text == str(folder) or not text.startswith("/")
    if not (submits or noted):
        return
    jobs = jobs_at_work(folder, note)
    if jobs:
        raise DarkroomError(_refusal(jobs))
    if submits:
        _require_status(status_command)
        write_text(note, f"{folder}\n")


def jobs_at_work(folder: Path, note: StrPath) -> list[Job]:
    """Query Slurm for this user's jobs of a folder.

    Parameters
    ----------
    folder : pathlib.Path
        Their working folder, resolved.
    note : path-like
        File that records that Slurm was used here, for the message when it does not answer.

    Returns
    -------
    list of tuple
        ``(id, state, what it does)``, in the order of their ids.

    Raises
    ------
    DarkroomError
        When Slurm does not answer.
    """
    listing = _ask("squeue", "--noheader", "--format=%i|%T|%Z|%k", *_OWN)
    if listing is None:
        raise DarkroomError(
            "Slurm does not answer (squeue), so it is unknown whether jobs of an earlier run are "
            "still running in this folder; repeat the command where squeue works, or remove "
            f"{note} when you are sure that there are none"
        )
    found = []
    for line in listing.splitlines():
        job, state, place, comment = line.split("|", 3)
        if Path(place).resolve() == folder:
            found.append((job, state, _what(comment)))
    return sorted(found, key=lambda job: int(re.findall(r"\d+", job[0])[0]))


def jobs_never_started(folder: StrPath) -> dict[str, str]:
    """Return the pending jobs of a folder that can never start on this cluster, with the reason.

    Parameters
    ----------
    folder : path-like
        The working folder of the jobs.

    Returns
    -------
    dict
        ``{id: sentence}``; empty also when Slurm does not answer.
    """
    columns = "--format=%i|%r|%l|%C|%m|%Z|%k"
    listing = _ask("squeue", "--noheader", "--states=PENDING", columns, *_OWN) or ""
    found = {}
    for line in listing.splitlines():
        job, reason, time_limit, cores, memory, place, comment = line.split("|", 6)
        if Path(place).resolve() == Path(folder).resolve() and _NEVER.fullmatch(reason):
            found[job] = (
                f"Slurm job {job} ({_what(comment)}) will never start: {reason}. It asks for "
                f"{cores} cores, {memory}B and a time of {time_limit}; give the profile what the "
                "partition has (cores, resources, runtime, group-components), or another partition"
            )
    return found


def watch_queue(folder: StrPath, report: Callable[[str], object], seconds: float = 60) -> None:
    """Report jobs that will never start, each once, as long as this process runs.

    Parameters
    ----------
    folder : path-like
        The working folder of the jobs.
    report : callable
        Called with a sentence.
    seconds : float
        Time between two queries.
    """

    def watch() -> None:
        reported: set[str] = set()
        while True:
            time.sleep(seconds)
            for job, sentence in jobs_never_started(folder).items():
                if job not in reported:
                    report(sentence)
                    reported.add(job)

    threading.Thread(target=watch, daemon=True).start()


def _what(comment: str) -> str:
    """Return what a job does, from the comment that the executor gives it."""
    return comment.removeprefix("rule_").replace("_wildcards_", " ")


def _refusal(jobs: Sequence[Job]) -> str:
    """Return the message that names the jobs, and how to wait for them or to end them."""
    shown = [f"{job} ({what}, {state.lower()})" for job, state, what in jobs[:_SHOWN]]
    more = f" and {len(jobs) - _SHOWN} more" if len(jobs) > _SHOWN else ""
    count = "1 Slurm job" if len(jobs) == 1 else f"{len(jobs)} Slurm jobs"
    ids = " ".join(job for job, _, _ in jobs)
    return (
        f"{count} of an earlier run still write in this folder: {', '.join(shown)}{more}. "
        f"Wait until `squeue --me` no longer lists them (their products are kept), or end them "
        f"with `scancel {ids}`; then repeat the command"
    )


def _require_status(status_command: str | None) -> None:
    """Refuse a status command by which the run would never learn that its jobs ended."""
    configuration = _ask("scontrol", "show", "config") or ""
    value = dict(re.findall(r"^(\w+)\s*=\s*(\S*)", configuration, re.MULTILINE))
    accounting = value.get("AccountingStorageType", "").endswith("/slurmdbd")
    age = value.get("MinJobAge", "")
    forgets = age.isdigit() and int(age) < _LONGEST_INTERVAL_S
    if status_command == "sacct" and value and not accounting:
        raise DarkroomError(
            "this cluster has no accounting database (AccountingStorageType = "
            f"{value.get('AccountingStorageType')}), so sacct would never report that a job ended; "
            "set `slurm-status-command: squeue` in the profile"
        )
    if status_command != "sacct" and forgets:
        way = (
            "set `slurm-status-command: sacct` in the profile"
            if accounting
            else f"ask the cluster's administrators for MinJobAge >= {_LONGEST_INTERVAL_S}"
        )
        raise DarkroomError(
            f"this cluster forgets a job {age} s after its end (MinJobAge), before squeue is "
            f"queried; {way}"
        )


def _ask(*command: str) -> str | None:
    """Return the output of a Slurm program, or None when it fails."""
    if shutil.which(command[0]) is None:
        return None
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    except subprocess.TimeoutExpired:
        return None
    return done.stdout if done.returncode == 0 else None
