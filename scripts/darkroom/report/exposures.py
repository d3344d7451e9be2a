"""Tables of an item's exposures: numbers of each kind, refused exposures, repaired headers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from darkroom.judge.judgement import PASSED, WARNED, Judgement
from darkroom.words import counted, number

# Widths of temperature bins, degrees Celsius: the first that gives few enough columns is used.
_BIN_WIDTHS_C = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_MOST_COLUMNS = 12
# Warnings of one check that are written out; the table has them all.
_MOST_SENTENCES = 5


def summarize(rows: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """Summarize a frame table.

    Parameters
    ----------
    rows : list of dict
        As read by `darkroom.campaign.frames.read_frames`.

    Returns
    -------
    dict
        ``total``, ``used``, ``refused`` (list of {exposure, role, reason}), ``repaired`` (list of
        {note, exposures}), ``by_role`` (counts of used exposures), ``grid`` (see `count_grid`).
    """
    used = [row for row in rows if row["accepted"] == "yes"]
    return {
        "total": len(rows),
        "used": len(used),
        "refused": [
            {
                "exposure": row["exposure"],
                "role": row["role"],
                "reason": _bare_reason(row),
            }
            for row in rows
            if row["accepted"] != "yes"
        ],
        "repaired": _repaired(used),
        "by_role": dict(Counter(row["role"] for row in used)),
        "grid": count_grid(used),
    }


def judged(judgements: Sequence[Judgement]) -> dict[str, Any]:
    """Return what the page says of judgements.

    Parameters
    ----------
    judgements : sequence of darkroom.judge.judgement.Judgement
        Of all exposures of an item.

    Returns
    -------
    dict
        ``judged``, those that are not passed; ``checks``, the number of different checks; and
        ``warnings``, sentences on exposures that are used: at most five of one check, then a count.
    """
    failed = [each for each in judgements if each.verdict != PASSED]
    by_check: dict[str, list[Judgement]] = {}
    for each in failed:
        if each.verdict == WARNED:
            by_check.setdefault(each.check, []).append(each)
    lines = []
    for check, found in by_check.items():
        lines += [each.sentence for each in found[:_MOST_SENTENCES]]
        if (more := len(found) - _MOST_SENTENCES) > 0:
            lines.append(f"{check}: the same of {counted(more, 'further exposure')}, see below")
    return {
        "judged": failed,
        "checks": len({each.check for each in judgements}),
        "warnings": lines,
    }


def _bare_reason(row):
    """Return the reason without its leading path: the table names the exposure already."""
    reason = row["reason"]
    name = Path(row["file"]).name
    head, found, tail = reason.partition(f"{name}: ")
    return tail if found and " " not in head else reason


def _repaired(rows):
    """Group the repairs by their text, with the exposures that each was made in."""
    notes = {}
    for row in rows:
        for note in filter(None, row["notes"].split("; ")):
            notes.setdefault(note, []).append(row["exposure"])
    return [{"note": note, "exposures": names} for note, names in notes.items()]


def count_grid(rows: Sequence[Mapping[str, str]]) -> dict[str, Any] | None:
    """Count exposures by role and exposure time against temperature.

    Returns
    -------
    dict or None
        ``columns`` (temperatures as text, empty if no exposure states its own), ``rows`` (list of
        {role, exptime, counts, total}) and ``step`` (width of a column, degrees Celsius). None if
        no exposure time is known.
    """
    known = [row for row in rows if row["exptime_s"]]
    if not known:
        return None
    degrees = [_float(row["temperature_c"]) for row in known]
    step = _bin_width([value for value in degrees if value is not None])
    bins = [None if value is None else round(value / step) for value in degrees]
    columns = sorted({b for b in bins if b is not None})
    if columns and None in bins:
        columns.append(None)
    counts = Counter(
        (row["role"], float(row["exptime_s"]), b) for row, b in zip(known, bins, strict=True)
    )
    lines = sorted({(role, exptime) for role, exptime, _ in counts})
    return {
        "step": step,
        "columns": ["unknown" if b is None else _degrees(b, step) for b in columns],
        "rows": [
            {
                "role": role,
                "exptime": number(exptime),
                "counts": [counts[role, exptime, b] for b in columns],
                "total": sum(counts[role, exptime, b] for b in set(bins)),
            }
            for role, exptime in lines
        ],
    }


def _float(text):
    return float(text) if text not in ("", None) else None


def _bin_width(values):
    for step in _BIN_WIDTHS_C:
        if len({round(value / step) for value in values}) <= _MOST_COLUMNS:
            return step
    return _BIN_WIDTHS_C[-1]


def _degrees(index, step):
    decimals = max(0, -math.floor(math.log10(step)))
    return f"{index * step:.{decimals}f}".replace("-", "−")
