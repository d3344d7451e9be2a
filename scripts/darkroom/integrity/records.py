"""Records: what the bytes of each file of a campaign are, and what it was made from.

They lie in the folder ``.records`` of the campaign's results, one small JSON file for each file, at
the same place below it. A folder without ``.records`` in it or above it has no records, so a
program that is called by hand for files elsewhere neither finds nor writes any.
"""

from __future__ import annotations

import functools
import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkroom.atomic import flush, make_folder, remove_durably
from darkroom.errors import InputError
from darkroom.integrity.digests import absolute
from darkroom.integrity.listing import lists_by_file
from darkroom.integrity.seals import seal_fault, sealed, sealed_text, text_fault
from darkroom.reading import bounded_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from darkroom.hints import StrPath

FOLDER = ".records"
_HEAD = "campaign.json"
#: Folder of the lists of inputs, see `darkroom.integrity.inputs`.
LISTS = ".inputs"
# Levels above a file at which the folder of records is looked for.
_LEVELS = 8
_LONGEST = 50_000_000
_roots: dict[str, Path | None] = {}


@dataclass(frozen=True)
class Record:
    """What is known of a file.

    Parameters
    ----------
    sha256 : str
        SHA-256 of its bytes.
    size : int
        Number of its bytes.
    content : str
        For FITS: SHA-256 of all but the cards that depend on the time of writing; else empty.
    made_by : str
        Program that wrote it.
    run : str
        The same for all files that one process wrote.
    inputs : dict
        ``{path: (sha256, content)}`` of the files that the program had read last, below the folder
        of results.
    earlier : str
        Digest of the list of those before, see `darkroom.integrity.inputs`; empty when there is
        none.
    """

    sha256: str
    size: int
    content: str = ""
    made_by: str = ""
    run: str = ""
    inputs: dict[str, tuple[str, str]] = field(default_factory=dict)
    earlier: str = ""


def root_of(path: StrPath) -> Path | None:
    """Return the folder of results that a file belongs to; None when nothing is recorded there."""
    parent = absolute(path).rpartition(os.sep)[0]
    if parent not in _roots:
        above = [Path(parent), *Path(parent).parents][:_LEVELS]
        inside = any(part.name == FOLDER or is_private(part.name) for part in above)
        _roots[parent] = next((p for p in above if not inside and (p / FOLDER).is_dir()), None)
    return _roots[parent]


def forget_roots() -> None:
    """Forget which folders of results there are: others may be at work next."""
    _roots.clear()


def is_private(name: str) -> bool:
    """Tell whether a folder holds what is temporary, see `darkroom.atomic`."""
    return name.startswith(".") and name.endswith((".work", ".part"))


def place(root: Path, path: StrPath) -> Path:
    """Return the path of the record of a file below `root`."""
    return root / FOLDER / f"{os.path.relpath(path, root)}.json"


def read_record(path: StrPath) -> Record | None:
    """Return the record of a file; None when there is none.

    Raises
    ------
    InputError
        When the record is damaged.
    """
    root = root_of(path)
    return None if root is None else load(place(root, path), path)


def load(record: Path, path: StrPath) -> Record | None:
    """Read a record file, that of the file `path`; None when there is none.

    Raises
    ------
    InputError
        When it is damaged.
    """
    try:
        content, fault = read_sealed(record)
    except FileNotFoundError:
        return None
    if not fault:
        try:
            if content["file"] != Path(path).name:
                fault = f"is that of {str(content['file'])[:80]}"
            inputs = {key: (str(one), str(two)) for key, (one, two) in content["inputs"].items()}
            found = Record(
                content["sha256"], content["size"], content["content"],
                content["made_by"], content["run"], inputs, str(content.get("earlier", "")),
            )  # fmt: skip
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            fault = f"lacks something ({error})"
    if fault:
        raise InputError(
            record, f"the record of {path} {fault}: it was damaged", advice_to_remake(path)
        )
    return found


def read_sealed(path: Path) -> tuple[dict[str, Any], str]:
    """Return what `write_sealed` wrote, and what is wrong with it; empty when nothing is.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    """
    try:
        text = _text(path)
        content = json.loads(text)
        fault = text_fault(text, content)
    except FileNotFoundError:
        raise
    except (ValueError, RecursionError, OSError) as error:
        content, fault = {}, f"cannot be read ({str(error)[:80] or type(error).__name__})"
    return content, fault


def _text(path: Path) -> str:
    return bounded_text(path, _LONGEST)


def write_records(records: Iterable[tuple[StrPath, Record]]) -> None:
    """Write the records of files that have their names; each folder of records is flushed once."""
    folders = set()
    for path, record in records:
        if (root := root_of(path)) is not None:
            where = place(root, path)
            content = sealed(vars(record) | {"file": Path(path).name})
            _rename_sealed(where, content)
            folders.add(where.parent)
    for folder in folders:
        flush(folder)


def remove_record(path: StrPath) -> None:
    """Remove the record of a file, or of all files of a folder, that is about to be replaced.

    It is gone before the file gets its new bytes: a power cut in between leaves a file without a
    record, not one that a record calls damaged.
    """
    root = root_of(path)
    if root is None:
        return
    remove_durably(place(root, path))
    folder = place(root, path).with_suffix("")
    if folder.is_dir():
        found = list(folder.rglob("*.json"))
        for record in found:
            record.unlink(missing_ok=True)
        for parent in {record.parent for record in found}:
            flush(parent)


def write_sealed(path: Path, content: dict[str, Any], writer: str = "") -> None:
    """Write a record; it is not announced, as its writing was asked for by an announcement.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    content : dict
        From `sealed`.
    writer : str
        Part of the temporary name, where several may write the file at once. Else there is one
        name: what a killed program left is replaced without a search for it, which would take the
        longer the more files are there.
    """
    _rename_sealed(path, content, writer)
    flush(path.parent)


def _rename_sealed(path: Path, content: dict[str, Any], writer: str = "") -> None:
    make_folder(path.parent)
    temporary = path.with_name(f".{path.name}{writer}.part")
    try:
        temporary.write_text(sealed_text(content), encoding="utf-8")
        flush(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def begin(results: StrPath, command: str, outputs: Sequence[tuple[str, bool]]) -> None:
    """Let the files below a folder of results be recorded from now on.

    Parameters
    ----------
    results : path-like
        The campaign's folder of results.
    command : str
        Command that runs the campaign in the present folder.
    outputs : sequence of (str, bool)
        Regular expressions of the rules' outputs, and whether each is a folder.
    """
    head = Path(results, FOLDER, _HEAD)
    content = sealed(
        {"command": command, "results": str(results), "outputs": [list(o) for o in outputs]}
    )
    try:
        if json.loads(_text(head)) == content:
            return
    except (OSError, ValueError, RecursionError):
        pass
    write_sealed(head, content)
    _roots.clear()


def recorded(root: StrPath) -> Iterator[tuple[Path, Path]]:
    """Yield ``(file, its record)`` of all records of a folder of results; files may be missing."""
    folder = Path(root, FOLDER)
    for record in sorted(folder.rglob("*.json")):
        hidden = record.name.startswith(".") or record.is_relative_to(folder / LISTS)
        if record != folder / _HEAD and not hidden:
            yield Path(root, record.relative_to(folder).with_suffix("")), record


def head_of(root: StrPath) -> dict[str, Any]:
    """Return what `begin` wrote; empty when it is missing or damaged."""
    try:
        content: Any = json.loads(_text(Path(root, FOLDER, _HEAD)))
    except (OSError, ValueError, RecursionError):
        return {}
    return {} if seal_fault(content) else content


def output_of(
    root: Path,
    path: StrPath,
    head: dict[str, Any] | None = None,
    lists: Mapping[str, str] | None = None,
) -> str | None:
    """Return the output of a rule that a file is or belongs to, as Snakemake names it.

    What is made of an exposure belongs to the list of its batch. A file that is in no rule's output
    and in no list is taken for one that a status file names: an exposure beside its status, a ramp
    beside that of its calibration.

    Parameters
    ----------
    root : pathlib.Path
        The campaign's folder of results.
    path : path-like
        A file below it.
    head : dict, optional
        What `head_of` returns, for many calls.
    lists : mapping, optional
        What `darkroom.integrity.listing.lists_by_file` returns, for many calls.
    """
    head = head_of(root) if head is None else head
    if not head:
        return None
    if lists is None:
        lists = lists_by_file(root, head["results"])
    for one in (path, status_of(path)):
        if one is not None:
            name = os.path.relpath(one, root)
            found = _declared(head, name) or lists.get(f"{head['results']}/{name}")
            if found:
                return found
    return None


def _declared(head: dict[str, Any], name: str) -> str | None:
    results = head["results"]
    parts = Path(name).parts
    for count in range(len(parts), 0, -1):
        target = "/".join((results, *parts[:count]))
        for pattern, folder in head["outputs"]:
            if (folder or count == len(parts)) and re.fullmatch(pattern, target):
                return target
    return None


def status_of(path: StrPath) -> Path | None:
    """Return the status file beside an exposure or a calibrated file that names it, or None."""
    path = Path(path)
    stem = path.name.partition(".")[0]
    for name in (stem, stem.rpartition("_")[0]):
        status = path.with_name(f"{name}.json")
        if name and path.name in _files_of(status):
            return status
    # The name of an exposure may differ from that of its file.
    try:
        state = path.parent.stat().st_mtime_ns
    except OSError:
        return None
    found = _statuses(path.parent, state).get(path.name)
    return found if found and path.name in _files_of(found) else None


@functools.lru_cache(maxsize=64)
def _statuses(folder: Path, _state: int) -> dict[str, Path]:
    """Return the status files of a folder by the file they name; read once while it is so."""
    found: dict[str, Path] = {}
    for status in sorted(folder.glob("*.json")):
        for name in _files_of(status):
            found.setdefault(name, status)
    return found


def _files_of(status: Path) -> tuple[str, ...]:
    """Return the files that a status names; none when it cannot be read, or names none."""
    try:
        content = json.loads(_text(status))
        return str(content["file"]), *map(str, content.get("beside") or ())
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ()


def advice_to_remake(path: StrPath) -> str:
    """Return the advice, with one command, to make a damaged file again."""
    root = root_of(path)
    head = head_of(root) if root else {}
    target = output_of(root, path, head) if root else None
    if target is None:
        return "make it again, or bring back the file that was recorded"
    return f"to make it again, run: {command_to_remake(head, [target])}"


def advice_to_fetch_again(observatory: str) -> str:
    """Return the advice, with the command of the campaign at work, to fetch references again.

    The cache of the references lies outside of a campaign, whose table of them compares all.
    """
    roots = {root for root in _roots.values() if root is not None}
    head = head_of(roots.pop()) if len(roots) == 1 else {}
    if not head:
        return "remove the table of the cache (crds/*.tsv) and run again: the file is repaired"
    target = f"{head['results']}/crds/{observatory}.tsv"
    return f"to fetch it again, run: {command_to_remake(head, [target])}"


def command_to_remake(head: dict[str, Any], targets: Sequence[str]) -> str:
    """Return the command that makes outputs again, and everything that depends on them."""
    import shlex  # for a message alone

    command = head.get("command", "snakemake")
    return f"{command} --forcerun {shlex.join(targets)}"
