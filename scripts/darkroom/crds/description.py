"""What a CRDS server says of itself and of its files: ``server_config`` in a cache."""

from __future__ import annotations

import ast
import base64
import gzip
import json
import re
from dataclasses import dataclass

from darkroom.errors import DarkroomError, InputError

#: Names that may become names of files here; what a server says is not trusted to be harmless.
_NAME = re.compile(r"\w[\w.+-]{0,199}", re.ASCII)
MAPPING = re.compile(r"[\w-]+\.(?:pmap|imap|rmap)", re.ASCII)
_SHA1 = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class FileRecord:
    """What the server states of a file.

    Parameters
    ----------
    name : str
        File name.
    size : int
        Bytes.
    sha1 : str
        SHA-1, hexadecimal.

    Raises
    ------
    DarkroomError
        When the name is none that a file of CRDS can have.
    """

    name: str
    size: int
    sha1: str

    def __post_init__(self):
        if not _NAME.fullmatch(self.name):
            raise DarkroomError(f"CRDS: {self.name[:80]!r} is no name of a file")


class Description:
    """A server's description of itself.

    Parameters
    ----------
    stated : dict
        As the server's ``get_server_info`` gives it, and as CRDS's client keeps it.

    Attributes
    ----------
    stated : dict
        The same.
    operational : str or None
        The context the observatory itself uses now.

    Raises
    ------
    ValueError
        When it is no such description.
    """

    def __init__(self, stated):
        if not isinstance(stated, dict) or "observatory" not in stated:
            raise ValueError("it is no description of a CRDS server")
        self.stated = stated
        self.operational = stated.get("operational_context") or stated.get("latest_context")
        self._files = _unpacked(stated.get("download_metadata") or {})
        self._withdrawn = frozenset(stated.get("bad_files_list") or ())

    @classmethod
    def read(cls, path):
        """Read the description in a cache.

        Raises
        ------
        InputError
            When it is missing or damaged.
        """
        try:
            return cls(ast.literal_eval(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            raise InputError(path, "no such file", "fill the cache: run crds_context") from None
        except (ValueError, SyntaxError, MemoryError, RecursionError, OSError) as error:
            cause = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise InputError(
                path, f"cannot be read ({cause})", "remove it and run again"
            ) from error

    def facts(self, name):
        """Return what is stated of a file as `FileRecord`; None when that is nothing."""
        known = self._files.get(name)
        if not isinstance(known, dict):
            return None
        size, sum_ = str(known.get("size")), str(known.get("sha1sum")).lower()
        if not size.isascii() or not size.isdigit() or not _SHA1.fullmatch(sum_):
            return None
        return FileRecord(name, int(size), sum_)

    def withdrawn(self, name):
        """Tell whether the observatory has declared a file scientifically bad."""
        return name in self._withdrawn

    def contexts(self):
        """Return the names of all contexts that are known, the newest last."""
        return sorted(name for name in self._files if name.endswith(".pmap"))

    def folder_of(self, name):
        """Return the address of the folder that a file is served from, or None."""
        places = self.stated.get("mapping_url" if MAPPING.fullmatch(name) else "reference_url")
        # Two forms: by observatory, or by observatory under "unchecked" (static files).
        places = places.get("unchecked", places) if isinstance(places, dict) else {}
        place = places.get(self.stated["observatory"]) if isinstance(places, dict) else None
        return place if isinstance(place, str) and place.startswith("http") else None


def _unpacked(files):
    """Return ``{name: {size, sha1sum}}``, which real servers pack."""
    if isinstance(files, dict) and "crds_payload" in files:
        try:
            files = json.loads(gzip.decompress(base64.b64decode(files["crds_payload"])))
        except (OSError, EOFError, TypeError) as error:
            raise ValueError(f"its list of files cannot be unpacked ({error})") from error
    if not isinstance(files, dict):
        raise ValueError("its list of files is none")
    return files
