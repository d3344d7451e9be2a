"""The lock: the exact list of a campaign's exposures, as the archive answered once.

The workflow plans from the lock alone, so only the standard library is used here.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from darkroom.atomic import write_text
from darkroom.errors import DarkroomError, InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from darkroom.campaign.campaign import Campaign
    from darkroom.hints import StrPath

FORMAT = "darkroom lock 1"
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


class Lock:
    """A campaign's exposures, in order.

    Parameters
    ----------
    path : path-like
        File of the lock.
    head : dict
        ``campaign``, ``archive`` and ``query`` (digest of the campaign's selection).
    exposures : sequence of Exposure
        The rows.
    """

    def __init__(self, path: StrPath, head: dict[str, str], exposures: Sequence[Exposure]) -> None:
        self.path = Path(path)
        self.head = head
        self.exposures = exposures
        self.by_item: dict[str, dict[str, Exposure]] = {}
        for row in exposures:
            self.by_item.setdefault(row.item, {})[row.exposure] = row

    def of(self, item: str, role: str | None = None) -> list[Exposure]:
        """Return the exposures of an item, optionally only those of one role."""
        rows = self.by_item.get(item, {}).values()
        return [row for row in rows if role in (None, row.role)]

    def get(self, item: str, exposure: str) -> Exposure:
        """Return one exposure.

        Raises
        ------
        DarkroomError
            When the lock has no such exposure.
        """
        try:
            return self.by_item[item][exposure]
        except KeyError:
            raise DarkroomError(f"{self.path} has no exposure {item}/{exposure}") from None

    def text(self) -> str:
        """Return the text of the lock's file."""
        stream = io.StringIO()
        stream.write(f"# {FORMAT}\n")
        for key, value in self.head.items():
            stream.write(f"# {key}: {value}\n")
        writer = csv.DictWriter(stream, COLUMNS, delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(row.row() for row in self.exposures)
        return stream.getvalue()

    def write(self) -> None:
        """Write the lock, atomically."""
        write_text(self.path, self.text())


def read_lock(path: StrPath) -> Lock | None:
    """Read a lock.

    Returns
    -------
    Lock or None
        None when there is no such file.

    Raises
    ------
    InputError
        When the file is not a lock, or a row is damaged.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return None
    advice = "to make it again, move it away and run: snakemake lock"
    if not lines or lines[0] != f"# {FORMAT}":
        raise InputError(path, f"does not begin with '# {FORMAT}'", advice)
    head = dict(line[2:].split(": ", 1) for line in lines[1:] if line.startswith("# "))
    rows = csv.DictReader([line for line in lines if not line.startswith("#")], delimiter="\t")
    if tuple(rows.fieldnames or ()) != COLUMNS:
        raise InputError(path, "its columns are not those of this version of darkroom", advice)
    exposures = []
    for number, row in enumerate(rows, 1):
        if None in row.values() or None in row:
            raise InputError(path, f"row {number} does not have {len(COLUMNS)} columns", advice)
        try:
            size = int(row["size"]) if row["size"] else None
        except ValueError:
            raise InputError(
                path, f"row {number}: size {row['size']!r} is not a number", advice
            ) from None
        for column in ("item", "exposure", "file"):
            if fault := name_fault(row[column]):
                raise InputError(
                    path,
                    f"row {number}: {column} {row[column][:80]!r} {fault}",
                    "darkroom did not write this lock; " + advice,
                )
        facts = {name: row[name] for name in HEADER_VALUES if row[name]}
        exposures.append(
            Exposure(
                row["item"], row["role"], row["exposure"], row["file"], row["uri"], size, facts
            )
        )
    return Lock(path, head, exposures)


def name_fault(name: str) -> str:
    """Return why `name` is not allowed as the name of a file; empty when it is allowed.

    Names come from archives, folders and locks that others made, and become names of files in the
    campaign's own folders.
    """
    if not name:
        return "is empty"
    if len(name.encode("utf-8", "surrogateescape")) > 200:
        return "is longer than 200 bytes"
    if "/" in name or "\\" in name:
        return "leads to another folder"
    if name.startswith((".", "-")):
        return "begins with a dot or a hyphen"
    if re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", name):
        return "holds a control character"
    return ""


def require_lock(campaign: Campaign) -> Lock:
    """Read a campaign's lock and check that it belongs to the campaign's present selection.

    Parameters
    ----------
    campaign : darkroom.campaign.campaign.Campaign
        The campaign.

    Returns
    -------
    Lock
        Its lock.

    Raises
    ------
    DarkroomError
        When there is no lock, or the campaign's selection was edited since it was made.
    """
    lock = read_lock(campaign.lock_path)
    if lock is None:
        raise DarkroomError(
            f"campaign {campaign.name} has no lock ({campaign.lock_path.name}) yet; "
            "make it with: snakemake lock"
        )
    if lock.head.get("query") != campaign.query_digest():
        raise DarkroomError(
            f"{campaign.lock_path}: the campaign's selection of exposures was edited since this "
            "lock was made; to list what changes, run: snakemake lock"
        )
    return lock


def check_exposures(exposures: Sequence[Exposure]) -> None:
    """Refuse an empty list, names that are not allowed, and names used twice in an item.

    Raises
    ------
    DarkroomError
        Naming the item and the exposure.
    """
    if not exposures:
        raise NothingFound("the campaign's query found no exposure at all; check its items")
    seen: dict[tuple[str, str], str] = {}
    for row in exposures:
        for name in (row.exposure, row.file):
            if fault := name_fault(name):
                raise DarkroomError(f"item {row.item}: the file name {name[:80]!r} {fault}")
        key = (row.item, row.exposure)
        if key in seen:
            raise DarkroomError(
                f"item {row.item}: {row.file} and {seen[key]} are both exposure {row.exposure!r}; "
                "give each exposure one role and its own name"
            )
        seen[key] = row.file
