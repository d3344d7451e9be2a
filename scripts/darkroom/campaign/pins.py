"""Pins: the SHA-256 of every exposure and reference, recorded when it was verified."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from darkroom.atomic import write_text
from darkroom.errors import InputError
from darkroom.reading import bounded_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from darkroom.hints import StrPath

FORMAT = "darkroom pins 2"
COLUMNS = ("item", "exposure", "sha256")
# Without the digest of its rows.
_OLD_FORMAT = "darkroom pins 1"
_EDIT = "scripts/archive/edit_pins.py --pins"
_SUM = re.compile("[0-9a-f]{64}", re.ASCII)
_LARGEST = 100_000_000


class Pins:
    """The SHA-256 that each exposure and reference of a campaign must have.

    Parameters
    ----------
    maker : str
        Digest of the simulator that made the exposures; empty for real ones. Pins of another
        version of the simulator are not compared; those of a simulator do not fit real exposures.
    sums : mapping
        ``{(item, exposure): sha256}``; for a reference the key is ``("crds/jwst", name)`` (the name
        of an item has no slash).
    """

    def __init__(self, maker: str = "", sums: Mapping[tuple[str, str], str] | None = None) -> None:
        self.maker = maker
        self.sums = dict(sums or {})
        #: File they were read from.
        self.path: Path | None = None

    def check(self, item: str, exposure: str, sha256: str, name: str, maker: str = "") -> None:
        """Refuse a file whose SHA-256 differs from the pinned one.

        Parameters
        ----------
        item, exposure : str
            Key of the pin.
        sha256 : str
            SHA-256 of the file.
        name : str
            The file, for the message.
        maker : str
            Digest of the simulator that made the file; empty for real ones.

        Raises
        ------
        InputError
            Naming `name` and both sums.
        """
        self.require_real(maker)
        pinned = self.sums.get((item, exposure)) if maker == self.maker else None
        if pinned is not None and pinned != sha256:
            raise InputError(
                name,
                f"its SHA-256 is {sha256[:12]}…, pinned is {pinned[:12]}…: this is not the file "
                "that the campaign was made from",
                "find out why; to accept the new file, remove its pin: "
                f"{_EDIT} {self.path or 'FILE'} --remove {item}/{exposure}",
            )

    def require_real(self, maker: str) -> None:
        """Refuse pins of simulated exposures where the exposures are real.

        Raises
        ------
        InputError
            When these pins state a simulator and `maker` does not.
        """
        if self.maker and not maker:
            raise InputError(
                self.path or "pins",
                f"are the pins of simulated exposures (maker {self.maker[:40]!r}), and those of "
                "this campaign are real: the file was edited or belongs to another campaign",
                "bring back the pins of this campaign",
            )

    def write(self, path: StrPath) -> None:
        """Write the pins, sorted, atomically."""
        table = "\n".join(
            ["\t".join(COLUMNS), *("\t".join((*key, v)) for key, v in sorted(self.sums.items()))]
        )
        head = [f"# {FORMAT}", f"# maker: {self.maker}", _rows_line(self.maker, table + "\n")]
        write_text(path, "\n".join([*head, table]) + "\n")


def read_pins(path: StrPath, old_format: bool = False) -> Pins:
    """Read a pins file; a missing file gives empty pins.

    Parameters
    ----------
    path : path-like
        The file.
    old_format : bool
        Read also a file of the format before, whose head does not state the digest of its rows.

    Raises
    ------
    InputError
        When the file is not a pins file, was cut or edited, or has a row twice.
    """
    path = Path(path)
    restore = "restore the file, for example from version control"
    try:
        text = bounded_text(path, _LARGEST)
    except FileNotFoundError:
        return Pins()
    except UnicodeDecodeError as error:
        raise InputError(path, f"is not text in UTF-8 (byte {error.start})", restore) from None
    except ValueError as error:
        raise InputError(path, str(error), restore) from None
    lines = text.split("\n")
    if lines[0] == f"# {_OLD_FORMAT}" and not old_format:
        raise InputError(
            path,
            "is of an earlier format, which cannot tell whether it was cut or edited",
            f"look at it, and write it in the present format: {_EDIT} {path}",
        )
    old = lines[0] == f"# {_OLD_FORMAT}"
    head = 2 if old else 3
    if (
        not (old or lines[0] == f"# {FORMAT}")
        or len(lines) <= head
        or not lines[1].startswith("# maker:")
        or lines[head].split("\t") != list(COLUMNS)
    ):
        raise InputError(path, "is not a pins file of this version of darkroom", restore)
    maker = lines[1].removeprefix("# maker:").strip()
    table = "\n".join(lines[head:])
    pins = Pins(maker)
    pins.path = path
    for number, line in enumerate(lines[head + 1 :], 1):
        row = line.split("\t")
        if not line and number == len(lines) - head - 1:
            break
        if len(row) != len(COLUMNS) or not _SUM.fullmatch(row[2]) or not row[0] or not row[1]:
            raise InputError(path, f"row {number} is damaged", restore)
        if (row[0], row[1]) in pins.sums:
            raise InputError(path, f"row {number} pins {row[0]}/{row[1]} a second time", restore)
        pins.sums[row[0], row[1]] = row[2]
    if not old and lines[2] != _rows_line(maker, table):
        raise InputError(
            path,
            f"states in its head '{lines[2][2:60]}…', and has {len(lines) - head - 2} rows of "
            "another digest: it was cut or edited",
            f"{restore}; to remove a pin, run: {_EDIT} {path} --remove ITEM/EXPOSURE",
        )
    return pins


def _rows_line(maker: str, table: str) -> str:
    """Return the line of the head that states the number of rows and their digest."""
    digest = hashlib.sha256(f"{maker}\n{table}".encode()).hexdigest()
    return f"# rows: {max(table.count(chr(10)) - 1, 0)} sha256:{digest}"


def conflicts(one: Pins, other: Pins) -> list[str]:
    """Return the exposures (``item/exposure``) for which two sets of pins differ."""
    if one.maker != other.maker:
        return []
    both = one.sums.keys() & other.sums.keys()
    return sorted("/".join(key) for key in both if one.sums[key] != other.sums[key])


def disagreement(path: StrPath, copy: StrPath) -> list[str]:
    """Return why the copy of a campaign's pins must be written anew; empty when it need not.

    Parameters
    ----------
    path : path-like
        The pins beside the lock.
    copy : path-like
        Their copy among the results.

    Raises
    ------
    InputError
        When the pins beside the lock are damaged.
    """
    pins = read_pins(path)
    try:
        return conflicts(pins, read_pins(copy))
    except InputError as error:
        return [error.fault]
