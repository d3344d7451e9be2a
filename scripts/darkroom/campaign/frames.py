"""The frame table of an item: which frames are used, which are refused, and why."""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkroom.atomic import write_text
from darkroom.errors import DarkroomError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from darkroom.hints import StrPath

COLUMNS = (
    "exposure",
    "role",
    "file",
    "accepted",
    "reason",
    "instrument",
    "shape",
    "binning",
    "exptime_s",
    "temperature_c",
    "date_obs",
    "mjd",
    "size",
    "sha256",
    "notes",
)
# Columns in which all frames of an item must agree.
_COMMON = ("instrument", "shape", "binning")


def frame_table(statuses: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return the rows of an item's frame table; frames that differ from most others are refused.

    Parameters
    ----------
    statuses : iterable of dict
        As read by `darkroom.campaign.status.read_status`, in the order of the lock.

    Returns
    -------
    list of dict
        One row per frame with the keys `COLUMNS`. Accepted frames that differ from most others in
        instrument, shape or binning are refused, with that reason.
    """
    rows = [_row(status) for status in statuses]
    for column in _COMMON:
        counts = Counter(row[column] for row in rows if row["accepted"] == "yes" and row[column])
        if len(counts) < 2:
            continue
        usual, number = counts.most_common(1)[0]
        for row in rows:
            if row["accepted"] == "yes" and row[column] and row[column] != usual:
                row["accepted"] = "no"
                row["reason"] = (
                    f"{Path(row['file']).name}: its {column} is {row[column]}, "
                    f"that of {number} other frames is {usual}"
                )
    return rows


def _row(status: Mapping[str, Any]) -> dict[str, str]:
    facts = status["facts"]
    row = {name: "" if facts.get(name) is None else str(facts[name]) for name in COLUMNS}
    return row | {
        "exposure": status["exposure"],
        "role": status["role"],
        "file": status["path"],
        "accepted": "yes" if status["accepted"] else "no",
        "reason": " ".join(status["reason"].split()),
        "size": "" if status["size"] is None else str(status["size"]),
        "sha256": status["sha256"],
        "notes": "; ".join(status["notes"]),
    }


def require_accepted(item: str, rows: Sequence[Mapping[str, str]]) -> None:
    """Raise an error when any frame was refused.

    Raises
    ------
    DarkroomError
        Naming every refused frame with its reason, and what can be done.
    """
    refused = [row["reason"] for row in rows if row["accepted"] == "no"]
    if refused:
        listed = "\n  ".join(refused)
        raise DarkroomError(
            f"item {item}: {len(refused)} of {len(rows)} exposures are refused; repair or replace "
            "them, or let the campaign continue without them (on_bad_exposure: exclude):\n  "
            f"{listed}"
        )


def write_frames(path: StrPath, rows: Iterable[Mapping[str, str]]) -> None:
    """Write the frame table as tab-separated text, atomically."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, delimiter="\t", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, stream.getvalue())


def read_frames(path: StrPath) -> list[dict[str, str]]:
    """Read a frame table.

    Raises
    ------
    InputError
        When the file is missing or is not a frame table.
    """
    try:
        with Path(path).open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream, delimiter="\t")
            columns, rows = tuple(reader.fieldnames or ()), list(reader)
    except FileNotFoundError:
        raise InputError(path, "no such frame table") from None
    if columns != COLUMNS:
        raise InputError(path, f"is not a frame table: its columns must be {', '.join(COLUMNS)}")
    return rows


def accepted_exposures(path: StrPath) -> set[str]:
    """Return the names of the exposures that a frame table accepts."""
    return {row["exposure"] for row in read_frames(path) if row["accepted"] == "yes"}


def role_list(rows: Iterable[Mapping[str, str]], role: str) -> str:
    """Return the text of a list of the accepted frames of one role, for ``@list`` arguments.

    The SHA-256 of each frame is in a comment, so that a changed file of the same name changes the
    list, and everything made from it is made again.
    """
    chosen = [row for row in rows if row["role"] == role and row["accepted"] == "yes"]
    return "".join(f"# sha256 {row['sha256']}\n{row['file']}\n" for row in chosen)
