"""Rows of a lock: the exposures of a campaign, which anybody may have written.

The workflow plans from them, so only the standard library is used here.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

from darkroom.campaign.names import CLEAN_NAME, name_fault
from darkroom.errors import DarkroomError, InputError

ROLES = ("bias", "dark", "flat", "science", "exposure")
# Header values that the plan depends on or that a person wants to see; blank when unknown. They are
# columns of the lock, the same for every instrument; adding one means making every lock again.
HEADER_VALUES = (
    "instrument",
    "detector",
    "subarray",
    "readpatt",
    "sampseq",
    "nsamp",
    "nints",
    "ngroups",
    "shape",
    "exptime_s",
    "temperature_c",
    "em_gain",
    "filter",
    "association",
    "date_obs",
)
COLUMNS = ("item", "role", "exposure", "file", "uri", "size", *HEADER_VALUES)
#: What to do with a lock that is damaged.
AGAIN = "to make it again, move it away and run: snakemake lock"
_LONGEST_VALUE = 200
# Those of ASCII and of Unicode, and its separators of lines and paragraphs.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# Forms of the header values that the plan computes with.
_NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?"
_FORMS = {
    "nsamp": r"\d{1,5}",
    "nints": r"\d{1,6}",
    "ngroups": r"\d{1,6}",
    "shape": r"\d{1,6}x\d{1,6}",
    "exptime_s": _NUMBER,
    "temperature_c": _NUMBER,
    "em_gain": _NUMBER,
}
_PLAIN_NUMBER = r"[+-]?\d{1,9}(?:\.\d{0,20})?(?:[eE][+-]?\d\d?)?"
_SEEN = r'[^\x00-\x1f\x7f-\x9f\u2028\u2029"]'
# A row as darkroom writes nearly all: what it matches has no fault, what it does not is looked at
# column by column.
_PLAIN_ROW = re.compile(
    "\t".join(
        (
            CLEAN_NAME,
            f"(?:{'|'.join(ROLES)})",
            CLEAN_NAME,
            CLEAN_NAME,
            rf"(?:(?:mast|simulated):|local:(?![/~])(?!(?:[^\t]*/)?\.\.[/\t])){_SEEN}+",
            "[0-9]{0,15}",
            *(
                f"(?:{_PLAIN_NUMBER if _FORMS[name] is _NUMBER else _FORMS[name]})?"
                if name in _FORMS
                else f"{_SEEN}{{0,{_LONGEST_VALUE}}}"
                for name in HEADER_VALUES
            ),
        )
    ),
    re.ASCII,
)


class NothingFound(DarkroomError):  # noqa: N818 (an answer, not a fault)
    """The archive answered, and its answer contains nothing of what was asked for."""


@dataclass(frozen=True)
class Exposure:
    """One exposure of a campaign.

    Parameters
    ----------
    item : str
        Work item of the campaign that uses it.
    role : str
        Use of the exposure: ``bias``, ``dark``, ``science``, ``exposure``.
    exposure : str
        Name, unique within the item; names its products.
    file : str
        File name under which it is written.
    uri : str
        Address in the archive: ``mast:…``, ``local:…`` (relative to the folder), ``simulated:…``.
    size : int or None
        Size in bytes, when the archive states it.
    facts : dict
        Values of `HEADER_VALUES`, as text.
    """

    item: str
    role: str
    exposure: str
    file: str
    uri: str
    size: int | None
    facts: dict[str, str] = field(default_factory=dict)

    def row(self) -> dict[str, str]:
        """Return the exposure as a dictionary of text, one entry per column."""
        size = "" if self.size is None else str(self.size)
        row = dict(
            zip(
                COLUMNS,
                (self.item, self.role, self.exposure, self.file, self.uri, size),
                strict=False,
            )
        )
        return row | {name: str(self.facts.get(name, "") or "") for name in HEADER_VALUES}


def plain_rows(lines: list[str]) -> PlainRows | None:
    """Return the rows of a table as darkroom writes nearly all; None when one is not plain."""
    if len(lines) < 3 or lines[0] != "\t".join(COLUMNS) or lines[-1]:
        return None
    rows = lines[1:-1]
    if not all(map(_PLAIN_ROW.fullmatch, rows)):
        return None
    return PlainRows(rows)


class PlainRows(Sequence[Exposure]):
    """Rows that were found to be plain; each exposure is made when it is asked for.

    A program that fetches needs a few of fifty thousand.

    Parameters
    ----------
    lines : list of str
        Their lines.
    """

    def __init__(self, lines: list[str]) -> None:
        #: The first columns of each row, up to its size, and the others in one text.
        self.heads = [line.split("\t", 6) for line in lines]
        self._made: dict[int, Exposure] = {}

    def __len__(self) -> int:
        return len(self.heads)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __getitem__(self, number: Any) -> Any:
        if isinstance(number, slice):
            return [self[one] for one in range(*number.indices(len(self)))]
        made = self._made.get(number)
        if made is None:
            item, role, exposure, file, uri, size, values = self.heads[number]
            found = zip(HEADER_VALUES, values.split("\t"), strict=True)
            facts = {name: value for name, value in found if value}
            made = Exposure(item, role, exposure, file, uri, int(size) if size else None, facts)
            self._made[number] = made
        return made

    def are_distinct(self) -> bool:
        """Tell whether `check_exposures` has nothing to find in them."""
        count = len(self)
        pairs = ({(one[0], one[column]) for one in self.heads} for column in (2, 3, 4))
        return (
            count > 0
            and all(len(pair) == count for pair in pairs)
            and not any(one[3].endswith(".json") for one in self.heads)
        )


def heads_of(exposures: Sequence[Exposure]) -> list[list[str]]:
    """Return the first columns of each row, as text."""
    if isinstance(exposures, PlainRows):
        return exposures.heads
    return [list(row.row().values())[:6] for row in exposures]


def any_rows(path: Path, table: str) -> list[Exposure]:
    """Return the rows of a table, each column of which is looked at; the first fault is told."""
    rows = csv.DictReader(io.StringIO(table, newline="\n"), delimiter="\t")
    try:
        if tuple(rows.fieldnames or ()) != COLUMNS:
            raise InputError(path, "its columns are not those of this version of darkroom", AGAIN)
        return [_read_row(path, number, row) for number, row in enumerate(rows, 1)]
    except csv.Error as error:
        raise InputError(path, f"is no table ({error})", AGAIN) from None


def _read_row(path: Path, number: int, row: dict[str | None, Any]) -> Exposure:
    """Return the exposure of a row of a lock, which anybody may have written."""

    def refuse(fault: str) -> InputError:
        """Return the error that names the row."""
        return InputError(
            path, f"row {number}: {fault}", "darkroom did not write this lock; " + AGAIN
        )

    if None in row.values() or None in row:
        raise InputError(path, f"row {number} does not have {len(COLUMNS)} columns", AGAIN)
    size = row["size"]
    if size and not re.fullmatch(r"[0-9]{1,15}", size):
        raise refuse(f"size {size[:40]!r} is not a number of bytes")
    for column in ("item", "exposure", "file"):
        if fault := name_fault(row[column]):
            raise refuse(f"{column} {row[column][:80]!r} {fault}")
    if row["role"] not in ROLES:
        raise refuse(f"role {row['role'][:40]!r} is not one of {', '.join(ROLES)}")
    if fault := uri_fault(row["uri"]):
        raise refuse(f"uri {row['uri'][:80]!r} {fault}")
    for name in HEADER_VALUES:
        if fault := fact_fault(name, row[name]):
            raise refuse(f"{name} {row[name][:40]!r} {fault}")
    facts = {name: row[name] for name in HEADER_VALUES if row[name]}
    return Exposure(
        row["item"], row["role"], row["exposure"], row["file"], row["uri"],
        int(size) if size else None, facts,
    )  # fmt: skip


def uri_fault(uri: str) -> str:
    """Return why an address of an exposure is not allowed; empty when it is allowed."""
    kind, _, place = uri.partition(":")
    if kind not in ("local", "mast", "simulated") or not place:
        return "does not begin with local:, mast: or simulated:"
    if _CONTROL.search(uri):
        return "holds a control character"
    if kind == "local" and (place.startswith(("/", "~")) or ".." in place.split("/")):
        return "leads out of the archive's folder"
    return ""


def fact_fault(name: str, value: str) -> str:
    """Return why a header value of a lock is not allowed; empty when it is allowed."""
    if not value:
        return ""
    if len(value) > _LONGEST_VALUE or _CONTROL.search(value):
        return f"is longer than {_LONGEST_VALUE} characters or holds a control character"
    form = _FORMS.get(name)
    if form is None:
        return ""
    if not re.fullmatch(form, value, re.ASCII) or not isfinite(float(value.replace("x", "0"))):
        return f"is no {name}"
    return ""


def check_exposures(exposures: Sequence[Exposure]) -> None:
    """Refuse an empty list, names that are not allowed, and files used twice in an item.

    Two exposures are also refused when they are one file of the archive, and when the file of one
    has the name of another's status.

    Raises
    ------
    DarkroomError
        Naming the item and the exposure.
    """
    if not exposures:
        raise NothingFound("the campaign's query found no exposure at all; check its items")
    seen: dict[tuple[str, str, str], str] = {}
    for row in exposures:
        for name in (row.exposure, row.file):
            if fault := name_fault(name):
                raise DarkroomError(f"item {row.item}: the file name {name[:80]!r} {fault}")
        if row.file.endswith(".json"):
            raise DarkroomError(
                f"item {row.item}: the file {row.file!r} would be taken for a status file"
            )
        for what, name in (("exposure", row.exposure), ("file", row.file), ("uri", row.uri)):
            key = (row.item, what, name)
            if key in seen:
                raise DarkroomError(
                    f"item {row.item}: {row.uri} and {seen[key]} are both {what} {name!r}; give "
                    "each exposure one role and its own name"
                )
            seen[key] = row.uri
