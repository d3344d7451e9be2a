"""The report's first page: what was found, the worst first, and one line for each item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

from darkroom.report.page import PAGES
from darkroom.words import counted

# Findings from the worst to the least.
_NO_PRODUCT, _PRODUCT, _EXPOSURE, _EXCLUDED, _NONE = range(5)
# Warnings above the table, items named with each, key numbers of a line, and letters of a finding.
_MOST_FIRST, _MOST_NAMES, _MOST_NUMBERS, _LONGEST = 12, 5, 3, 240


def item_findings(
    record: Mapping[str, Any], exposures: Mapping[str, Any], of_exposures: Sequence[str]
) -> list[dict[str, Any]]:
    """Return what a reader must know of an item, the worst first.

    Parameters
    ----------
    record : dict
        As from `darkroom.report.item.read_item`.
    exposures : dict
        As from `darkroom.report.exposures.summarize`.
    of_exposures : sequence of str
        Warnings of exposures that are used.

    Returns
    -------
    list of dict
        ``rank`` (0 is the worst), ``text``, ``warning`` (whether it is one; else an exposure that
        is excluded as it should be), ``place`` (id on the item's page). First that there is no
        product, then the warnings of its products in their order, those of its exposures, and the
        exposures that are excluded.
    """
    found = []
    if record["pipeline"] is None:
        found.append((_NO_PRODUCT, _why_no_product(exposures)))
    found += [(_PRODUCT, text) for text in record["warnings"]]
    found += [(_EXPOSURE, text) for text in of_exposures]
    found += [
        (_EXCLUDED, f"{each['exposure']} is excluded: {each['reason']}")
        for each in exposures["refused"]
    ]
    return [
        {
            "rank": rank,
            "text": text,
            "warning": rank < _EXCLUDED,
            "place": "excluded" if rank == _EXCLUDED else "warnings",
        }
        for rank, text in found
    ]


def _why_no_product(exposures):
    total, used = exposures["total"], exposures["used"]
    if not total:
        return "no product was made: its exposures have not been fetched and judged"
    if not used:
        which = "its only exposure is" if total == 1 else f"all {total:,} exposures are"
        return f"no product was made: {which} excluded"
    return f"no product was made of its {counted(used, 'exposure')}"


def index_line(item: Mapping[str, Any], findings: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the line of an item in the table of the first page.

    Parameters
    ----------
    item : dict
        As from `darkroom.report.page.item_context`.
    findings : list of dict
        As from `item_findings`.

    Returns
    -------
    dict
        Names and numbers of the line; ``worst``, the worst finding with its ``link``, or None;
        ``next``, the warnings after it that may stand on the first page; and ``order``, by which
        the column of the worst findings is sorted: by kind, then by number of warnings.
    """
    page = f"{PAGES}/{item['name']}.html"
    warnings = sum(each["warning"] for each in findings)
    told = [
        {
            "item": item["name"],
            "link": f"{page}#{each['place']}",
            "text": each["text"],
            "short": _shortened(each["text"]),
        }
        for each in findings[:_MOST_FIRST]
        if each["warning"] or each is findings[0]
    ]
    rank = findings[0]["rank"] if findings else _NONE
    return {
        "name": item["name"],
        "page": page,
        "instrument": item["instrument"],
        "used": item["exposures"]["used"],
        "total": item["exposures"]["total"],
        "warnings": warnings,
        "products": len(item["products"]),
        "figures": len(item["record"]["figures"]),
        "key_numbers": [
            entry | {"label": _shortened(entry["label"])}
            for entry in item["key_numbers"][:_MOST_NUMBERS]
        ],
        "worst": told[0] if told else None,
        "next": told[1:],
        "order": rank * 1_000_000 + 999_999 - min(warnings, 999_999),
    }


def _shortened(text):
    if len(text) <= _LONGEST:
        return text
    return text[:_LONGEST].rsplit(" ", 1)[0] + " …"


def read_first(lines: Sequence[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], int]:
    """Return the worst warnings of a campaign and how many more there are.

    Parameters
    ----------
    lines : sequence of dict
        As from `index_line`.

    Returns
    -------
    first : list of dict
        At most 12 sentences: the worst warning of an item, or of all items that have the same.
        Those without a product come first, then those with warnings of their products, then of
        their exposures; of a kind those with more warnings. Where there is room the next warnings
        of each item follow. ``text``, ``items`` (at most 5 of those that have it: {item, link}) and
        ``more``, the number of others.
    further : int
        Number of all other warnings.
    """
    warned = [line for line in lines if line["warnings"]]
    same: dict[str, list[Mapping[str, Any]]] = {}
    ordered = sorted(warned, key=lambda line: line["order"])
    # All items' worst warnings before the second one of any.
    for turn in zip_longest(*([line["worst"], *line["next"]] for line in ordered)):
        for each in filter(None, turn):
            same.setdefault(each["text"], []).append(each)
        if len(same) >= _MOST_FIRST:
            break
    shown = list(same.items())[:_MOST_FIRST]
    first = [
        {"text": text, "items": found[:_MOST_NAMES], "more": len(found[_MOST_NAMES:])}
        for text, found in shown
    ]
    told = sum(len(found) for _, found in shown)
    return first, sum(line["warnings"] for line in warned) - told


def verdict(lines: Sequence[Mapping[str, Any]]) -> str:
    """Return in words: exposures used and excluded, products and figures, items without any."""
    used, total, products, figures = (
        sum(line[key] for line in lines) for key in ("used", "total", "products", "figures")
    )
    made = (
        f"made {counted(products, 'product')} and {counted(figures, 'figure')}"
        if products
        else "fetched and verified; no product has been made of them yet"
    )
    excluded = f"{counted(total - used, 'exposure')} excluded" if total > used else "none excluded"
    said = f"{used:,} of {counted(total, 'exposure')} used, {excluded}; {made}."
    without = sum(not line["products"] for line in lines)
    if products and without:
        have = "has" if without == 1 else "have"
        said += f" {without:,} of {counted(len(lines), 'item')} {have} no product."
    return said
