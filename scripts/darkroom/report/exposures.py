"""An item's exposures in tables: how many of which kind, what was refused, what was repaired."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

from darkroom.words import number

# Temperatures are counted in steps of this many degrees: the first with few enough columns.
_STEPS_C = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_MOST_COLUMNS = 12


def summarize(rows):
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


def _bare_reason(row):
    """Leave out the path that a reason begins with: the exposure's name stands beside it."""
    reason = row["reason"]
    name = Path(row["file"]).name
    head, found, tail = reason.partition(f"{name}: ")
    return tail if found and " " not in head else reason


def _repaired(rows):
    """Group equal notes: one line for a card that was repaired in many exposures."""
    notes = {}
    for row in rows:
        for note in filter(None, row["notes"].split("; ")):
            notes.setdefault(note, []).append(row["exposure"])
    return [{"note": note, "exposures": names} for note, names in notes.items()]


def count_grid(rows):
    """Count exposures by role and exposure time against temperature.

    Returns
    -------
    dict or None
        ``columns`` (temperatures as text, none if no exposure tells its own), ``rows`` (list of
        {role, exptime, counts, total}) and ``step`` (degrees a column stands for). None without
        any exposure time.
    """
    known = [row for row in rows if row["exptime_s"]]
    if not known:
        return None
    degrees = [_float(row["temperature_c"]) for row in known]
    step = _step([value for value in degrees if value is not None])
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


def _step(values):
    for step in _STEPS_C:
        if len({round(value / step) for value in values}) <= _MOST_COLUMNS:
            return step
    return _STEPS_C[-1]


def _degrees(index, step):
    decimals = max(0, -math.floor(math.log10(step)))
    return f"{index * step:.{decimals}f}".replace("-", "−")
