"""Pins: the SHA-256 of every exposure and reference, recorded when it was verified."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from darkroom.atomic import write_text
from darkroom.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from darkroom.hints import StrPath

FORMAT = "darkroom pins 1"
COLUMNS = ("item", "exposure", "sha256")


class Pins:
    """The SHA-256 that each exposure and reference of a campaign must have.

    Parameters
    ----------
    maker : str
        Digest of the simulator that made the exposures; empty for real ones. Pins of another
        version of the simulator are not compared.
    sums : mapping
        ``{(item, exposure): sha256}``; for a reference the key is ``("crds/jwst", name)`` (the name
        of an item has no slash).
    """

    def __init__(self, maker: str = "", sums: Mapping[tuple[str, str], str] | None = None) -> None:
        self.maker = maker
        self.sums = dict(sums or {})

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
        pinned = self.sums.get((item, exposure)) if maker == self.maker else None
        if pinned is not None and pinned != sha256:
            raise InputError(
                name,
                f"its SHA-256 is {sha256[:12]}…, pinned is {pinned[:12]}…: this is not the file "
                "that the campaign was made from",
                "find out why; to accept the new file, remove its line from the pins file",
            )

    def write(self, path: StrPath) -> None:
        """Write the pins, sorted, atomically."""
        lines = [f"# {FORMAT}", f"# maker: {self.maker}", "\t".join(COLUMNS)]
        lines += ["\t".join((*key, value)) for key, value in sorted(self.sums.items())]
        write_text(path, "\n".join(lines) + "\n")


def read_pins(path: StrPath) -> Pins:
    """Read a pins file; a missing file gives empty pins.

    Raises
    ------
    InputError
        When the file is not a pins file or a row is damaged.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return Pins()
    if len(lines) < 3 or lines[0] != f"# {FORMAT}" or lines[2].split("\t") != list(COLUMNS):
        raise InputError(
            path, "is not a pins file of this version of darkroom", "restore or remove it"
        )
    rows = [line.split("\t") for line in lines[3:]]
    for number, row in enumerate(rows, 1):
        if len(row) != len(COLUMNS) or len(row[2]) != 64:
            raise InputError(path, f"row {number} is damaged", "restore or remove the file")
    return Pins(lines[1].removeprefix("# maker: ").strip(), {(r[0], r[1]): r[2] for r in rows})


def conflicts(one: Pins, other: Pins) -> list[str]:
    """Return the exposures (``item/exposure``) for which two sets of pins differ."""
    if one.maker != other.maker:
        return []
    both = one.sums.keys() & other.sums.keys()
    return sorted("/".join(key) for key in both if one.sums[key] != other.sums[key])
