"""Filling a CRDS cache: fetch what is missing or damaged, verify every file, one process at a time.

A complete cache is only read, and no server is asked.
"""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from darkroom.crds.cache import written_in_shared_folder
from darkroom.crds.lock import filling
from darkroom.crds.server import RETRIES
from darkroom.errors import DarkroomError, InputError
from darkroom.integrity.recording import keep_record

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from darkroom.crds.cache import Cache
    from darkroom.crds.description import FileRecord
    from darkroom.crds.lock import Holder
    from darkroom.crds.server import Server

log = logging.getLogger(__name__)

# Temporary files at least this old belong to no process that is still running.
_LEFTOVER_S = 24 * 3600


def ensure_context(
    cache: Cache, server: Server | None, context: str, instruments: Collection[str]
) -> list[str]:
    """Fetch the mappings that choose references, and verify each one.

    Parameters
    ----------
    cache : darkroom.crds.cache.Cache
        The cache.
    server : darkroom.crds.server.Server or None
        Where files come from; None: no server is asked, all files must be there.
    context : str
        The pinned ``.pmap``.
    instruments : collection of str
        Instruments whose references are needed.

    Returns
    -------
    list of str
        Names of the mappings, verified.

    Raises
    ------
    DarkroomError
        When one is still missing or damaged.
    """
    names, fault = _verified_mappings(cache, context, instruments)
    # In a cache within a campaign's results, where they are recorded.
    for path in (cache.layout_file, cache.server_config, *map(cache.mapping, names)):
        keep_record(path)
    if server and not fault and cache.description().record(context) is None:
        fault = f"{cache.server_config} is older than {context}"
    if not fault:
        return names
    if server is None:
        raise DarkroomError(_unable(cache, fault))
    with _session(cache, server) as session:
        _require_known(session, context)
        names = []
        for name in cache.closure(context, instruments):
            if cache.mapping_fault(name):
                session.fetch(_mapping_record(session, name))
            if fault := cache.mapping_fault(name):
                raise DarkroomError(f"{name} {fault}, though it is what {server.url} states")
            names.append(name)
    return names


def ensure_references(
    cache: Cache, server: Server | None, wanted: Iterable[FileRecord]
) -> list[tuple[FileRecord, Path]]:
    """Fetch references and verify each one: size and SHA-1 as the server states them.

    Parameters
    ----------
    cache, server
        As for `ensure_context`.
    wanted : iterable of darkroom.crds.description.FileRecord
        References that must be there.

    Returns
    -------
    list of (FileRecord, pathlib.Path)
        All of them, verified, in the order of their names.

    Raises
    ------
    DarkroomError
        Naming every file that is still missing or wrong; the others have arrived.
    """
    records = sorted(set(wanted), key=lambda record: record.name)
    faults = _faults(cache, records)
    if faults and server is None:
        raise DarkroomError(_unable(cache, *(f"{f.name} {why}" for f, why in faults.items())))
    if faults and server is not None:
        with _session(cache, server) as session:
            # Meanwhile another process may have fetched them.
            missing = _faults(cache, faults)
            _require_space(cache, missing)
            failures = session.fetch_all(missing)
        if failures:
            raise DarkroomError("; ".join(failures))
    places = [(record, cache.place_for(record.name)) for record in records]
    for _, path in places:
        keep_record(path)
    return places


class _Session:
    """A server that answers, and this process, the only one that fills the cache from it."""

    def __init__(self, cache: Cache, server: Server, holder: Holder) -> None:
        self.cache, self.server, self.holder = cache, server, holder
        self.description = server.describe()
        # The description comes last: CRDS uses a cache that has one.
        if not cache.layout_file.exists():
            _write(cache.layout_file, cache.layout())
        _write(cache.server_config, repr(self.description.stated) + "\n")

    def fetch(self, record: FileRecord, retries: int = RETRIES) -> None:
        """Fetch one file."""
        folder = self.description.folder_of(record.name)
        if folder is None:
            raise DarkroomError(f"{self.server.url} does not state the address of {record.name}")
        log.info("fetching %s (%.1f MB)", record.name, record.size / 1e6)
        self.holder.heartbeat(f"fetches {record.name}")
        place = self.cache.place_for(record.name)
        self.server.fetch(record, folder, place, self.holder.heartbeat, retries)

    def fetch_all(self, wanted: Iterable[FileRecord]) -> list[str]:
        """Fetch files; one that fails does not stop the others. Return a message per failure."""
        failures: list[str] = []
        for record in wanted:
            stated = self.description.record(record.name)
            if stated is not None and stated != record:
                failures.append(
                    f"{self.server.url} now states {stated.size} bytes and SHA-1 {stated.sha1} of "
                    f"{record.name}, {record.size} and {record.sha1} when it was chosen: remove "
                    "references.json and references/*.json of the items that name it, and the "
                    "references are chosen again"
                )
                continue
            try:
                # After one failure of all attempts, each other file is tried once only.
                self.fetch(record, 0 if failures else RETRIES)
            except DarkroomError as error:
                failures.append(str(error))
        return failures


@contextmanager
def _session(cache: Cache, server: Server) -> Iterator[_Session]:
    """Give a `_Session` once no other process fills the cache."""
    try:
        lock = cache.server_config.with_name(".filling")
        with filling(lock, max(server.timeout_s, 60)) as holder:
            _remove_leftovers(cache, holder.alone)
            yield _Session(cache, server, holder)
    except OSError as error:
        raise _not_writable(cache, error) from error


def _remove_leftovers(cache: Cache, alone: bool) -> None:
    """Remove the temporary files that killed processes left."""
    for kind in ("config", "mappings", "references"):
        for path in (cache.path / kind / cache.observatory).rglob(".*.part"):
            try:
                if alone or time.time() - path.stat().st_mtime > _LEFTOVER_S:
                    path.unlink()
            except OSError as error:
                log.info("%s cannot be removed (%s)", path, error.strerror)


def _verified_mappings(
    cache: Cache, context: str, instruments: Iterable[str]
) -> tuple[list[str], str | None]:
    """Return the names of the verified mappings up to the first with a fault, and that fault."""
    names: list[str] = []
    try:
        for name in cache.closure(context, instruments):
            if fault := cache.mapping_fault(name):
                return names, f"{name} {fault}"
            names.append(name)
    except InputError as error:
        return names, str(error)
    return names, None


def _mapping_record(session: _Session, name: str) -> FileRecord:
    record = session.description.record(name)
    if record is None:
        raise DarkroomError(f"{session.server.url} states no size and SHA-1 of {name}")
    return record


def _require_known(session: _Session, context: str) -> None:
    """Refuse a context that the server does not know."""
    if session.description.record(context) is None:
        newest = session.description.contexts()[-1:] or ["none at all"]
        raise DarkroomError(
            f"{session.server.url} does not know the context {context} (its newest is {newest[0]})"
            "; check crds: context"
        )


def _require_space(cache: Cache, wanted: Iterable[FileRecord]) -> None:
    """Refuse to begin when the disk has no room for all files."""
    needed, free = sum(record.size for record in wanted), shutil.disk_usage(cache.path).free
    if needed > free:
        raise DarkroomError(
            f"{cache.path}: the missing references need {needed / 1e6:.0f} MB, "
            f"{free / 1e6:.0f} MB are free"
        )


def _faults(cache: Cache, wanted: Iterable[FileRecord]) -> dict[FileRecord, str]:
    """Return what is wrong with each reference that is missing or damaged."""
    return {record: fault for record in wanted if (fault := cache.fault(record))}


def _write(path: Path, text: str) -> None:
    with written_in_shared_folder(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _not_writable(cache: Cache, error: OSError) -> DarkroomError:
    return DarkroomError(
        f"{error.filename or cache.path}: cannot be written ({os.strerror(error.errno or 0)}); "
        "have the owner of the cache fill it, or give a folder of your own (crds: path)"
    )


def _unable(cache: Cache, *faults: str) -> str:
    return f"CRDS cache {cache.path}: {'; '.join(faults)}, and no server may be asked"
