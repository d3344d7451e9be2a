"""What failed in a run, for a person: which job, why, and how to go on."""

from __future__ import annotations

import re
from pathlib import Path

_BLOCK = re.compile(r"^Error in rule (\w+):\n((?:    .*\n)*)", re.MULTILINE)


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
    jobs = {}
    for rule, fields in _BLOCK.findall(run_log):
        product = _field(fields, "output").split(", ")[0]
        jobs[rule, product] = _field(fields, "log").split(" (check log")[0]
    if not jobs:
        return ""
    lines = [f"{len(jobs)} job{'s' if len(jobs) > 1 else ''} failed:"]
    for (rule, product), log in jobs.items():
        lines += [f"  {rule}  {product}".rstrip(), f"      {_cause(log)}"]
        lines += [f"      log: {log}"] if log else []
    lines += ["Whatever did not need these is made. When mended, go on with:", f"  {command}"]
    return "\n".join(lines)


def _field(fields, name):
    found = re.search(rf"^    {name}: (.*)$", fields, re.MULTILINE)
    return found[1].strip() if found else ""


def _cause(log):
    """Return the last line of a log: programs end with their cause in one sentence."""
    try:
        lines = Path(log).read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        lines = []
    written = [line.strip() for line in lines if line.strip()]
    return written[-1].removeprefix("ERROR ") if written else "it ended without a word (killed?)"
