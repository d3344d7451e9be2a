"""Snakemake's notes of how each product was made: durable, and a damaged one is no note."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkroom.atomic import flush

if TYPE_CHECKING:
    from darkroom.hints import StrPath


def keep_durably(persistence_class: Any) -> None:
    """Let the notes of jobs survive a power cut, and products be made again whose note is damaged.

    Snakemake compares the settings of a job with those in its note. A product whose note is gone
    stays as it is, whatever the settings are: after a power cut, with half of a campaign made anew
    with others, nothing would tell. Snakemake (9.27) marks that a job has begun, writes its note,
    and removes the mark; what has a mark is made again. Both are flushed, in that order.

    Parameters
    ----------
    persistence_class : type
        ``snakemake.persistence.file.FilePersistence``.
    """
    write: Callable[..., None] = persistence_class._io_write
    if hasattr(write, "durably"):
        return  # done before in this process
    marked: Callable[..., set[str]] = persistence_class._filter_incomplete_keys
    read: Callable[..., Any] = persistence_class._read_record

    def write_durably(self: Any, subject: str, value: Any, key: str, *more: Any) -> None:
        write(self, subject, value, key, *more)
        note = Path(self._record_path(subject, key))
        # That there is a mark is all that it says.
        if subject != self._incomplete_path:
            flush(note)
        flush(note.parent)

    def incomplete(self: Any, keys: Iterable[str]) -> set[str]:
        keys = list(keys)
        notes = {key: self._record_path(self._metadata_path, key) for key in keys}
        return marked(self, keys) | {key for key in keys if _is_damaged(notes[key])}

    def read_whole(self: Any, key: str) -> Any:
        try:
            return read(self, key)
        except ValueError:
            return None

    write_durably.durably = True  # type: ignore[attr-defined]
    persistence_class._io_write = write_durably
    persistence_class._filter_incomplete_keys = incomplete
    persistence_class._read_record = read_whole


def _is_damaged(note: StrPath) -> bool:
    """Tell whether a note is there and cannot be read."""
    try:
        return not isinstance(json.loads(Path(note).read_bytes()), dict)
    except (ValueError, RecursionError):
        return True
    except OSError:
        return False
