"""Of which exposures a file was made: none of them may be one on which it is compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from astropy.io import fits

from darkroom.errors import InputError

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
    made_from = "\n".join(map(str, fits.getheader(path).get("HISTORY", []))).replace("\n", "")
    if used := [name for name, trace in traces.items() if trace in made_from]:
        raise InputError(
            path, f"was made of {', '.join(used)} too, on which it would be compared",
            "make it without them, or hold out others",
        )  # fmt: skip
