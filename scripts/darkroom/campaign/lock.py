"""The lock: the exact list of a campaign's exposures, as the archive answered once.

The workflow plans from the lock alone, so only the standard library is used here.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from darkroom.atomic import write_text
from darkroom.campaign.lock_rows import (
    AGAIN,
    COLUMNS,
    Exposure,
    NothingFound,
    PlainRows,
    any_rows,
    check_exposures,
    heads_of,
    plain_rows,
)
from darkroom.errors import DarkroomError, InputError
from darkroom.reading import bounded_text

if TYPE_CHECKING:
    from darkroom.campaign.campaign import Campaign
    from darkroom.hints import StrPath

FORMAT = "darkroom lock 3"
# Bytes: half a million exposures.
_LARGEST = 100_000_000


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

    @cached_property
    def by_item(self) -> dict[str, dict[str, Exposure]]:
        """The exposures of each item by name."""
        found: dict[str, dict[str, Exposure]] = {}
        for row in self.exposures:
            found.setdefault(row.item, {})[row.exposure] = row
        return found

    @cached_property
    def _numbers(self) -> dict[tuple[str, str], int]:
        return {(one[0], one[2]): number for number, one in enumerate(heads_of(self.exposures))}

    @cached_property
    def sizes(self) -> list[int | None]:
        """The size of each exposure in bytes, in order; None where the archive states none."""
        return [int(one[5]) if one[5] else None for one in heads_of(self.exposures)]

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
            return self.exposures[self._numbers[item, exposure]]
        except KeyError:
            raise DarkroomError(f"{self.path} has no exposure {item}/{exposure}") from None

    def text(self) -> str:
        """Return the text of the lock's file."""
        stream = io.StringIO()
        writer = csv.DictWriter(stream, COLUMNS, delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(row.row() for row in self.exposures)
        table = stream.getvalue()
        head = [f"# {FORMAT}", *(f"# {key}: {value}" for key, value in self.head.items())]
        rows = _rows_line(head, len(self.exposures), table)
        return "\n".join([*head, rows, table])

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
        text = bounded_text(path, _LARGEST)
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise InputError(path, f"is not text in UTF-8 (byte {error.start})", AGAIN) from None
    except ValueError as error:
        raise InputError(path, str(error), AGAIN) from None
    # Only a line feed ends a line here: other separators of Unicode may stand in a value.
    lines = text.split("\n")
    if lines[0] != f"# {FORMAT}":
        raise InputError(path, f"does not begin with '# {FORMAT}'", AGAIN)
    commented = next((k for k, line in enumerate(lines) if not line.startswith("# ")), len(lines))
    head = dict(line[2:].partition(": ")[::2] for line in lines[1 : commented - 1])
    table = "\n".join(lines[commented:])
    exposures = plain_rows(lines[commented:]) or any_rows(path, table)
    stated = lines[commented - 1]
    if stated != _rows_line(lines[: commented - 1], len(exposures), table):
        raise InputError(
            path,
            f"states in its head '{stated[2:60]}…', and has {len(exposures)} rows of another "
            "digest: it was cut or edited",
            AGAIN,
        )
    return Lock(path, head, exposures)


def _rows_line(head: Sequence[str], count: int, table: str) -> str:
    """Return the last line of the head: the number of rows, and a digest of all other text."""
    digest = hashlib.sha256("\n".join([*head, table]).encode()).hexdigest()
    return f"# rows: {count} sha256:{digest[:32]}"


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
    items = {one[0] for one in heads_of(lock.exposures)}
    for item in sorted(items - campaign.items.keys()):
        raise InputError(
            lock.path, f"has exposures of item {item!r}, which the campaign does not have", AGAIN
        )
    for item in sorted(campaign.items.keys() - items if items else ()):
        raise InputError(lock.path, f"has no exposure of item {item!r}", AGAIN)
    if isinstance(lock.exposures, PlainRows) and lock.exposures.are_distinct():
        return lock
    try:
        check_exposures(lock.exposures)
    except NothingFound:
        raise InputError(lock.path, "has no exposure", AGAIN) from None
    except DarkroomError as error:
        raise InputError(lock.path, str(error), AGAIN) from None
    return lock
