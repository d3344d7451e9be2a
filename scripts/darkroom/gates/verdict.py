"""The verdict on each product of a campaign: gates, comparison with the file in use, delivery."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkroom.atomic import write_text
from darkroom.errors import InputError, as_written
from darkroom.gates.decide import FAIL, INSUFFICIENT, ORDER, WARN, decide, worst
from darkroom.gates.gate import read_gates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from darkroom.gates.settings import JudgeSettings
    from darkroom.hints import StrPath

FORMAT, ITEM_FORMAT = "darkroom verdict 1", "darkroom verdicts 1"
DELIVER, NOT, UNKNOWN, FEW, NONE = (
    "deliver", "do not deliver", "cannot tell", "insufficient", "not judged",
)  # fmt: skip
COLUMNS = (
    *("item", "product", "verdict", "gates_verdict", "gates", "failed", "insufficient", "warned"),
    *("decisive", "reason", "next"),
)


def judge(
    paths: Sequence[StrPath], settings: JudgeSettings, trends: Sequence[StrPath] = ()
) -> list[dict[str, Any]]:
    """Return the verdict on every product of a campaign.

    Parameters
    ----------
    paths : sequence of path-like
        Files ``gates_<product>.json``; ``counterfactual_<product>.json`` and
        ``insertion_<product>.json`` beside them are used where they exist.
    settings : JudgeSettings
    trends : sequence of path-like
        Files ``trends.json`` of items with series of epochs: what they say of the validity of a
        product stands in its verdict.

    Returns
    -------
    list of dict
        Content of each ``verdict_<product>.json``, in the order given.
    """
    read = [read_gates(path) for path in paths]
    try:
        rows = decide([one for _, gates in read for one in gates], settings)
    except Exception:
        # Whose gates were damaged is told by each alone.
        for path, (_, gates) in zip(paths, read, strict=True):
            with as_written(path, "no gates", "remove it and judge again"):
                decide(gates, settings)
        raise
    verdicts, first = [], 0
    total = sum(row["p"] is not None for row in rows)
    series = {Path(one).parent: _read(Path(one)) or {} for one in trends}
    for path, (head, gates) in zip(paths, read, strict=True):
        own = rows[first : first + len(gates)]
        first += len(gates)
        advice = "remove it, with the files of the same product beside it, and judge again"
        with as_written(path, "no gates", advice):
            verdict = _product(Path(path), head, own, total, settings)
            known = series.get(Path(path).parent.parent, {}).get("products", {})
            if validity := known.get(head["product"], {}).get("validity"):
                verdict["epochs"] = validity
            verdicts.append(verdict)
    return verdicts


def _product(path: Path, head, rows, total, settings):
    product = head["product"]
    compared = _read(path.with_name(f"counterfactual_{product}.json"))
    inserted = _read(path.with_name(f"insertion_{product}.json"))
    said = _said(rows, compared, inserted, settings)
    compared, inserted = compared or {}, inserted or {}
    current = compared.get("current") or {}
    return {
        "format": FORMAT,
        "item": head["item"],
        "instrument": head["instrument"],
        "product": product,
        "file": head["file"],
        "sha256": {"candidate": head["sha256"], "current": current.get("sha256")},
        "context": compared.get("context", ""),
        "versions": compared.get("versions", {}),
        "budget": {"false_alarm": settings.false_alarm, "warn": settings.warn},
        "T": total,
        "gates": sorted(rows, key=lambda row: -ORDER.index(row["verdict"])),
        "gates_verdict": worst(rows) if rows else None,
        "nulls": {
            "n": sum(row["draws"] for row in rows),
            "alarms": sum(row["alarms"] for row in rows),
        },
        "injections": head.get("injections", {"seed_sha256": "", "n": 0, "seen": 0}),
        "counterfactual": compared.get("rows", []),
        "score": compared.get("score"),
        "insertion": inserted or None,
        "change_level": compared.get("change_level"),
        "notes": [*head.get("notes", []), *compared.get("notes", []), *inserted.get("notes", [])],
        **said,
    }


def _read(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(path, f"is not JSON ({error})", "remove it and judge again") from error
    return found


def _said(rows, compared, inserted, settings):
    """Return verdict, decisive number, reason and next step of a product."""
    if not rows:
        return _words(NONE, "–", "it has no gates", "judge it by eye")
    failed = [row for row in rows if row["verdict"] == FAIL]
    if failed:
        first = max(failed, key=lambda row: abs(row["d"] or 0) / row["harm"])
        where = f": leave out {first['where']}" if first["where"] else ""
        return _words(NOT, _decisive(first), f"{first['name']}: {first['sentence']}",
                      f"find the cause{where}")  # fmt: skip
    if compared and not compared.get("copy_exact", True):
        return _words(NOT, "the copy changed pixels", "a copy of the file in use must change "
                      "nothing: the comparison itself is wrong", "find the cause")  # fmt: skip
    refused = [one for one in (inserted or {}).get("gates", []) if one["verdict"] == FAIL]
    score = (compared or {}).get("score")
    if score and score["verdict"] == "worse":
        more = score.get("further_exposures")
        return _words(NOT, score["sentence"], "worse than the file in use on exposures that were "
                      "held out", _further(more))  # fmt: skip
    if refused:
        return _words(NOT, refused[0]["name"], refused[0]["sentence"], "change the match criteria")
    few = [row for row in rows if row["verdict"] == INSUFFICIENT]
    if few:
        # The gate that asks for most; those that no number helps come first.
        first = max(few, key=lambda row: row["needs"] or 1e9)
        needs = first["needs"]
        step = f"{needs - first['nunits']} more exposures" if needs else "more exposures"
        return _words(FEW, _decisive(first), f"{first['name']}: {first['sentence']}", step)
    if not compared:
        # The gate that came nearest to its threshold; conditions that hold have no number.
        near = min(rows, key=lambda row: 2.0 if row["margin"] is None else row["margin"])
        return _words(UNKNOWN, _decisive(near), "gates are passed; not compared with the file "
                      "in use", "compare it with the file in use")  # fmt: skip
    return _compared(rows, compared, score, settings)


def _compared(rows, compared, score, settings):
    level = compared.get("change_level", "MODERATE")
    warned = sum(row["verdict"] == WARN for row in rows)
    passed = f"{len(rows)} gates, {warned} warned" if warned else f"{len(rows)} gates passed"
    # A file that is better than a damaged one may still be bad.
    if compared.get("doubt") and not compared.get("current_bad"):
        return _words(UNKNOWN, score["sentence"] if score else passed, compared["doubt"],
                      "give the file in use, or say that it is bad (deliver.bad)")  # fmt: skip
    if score and score.get("error", 0.0) is None:
        return _words(UNKNOWN, score["sentence"], "the comparison with the file in use has too few "
                      "exposures", _further(score.get("further_exposures")))  # fmt: skip
    if score and score["verdict"] == "better":
        return _words(DELIVER, score["sentence"], f"{passed}; change level {level}",
                      "snakemake deliver")  # fmt: skip
    enough = score is None or score["value"] >= -settings.margin_score
    if compared.get("current_bad") and enough:
        return _words(DELIVER, score["sentence"] if score else passed,
                      f"{passed}; the file in use is bad or lacks coverage",
                      "snakemake deliver")  # fmt: skip
    return _words(UNKNOWN, score["sentence"] if score else passed,
                  "as good as the file in use, within the errors",
                  _further((score or {}).get("further_exposures")))  # fmt: skip


def _further(more):
    return f"{more} more exposures" if more else "keep the file in use"


def _decisive(row):
    if row["p"] is None:
        return f"{row['nunits']} exposures" if row["verdict"] == INSUFFICIENT else row["name"]
    unit = f" {row['unit']}" if row["unit"] else ""
    if row["verdict"] == INSUFFICIENT:
        return f"only a fault of {row['seen95']:.3g}{unit} would be seen"
    return f"{row['d']:.3g} ± {row['e']:.2g}{unit}"


def _words(verdict, decisive, reason, following):
    return {"verdict": verdict, "decisive": decisive, "reason": reason, "next": following}


def write_verdicts(
    verdicts: Sequence[dict[str, Any]], paths: Sequence[StrPath], table: StrPath
) -> None:
    """Write the verdicts: one JSON a product, one an item, and a table of the campaign.

    Parameters
    ----------
    verdicts : sequence of dict
        As from `judge`.
    paths : sequence of path-like
        The files of gates that they were made from: the verdicts are written beside them.
    table : path-like
        ``verdict.tsv``.
    """
    items: dict[Path, list[dict[str, Any]]] = {}
    lines = ["\t".join(COLUMNS)]
    for path, one in zip(paths, verdicts, strict=True):
        folder = Path(path).parent
        write_text(folder / f"verdict_{one['product']}.json", _json(one))
        row = _row(one)
        items.setdefault(folder, []).append(row)
        lines.append("\t".join(" ".join(str(row[key]).split()) for key in COLUMNS))
    for folder, rows in items.items():
        record = {"format": ITEM_FORMAT, "item": rows[0]["item"], "products": rows}
        write_text(folder / "verdict.json", _json(record))
    write_text(table, "\n".join(lines) + "\n")


def _row(one: dict[str, Any]) -> dict[str, Any]:
    states = [gate["verdict"] for gate in one["gates"]]
    return {
        "item": one["item"],
        "product": one["product"],
        "verdict": one["verdict"],
        "gates_verdict": one["gates_verdict"] or "–",
        "gates": len(states),
        "failed": states.count(FAIL),
        "insufficient": states.count(INSUFFICIENT),
        "warned": states.count(WARN),
        "decisive": one["decisive"],
        "reason": one["reason"],
        "next": one["next"],
    }


def _json(record: dict[str, Any]) -> str:
    return json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
