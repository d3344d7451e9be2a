"""The comparison of products with their simulated truth, as a table of the report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkroom.errors import InputError
from darkroom.words import number

if TYPE_CHECKING:
    from darkroom.hints import StrPath


def truth_table(path: StrPath) -> dict[str, Any]:
    """Return the comparison as one of the ``tables`` of an item file.

    Parameters
    ----------
    path : path-like
        JSON as written by `darkroom.report.truth_rows.write_rows`.

    Raises
    ------
    InputError
        When the file is missing or is not such a list.
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
            "These exposures are simulated, so the truth is known. Pull: found minus truth, in "
            "units of the quoted error; about two thirds should lie within ±1. Pulls of single "
            "pixels are given as normal deviates: their standard deviation is 1 when the quoted "
            "errors are right."
        ),
    }
