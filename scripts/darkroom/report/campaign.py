"""The report's folder: a first page, a page for each item, and their pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import darkroom
from darkroom.atomic import folder_written_atomically
from darkroom.campaign.frames import read_frames
from darkroom.campaign.schema import nearest
from darkroom.errors import DarkroomError
from darkroom.judge.judgement import read_judgements
from darkroom.provenance import settings_digest, sha256, tool_versions
from darkroom.report import exposures
from darkroom.report.index import index_line, item_findings, read_first, verdict
from darkroom.report.item import read_item
from darkroom.report.page import (
    PAGES,
    PICTURES,
    item_context,
    merge_versions,
    place_picture,
    render,
)
from darkroom.report.verdicts import campaign_rows, item_verdicts
from darkroom.words import counted

if TYPE_CHECKING:
    from darkroom.campaign.campaign import Campaign
    from darkroom.campaign.lock import Lock
    from darkroom.hints import StrPath

#: The first page.
INDEX = "index.html"
_OWN_TOOLS = ("numpy", "astropy", "matplotlib", "jinja2")


def write_report(
    output: StrPath,
    campaign: Campaign,
    lock: Lock,
    folders: Sequence[StrPath],
    command: str,
    written: str,
) -> str:
    """Write the report of a campaign, and replace the one before by it.

    Parameters
    ----------
    output : path-like
        Folder of the report: ``index.html``, ``items/<item>.html``, ``pictures/<item>/…``. Its
        pages name each other and their pictures by relative addresses, so it can be sent as it is.
    campaign : darkroom.campaign.campaign.Campaign
    lock : darkroom.campaign.lock.Lock
    folders : sequence of path-like
        Folder of every item, named like the item.
    command : str
        Command that makes pages and products again.
    written : str
        Time of writing, the only date in the report.

    Returns
    -------
    str
        The verdict on the campaign.

    Raises
    ------
    DarkroomError
        When a folder is not named like an item of the campaign.
    """
    places = [Path(folder) for folder in folders]
    names = [_known(campaign, place) for place in places]
    beside = zip([None, *names[:-1]], [*names[1:], None], strict=True)
    lines, products, judged = [], [], []
    with folder_written_atomically(output) as new:
        (new / PAGES).mkdir()
        # One item after another: a campaign of hundreds does not fit into memory.
        for place, (previous, following) in zip(places, beside, strict=True):
            item, findings = _item(campaign, place)
            around = {"previous": previous, "next": following}
            _write_page(new, campaign, item, around)
            lines.append(index_line(item, findings))
            products += item["products"]
            judged.append({"name": item["name"], "verdicts": item["verdicts"]})
        said = verdict(lines)
        first, further = read_first(lines)
        context = {
            "name": campaign.name,
            "title": campaign.settings["title"],
            "description": campaign.settings["description"],
            "lines": lines,
            "first": first,
            "further": further,
            "verdict": said,
            "verdicts": campaign_rows(judged),
            "provenance": _provenance(campaign, lock, lines),
            "versions": merge_versions(products, tool_versions(*_OWN_TOOLS)),
            "command": command,
            "written": written,
            "version": darkroom.__version__,
        }
        (new / INDEX).write_text(render("index", context), encoding="utf-8")
    return said


def _known(campaign, folder):
    if folder.name not in campaign.items:
        raise DarkroomError(
            f"{folder}: campaign {campaign.name} has no item {folder.name!r}"
            f"{nearest(folder.name, campaign.items)}; its items are {', '.join(campaign.items)}"
        )
    return folder.name


def _item(campaign, folder):
    """Return what the page of an item shows, and what was found of it."""
    # A campaign of which a part failed has items without a table.
    tables = folder / "frames.tsv", folder / "judgements.tsv"
    rows = read_frames(tables[0]) if tables[0].is_file() else []
    found = exposures.judged(read_judgements(tables[1]) if tables[1].is_file() else [])
    summary = exposures.summarize(rows) | found
    record = read_item(folder)
    findings = item_findings(record, summary, found["warnings"])
    name = folder.name
    context = item_context(name, campaign.items[name], folder, record, summary, rows, findings)
    context["verdicts"] = item_verdicts(folder, context["products"])
    return context, findings


def _write_page(
    new: Path, campaign: Campaign, item: dict[str, Any], around: dict[str, Any]
) -> None:
    """Write the page of an item, and its pictures."""
    for figure in item["record"]["figures"]:
        for panel in figure["panels"]:
            place_picture(panel["path"], new / PICTURES / item["name"])
    context = around | {
        "item": item,
        "campaign": campaign.name,
        "campaign_title": campaign.settings["title"],
        "version": darkroom.__version__,
    }
    page = new / PAGES / f"{item['name']}.html"
    page.write_text(render("item", context), encoding="utf-8")


def _provenance(campaign, lock, lines):
    total = sum(line["total"] for line in lines)
    return [
        ("Inputs", f"{counted(total, 'exposure')} of archive '{campaign.archive['kind']}'"),
        ("Campaign", f"{campaign.path.name}, settings digest {settings_digest(campaign.settings)}"),
        ("Lock", f"{lock.path.name}, SHA-256 {sha256(lock.path)}"),
        ("Query digest", lock.head.get("query", "unknown")),
        ("darkroom", darkroom.__version__),
    ]
