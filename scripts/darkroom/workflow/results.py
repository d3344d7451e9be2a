"""The folder of all results, as the user names it. Standard library only."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from darkroom.errors import DarkroomError


def results_folder(given: Any) -> str:
    """Return the folder of all results, if it can stand in the paths of rules.

    ``./results/`` is ``results``, as programs write it into their lists: Snakemake, and all that
    compares paths, takes the two for different files.

    Parameters
    ----------
    given : object
        ``results`` of the configuration; Snakemake reads ``--config`` as YAML, so that a folder
        ``2026`` comes as a number.

    Raises
    ------
    DarkroomError
        When the name would be taken for something else than a folder.
    """
    folder = str(given)
    if fault := _fault(folder) or _fault(str(PurePath(folder))):
        raise DarkroomError(
            f"results is {folder[:200]!a}: {fault}; give another folder with: "
            "--config results=FOLDER"
        )
    return str(PurePath(folder))


def _fault(folder: str) -> str:
    """Return why a folder of results is not allowed; empty when it is allowed."""
    if not folder.strip():
        return "it names no folder"
    if folder != folder.strip():
        return "it begins or ends with a blank, which Snakemake drops"
    if folder[0] in "-@#":
        return f"it begins with {folder[0]!r}, which programs take for an option or a list"
    # What the parts of a path are made of for Snakemake: braces name wildcards.
    if odd := next((letter for letter in folder if letter in "{}"), ""):
        return f"it holds {odd!r}, by which Snakemake names wildcards"
    if odd := next((letter for letter in folder if not letter.isprintable()), ""):
        return f"it holds {odd!a}, which cannot be printed"
    return ""
