"""Fill a CRDS cache: bring what is missing or wrong, verify every file, and let nobody in between.

A cache that is complete is only read, and nobody is asked.
"""

from __future__ import annotations

import logging
import os
import shutil
import time
from contextlib import contextmanager

from darkroom.crds.cache import arriving
from darkroom.crds.lock import filling
from darkroom.crds.server import RETRIES
from darkroom.errors import DarkroomError, InputError

log = logging.getLogger(__name__)

# What a killed client left is removed, but nobody's that may be alive.
_SURELY_LEFT_S = 24 * 3600


def ensure_context(cache, server, context, instruments):
    """Bring the mappings that choose references, and verify each one.

    Parameters
    ----------
    cache : darkroom.crds.cache.Cache
        The cache.
    server : darkroom.crds.server.Server or None
        Where files come from; None: nobody is asked, all must be there.
    context : str
        The pinned ``.pmap``.
    instruments : iterable of str
        Whose references will be asked for.

    Returns
    -------
    list of str
        Names of the mappings, verified.

    Raises
    ------
    DarkroomError
        When one is missing or damaged after all.
    """
    names, fault = _sound_mappings(cache, context, instruments)
    if server and not fault and cache.description().facts(context) is None:
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
                session.bring(_mapping_facts(session, name))
            if fault := cache.mapping_fault(name):
                raise DarkroomError(f"{name} {fault}, though it is what {server.url} states")
            names.append(name)
    return names


def ensure_references(cache, server, wanted):
    """Bring references and verify each one: size and SHA-1 as the server states them.

    Parameters
    ----------
    cache, server
        As of `ensure_context`.
    wanted : iterable of darkroom.crds.description.FileRecord
        What must be there.

    Returns
    -------
    list of (FileRecord, pathlib.Path)
        All of them, verified, in the order of their names.

    Raises
    ------
    DarkroomError
        Naming every file that is missing or wrong after all; the others have arrived.
    """
    wanted = sorted(set(wanted), key=lambda facts: facts.name)
    faults = _faults(cache, wanted)
    if faults and server is None:
        raise DarkroomError(_unable(cache, *(f"{f.name} {why}" for f, why in faults.items())))
    if faults:
        with _session(cache, server) as session:
            # Meanwhile another process may have brought them.
            missing = _faults(cache, faults)
            _require_space(cache, missing)
            failures = session.bring_all(missing)
        if failures:
            raise DarkroomError("; ".join(failures))
    return [(facts, cache.reference(facts.name)) for facts in wanted]


class _Session:
    """A server that answers, and the only process that fills the cache from it."""

    def __init__(self, cache, server, holder):
        self.cache, self.server, self.holder = cache, server, holder
        self.description = server.describe()
        # Last of the three: CRDS takes a cache with a description for one it can use.
        if not cache.layout_file.exists():
            _write(cache.layout_file, cache.layout())
        _write(cache.server_config, repr(self.description.stated) + "\n")

    def bring(self, facts, retries=RETRIES):
        """Bring one file."""
        folder = self.description.folder_of(facts.name)
        if folder is None:
            raise DarkroomError(f"{self.server.url} does not tell where {facts.name} lies")
        log.info("fetching %s (%.1f MB)", facts.name, facts.size / 1e6)
        self.holder.sign(f"fetches {facts.name}")
        place = self.cache.place_for(facts.name)
        self.server.bring(facts, folder, place, self.holder.sign, retries)

    def bring_all(self, wanted):
        """Bring files; one that fails does not stop the others. Return the failures in words."""
        failures = []
        for facts in wanted:
            stated = self.description.facts(facts.name)
            if stated not in (None, facts):
                failures.append(
                    f"{self.server.url} now states {stated.size} bytes and SHA-1 {stated.sha1} of "
                    f"{facts.name}, {facts.size} and {facts.sha1} when it was chosen: remove "
                    "references.json and references/*.json of the items that name it to choose anew"
                )
                continue
            try:
                # A server that failed once in spite of all attempts gets one for each other file.
                self.bring(facts, 0 if failures else RETRIES)
            except DarkroomError as error:
                failures.append(str(error))
        return failures


@contextmanager
def _session(cache, server):
    """Give a `_Session` once nobody else fills the cache."""
    try:
        lock = cache.server_config.with_name(".filling")
        with filling(lock, max(server.timeout_s, 60)) as holder:
            _sweep(cache, holder.alone)
            yield _Session(cache, server, holder)
    except OSError as error:
        raise _not_writable(cache, error) from error


def _sweep(cache, alone):
    """Remove what killed processes of ours left."""
    for kind in ("config", "mappings", "references"):
        for left in (cache.path / kind / cache.observatory).rglob(".*.part"):
            try:
                if alone or time.time() - left.stat().st_mtime > _SURELY_LEFT_S:
                    left.unlink()
            except OSError as error:
                log.info("%s stays (%s)", left, error.strerror)


def _sound_mappings(cache, context, instruments):
    """Return the names of the sound mappings up to the first that is not, and what is wrong."""
    names = []
    try:
        for name in cache.closure(context, instruments):
            if fault := cache.mapping_fault(name):
                return names, f"{name} {fault}"
            names.append(name)
    except InputError as error:
        return names, str(error)
    return names, None


def _mapping_facts(session, name):
    facts = session.description.facts(name)
    if facts is None:
        raise DarkroomError(f"{session.server.url} states no size and SHA-1 of {name}")
    return facts


def _require_known(session, context):
    """Refuse a context that the server does not know."""
    if session.description.facts(context) is None:
        newest = session.description.contexts()[-1:] or ["none at all"]
        raise DarkroomError(
            f"{session.server.url} does not know the context {context} (its newest is {newest[0]})"
            "; look at crds: context"
        )


def _require_space(cache, wanted):
    """Refuse to begin what the disk cannot hold."""
    needed, free = sum(facts.size for facts in wanted), shutil.disk_usage(cache.path).free
    if needed > free:
        raise DarkroomError(
            f"{cache.path}: the missing references need {needed / 1e6:.0f} MB, "
            f"{free / 1e6:.0f} MB are free"
        )


def _faults(cache, wanted):
    return {facts: fault for facts in wanted if (fault := cache.fault(facts))}


def _write(path, text):
    with arriving(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _not_writable(cache, error):
    return DarkroomError(
        f"{error.filename or cache.path}: cannot be written ({os.strerror(error.errno or 0)}); "
        "have the owner of the cache fill it, or give a folder of your own (crds: path)"
    )


def _unable(cache, *faults):
    return f"CRDS cache {cache.path}: {'; '.join(faults)}, and no server may be asked"
