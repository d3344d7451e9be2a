"""A folder of CRDS mappings and references, and the proof that each file in it is right.

CRDS's own client leaves a damaged download in the cache and trusts it ever after, so nothing is
used here before its size and SHA-1 were compared with what the server states of it. Only the
standard library is used.
"""

from __future__ import annotations

import ast
import hashlib
import os
import re
import uuid
from contextlib import contextmanager
from pathlib import Path

from darkroom.crds.description import MAPPING, Description
from darkroom.errors import DarkroomError, InputError

_BLOCK = 1 << 20
_SHA1_LINE = re.compile(r"""['"]sha1sum['"]\s*:\s*['"]([0-9a-f]+)['"]""")
# CRDS takes a folder with more files than this, and no word about its layout, for a flat one.
_FLAT_FROM = 20


class Cache:
    """One observatory's part of a CRDS cache.

    Parameters
    ----------
    path : path-like
        The cache (``CRDS_PATH``).
    observatory : str
        ``jwst`` or ``hst``.
    """

    def __init__(self, path, observatory):
        self.path, self.observatory = Path(path), observatory
        self._read = None, None

    @property
    def server_config(self):
        """Where the server's description of itself and of all its files lies."""
        return self.path / "config" / self.observatory / "server_config"

    def description(self):
        """Return the server's description of itself, as it lies in the cache.

        Raises
        ------
        InputError
            When it is missing or damaged.
        """
        try:
            state = self.server_config.stat()
            state = state.st_mtime_ns, state.st_ino, state.st_size
        except OSError:
            state = None
        if state is None or self._read[0] != state:
            self._read = state, Description.read(self.server_config)
        return self._read[1]

    def mapping(self, name):
        """Return where a mapping lies."""
        return self.path / "mappings" / self.observatory / name

    def reference(self, name):
        """Return where a reference lies, or None when it is not in the cache.

        References lie in one folder, or in one for each instrument.
        """
        folder = self.path / "references" / self.observatory
        return next((p for p in (folder / name, *folder.glob(f"*/{name}")) if p.is_file()), None)

    def place_for(self, name):
        """Return where a file belongs: over the one that is there, or as the layout asks."""
        if MAPPING.fullmatch(name):
            return self.mapping(name)
        folder = self.path / "references" / self.observatory
        if found := self.reference(name):
            return found
        return folder / name if self.layout() == "flat" else folder / _instrument(name) / name

    def layout(self):
        """Return ``flat`` or ``instrument``, as CRDS's own client would find it."""
        try:
            return self.layout_file.read_text(encoding="ascii").strip()
        except OSError:
            folder = self.path / "references" / self.observatory
            return "flat" if len([*folder.glob("*")]) > _FLAT_FROM else "instrument"

    @property
    def layout_file(self):
        """Where CRDS's client keeps the layout of the references."""
        return self.server_config.with_name("ref_cache_subdir_mode")

    def facts(self, name):
        """Return what the server states of a reference, as `FileRecord`.

        Raises
        ------
        DarkroomError
            When the server's description is missing or does not know the file, which cannot be
            verified then, or when the observatory has withdrawn it.
        """
        description = self.description()
        if description.withdrawn(name):
            raise DarkroomError(
                f"{name} was declared bad by the observatory (bad_files_list of "
                f"{self.server_config}); choose a newer context"
            )
        facts = description.facts(name)
        if facts is None:
            raise DarkroomError(
                f"{self.server_config} states no size and SHA-1 of {name}, so it cannot be "
                "verified; fill the cache from the server (crds: server)"
            )
        return facts

    def fault(self, facts):
        """Tell in words what is wrong with a reference in the cache; None when nothing is."""
        path = self.reference(facts.name)
        return "is not in the cache" if path is None else difference(path, facts)

    def verified(self, facts):
        """Return the path of a reference after comparing it with what the server states.

        Raises
        ------
        InputError
            When it is missing or differs.
        """
        if fault := self.fault(facts):
            raise InputError(
                self.reference(facts.name) or facts.name,
                fault,
                "remove the table of the cache (crds/*.tsv) and run again: the file is repaired",
            )
        return self.reference(facts.name)

    def mapping_fault(self, name):
        """Tell in words what is wrong with a mapping in the cache; None when nothing is.

        A mapping carries its own SHA-1, beside what the server states of its bytes.
        """
        path = self.mapping(name)
        if not path.is_file():
            return "is not in the cache"
        facts = self.description().facts(name)
        if facts and (fault := difference(path, facts)):
            return fault
        text = path.read_text(encoding="utf-8", errors="replace")
        stated = _SHA1_LINE.search(text)
        if not stated:
            return "states no SHA-1 of itself"
        if stated.group(1) != mapping_sha1(text):
            return "is damaged: its SHA-1 is not the one it states"
        return None

    def closure(self, context, instruments):
        """Return the mappings of some instruments, the context first.

        CRDS loads all of an instrument's, whatever reference type is asked for.

        Parameters
        ----------
        context : str
            The ``.pmap``.
        instruments : iterable of str
            What is asked for; those that the context does not have are left out, for a later
            look-up to tell.

        Yields
        ------
        str
            Names. A mapping is read when its successor is asked for, so check each one first.
        """
        yield context
        by_instrument = self._selected(context)
        for instrument in instruments:
            imap = by_instrument.get(instrument.upper())
            if imap is None:
                continue
            yield imap
            yield from self._selected(imap).values()

    def _selected(self, name):
        """Return ``{KEY: mapping}`` of a .pmap's or .imap's selector."""
        text = self.mapping(name).read_text(encoding="utf-8")
        selector = ast.literal_eval(text.partition("selector")[2].lstrip(" ="))
        return {
            str(key).upper(): value
            for key, value in selector.items()
            if isinstance(value, str) and MAPPING.fullmatch(value)
        }


@contextmanager
def arriving(path):
    """Give a private name beside `path`; rename it to `path` when the block ends well.

    As `darkroom.atomic.written_atomically`, but for folders that several hosts write to: the name
    is nobody else's, and nobody else's file is removed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name[:100]}.{uuid.uuid4().hex}.part")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def difference(path, facts):
    """Tell in words how a file differs from what is stated of it; None when it does not."""
    size = path.stat().st_size
    if size != facts.size:
        return f"has {size} bytes, the server states {facts.size}"
    found = sha1(path)
    if found != facts.sha1:
        return f"has SHA-1 {found}, the server states {facts.sha1}"
    return None


def sha1(path):
    """Return the SHA-1 of a file's bytes as a hexadecimal string."""
    digest = hashlib.sha1(usedforsecurity=False)
    with Path(path).open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def mapping_sha1(text):
    """Return the SHA-1 that a mapping's text must state: that of all its other lines."""
    lines = (line for line in text.splitlines(keepends=True) if "sha1sum" not in line)
    return hashlib.sha1("".join(lines).encode(), usedforsecurity=False).hexdigest()


def _instrument(name):
    """Return the folder of a reference where each instrument has one, as CRDS names it."""
    if name.startswith(("jwst_", "hst_")):
        return name.split("_")[1]
    # The names of HST's older references end in a letter for the instrument.
    return "wfc3" if name.partition("_")[0].endswith("i") else "."
