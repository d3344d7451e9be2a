"""Pins: the SHA-256 of every exposure and reference once it was fetched and verified."""

from __future__ import annotations

from pathlib import Path

from darkroom.atomic import write_text
from darkroom.errors import InputError

FORMAT = "darkroom pins 1"
COLUMNS = ("item", "exposure", "sha256")


class Pins:
    """What the bytes of a campaign's exposures must be.

    Parameters
    ----------
    maker : str
        Digest of the program that made the bytes, for simulated exposures; empty otherwise.
        Pins of another simulator say nothing about this one's bytes.
    sums : dict
        ``{(item, exposure): sha256}``; of a reference, ``("crds/jwst", name)``: no item's name
        has a slash.
    """

    def __init__(self, maker="", sums=None):
        self.maker = maker
        self.sums = dict(sums or {})

    def check(self, item, exposure, sha256, name, maker=""):
        """Refuse bytes that differ from the pinned ones.

        Raises
        ------
        InputError
            Naming `name` and both sums.
        """
        pinned = self.sums.get((item, exposure)) if maker == self.maker else None
        if pinned not in (None, sha256):
            raise InputError(
                name,
                f"its SHA-256 is {sha256[:12]}…, pinned is {pinned[:12]}…: these are not the bytes "
                "this campaign was made from",
                "find out why; to accept the new bytes, remove its line from the pins file",
            )

    def write(self, path):
        """Write the pins in order, whole or not at all."""
        lines = [f"# {FORMAT}", f"# maker: {self.maker}", "\t".join(COLUMNS)]
        lines += ["\t".join((*key, value)) for key, value in sorted(self.sums.items())]
        write_text(path, "\n".join(lines) + "\n")


def read_pins(path):
    """Read pins; a missing file holds none.

    Raises
    ------
    InputError
        When the file is no pins file or a row is damaged.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return Pins()
    if len(lines) < 3 or lines[0] != f"# {FORMAT}" or lines[2].split("\t") != list(COLUMNS):
        raise InputError(
            path, "is no pins file of this version of darkroom", "restore or remove it"
        )
    rows = [line.split("\t") for line in lines[3:]]
    for number, row in enumerate(rows, 1):
        if len(row) != len(COLUMNS) or len(row[2]) != 64:
            raise InputError(path, f"row {number} is damaged", "restore or remove the file")
    return Pins(lines[1].removeprefix("# maker: ").strip(), {(r[0], r[1]): r[2] for r in rows})


def conflicts(one, other):
    """Return the exposures (``item/exposure``) that two sets of pins give different bytes."""
    if one.maker != other.maker:
        return []
    both = one.sums.keys() & other.sums.keys()
    return sorted("/".join(key) for key in both if one.sums[key] != other.sums[key])
