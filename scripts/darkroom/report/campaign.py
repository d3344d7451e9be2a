"""The content of the report's page: everything of a campaign that its template shows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import darkroom
from darkroom.campaign.frames import read_frames
from darkroom.campaign.schema import nearest
from darkroom.errors import DarkroomError
from darkroom.judge.judgement import read_judgements
from darkroom.provenance import settings_digest, sha256, tool_versions
from darkroom.report import exposures
from darkroom.report.item import read_item
from darkroom.report.page import item_context, merge_versions, verdict
from darkroom.words import counted

if TYPE_CHECKING:
    from darkroom.campaign.campaign import Campaign
    from darkroom.campaign.lock import Lock
    from darkroom.hints import StrPath

_OWN_TOOLS = ("numpy", "astropy", "matplotlib", "jinja2")


def page_context(
    campaign: Campaign, lock: Lock, folders: Sequence[StrPath], command: str, written: str
) -> dict[str, Any]:
    """Gather everything the page shows.

    Parameters
    ----------
    campaign : darkroom.campaign.campaign.Campaign
    lock : darkroom.campaign.lock.Lock
    folders : sequence of path-like
        Folder of every item, named like the item.
    command : str
        Command that makes page and products again.
    written : str
        Time of writing, the only date on the page.

    Returns
    -------
    dict
        See `darkroom.report.page.render`.

    Raises
    ------
    DarkroomError
        When a folder is not named like an item of the campaign.
    """
    items = [_item(campaign, Path(folder)) for folder in folders]
    return {
        "name": campaign.name,
        "title": campaign.settings["title"],
        "description": campaign.settings["description"],
        "items": items,
        "verdict": verdict(items),
        "provenance": _provenance(campaign, lock, items),
        "versions": merge_versions(items, tool_versions(*_OWN_TOOLS)),
        "command": command,
        "written": written,
        "version": darkroom.__version__,
    }


def _item(campaign, folder):
    name = folder.name
    if name not in campaign.items:
        raise DarkroomError(
            f"{folder}: campaign {campaign.name} has no item {name!r}"
            f"{nearest(name, campaign.items)}; its items are {', '.join(campaign.items)}"
        )
    settings = campaign.items[name]
    rows = read_frames(folder / "frames.tsv")
    found = exposures.judged(read_judgements(folder / "judgements.tsv"))
    summary = exposures.summarize(rows) | found
    record = read_item(folder)
    record["warnings"] = [*found["warnings"], *record["warnings"]]
    return item_context(name, settings["description"], folder, record, summary, rows)


def _provenance(campaign, lock, items):
    total = sum(item["exposures"]["total"] for item in items)
    return [
        ("Inputs", f"{counted(total, 'exposure')} of archive '{campaign.archive['kind']}'"),
        ("Campaign", f"{campaign.path.name}, settings digest {settings_digest(campaign.settings)}"),
        ("Lock", f"{lock.path.name}, SHA-256 {sha256(lock.path)}"),
        ("Query digest", lock.head.get("query", "unknown")),
        ("darkroom", darkroom.__version__),
    ]
