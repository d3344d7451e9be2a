"""Lists of references: those chosen for an exposure, and the verified ones of a campaign."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from darkroom.atomic import write_text
from darkroom.crds.description import FileRecord
from darkroom.errors import DarkroomError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from darkroom.hints import StrPath


def write_references(path: StrPath, references: Mapping[str, FileRecord | None]) -> None:
    """Write an exposure's references: ``{kind: FileRecord or None}``, None where none applies.

    The context is not written: a new one under which nothing changed leaves the file, and all that
    was made with it, as it is.
    """
    content = {kind: record and asdict(record) for kind, record in sorted(references.items())}
    write_text(path, json.dumps(content, indent=1) + "\n")


def read_references(path: StrPath) -> dict[str, FileRecord | None]:
    """Read what `write_references` wrote.

    Raises
    ------
    InputError
        When the file is missing or damaged.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        return {kind: record and FileRecord(**record) for kind, record in content.items()}
    except FileNotFoundError:
        raise InputError(path, "no such file") from None
    except (ValueError, TypeError, AttributeError, DarkroomError) as error:
        raise InputError(
            path, f"is a damaged list of references ({error})", "remove it and run again"
        ) from error


def needed_references(paths: Iterable[StrPath]) -> dict[str, FileRecord]:
    """Return the references that several exposures need, each once.

    Parameters
    ----------
    paths : iterable of path-like
        Files of `write_references`, one for each exposure.

    Returns
    -------
    dict
        ``{name: FileRecord}``.

    Raises
    ------
    InputError
        When a file is missing or damaged, or states another size or sum of a reference than one
        before it.
    """
    needed: dict[str, FileRecord] = {}
    first_path: dict[str, StrPath] = {}
    for path in paths:
        for record in filter(None, read_references(path).values()):
            if needed.setdefault(record.name, record) != record:
                raise InputError(
                    path,
                    f"states other bytes of {record.name} than {first_path[record.name]} does: "
                    "CRDS has replaced it in between",
                    "remove both and run again: the references are chosen again",
                )
            first_path.setdefault(record.name, path)
    return needed


COLUMNS = ("name", "size", "sha1", "sha256")


def write_table(
    path: StrPath,
    observatory: str,
    context: str,
    references: Iterable[tuple[FileRecord, str]],
) -> None:
    """Write the verified references of a campaign.

    Parameters
    ----------
    path : path-like
        The table, ``.tsv``.
    observatory, context : str
        Observatory and context of the references.
    references : iterable of (FileRecord, str)
        Each with its SHA-256.
    """
    rows = [(r.name, str(r.size), r.sha1, sha256) for r, sha256 in references]
    head = [f"# crds/{observatory}", f"# context: {context}"]
    write_text(path, "\n".join([*head, *map("\t".join, [COLUMNS, *rows])]) + "\n")


def read_table(path: StrPath) -> dict[tuple[str, str], str]:
    """Read what `write_table` wrote, for the pins: ``{(crds/observatory, name): SHA-256}``.

    Raises
    ------
    InputError
        When the table is missing or damaged.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise InputError(path, "no such file") from None
    except UnicodeDecodeError:
        lines = []
    rows = [line.split("\t") for line in lines[3:]]
    if lines[2:3] != ["\t".join(COLUMNS)] or any(len(row) != len(COLUMNS) for row in rows):
        raise InputError(path, "is a damaged table of references", "remove it and run again")
    return {(lines[0].removeprefix("# "), row[0]): row[3] for row in rows}
