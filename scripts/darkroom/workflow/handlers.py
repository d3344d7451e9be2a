"""What a run does when it starts, and when it succeeds."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkroom.atomic import is_linked
from darkroom.integrity.records import begin
from darkroom.plain import plain_text
from darkroom.workflow.slurm import check_slurm, watch_queue
from darkroom.workflow.summary import success_summary

if TYPE_CHECKING:
    from darkroom.campaign.campaign import Campaign
    from darkroom.hints import StrPath

_WITHOUT_PRODUCTS = {"status", "check", "lock", "draft"}


def check_earlier_jobs(workflow: Any) -> None:
    """Refuse to start while Slurm jobs of a killed run are active in this folder; watch our own.

    Parameters
    ----------
    workflow : snakemake.workflow.Workflow
        Names the executor and the targets of the run.

    Raises
    ------
    DarkroomError
        See `darkroom.workflow.slurm.check_slurm`.
    """
    status_command = getattr(workflow.executor_settings, "status_command", None)
    submits = workflow.executor_plugin.name == "slurm"
    check_slurm(".", workflow.dag_settings.targets, submits, status_command)
    if submits:
        watch_queue(".", lambda sentence: print(f"darkroom: {sentence}", file=sys.stderr))


def begin_records(workflow: Any, results: str, command: str) -> None:
    """Let the programs of this run record the files they make (`darkroom.integrity`).

    Parameters
    ----------
    workflow : snakemake.workflow.Workflow
        Its rules name all outputs.
    results : str
        The campaign's folder of results.
    command : str
        Command that runs the campaign.
    """
    if set(workflow.dag_settings.targets) & _WITHOUT_PRODUCTS:
        return
    outputs = [
        (output.regex().pattern, bool(output.is_directory))
        for rule in workflow.rules
        for output in rule.output
        if not output.is_callable()
    ]
    unlink_logs(results)
    begin(results, command, outputs)


def unlink_logs(results: StrPath) -> None:
    """Remove links among the logs and benchmarks of earlier runs, which are written in place.

    A link in somebody else's folder of results may lead to any file of this user; a file with a
    second name belongs to a backup as well.
    """
    for name in ("logs", "benchmarks"):
        for folder, folders, files in os.walk(Path(results, name)):
            for path in (Path(folder, one) for one in (*folders, *files)):
                if is_linked(path):
                    path.unlink()


def print_success(
    campaign: Campaign,
    targets: Iterable[str],
    logs: Iterable[str],
    started: float,
    planned_products: Callable[[], Sequence[str]],
    command: str,
    results: str,
) -> None:
    """Print what a run has done, unless it made no products (status, draft, lock).

    Parameters
    ----------
    campaign : Campaign
        The campaign.
    targets : iterable of str
        Targets of the run.
    logs : iterable of str
        Snakemake's log files of the run.
    started : float
        ``time.monotonic()`` at its start.
    planned_products : callable
        Returns the paths of every product of the campaign.
    command : str
        Command that continues the campaign.
    results : str
        The campaign's folder of results.
    """
    if set(targets) & _WITHOUT_PRODUCTS:
        return
    seconds = time.monotonic() - started
    planned: Sequence[str] = []
    fault = ""
    try:
        planned = planned_products()
    except SystemExit as end:
        # The targets are made, though the whole campaign cannot be planned.
        fault = f"\n{end}"
    run_log = "".join(Path(path).read_text() for path in logs)
    text = success_summary(campaign, results, run_log, seconds, planned, command)
    print(plain_text(f"\n{text}{fault}", 100_000, keep="\n"), file=sys.stderr)
