"""What is to happen when a file gets its name: asked by `darkroom.atomic`, filled in by others.

A program of the workflow compares what it read with what is recorded of it before any of its
products gets a name, and records the product afterwards (`darkroom.integrity.watch` and
`darkroom.integrity.recording`). A script that uses the library alone does neither.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from darkroom.hints import StrPath

#: Called with the final name before a file or folder gets it.
before: list[Callable[[Path], None]] = []
#: Called with the final name afterwards.
after: list[Callable[[Path], None]] = []


def about_to_name(path: StrPath) -> None:
    """Announce that a file or folder is complete and is about to get the name `path`."""
    for call in before:
        call(Path(path))


def named(path: StrPath) -> None:
    """Announce that a file or folder has got its name."""
    for call in after:
        call(Path(path))
