"""A CRDS server's description of itself and of its files: ``server_config`` in a cache."""

from __future__ import annotations

import ast
import base64
import json
import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from darkroom.errors import DarkroomError, InputError

if TYPE_CHECKING:
    from pathlib import Path

#: Names of files that are accepted from a server.
_NAME = re.compile(r"(?!.*\.\.)\w[\w.+-]{0,199}", re.ASCII)
MAPPING = re.compile(r"[\w-]{1,190}\.(?:pmap|imap|rmap)", re.ASCII)
_SHA1 = re.compile(r"[0-9a-f]{40}")
_SIZE = re.compile(r"[0-9]{1,15}", re.ASCII)
# Bytes of the list of files, unpacked: that of JWST has 3 MB. Bytes of a mapping: 2 MB.
_LONGEST_LIST = 200_000_000
_LARGEST_MAPPING = 50_000_000


@dataclass(frozen=True)
class FileRecord:
    """Size and SHA-1 that the server states of a file.

    Parameters
    ----------
    name : str
        File name.
    size : int
        Size in bytes.
    sha1 : str
        SHA-1, hexadecimal.

    Raises
    ------
    DarkroomError
        When the name is not one that a file of CRDS can have.
    """

    name: str
    size: int
    sha1: str

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise DarkroomError(f"CRDS: {self.name[:80]!r} is not allowed as a file name")


class Description:
    """A server's description of itself.

    Parameters
    ----------
    stated : dict
        As the server's ``get_server_info`` returns it, and as CRDS's client keeps it.

    Attributes
    ----------
    stated : dict
        The same.
    operational : str or None
        The context that the observatory itself uses now.

    Raises
    ------
    ValueError
        When `stated` is not such a description.
    """

    def __init__(self, stated: Any) -> None:
        if not isinstance(stated, dict) or not isinstance(stated.get("observatory"), str):
            raise ValueError("it is no description of a CRDS server")
        self.stated: dict[str, Any] = stated
        self.operational: str | None = stated.get("operational_context") or stated.get(
            "latest_context"
        )
        self._files = _unpacked(stated.get("download_metadata") or {})
        withdrawn = stated.get("bad_files_list") or ()
        if not isinstance(withdrawn, list | tuple | str):
            raise ValueError("its list of withdrawn files is none")
        self._withdrawn = frozenset(name for name in withdrawn if isinstance(name, str))

    @classmethod
    def read(cls, path: Path) -> Description:
        """Read the description kept in a cache.

        Raises
        ------
        InputError
            When it is missing or damaged.
        """
        try:
            return cls(ast.literal_eval(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            raise InputError(path, "no such file", "fill the cache: run crds_context") from None
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError, OSError) as error:
            cause = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise InputError(
                path, f"cannot be read ({cause})", "remove it and run again"
            ) from error

    def record(self, name: str) -> FileRecord | None:
        """Return the size and SHA-1 stated of a file; None when none are stated."""
        known = self._files.get(name)
        if not isinstance(known, dict):
            return None
        size, sum_ = str(known.get("size")), str(known.get("sha1sum")).lower()
        if not _SIZE.fullmatch(size) or not _SHA1.fullmatch(sum_):
            return None
        if MAPPING.fullmatch(name) and int(size) > _LARGEST_MAPPING:
            return None
        return FileRecord(name, int(size), sum_)

    def withdrawn(self, name: str) -> bool:
        """Tell whether the observatory has declared a file scientifically bad."""
        return name in self._withdrawn

    def contexts(self) -> list[str]:
        """Return the names of all contexts that are known, the newest last."""
        return sorted(name for name in self._files if name.endswith(".pmap"))

    def folder_of(self, name: str) -> str | None:
        """Return the address of the folder that a file is served from, or None."""
        places = self.stated.get("mapping_url" if MAPPING.fullmatch(name) else "reference_url")
        # Two forms: by observatory, or by observatory under "unchecked" (static files).
        places = places.get("unchecked", places) if isinstance(places, dict) else {}
        place = places.get(self.stated["observatory"]) if isinstance(places, dict) else None
        return place if isinstance(place, str) and place.startswith("http") else None


def _unpacked(files: Any) -> dict[str, Any]:
    """Return ``{name: {size, sha1sum}}``, which real servers send compressed."""
    if isinstance(files, dict) and "crds_payload" in files:
        try:
            packed = zlib.decompressobj(zlib.MAX_WBITS | 16)
            text = packed.decompress(base64.b64decode(files["crds_payload"]), _LONGEST_LIST)
            if not packed.eof:
                long = len(text) >= _LONGEST_LIST
                fault = "it is longer than any" if long else "it ends early"
                raise ValueError(f"its list of files cannot be unpacked ({fault})")
            files = json.loads(text)
        except (zlib.error, TypeError, RecursionError) as error:
            raise ValueError(f"its list of files cannot be unpacked ({error})") from error
    if not isinstance(files, dict):
        raise ValueError("its list of files is not a dictionary")
    return files
