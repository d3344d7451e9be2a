"""The verdicts on products, as the report shows them: first screen, and page of an item."""

from __future__ import annotations

import json
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkroom.errors import InputError, as_written
from darkroom.provenance import sha256
from darkroom.report.page import PAGES
from darkroom.words import number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from darkroom.hints import StrPath

#: Verdict on a product that has no gates, or was made again since it was judged.
NOT_JUDGED = "not judged"
# Verdicts as sections of the first screen's order: the worst first.
_ORDER = ("do not deliver", "insufficient", "cannot tell", NOT_JUDGED, "deliver")
_COLUMNS = ("d", "e", "harm", "threshold", "margin", "power", "seen50", "seen95", "nunits")


def item_verdicts(folder: StrPath, products: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the verdicts on the products of an item, for the templates.

    Parameters
    ----------
    folder : path-like
        Folder of the item; the verdicts are in ``judge/verdict_<product>.json``.
    products : sequence of dict
        ``file`` and ``sha256`` of the products that the page shows.

    Returns
    -------
    list of dict
        One a product that was judged: product, verdict, decisive, reason, next, gates (rows of
        the table; the worst first), ``passed`` (those that passed), card, counterfactual,
        insertion, notes. The verdict on a file that has been made again is `NOT_JUDGED`.
    """
    folder = Path(folder)
    known = {entry["file"]: entry["sha256"] for entry in products}
    found = []
    for path in sorted((folder / "judge").glob("verdict_*.json")):
        with as_written(path, "no verdict", "remove it and judge again"):
            found.append(_shown(_current(_read(path), folder, known)))
    return sorted(found, key=lambda one: (_ORDER.index(one["verdict"]), one["product"]))


def _current(one: dict[str, Any], folder: Path, known: Mapping[str, str]) -> dict[str, Any]:
    """Return a verdict, or that there is none on the product as it is now."""
    # A name only: what is in other folders is none of this item's.
    name = Path(one["file"]).name
    judged = one["sha256"]["candidate"]
    if known.get(name) != judged and judged not in map(sha256, _places(folder, name)):
        one |= {
            "verdict": NOT_JUDGED,
            "decisive": "–",
            "reason": "the product has been made again since it was judged",
            "next": "snakemake judge",
            "gates": [],
        }
    return one


def _places(folder: Path, name: str) -> list[Path]:
    """Return the files of that name in an item's folder and in the folders of its products."""
    found = [folder / name, *sorted(folder.glob(f"*/{escape(name)}"))]
    return [path for path in found if path.is_file()]


def _read(path: Path) -> dict[str, Any]:
    try:
        one: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if one["verdict"] not in _ORDER:
            raise KeyError(one["verdict"])
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            path, f"is no verdict of this version ({error})", "remove it and judge again"
        ) from error
    return one


def _shown(one: dict[str, Any]) -> dict[str, Any]:
    rows = [_row(gate) for gate in one["gates"]]
    score = one["score"]
    return {
        "product": one["product"],
        "verdict": one["verdict"],
        "level": one["change_level"] if one["verdict"] == "deliver" else None,
        "decisive": one["decisive"],
        "reason": one["reason"],
        "next": one["next"],
        "budget": one["budget"],
        "tests": one["T"],
        "open": [row for row in rows if row["verdict"] != "pass"],
        "passed": [row for row in rows if row["verdict"] == "pass"],
        "nulls": one["nulls"],
        "score": score["sentence"] if score else None,
        "counterfactual": [
            {
                "consumer": row["consumer"],
                "estimand": row["estimand"],
                "class": row["class"],
                "value": f"{number(row['shift'], 3)} ± {number(row['error'], 2)}",
                "unit": row.get("unit", ""),
            }
            for row in one["counterfactual"]
        ],
        "insertion": one["insertion"],
        "notes": one["notes"],
    }


def _row(gate: Mapping[str, Any]) -> dict[str, Any]:
    numbers = {name: number(gate[name], 3) for name in _COLUMNS}
    return numbers | {
        "name": gate["name"],
        "unit": gate["unit"],
        "verdict": gate["verdict"],
        "sentence": gate["sentence"],
        "null": gate["null"],
        "harm_reason": gate["harm_reason"],
        "value": f"{numbers['d']} ± {numbers['e']}" if gate["p"] is not None else "–",
    }


def campaign_rows(items: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of the first screen: one a product, the worst verdict first.

    Parameters
    ----------
    items : sequence of dict
        Name of each item, and its ``verdicts`` as from `item_verdicts`.

    Returns
    -------
    list of dict
        Empty when nothing was judged. An item without gates has one row: not judged.
    """
    if not any(item["verdicts"] for item in items):
        return []
    rows = []
    for item in items:
        page = f"{PAGES}/{item['name']}.html"
        for one in item["verdicts"]:
            rows.append(
                {"item": item["name"], "link": f"{page}#judged-{one['product']}"}
                | {key: one[key] for key in
                   ("product", "verdict", "level", "decisive", "reason", "next")}
            )  # fmt: skip
        if not item["verdicts"]:
            rows.append(
                {
                    "item": item["name"], "link": page, "product": "", "verdict": NOT_JUDGED,
                    "level": None, "decisive": "–", "reason": "it has no gates",
                    "next": "judge it by eye",
                }
            )  # fmt: skip
    return sorted(rows, key=lambda row: _ORDER.index(row["verdict"]))
