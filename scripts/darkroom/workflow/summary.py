"""The state of a campaign as text for the terminal. Standard library only."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from darkroom.campaign.frames import read_frames
from darkroom.campaign.lock import read_lock
from darkroom.errors import DarkroomError
from darkroom.workflow.failures import failed_jobs

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from darkroom.campaign.campaign import Campaign
    from darkroom.hints import StrPath

_UNITS = ("B", "kB", "MB", "GB", "TB")
_SUFFIXES = (".fits", ".tsv", ".csv", ".json", ".html")
# Files that are made for the report.
_FOR_REPORT = ("item.json", "figures.json")
_SHOWN = 4
_STEPS = re.compile(r"^(\d+) of \d+ steps \(\d+%\) done$", re.MULTILINE)
# Folders of an item whose files are intermediate, not products to list.
_INTERMEDIATE = (
    "references", "superbias", "readnoise", "calibrated", "ramps", "corrected",
    "original", "reads", "chosen", "measures",
)  # fmt: skip


def summary(
    campaign: Campaign,
    results: StrPath,
    planned: Sequence[str] = (),
    run_log: str = "",
    command: str = "snakemake",
) -> str:
    """Return a table of what a campaign has made, what is missing, and why.

    Parameters
    ----------
    campaign : darkroom.campaign.campaign.Campaign
        The campaign.
    results : path-like
        Its folder of results.
    planned : sequence of str
        Paths of every product of the campaign.
    run_log : str
        Text of Snakemake's log of the last run, for the failures in it.
    command : str
        The command that continues the run.

    Returns
    -------
    str
        For each item: exposures, products with their sizes, figures; then the report, what failed
        and is still missing, and the next command.
    """
    results = Path(results)
    lock = read_lock(campaign.lock_path)
    if lock is None:
        return f"Campaign {campaign.name} has no lock yet; make it with: snakemake lock"
    lines = [f"Campaign {campaign.name}: {campaign.settings['title']}", ""]
    for item in campaign.items:
        lines += [f"  {item}: {_exposures(results, item, len(lock.of(item)))}"]
        products = _products(results / item)
        width = max((len(name) for name, _ in products), default=0)
        lines += [f"    {name:<{width}}  {size:>8}" for name, size in products]
        lines += [""]
    report = results / "report" / "index.html"
    if report.is_file():
        lines += [f"Report: {report.resolve()}"]
    return "\n".join([*lines, *_unfinished(planned, run_log, command)])


def success_summary(
    campaign: Campaign,
    results: StrPath,
    run_log: str,
    seconds: float,
    planned: Sequence[str],
    command: str,
) -> str:
    """Return a few lines about what a successful run has done.

    Parameters
    ----------
    campaign : darkroom.campaign.campaign.Campaign
        The campaign; it has a lock.
    results : path-like
        Its folder of results.
    run_log : str
        Text of Snakemake's log of the run.
    seconds : float
        Duration of the run.
    planned : sequence of str
        Paths of every product of the campaign.
    command : str
        The command that continues the run.

    Returns
    -------
    str
        Steps and time; items with excluded exposures; the report, or what is still missing (after a
        run of a part of the campaign) and the next command.
    """
    results = Path(results)
    done = _STEPS.findall(run_log)
    # A quiet run's log does not count its steps.
    lines = [f"{f'{done[-1]} steps done' if done else 'Done'} in {_duration(seconds)}."]
    lock = read_lock(campaign.lock_path)
    planned_of = {item: len(lock.of(item)) if lock else 0 for item in campaign.items}
    counts = {item: _exposures(results, item, number) for item, number in planned_of.items()}
    excluded = [f"  {item}: {text}" for item, text in counts.items() if "excluded" in text]
    more = [f"  … and {len(excluded) - _SHOWN} more items"] if len(excluded) > _SHOWN else []
    lines += excluded[:_SHOWN] + more + _unfinished(planned, "", command)
    report = results / "report" / "index.html"
    # An earlier report does not show what is missing now.
    complete = bool(planned) and all(Path(path).exists() for path in planned)
    return "\n".join([*lines, *([f"Report: {report.resolve()}"] if complete else [])])


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _unfinished(planned: Collection[str], run_log: str, command: str) -> list[str]:
    """List what is missing, which of it failed and why, and the next command."""
    missing = [path for path in planned if not Path(path).exists()]
    if not missing:
        return [f"All {len(planned)} products are made."] if planned else []
    lines = [
        f"  {rule}  {product}\n      {cause}" for rule, product, cause, _ in failed_jobs(run_log)
    ]
    if lines:
        lines = ["Failed in the last run and still missing:", *lines, ""]
    shown = ", ".join(missing[:_SHOWN]) + (" …" if len(missing) > _SHOWN else "")
    lines += [f"Missing: {len(missing)} of {len(planned)} products ({shown})"]
    return [*lines, f"Continue with: {command}"]


def _exposures(results: Path, item: str, planned: int) -> str:
    """Return how many exposures of an item are used and excluded, or fetched so far."""
    try:
        rows = read_frames(results / item / "frames.tsv")
    except DarkroomError:
        arrived = len(list((results / "raw" / item).glob("*.json")))
        return f"{arrived} of {planned} exposures fetched"
    refused = sum(row["accepted"] == "no" for row in rows)
    text = f"{len(rows) - refused} exposures used"
    return f"{text}, {refused} excluded (the report says why)" if refused else text


def _products(folder: Path) -> list[tuple[str, str]]:
    """List the products of an item with their sizes, figures as one line, no intermediate files."""
    found = sorted(
        p for p in folder.rglob("*") if p.is_file() and p.parent.name not in _INTERMEDIATE
    )
    rows = [
        (p.relative_to(folder).as_posix(), _size(p.stat().st_size))
        for p in found
        if p.suffix in _SUFFIXES and not p.name.startswith(".") and p.name not in _FOR_REPORT
        # JSON in subfolders is intermediate: results of single exposures.
        if p.suffix != ".json" or p.parent == folder
    ]
    figures = [p for p in found if p.suffix == ".webp"]
    if figures:
        rows.append((f"{len(figures)} figures", _size(sum(p.stat().st_size for p in figures))))
    return rows


def _size(size: float) -> str:
    for unit in _UNITS:
        if size < 1000 or unit == _UNITS[-1]:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return ""
