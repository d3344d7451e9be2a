"""What a product was made from: lists of inputs that the records of a program's products share.

A program that makes one product of each of a thousand exposures has read ever more of them. Each
record names the last few inputs, and by its digest a list of those before, which names one before
it: a thousand products take the room of a thousand inputs, not of half a million.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from darkroom.errors import InputError
from darkroom.integrity.records import FOLDER, LISTS, read_sealed, write_sealed
from darkroom.integrity.seals import sealed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from darkroom.integrity.records import Record

    Named = dict[str, tuple[str, str]]

#: Inputs that a record names itself.
_FEW = 32


@dataclass
class Inputs:
    """The inputs of one process below a folder of results, in the order in which they were read.

    Parameters
    ----------
    root : pathlib.Path
        The folder.
    """

    root: Path
    last: Named = field(default_factory=dict)
    earlier: str = ""
    names: set[str] = field(default_factory=set)

    def add(self, path: str, sha256: str, content: str) -> None:
        """Add a file that was read; what is too much for a record goes to a list on the disk."""
        name = os.path.relpath(path, self.root)
        self.names.add(name)
        self.last[name] = sha256, content
        if len(self.last) == _FEW:
            self.earlier = _write(self.root, self.last, self.earlier)
            self.last = {}


def _write(root: Path, inputs: Named, earlier: str) -> str:
    """Write a list, unless it is there; return its digest, which is its name."""
    content = sealed({"inputs": {name: list(two) for name, two in inputs.items()},
                      "earlier": earlier})  # fmt: skip
    digest = str(content["digest"])
    path = place(root, digest)
    try:
        read(root, digest)
    except InputError:
        write_sealed(path, content, f".{os.getpid()}")
    return digest


def place(root: Path, digest: str) -> Path:
    """Return the path of a list of inputs."""
    return root / FOLDER / LISTS / f"{digest}.json"


def read(root: Path, digest: str) -> tuple[Named, str]:
    """Return the inputs of a list, and the digest of the list before it (empty: none).

    Raises
    ------
    InputError
        When it is missing or damaged.
    """
    path = place(root, digest)
    try:
        content, fault = read_sealed(path)
    except FileNotFoundError:
        content, fault = {}, "is gone"
    if not fault and content["digest"] != digest:
        fault = "is another list"
    if not fault:
        try:
            found = {key: (str(one), str(two)) for key, (one, two) in content["inputs"].items()}
            return found, str(content["earlier"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            fault = f"lacks something ({error})"
    raise InputError(path, f"this list of inputs {fault}")


def lists_of(root: Path, record: Record) -> Iterator[tuple[str, Named]]:
    """Yield the inputs of a product: those of its record (digest ''), then list by list.

    Raises
    ------
    InputError
        When a list is missing or damaged.
    """
    yield "", record.inputs
    digest = record.earlier
    while digest:
        found, earlier = read(root, digest)
        yield digest, found
        digest = earlier


def all_inputs(root: Path, record: Record) -> Named:
    """Return all inputs of a product.

    Raises
    ------
    InputError
        When a list of them is missing or damaged.
    """
    return {name: two for _, found in lists_of(root, record) for name, two in found.items()}
