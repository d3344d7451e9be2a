"""The frame table of an item: which frames are used, which are refused, and why."""

from __future__ import annotations

import csv
import io
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkroom.atomic import write_text
from darkroom.errors import DarkroomError, InputError
from darkroom.judge.common import Alike, Distinct
from darkroom.judge.engine import judge
from darkroom.judge.judgement import REFUSED, WARNED, Subject, sentences
from darkroom.plain import plain_value

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from darkroom.hints import StrPath
    from darkroom.judge.checks import Check
    from darkroom.judge.judgement import Judgement

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
    "warnings",
)
# Characters of a reason for which an exposure is refused, or of any other text of a status.
_LONGEST = 20_000
# What a check raises of values that no reader of headers gives, but a status written by hand may.
_NOT_JUDGED = (
    ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError,
)  # fmt: skip
#: Checks of every instrument: one item holds frames of one kind, each once.
COMMON_CHECKS = (
    Alike(key="instrument", ignore_missing=True),
    Alike(key="shape", ignore_missing=True),
    Alike(key="binning", ignore_missing=True),
    Distinct(key="sha256", what="content", advice="give every exposure once"),
)


def frame_table(
    statuses: Iterable[Mapping[str, Any]],
    checks: Iterable[Check] = (),
    keep: Collection[str] = (),
) -> tuple[list[dict[str, str]], list[Judgement]]:
    """Judge the exposures of an item; return its frame table and the judgements.

    Parameters
    ----------
    statuses : iterable of dict
        As read by `darkroom.campaign.status.read_status`, in the order of the lock. ``facts`` holds
        the header values of the frame table; what further checks need is below its key ``judged``.
    checks : iterable of darkroom.judge.checks.Check
        Those of the instrument, made after `COMMON_CHECKS`.
    keep : collection of str
        Exposures that are used although a check refuses them.

    Returns
    -------
    rows : list of dict
        One row per frame with the keys `COLUMNS`.
    judgements : list of darkroom.judge.judgement.Judgement
        Of every check of every exposure that arrived intact.

    Raises
    ------
    DarkroomError
        When a status holds what cannot be judged, such as a word for a temperature: of one that
        darkroom wrote, the place of the check is told.
    """
    statuses = list(statuses)
    try:
        # A status file is data, too: what is in it reaches tables, logs and the report.
        plain = [plain_value(status, _LONGEST) for status in statuses]
        return _judged(plain, checks, keep)
    except _NOT_JUDGED as error:
        if all("digest" in status for status in statuses):
            # What darkroom wrote: a card of a kind that no check expects, or a fault of ours.
            where = traceback.extract_tb(error.__traceback__)[-1]
            raise DarkroomError(
                f"a check cannot judge what the exposures state ({type(error).__name__}: "
                f"{str(error)[:200]}, {Path(where.filename).name} line {where.lineno}); look for "
                "an exposure with an odd header and leave it out; darkroom should have named it: "
                "please report it"
            ) from error
        raise DarkroomError(
            f"the status files hold what cannot be judged ({type(error).__name__}: "
            f"{str(error)[:200]}); remove those of the item and run again: its exposures are "
            "received again"
        ) from error


def _judged(
    statuses: Sequence[Mapping[str, Any]], checks: Iterable[Check], keep: Collection[str]
) -> tuple[list[dict[str, str]], list[Judgement]]:
    """Return the rows and judgements of `frame_table`."""
    subjects = [_subject(status) for status in statuses if status["accepted"]]
    judgements = judge(subjects, (*COMMON_CHECKS, *checks), keep)
    refused, warned = (sentences(judgements, verdict) for verdict in (REFUSED, WARNED))
    rows = [_row(status) for status in statuses]
    for row in rows:
        row["warnings"] = "; ".join(warned.get(row["exposure"], ()))
        if faults := refused.get(row["exposure"]):
            row["accepted"], row["reason"] = "no", "; ".join(faults)
    return rows, judgements


def _subject(status: Mapping[str, Any]) -> Subject:
    facts = status["facts"]
    values = facts | {"role": status["role"], "sha256": status["sha256"]}
    return Subject(status["exposure"], Path(status["path"]).name, values | facts.get("judged", {}))


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
            "them, let the campaign continue without them (on_bad_exposure: exclude), or keep "
            "those that are good (keep: the item's list of exposures):\n  "
            f"{listed}"
        )


# Exposures that add a product, which no other needs: an item goes on without them.
OPTIONAL_ROLES = ("flat",)


def require_some(item: str, rows: Sequence[Mapping[str, str]]) -> None:
    """Raise an error when every exposure of a role was refused: nothing is left to go on with.

    An item goes on without those of `OPTIONAL_ROLES`.

    Raises
    ------
    DarkroomError
        Naming the role, and every refused frame of it with its reason.
    """
    for role in dict.fromkeys(row["role"] for row in rows):
        mine = [row for row in rows if row["role"] == role]
        if role not in OPTIONAL_ROLES and all(row["accepted"] == "no" for row in mine):
            listed = "\n  ".join(row["reason"] for row in mine)
            raise DarkroomError(
                f"item {item}: all {len(mine)} {role} exposures are refused; repair or replace "
                f"them, or keep those that are good (keep: the item's list of exposures):\n  "
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
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(path, f"is not a frame table ({error})") from None
    if columns != COLUMNS:
        raise InputError(path, f"is not a frame table: its columns must be {', '.join(COLUMNS)}")
    for number, row in enumerate(rows, 1):
        if None in row or None in row.values():
            raise InputError(path, f"row {number} does not have {len(COLUMNS)} columns")
    return rows


def refusal_text(row: Mapping[str, str]) -> str:
    """Return why a frame table refuses an exposure, as a line; empty when it does not."""
    return "" if row["accepted"] == "yes" else f"{row['reason']}\n"


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
