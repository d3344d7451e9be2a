"""Ask Slurm about a run's jobs: are earlier ones still at work, will ours ever start and end.

A killed run leaves its Slurm jobs behind: they go on, and a second run would start others that
write the same files. A job that asks for more than there is waits without a word. Only the
standard library: the workflow reads this each time it is planned.
"""

from __future__ import annotations

import getpass
import re
import shutil
import subprocess
import threading
import time
from pathlib import Path

from darkroom.errors import DarkroomError

# Snakemake's executor looks at its jobs at least this often (seconds).
_LONGEST_LOOK = 180
_SHOWN = 5
_OWN = (f"--user={getpass.getuser()}",)
# Why a job will not start before somebody changes something, as squeue puts it.
_NEVER = re.compile(
    r"PartitionTimeLimit|PartitionNodeLimit|PartitionConfig|BadConstraints|Invalid(Account|QOS)"
    r"|(Account|QOS)NotAllowed|(Assoc|QOS)Max\w*(PerJob|WallDuration)\w*|MaxMemPerLimit"
)


def check_slurm(folder, targets, submits, status_command=None):
    """Refuse a run in a folder where Slurm jobs of an earlier one are still waiting or at work.

    Slurm is asked when this run or an earlier one in the folder hands jobs to it. That it did is
    noted in the folder, so that a run on the same machine without Slurm is refused as well.

    Parameters
    ----------
    folder : path-like
        The working folder of the jobs.
    targets : collection of str
        What the run was asked for; a call that only looks (``status``) is never refused.
    submits : bool
        Whether this run hands its jobs to Slurm.
    status_command : str, optional
        By which program the executor learns how a job ended, ``squeue`` or ``sacct``.

    Raises
    ------
    DarkroomError
        When such jobs are there (they are named), when Slurm does not answer, or when it would
        not tell how the jobs of this run end.
    """
    if set(targets) == {"status"}:
        return
    folder = Path(folder).resolve()
    note = folder / ".snakemake" / "slurm"
    noted = note.is_file() and note.read_text(encoding="utf-8").strip() == str(folder)
    if not (submits or noted):
        return
    jobs = jobs_at_work(folder, note)
    if jobs:
        raise DarkroomError(_refusal(jobs))
    if submits:
        _require_status(status_command)
        note.parent.mkdir(exist_ok=True)
        note.write_text(f"{folder}\n", encoding="utf-8")


def jobs_at_work(folder, note):
    """Ask Slurm for this person's jobs of a folder.

    Parameters
    ----------
    folder : pathlib.Path
        Their working folder, resolved.
    note : path-like
        File that tells that Slurm was used here, for the message when it does not answer.

    Returns
    -------
    list of tuple
        ``(id, state, what it does)``, in the order of their ids.
    """
    listing = _ask("squeue", "--noheader", "--format=%i|%T|%Z|%k", *_OWN)
    if listing is None:
        raise DarkroomError(
            "Slurm does not answer (squeue), so nobody knows whether jobs of an earlier run are "
            "still at work in this folder; repeat the command where squeue works, or remove "
            f"{note} when you are sure that there are none"
        )
    found = []
    for line in listing.splitlines():
        job, state, place, comment = line.split("|", 3)
        if Path(place).resolve() == folder:
            found.append((job, state, _what(comment)))
    return sorted(found, key=lambda job: int(re.match(r"\d+", job[0])[0]))


def jobs_never_started(folder):
    """Tell which jobs of a folder wait for what this cluster will never give.

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


def watch_queue(folder, tell, seconds=60):
    """Tell, once for each, of jobs that will never start, as long as this process lives.

    Parameters
    ----------
    folder : path-like
        The working folder of the jobs.
    tell : callable
        Takes a sentence.
    seconds : float
        Time between two looks.
    """

    def look():
        told = set()
        while True:
            time.sleep(seconds)
            for job, sentence in jobs_never_started(folder).items():
                if job not in told:
                    tell(sentence)
                    told.add(job)

    threading.Thread(target=look, daemon=True).start()


def _what(comment):
    """Return what a job does, from the comment that the executor gives it."""
    return comment.removeprefix("rule_").replace("_wildcards_", " ")


def _refusal(jobs):
    """Say which jobs are at work, and how to wait for them or to end them."""
    shown = [f"{job} ({what}, {state.lower()})" for job, state, what in jobs[:_SHOWN]]
    more = f" and {len(jobs) - _SHOWN} more" if len(jobs) > _SHOWN else ""
    count = "1 Slurm job" if len(jobs) == 1 else f"{len(jobs)} Slurm jobs"
    ids = " ".join(job for job, _, _ in jobs)
    return (
        f"{count} of an earlier run still write in this folder: {', '.join(shown)}{more}. "
        f"Wait until `squeue --me` no longer lists them (what they make is kept), or end them "
        f"with `scancel {ids}`; then repeat the command"
    )


def _require_status(status_command):
    """Refuse a way of asking for the end of jobs that would make the run wait for ever."""
    configuration = _ask("scontrol", "show", "config") or ""
    value = dict(re.findall(r"^(\w+)\s*=\s*(\S*)", configuration, re.MULTILINE))
    accounting = value.get("AccountingStorageType", "").endswith("/slurmdbd")
    age = value.get("MinJobAge", "")
    forgets = age.isdigit() and int(age) < _LONGEST_LOOK
    if status_command == "sacct" and value and not accounting:
        raise DarkroomError(
            "this cluster keeps no accounts (AccountingStorageType = "
            f"{value.get('AccountingStorageType')}), so sacct would never tell that a job ended; "
            "set `slurm-status-command: squeue` in the profile"
        )
    if status_command != "sacct" and forgets:
        way = (
            "set `slurm-status-command: sacct` in the profile"
            if accounting
            else f"ask the cluster's keepers for MinJobAge >= {_LONGEST_LOOK}"
        )
        raise DarkroomError(
            f"this cluster forgets a job {age} s after its end (MinJobAge), before squeue is "
            f"asked for it; {way}"
        )


def _ask(*command):
    """Return what a Slurm program answers, or None when it cannot."""
    if shutil.which(command[0]) is None:
        return None
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    except subprocess.TimeoutExpired:
        return None
    return done.stdout if done.returncode == 0 else None
