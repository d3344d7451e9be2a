"""The comparison of simulated products with their truth, as a table of the report."""

from __future__ import annotations

import json
from pathlib import Path

from darkroom.errors import InputError
from darkroom.words import number


def truth_table(path):
    """Return the comparison as one of the ``tables`` of an item file.

    Parameters
    ----------
    path : path-like
        JSON as written by ``ccd_truth.py``: a list of {quantity, truth, found, error, pull, unit}.

    Raises
    ------
    InputError
        When the file is missing or holds something else.
    """
    try:
        entries = json.loads(Path(path).read_text(encoding="utf-8"))
        rows = [
            [
                entry["quantity"],
                number(entry["truth"], 6),
                number(entry["found"], 6),
                "" if entry["error"] is None else number(entry["error"], 2),
                "" if entry["pull"] is None else f"{entry['pull']:+.1f}",
                entry["unit"],
            ]
            for entry in entries
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(path, f"holds no comparison ({error!r})", "make it again") from error
    return {
        "title": "Against the truth",
        "columns": ["quantity", "truth", "found", "quoted error", "pull", "unit"],
        "rows": rows,
        "note": (
            "These frames are simulated, so the truth is known. Pull: found minus truth, in units "
            "of the quoted error; two thirds lie within ±1. Pulls of single pixels are normal "
            "deviates, whose standard deviation is 1 when the quoted errors are right."
        ),
    }
