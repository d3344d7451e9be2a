"""What a draft says: one table for the terminal, and the campaign as commented YAML."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from darkroom.draft.items import repeated
from darkroom.draft.patterns import patterns
from darkroom.plain import plain_text
from darkroom.words import counted, number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from darkroom.draft.items import DraftItem
    from darkroom.draft.recognised import Recognised
    from darkroom.errors import InputError

# Names that are written out, and lines of one kind; the others are counted.
_MOST_NAMES, _MOST_LINES = 3, 5


def table(items: Sequence[DraftItem], faults: Sequence[InputError], folder: Path) -> str:
    """Return the table of what was found.

    Parameters
    ----------
    items : sequence of DraftItem
    faults : sequence of InputError
        Files that cannot be read.
    folder : pathlib.Path
        Folder that was searched; names are relative to it.
    """
    lines = []
    for item in items:
        setup = ", ".join(f"{key} {value}" for key, value in item.setup.items() if value)
        lines.append(f"{item.name}: {setup}")
        for role in item.roles:
            lines.append(f"  {role:<9}{_times(item.of(role))}")
        lines += [f"  {line}" for line in remarks(item, folder)]
    if faults:
        lines.append("not readable:")
        lines += [f"  {_named(error.path, folder)}: {error.fault}" for error in faults]
    return "\n".join(lines)


def remarks(item: DraftItem, folder: Path) -> list[str]:
    """Return what a person should know of an item: files without a role, notes, repetitions."""
    lines = []
    for heading, chosen in (("not used", False), ("note", True)):
        by_note: dict[str, list[Recognised]] = {}
        for file in item.files:
            if bool(file.role) == chosen and file.note:
                by_note.setdefault(file.note, []).append(file)
        lines += [f"{heading}: {_names(files, folder)}: {note}" for note, files in by_note.items()]
    lines += [f"missing: {sentence}" for sentence in item.missing]
    damaged = [file for file in item.files if file.role and file.damage]
    lines += [
        f"damaged: {_named(file.path, folder)}: {file.damage}; it will be refused"
        for file in damaged[:_MOST_LINES]
    ]
    if (more := len(damaged) - _MOST_LINES) > 0:
        lines.append(f"damaged: {counted(more, 'further file')}")
    pairs = repeated(item.files)
    lines += [
        f"note: {_named(second.path, folder)} has the time of {_named(first.path, folder)}; if it "
        "is the same exposure, it is refused when it is read"
        for first, second in pairs[:_MOST_LINES]
    ]
    if (more := len(pairs) - _MOST_LINES) > 0:
        lines.append(f"note: {counted(more, 'further file')} with the time of another one")
    return lines


def _times(files: Sequence[Recognised]) -> str:
    """Return the number of exposures of each exposure time: ``10 of 0.04 s, 29 of 10 s``."""
    counts = Counter[float | None]()
    for file in files:
        counts[file.exptime] += file.images
    known = sorted((time, count) for time, count in counts.items() if time is not None)
    parts = [f"{count} of {number(time)} s" for time, count in known]
    if counts[None]:
        parts.append(counted(counts[None], "file") if not parts else f"{counts[None]} others")
    return ", ".join(parts)


def _names(files: Sequence[Recognised], folder: Path) -> str:
    names = [_named(file.path, folder) for file in files]
    if len(names) <= _MOST_NAMES:
        return ", ".join(names)
    return f"{names[0]} … {Path(names[-1]).name} ({len(names)} files)"


def _named(path: Any, folder: Path) -> str:
    path = Path(path)
    return plain_text(
        path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)
    )


def campaign_yaml(
    folder: Path,
    items: Iterable[tuple[DraftItem, Mapping[str, Any]]],
    every: Iterable[Path],
    common: Mapping[str, Any],
    unread: Sequence[InputError] = (),
) -> str:
    """Return the campaign as YAML with comments.

    Parameters
    ----------
    folder : pathlib.Path
        Folder of the archive.
    items : iterable of (DraftItem, mapping)
        Items from which products can be made, with the settings of each.
    every : iterable of pathlib.Path
        All files of the folder: patterns match none of those that have no part.
    common : mapping
        Settings of the campaign besides its items, e.g. ``crds``.
    unread : sequence of InputError
        Files that have no part because their headers cannot be read.
    """
    items = list(items)
    names = [path.relative_to(folder).as_posix() for path in every]
    lines = [
        f"title: {_scalar(f'Calibration products of {folder.name}')}",
        "archive:",
        "  kind: local",
        folder_line(folder),
        *_on_bad_exposure([file for item, _ in items for file in item.files]),
        *_block(common, 0),
        *(f"# not readable, left out: {_named(e.path, folder)}: {_line(e.fault)}" for e in unread),
        "items:",
    ]
    for item, settings in items:
        setup = ", ".join(f"{key} {value}" for key, value in item.setup.items() if value)
        # A line end in a header or in the name of a file would end the comment.
        lines += [f"  {item.name}:", f"    # {_line(setup)}"]
        lines += [f"    # {_line(line)}" for line in remarks(item, folder)]
        lines += [f"    instrument: {item.instrument}", "    frames:"]
        for role in item.roles:
            wanted = [file.path.relative_to(folder).as_posix() for file in item.of(role)]
            lines.append(f"      # {_times(item.of(role))}")
            found = patterns(wanted, names)
            lines.append(f"      {role}:")
            lines += [f"        - {_scalar(pattern)}" for pattern in found]
        lines += _block(settings, 4)
    return "\n".join(lines) + "\n"


def _on_bad_exposure(files: Sequence[Recognised]) -> list[str]:
    """Return the lines that say what happens to exposures that are refused."""
    damaged = sum(bool(file.role and file.damage) for file in files)
    if damaged:
        what = "1 file is" if damaged == 1 else f"{damaged} files are"
        return [
            f"# {what} damaged (below). Exposures that are refused are left out, and the report",
            "# lists them with the reasons; with stop the campaign ends in one message instead.",
            "on_bad_exposure: exclude",
        ]
    return [
        "# Exposures that are refused when they are judged stop the campaign, in one message that",
        "# names all of them; with exclude it goes on without them and the report lists them.",
        "on_bad_exposure: stop",
    ]


def _line(text: str) -> str:
    """Return a text on one line, without characters that no comment may hold."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def folder_line(folder: Path) -> str:
    """Return the line of the YAML that names the folder of the archive."""
    return f"  folder: {_scalar(str(folder))}"


def _scalar(text: str) -> str:
    """Return a text as YAML reads it back: in double quotes, which are those of JSON."""
    return json.dumps(text, ensure_ascii=False)


def _block(settings: Mapping[str, Any], indent: int) -> list[str]:
    """Return settings as indented lines of YAML."""
    if not settings:
        return []
    text = yaml.safe_dump(dict(settings), sort_keys=False, allow_unicode=True, width=90)
    return [" " * indent + line for line in text.splitlines()]
