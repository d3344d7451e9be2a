"""Which jobs of a run failed, why, and how to continue, as text."""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from darkroom.hints import StrPath

    # Rule and first product.
    Job = tuple[str, str]

_BLOCK = re.compile(r"^Error in rule (\w+):\n((?:    .*\n)*)", re.MULTILINE)
# Jobs that were submitted to Slurm together; those that failed themselves have their own block.
_GROUP = re.compile(r"^    message: Error in group (\w+)\n((?:    .*\n)*)", re.MULTILINE)
_MEMBER = re.compile(r"^        rule (\w+):\n((?:            .*\n)*)", re.MULTILINE)
# What Snakemake says when it ends on SIGINT or SIGTERM.
_ENDED = re.compile(
    "^(Terminating processes on user request|Will exit after finishing currently running jobs)",
    re.MULTILINE,
)
# A run that only showed the status, drafted a campaign, or queried the archive.
_NO_PRODUCTS = re.compile(r"^(status|lock|draft) +1\n(all +1\n)?total +1$", re.MULTILINE)


def failure_summary(run_log: str, command: str) -> str:
    """Summarise the failed jobs of a run.

    Parameters
    ----------
    run_log : str
        Text of Snakemake's log of the run.
    command : str
        The command that continues the run.

    Returns
    -------
    str
        One paragraph per job: rule and product, the end of its log (the cause), the path of
        the log; then the command. Empty when no job failed, unless the run was ended from outside.
    """
    jobs = failed_jobs(run_log)
    if not jobs and _ENDED.search(run_log):
        return f"The run was ended from outside; what is made stays. Continue with:\n  {command}"
    if not jobs:
        return ""
    lines = [f"{len(jobs)} job{'s' if len(jobs) > 1 else ''} failed:"]
    for rule, product, cause, log in jobs:
        lines += [f"  {rule}  {product}".rstrip(), f"      {cause}"]
        lines += [f"      log: {log}"] if log else []
    dropped, groups = _dropped(run_log, {job[:2] for job in jobs})
    if dropped:
        alone = " ".join(f"{group}=1" for group in groups)
        lines += [
            f"{dropped} other job{'s' if dropped > 1 else ''} shared a Slurm job with these, so "
            "their products were not kept. To make them first, each by itself:",
            f"  {command} --group-components {alone}",
        ]
    lines += ["All that does not depend on these is made. Once these are fixed, continue with:"]
    lines += [f"  {command}"]
    return "\n".join(lines)


def failed_jobs(run_log: str) -> list[tuple[str, str, str, str]]:
    """Return the failed jobs of a run.

    Parameters
    ----------
    run_log : str
        Text of Snakemake's log of the run.

    Returns
    -------
    list of tuple
        ``(rule, first product, cause, path of its log)``, each job once; without those that
        succeeded in a further attempt. A group of Slurm that ended before one of its jobs reported
        a failure is listed with the rule ``group``.
    """
    jobs: dict[Job, str] = {}
    for rule, fields in _BLOCK.findall(run_log):
        product, log = _product_and_log(fields)
        if _is_missing(product):
            jobs[rule, product] = log
    for group, fields in _GROUP.findall(run_log):
        members = _missing_members(fields)
        if members and not members & jobs.keys():
            jobs["group", f"{group} ({len(members)} jobs)"] = _product_and_log(fields)[1]
    return [(rule, product, _cause(log), log) for (rule, product), log in jobs.items()]


def _dropped(run_log: str, failed: set[Job]) -> tuple[int, list[str]]:
    """Return how many jobs were dropped since one of their Slurm group failed, and the groups."""
    dropped: set[Job] = set()
    groups: list[str] = []
    for group, fields in _GROUP.findall(run_log):
        if members := _missing_members(fields) - failed:
            dropped |= members
            groups += [group] if group not in groups else []
    return len(dropped), groups


def _missing_members(fields: str) -> set[Job]:
    """Return ``(rule, first product)`` of the jobs of a group whose product is missing."""
    members = {(rule, _product_and_log(job)[0]) for rule, job in _MEMBER.findall(fields)}
    return {(rule, product) for rule, product in members if _is_missing(product)}


def _product_and_log(fields: str) -> tuple[str, str]:
    """Return the first product of a job and the path of its log, from the fields of its block."""
    return _field(fields, "output").split(", ")[0], _field(fields, "log").split(" (check log")[0]


def _is_missing(product: str) -> bool:
    """Tell whether a failed job's product is missing; Snakemake removes an incomplete one."""
    return not (product and Path(product).exists())


def last_run_log(folder: StrPath) -> str:
    """Return the text of the newest of Snakemake's logs of a run that made products.

    Parameters
    ----------
    folder : path-like
        The working folder of the runs.

    Returns
    -------
    str
        Empty when there is no such log.
    """
    for path in sorted(Path(folder, ".snakemake", "log").glob("*.log"), reverse=True):
        text = path.read_text(encoding="utf-8", errors="replace")
        if not _NO_PRODUCTS.search(text):
            return text
    return ""


def _field(fields: str, name: str) -> str:
    """Return a field of a job's block; empty when it has none."""
    found = re.search(rf"^ +{name}: (.*)$", fields, re.MULTILINE)
    return found[1].strip() if found else ""


def _cause(log: str) -> str:
    """Return the end of a log: programs end with their cause, which may list several files."""
    try:
        lines = Path(log).read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        lines = []
    written = [line.strip() for line in lines if line.strip()]
    last = written[-1] if written else ""
    begin = max((k for k, line in enumerate(lines) if line.startswith("ERROR ")), default=None)
    listed = [] if begin is None else [line for line in lines[begin + 1 :] if line.strip()]
    # The lines of a list are indented; anything else came after the error.
    if begin is not None and all(line.startswith("  ") for line in listed):
        head = lines[begin].removeprefix("ERROR ").strip()
        return "\n        ".join([head, *(line.strip() for line in listed)])
    # With a full disk the cause could not be written: the last line of the log is not the cause.
    if log and (fault := _fault_of_writing(Path(log).parent)):
        return f"nothing more could be written to its log: {fault}"
    return last or "it ended without a message (killed?)"


def _fault_of_writing(folder: Path) -> str:
    """Return why a file cannot be written to a folder (disk or quota full); empty when it can."""
    try:
        with TemporaryFile(dir=folder) as probe:
            probe.write(bytes(4096))
    except FileNotFoundError:
        return ""
    except OSError as error:
        return error.strerror or str(error)
    return ""
