"""The rules by which CRDS chooses darks of WFC3/IR: which rows exist, and which have a superdark.

A mapping is a text of Python literals, ``selector = Match({row: UseAfter({date: file})})``; it is
read here as such, so that no package of CRDS is needed.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from darkroom.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from darkroom.crds.cache import Cache

#: The gain with which observations are made, e-/DN as commanded.
GAIN = 2.5


@dataclass(frozen=True)
class Row:
    """A row of the rules: what an exposure must be, and its darks.

    Parameters
    ----------
    samp_seq, subtype : str
    files : dict
        ``{use-after date: file}``.
    """

    samp_seq: str
    subtype: str
    files: dict[str, str]

    def chosen(self, date: str) -> str:
        """Return the file that an exposure of a date (``YYYY-MM-DD hh:mm:ss``) gets, or ""."""
        before = [when for when in self.files if when <= date]
        return self.files[max(before)] if before else ""


def rows_of(cache: Cache, context: str) -> list[Row]:
    """Return the rows for darks of the infrared channel at the usual gain.

    Rows for any subarray (N/A), which older rules have, are left out: each subarray has its own.

    Parameters
    ----------
    cache : darkroom.crds.cache.Cache
        Holds the verified mappings of the context.
    context : str
        Name of the ``.pmap``.

    Raises
    ------
    InputError
        When the context has no such rules, or they cannot be read.
    """
    for name in cache.closure(context, ["wfc3"]):
        if "_darkfile_" in name:
            return _rows(cache.mapping(name))
    raise InputError(cache.mapping(context), "has no rules for darks of WFC3")


def _rows(path: Path) -> list[Row]:
    """Return the rows of a mapping."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        values = {one.targets[0].id: one.value for one in tree.body if isinstance(one, ast.Assign)}
        keys = ast.literal_eval(values["header"])["parkey"][0]
        table = values["selector"].args[0]
        found = []
        for key, value in zip(table.keys, table.values, strict=True):
            row = ast.literal_eval(key)
            named = dict(zip(keys, row if isinstance(row, tuple) else (row,), strict=True))
            if _usual(named) and "N/A" not in (named["SAMP_SEQ"], named["SUBTYPE"]):
                files = ast.literal_eval(value.args[0])
                found.append(Row(named["SAMP_SEQ"], named["SUBTYPE"], files))
    except (SyntaxError, ValueError, KeyError, AttributeError, TypeError, IndexError) as error:
        raise InputError(path, f"its rules are not readable ({error})") from error
    return found


def _usual(named):
    """Tell whether a row is of the infrared channel at the usual gain."""
    if named.get("DETECTOR") != "IR":
        return False
    gains = [word for word in str(named.get("CCDGAIN", GAIN)).split("|") if word]
    return any(word == "N/A" or float(word) == GAIN for word in gains)


@dataclass(frozen=True)
class Coverage:
    """A set of superdarks against the rows of a context.

    Parameters
    ----------
    covered, lacking : list of Row
        Rows with and without a superdark.
    new : list of (str, str)
        SAMP_SEQ and SUBTYPE of superdarks for which the context has no row.
    twice : list of (str, str)
        Those of which several superdarks are made.
    """

    covered: list[Row]
    lacking: list[Row]
    new: list[tuple[str, str]]
    twice: list[tuple[str, str]]


def coverage(rows: Iterable[Row], made: Iterable[tuple[str, str]]) -> Coverage:
    """Compare the superdarks that are made with the rows of a context.

    Parameters
    ----------
    rows : iterable of Row
    made : iterable of (str, str)
        SAMP_SEQ and SUBTYPE of each superdark.
    """
    made, merged = list(made), {}
    for row in rows:
        # One gain may be in several rows, alone and among others: the rules merge them.
        before = merged.get((row.samp_seq, row.subtype))
        files = row.files | (before.files if before else {})
        merged[row.samp_seq, row.subtype] = Row(row.samp_seq, row.subtype, files)
    return Coverage(
        [row for key, row in merged.items() if key in made],
        [row for key, row in merged.items() if key not in made],
        sorted(set(made) - set(merged)),
        sorted({key for key in made if made.count(key) > 1}),
    )


#: Columns of the table of a set.
COLUMNS = ("samp_seq", "subtype", "superdark", "in_use", "epochs")


def table(found: Coverage, made: Mapping[tuple[str, str], tuple[str, str]]) -> str:
    """Return the table of a set as text: each row of the rules, and what is new.

    Parameters
    ----------
    found : Coverage
    made : mapping
        ``{(SAMP_SEQ, SUBTYPE): (item, USEAFTER)}``, USEAFTER as ``YYYY-MM-DDThh:mm:ss``.

    Returns
    -------
    str
        Columns `COLUMNS`: ``superdark`` is the item that makes it, ``lacking`` where none does;
        ``in_use``: the file that it would replace from its USEAFTER on, or the latest.
    """
    lines = ["\t".join(COLUMNS)]
    for row in sorted([*found.covered, *found.lacking], key=lambda r: (r.samp_seq, r.subtype)):
        item, useafter = made.get((row.samp_seq, row.subtype), ("lacking", _LATE))
        used = row.chosen(useafter.replace("T", " ")) or "none"
        lines.append("\t".join([row.samp_seq, row.subtype, item, used, str(len(row.files))]))
    for key in found.new:
        lines.append("\t".join([*key, made[key][0], "none", "0"]))
    return "\n".join(lines) + "\n"


_LATE = "2099-01-01T00:00:00"
