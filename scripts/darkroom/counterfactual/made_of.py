"""Of which exposures a file was made: none of them may be one on which it is compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from astropy.io import fits

from darkroom.errors import InputError, as_written

if TYPE_CHECKING:
    from darkroom.hints import StrPath


def require_held_out(path: StrPath, traces: Mapping[str, str]) -> None:
    """Refuse a file that was made of an exposure on which it would be compared.

    Parameters
    ----------
    path : path-like
        The file, whose HISTORY names its inputs.
    traces : dict
        What HISTORY holds of each exposure if the file was made of it: ``input NAME.``, or its
        SHA-256 where exposures of different nights have the same names.

    Raises
    ------
    InputError
        Naming those of which it was made.
    """
    if used := _used(path, traces):
        raise _refusal(path, used)


def file_of_each(paths: Sequence[StrPath], traces: Mapping[str, str]) -> dict[str, StrPath]:
    """Return for each exposure the version of a file that was made without it.

    Parameters
    ----------
    paths : sequence of path-like
        Versions of which each was made without a part of the exposures.
    traces : dict
        As of `require_held_out`.

    Raises
    ------
    InputError
        Naming exposures of which all versions were made.
    """
    used = {path: _used(path, traces) for path in paths}
    found = {
        name: next((path for path in paths if name not in used[path]), None) for name in traces
    }
    if lacking := [name for name, path in found.items() if path is None]:
        raise _refusal(paths[0], lacking)
    return {name: path for name, path in found.items() if path is not None}


def _used(path, traces):
    with as_written(path, "no file of references", "give the one that is meant"):
        made_from = "".join(map(str, fits.getheader(path).get("HISTORY", [])))
    return [name for name, trace in traces.items() if trace in made_from]


def _refusal(path, used):
    return InputError(
        path, f"was made of {', '.join(used)} too, on which it would be compared",
        "make it without them, or hold out others",
    )  # fmt: skip
