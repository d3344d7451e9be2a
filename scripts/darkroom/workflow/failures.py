"""What failed in a run, for a person: which job, why, and how to go on."""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryFile

_BLOCK = re.compile(r"^Error in rule (\w+):\n((?:    .*\n)*)", re.MULTILINE)
# Jobs that Slurm was given together; those that failed by themselves have a block of their own.
_GROUP = re.compile(r"^    message: Error in group (\w+)\n((?:    .*\n)*)", re.MULTILINE)
_MEMBER = re.compile(r"^        rule (\w+):\n((?:            .*\n)*)", re.MULTILINE)
# A run that only looked, or asked the archive.
_LOOKED = re.compile(r"^(status|lock) +1\n(all +1\n)?total +1$", re.MULTILINE)


def failure_summary(run_log, command):
    """Summarise the failed jobs of a run.

    Parameters
    ----------
    run_log : str
        Text of Snakemake's log of the run.
    command : str
        What a person types to go on.

    Returns
    -------
    str
        One paragraph a job: rule and product, the last line of its log (the cause), where the
        log is; then the command. Empty when no job failed.
    """
    jobs = failed_jobs(run_log)
    if not jobs:
        return ""
    lines = [f"{len(jobs)} job{'s' if len(jobs) > 1 else ''} failed:"]
    for rule, product, cause, log in jobs:
        lines += [f"  {rule}  {product}".rstrip(), f"      {cause}"]
        lines += [f"      log: {log}"] if log else []
    held_up, groups = _held_up(run_log, {job[:2] for job in jobs})
    if held_up:
        alone = " ".join(f"{group}=1" for group in groups)
        lines += [
            f"{held_up} other job{'s' if held_up > 1 else ''} shared a Slurm job with these, so "
            "nothing is kept of them. To make them first, each by itself:",
            f"  {command} --group-components {alone}",
        ]
    lines += ["Whatever did not need these is made. When mended, go on with:", f"  {command}"]
    return "\n".join(lines)


def failed_jobs(run_log):
    """Return the failed jobs of a run.

    Parameters
    ----------
    run_log : str
        Text of Snakemake's log of the run.

    Returns
    -------
    list of tuple
        ``(rule, first product, cause, path of its log)``, each job once; without those that a
        further attempt has made. A group of Slurm that ended before one of its jobs told of a
        failure stands there as ``group``.
    """
    jobs = {}
    for rule, fields in _BLOCK.findall(run_log):
        product, log = _product_and_log(fields)
        if _is_missing(product):
            jobs[rule, product] = log
    for group, fields in _GROUP.findall(run_log):
        members = _missing_members(fields)
        if members and not members & jobs.keys():
            jobs["group", f"{group} ({len(members)} jobs)"] = _product_and_log(fields)[1]
    return [(rule, product, _cause(log), log) for (rule, product), log in jobs.items()]


def _held_up(run_log, failed):
    """Return how many jobs are not made because one of their Slurm group failed, and the groups."""
    held_up, groups = set(), []
    for group, fields in _GROUP.findall(run_log):
        if members := _missing_members(fields) - failed:
            held_up |= members
            groups += [group] if group not in groups else []
    return len(held_up), groups


def _missing_members(fields):
    """Return ``(rule, first product)`` of the jobs of a group whose product is not there."""
    members = {(rule, _product_and_log(job)[0]) for rule, job in _MEMBER.findall(fields)}
    return {(rule, product) for rule, product in members if _is_missing(product)}


def _product_and_log(fields):
    """Return the first product of a job and the path of its log, from the fields of its block."""
    return _field(fields, "output").split(", ")[0], _field(fields, "log").split(" (check log")[0]


def _is_missing(product):
    """Tell whether a failed job's product is not there; Snakemake takes away what it left."""
    return not (product and Path(product).exists())


def last_run_log(folder):
    """Return the text of the newest of Snakemake's logs in which a job was run for products.

    Parameters
    ----------
    folder : path-like
        The working folder of the runs.
    """
    for path in sorted(Path(folder, ".snakemake", "log").glob("*.log"), reverse=True):
        text = path.read_text(encoding="utf-8", errors="replace")
        if not _LOOKED.search(text):
            return text
    return ""


def _field(fields, name):
    found = re.search(rf"^ +{name}: (.*)$", fields, re.MULTILINE)
    return found[1].strip() if found else ""


def _cause(log):
    """Return the last line of a log: programs end with their cause in one sentence."""
    try:
        lines = Path(log).read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        lines = []
    written = [line.strip() for line in lines if line.strip()]
    last = written[-1] if written else ""
    if last.startswith("ERROR "):
        return last.removeprefix("ERROR ")
    # What was to follow found no room, and the last line that did is no cause.
    if log and (fault := _fault_of_writing(Path(log).parent)):
        return f"nothing more could be written to its log: {fault}"
    return last or "it ended without a word (killed?)"


def _fault_of_writing(folder):
    """Return why nothing can be written to a folder (full disk, used quota); empty when it can."""
    try:
        with TemporaryFile(dir=folder) as probe:
            probe.write(bytes(4096))
    except FileNotFoundError:
        return ""
    except OSError as error:
        return error.strerror
    return ""
