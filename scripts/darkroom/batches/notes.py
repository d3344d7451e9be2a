"""Where the output of an exposure is kept between the program that made it and its own job."""

from __future__ import annotations

from pathlib import PurePath


def note_of(output: str) -> str:
    """Return where an output is kept until the job of its exposure asks for it."""
    path = PurePath(output)
    return str(path.parent / ".made" / path.name)


def key_of(note: str) -> str:
    """Return the file that tells what a note was made from."""
    return str(PurePath(note).with_suffix(".key"))
