"""Fill a CRDS cache from its server, in one process with its own time limit, and verify it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from darkroom.crds.environment import server_environment
from darkroom.errors import DarkroomError


class Server:
    """The CRDS server a cache is filled from.

    Parameters
    ----------
    cache : darkroom.crds.cache.Cache
        The cache.
    url : str or None
        The server; None: nothing is ever asked, all must be in the cache.
    context : str
        The pinned ``.pmap``.
    timeout : float
        Seconds that one call of CRDS's client may take.
    """

    def __init__(self, cache, url, context, timeout):
        self.cache, self.url, self.context, self.timeout = cache, url, context, timeout

    def fetch(self, *arguments):
        """Run ``crds sync`` with arguments; what it did is for the caller to verify.

        Its status says little: it is 1 when it repaired a file, 0 when it kept a bad one.

        Raises
        ------
        DarkroomError
            When it takes longer than the time limit; CRDS itself waits for ever.
        """
        if self.url is None:
            return
        command = [sys.executable, "-m", "crds.sync", *arguments]
        environment = server_environment(
            self.cache.path, self.cache.observatory, self.context, self.url
        )
        # Its own group: a child that outlives it would hold the cache's lock.
        process = subprocess.Popen(command, env=environment, start_new_session=True)
        try:
            process.wait(self.timeout)
        except subprocess.TimeoutExpired:
            raise DarkroomError(
                f"CRDS server {self.url} did not deliver within {self.timeout:g} s; try again "
                "later, or raise crds: timeout_s"
            ) from None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            self._sweep()

    def _sweep(self):
        """Remove what a killed client leaves behind."""
        for folder in ("mappings", "references"):
            for leftover in (self.cache.path / folder / self.cache.observatory).rglob(".tmp_*"):
                leftover.unlink(missing_ok=True)


def ensure_context(server, instruments, kinds):
    """Bring the mappings that decide the wanted references, and verify each one.

    Parameters
    ----------
    server : Server
        Where they come from.
    instruments, kinds : iterable of str
        What will be asked of them.

    Returns
    -------
    list of str
        Names of the mappings, verified.

    Raises
    ------
    DarkroomError
        When one is missing or damaged after all.
    """
    cache, context = server.cache, server.context
    if not cache.server_config.is_file() or not cache.mapping(context).is_file():
        server.fetch("--contexts", context)
    checked = []
    for name in cache.closure(context, instruments, kinds):
        fault = cache.mapping_fault(name)
        if fault and server.url:
            # The client takes any file of the right name for good.
            cache.mapping(name).unlink(missing_ok=True)
            server.fetch("--contexts", context)
            fault = cache.mapping_fault(name)
        if fault:
            raise DarkroomError(_unable(server, name, fault))
        checked.append(name)
    if not cache.server_config.is_file():
        # The client leaves it out when any file, also one that nobody needs, failed.
        server.fetch("--contexts", context)
        if not cache.server_config.is_file():
            raise DarkroomError(_unable(server, "server_config", "is not in the cache"))
    return checked


def ensure_references(server, wanted):
    """Bring references and verify each one: size and SHA-1 as the server states them.

    Parameters
    ----------
    server : Server
        Where they come from.
    wanted : iterable of darkroom.crds.cache.FileFacts
        What must be there.

    Returns
    -------
    list of (FileFacts, pathlib.Path)
        All of them, verified, in the order of their names.

    Raises
    ------
    DarkroomError
        Naming every file that is missing or wrong after all.
    """
    cache = server.cache
    wanted = sorted(set(wanted), key=lambda facts: facts.name)
    bad = {facts: fault for facts in wanted if (fault := cache.fault(facts))}
    # A transfer may go wrong once; what comes wrong twice is what the server has.
    for _ in range(2):
        if not bad or not server.url:
            break
        for facts in bad:
            if path := cache.reference(facts.name):
                path.unlink()
        server.fetch("--files", *(facts.name for facts in bad))
        bad = {facts: fault for facts in bad if (fault := cache.fault(facts))}
    if bad:
        raise DarkroomError(
            "; ".join(_unable(server, facts.name, fault) for facts, fault in bad.items())
        )
    return [(facts, Path(cache.reference(facts.name))) for facts in wanted]


def _unable(server, name, fault):
    source = f"and {server.url} did not mend that" if server.url else "and no server may be asked"
    return f"CRDS cache {server.cache.path}: {name} {fault}, {source}"
