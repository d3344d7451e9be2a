"""A folder of CRDS mappings and references, and the proof that each file in it is right.

CRDS's own client leaves a damaged download in the cache and trusts it ever after, so nothing is
used here before its size and SHA-1 were compared with what the server states of it. Only the
standard library is used.
"""

from __future__ import annotations

import ast
import base64
import gzip
import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from darkroom.errors import DarkroomError, InputError

_BLOCK = 1 << 20
_SHA1_LINE = re.compile(r"""['"]sha1sum['"]\s*:\s*['"]([0-9a-f]+)['"]""")
_MAPPING = re.compile(r"[\w-]+\.(?:pmap|imap|rmap)")


@dataclass(frozen=True)
class FileFacts:
    """What the server states of a file.

    Parameters
    ----------
    name : str
        File name.
    size : int
        Bytes.
    sha1 : str
        SHA-1, hexadecimal.
    """

    name: str
    size: int
    sha1: str


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
        self._facts = None

    @property
    def server_config(self):
        """Where the server's description of itself and of all its files lies."""
        return self.path / "config" / self.observatory / "server_config"

    def mapping(self, name):
        """Return where a mapping lies."""
        return self.path / "mappings" / self.observatory / name

    def reference(self, name):
        """Return where a reference lies, or None when it is not in the cache.

        References lie in one folder, or in one for each instrument.
        """
        folder = self.path / "references" / self.observatory
        return next((p for p in (folder / name, *folder.glob(f"*/{name}")) if p.is_file()), None)

    def facts(self, name):
        """Return what the server states of a reference, as `FileFacts`.

        Raises
        ------
        DarkroomError
            When the server's description is missing, or does not know the file: it cannot be
            verified then.
        """
        if self._facts is None:
            self._facts = _read_facts(self.server_config)
        known = self._facts.get(name)
        if not isinstance(known, dict) or "size" not in known or "sha1sum" not in known:
            raise DarkroomError(
                f"{self.server_config} states no size and SHA-1 of {name}, so it cannot be "
                "verified; fill the cache from the server (crds: server)"
            )
        return FileFacts(name, int(known["size"]), known["sha1sum"])

    def fault(self, facts):
        """Tell in words what is wrong with a reference in the cache; None when nothing is."""
        path = self.reference(facts.name)
        if path is None:
            return "is not in the cache"
        size = path.stat().st_size
        if size != facts.size:
            return f"has {size} bytes, the server states {facts.size}"
        found = sha1(path)
        if found != facts.sha1:
            return f"has SHA-1 {found}, the server states {facts.sha1}"
        return None

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
                "remove it and the table of the cache (crds/*.tsv), and run again",
            )
        return self.reference(facts.name)

    def mapping_fault(self, name):
        """Tell in words what is wrong with a mapping in the cache; None when nothing is.

        A mapping carries its own SHA-1.
        """
        path = self.mapping(name)
        if not path.is_file():
            return "is not in the cache"
        text = path.read_text(encoding="utf-8", errors="replace")
        stated = _SHA1_LINE.search(text)
        if not stated:
            return "states no SHA-1 of itself"
        if stated.group(1) != mapping_sha1(text):
            return "is damaged: its SHA-1 is not the one it states"
        return None

    def closure(self, context, instruments, kinds):
        """Return the mappings that decide the references of some kinds, the context first.

        Parameters
        ----------
        context : str
            The ``.pmap``.
        instruments, kinds : iterable of str
            What is asked for; instruments and reference types that a mapping does not have are
            left out, for a later look-up to tell.

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
            by_kind = self._selected(imap)
            yield from (by_kind[k.upper()] for k in kinds if k.upper() in by_kind)

    def _selected(self, name):
        """Return ``{KEY: mapping}`` of a .pmap's or .imap's selector."""
        text = self.mapping(name).read_text(encoding="utf-8")
        selector = ast.literal_eval(text.partition("selector")[2].lstrip(" ="))
        return {
            str(key).upper(): value
            for key, value in selector.items()
            if isinstance(value, str) and _MAPPING.fullmatch(value)
        }


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


def _read_facts(path):
    """Return ``{name: {size, sha1sum}}`` from a server's description of itself."""
    try:
        stated = ast.literal_eval(path.read_text(encoding="utf-8"))
        facts = stated.get("download_metadata", {})
        if "crds_payload" in facts:
            facts = json.loads(gzip.decompress(base64.b64decode(facts["crds_payload"])))
    except FileNotFoundError:
        raise InputError(path, "no such file", "fill the cache first: run crds_context") from None
    except (ValueError, SyntaxError, AttributeError, OSError) as error:
        raise InputError(path, f"cannot be read ({error})", "remove it and run again") from error
    return facts
