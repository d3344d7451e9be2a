"""A folder of CRDS mappings and references, and the verification of each file in it.

CRDS's own client leaves a damaged download in the cache and never checks it again, so no file is
used here before its size and SHA-1 have been compared with what the server states. Only the
standard library is used.
"""

from __future__ import annotations

import ast
import hashlib
import re
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from darkroom.atomic import make_folder, rename_durably
from darkroom.crds.description import MAPPING, Description
from darkroom.errors import DarkroomError, InputError
from darkroom.integrity.records import advice_to_fetch_again

if TYPE_CHECKING:
    from darkroom.crds.description import FileRecord
    from darkroom.hints import StrPath

_BLOCK = 1 << 20
# Files that this process has found good, and their state then.
_FOUND_GOOD: dict[tuple[Path, FileRecord], tuple[int, ...]] = {}
_SHA1_LINE = re.compile(r"""['"]sha1sum['"]\s*:\s*['"]([0-9a-f]+)['"]""")
# Where no file names the layout, CRDS takes a folder with more files than this for a flat one.
_FLAT_FROM = 20
# The last letter of older HST names such as t2c16200i_bpx.fits stands for the instrument; the table
# is that of CRDS (crds.hst.locate).
_HST_INSTRUMENTS = {
    "i": "wfc3",
    "j": "acs",
    "l": "cos",
    "n": "nicmos",
    "o": "stis",
    "u": "wfpc2",
    "y": "fos",
    "z": "hrs",
}


class Cache:
    """One observatory's part of a CRDS cache.

    Parameters
    ----------
    path : path-like
        The cache (``CRDS_PATH``).
    observatory : str
        ``jwst`` or ``hst``.
    """

    def __init__(self, path: StrPath, observatory: str) -> None:
        self.path, self.observatory = Path(path), observatory
        self._read: tuple[tuple[int, int, int] | None, Description] | None = None

    @property
    def server_config(self) -> Path:
        """Path of the server's description of itself and of all its files."""
        return self.path / "config" / self.observatory / "server_config"

    def description(self) -> Description:
        """Return the server's description of itself, as kept in the cache.

        Raises
        ------
        InputError
            When it is missing or damaged.
        """
        try:
            found = self.server_config.stat()
            state = found.st_mtime_ns, found.st_ino, found.st_size
        except OSError:
            state = None
        if state is None or self._read is None or self._read[0] != state:
            self._read = state, Description.read(self.server_config)
        return self._read[1]

    def mapping(self, name: str) -> Path:
        """Return the path of a mapping."""
        return self.path / "mappings" / self.observatory / name

    def reference(self, name: str) -> Path | None:
        """Return the path of a reference, or None when it is not in the cache.

        References are in one folder, or in one folder for each instrument.
        """
        folder = self.path / "references" / self.observatory
        return next((p for p in (folder / name, *folder.glob(f"*/{name}")) if p.is_file()), None)

    def place_for(self, name: str) -> Path:
        """Return where to write a file: over the existing one, or as the layout asks."""
        if MAPPING.fullmatch(name):
            return self.mapping(name)
        folder = self.path / "references" / self.observatory
        if found := self.reference(name):
            return found
        return folder / name if self.layout() == "flat" else folder / _instrument(name) / name

    def layout(self) -> str:
        """Return ``flat`` or ``instrument``, as CRDS's own client determines it."""
        try:
            noted = self.layout_file.read_bytes().strip().decode(errors="replace")
        except OSError:
            noted = ""
        if noted in ("flat", "instrument"):
            return noted
        folder = self.path / "references" / self.observatory
        return "flat" if len([*folder.glob("*")]) > _FLAT_FROM else "instrument"

    @property
    def layout_file(self) -> Path:
        """Path of the file in which CRDS's client keeps the layout of the references."""
        return self.server_config.with_name("ref_cache_subdir_mode")

    def record(self, name: str) -> FileRecord:
        """Return the size and SHA-1 that the server states of a reference.

        Raises
        ------
        DarkroomError
            When the server's description is missing or does not list the file, so that it cannot be
            verified, or when the observatory has withdrawn the file.
        """
        description = self.description()
        if description.withdrawn(name):
            raise DarkroomError(
                f"{name} was declared bad by the observatory (bad_files_list of "
                f"{self.server_config}); choose a newer context"
            )
        record = description.record(name)
        if record is None:
            raise DarkroomError(
                f"{self.server_config} states no size and SHA-1 of {name}, so it cannot be "
                "verified; fill the cache from the server (crds: server)"
            )
        return record

    def fault(self, record: FileRecord) -> str | None:
        """Return what is wrong with a reference in the cache; None when nothing is."""
        path = self.reference(record.name)
        return "is not in the cache" if path is None else difference(path, record)

    def verified(self, record: FileRecord) -> Path:
        """Return the path of a reference after comparing it with what the server states.

        Raises
        ------
        InputError
            When it is missing or differs.
        """
        path = self.reference(record.name)
        fault = "is not in the cache" if path is None else _difference_now(path, record)
        if path is None or fault:
            raise InputError(
                path or record.name,
                fault or "is not in the cache",
                advice_to_fetch_again(self.observatory),
            )
        return path

    def mapping_fault(self, name: str) -> str | None:
        """Return what is wrong with a mapping in the cache; None when nothing is.

        A mapping states its own SHA-1, besides that which the server states.
        """
        path = self.mapping(name)
        if not path.is_file():
            return "is not in the cache"
        record = self.description().record(name)
        if record and (fault := difference(path, record)):
            return fault
        text = path.read_text(encoding="utf-8", errors="replace")
        stated = _SHA1_LINE.search(text)
        if not stated:
            return "states no SHA-1 of itself"
        if stated.group(1) != mapping_sha1(text):
            return "is damaged: its SHA-1 is not the one it states"
        return None

    def closure(self, context: str, instruments: Iterable[str]) -> Iterator[str]:
        """Return the mappings of some instruments, the context first.

        CRDS loads all mappings of an instrument, whatever reference type is asked for.

        Parameters
        ----------
        context : str
            The ``.pmap``.
        instruments : iterable of str
            Their names; one that the context does not have is left out: the look-up of references
            reports it.

        Yields
        ------
        str
            Names. A mapping is read when the next name is asked for, so verify each one first.
        """
        yield context
        by_instrument = self._selected(context)
        for instrument in instruments:
            imap = by_instrument.get(instrument.upper())
            if imap is None:
                continue
            yield imap
            yield from self._selected(imap).values()

    def _selected(self, name: str) -> dict[str, str]:
        """Return ``{KEY: mapping}`` of a .pmap's or .imap's selector."""
        path = self.mapping(name)
        try:
            text = path.read_text(encoding="utf-8")
            selector = ast.literal_eval(text.partition("selector")[2].lstrip(" ="))
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError) as error:
            raise InputError(path, f"is no mapping that can be read ({error})") from None
        if not isinstance(selector, dict):
            raise InputError(path, "is no mapping that can be read (its selector is none)")
        return {
            str(key).upper(): value
            for key, value in selector.items()
            if isinstance(value, str) and MAPPING.fullmatch(value)
        }


@contextmanager
def written_in_shared_folder(path: Path) -> Iterator[Path]:
    """Give a private name beside `path`; rename it to `path` when the block ends well.

    Like `darkroom.atomic.written_atomically`, but for folders that several hosts write to: the
    temporary name is unique, and no other process's file is removed.
    """
    make_folder(path.parent)
    temporary = path.with_name(f".{path.name[:100]}.{uuid.uuid4().hex}.part")
    try:
        yield temporary
        rename_durably(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def difference(path: Path, record: FileRecord) -> str | None:
    """Return how a file differs from its record; None when it does not."""
    size = path.stat().st_size
    if size != record.size:
        return f"has {size} bytes, the server states {record.size}"
    found = sha1(path)
    if found != record.sha1:
        return f"has SHA-1 {found}, the server states {record.sha1}"
    return None


def _difference_now(path: Path, record: FileRecord) -> str | None:
    """Return what `difference` does; a file found good is read again only when it has changed.

    The exposures of a batch have the same references, and one process calibrates them.
    """
    state = _state(path)
    if _FOUND_GOOD.get((path, record)) == state:
        return None
    fault = difference(path, record)
    if not fault and _state(path) == state:
        _FOUND_GOOD[path, record] = state
    return fault


def _state(path: Path) -> tuple[int, ...]:
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def sha1(path: StrPath) -> str:
    """Return the SHA-1 of a file's bytes as a hexadecimal string."""
    digest = hashlib.sha1(usedforsecurity=False)
    with Path(path).open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def mapping_sha1(text: str) -> str:
    """Return the SHA-1 that a mapping's text must state: that of all its other lines."""
    lines = (line for line in text.splitlines(keepends=True) if "sha1sum" not in line)
    return hashlib.sha1("".join(lines).encode(), usedforsecurity=False).hexdigest()


def _instrument(name: str) -> str:
    """Return the folder of a reference where each instrument has one, as CRDS names it."""
    if name.startswith(("jwst_", "hst_")):
        return name.split("_")[1]
    return _HST_INSTRUMENTS.get(name.partition("_")[0][-1:], ".")
