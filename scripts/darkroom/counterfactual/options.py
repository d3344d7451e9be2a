"""Options of the programs that compare a file with the one that CRDS's rules give the exposures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator


def add_options_of_comparison(
    parser: argparse.ArgumentParser,
    products: tuple[str, ...],
    exposures: str,
    references: str = "",
    *,
    versions: bool = False,
) -> None:
    """Add what such a program is given: exposures with their references, and the new file.

    Parameters
    ----------
    parser : argparse.ArgumentParser
    products : tuple of str
        Kinds of files that are compared.
    exposures : str
        What the exposures are, for the help.
    references : str
        What else the lists of references are for.
    versions : bool
        The new file may be given in versions, each made without a part of the exposures.
    """
    more = {"nargs": "+"} if versions else {}
    new = "new file, FITS"
    new += "; or versions of it, each of which was made without some exposures" if versions else ""
    parser.add_argument("exposures", nargs="+", type=Path, metavar="FILE", help=(
        f"{exposures}, or their status files"
    ))  # fmt: skip
    parser.add_argument("--product", required=True, choices=products)
    parser.add_argument("--candidate", required=True, type=Path, help=new, **more)
    parser.add_argument("--references", required=True, type=Path, metavar="FOLDER", help=(
        f"lists made by bestrefs.py: <exposure>.json{references}"
    ))  # fmt: skip
    parser.add_argument("--refusals", type=Path, metavar="FOLDER", help=(
        "why exposures are refused: <exposure>.txt, empty when they are not"
    ))  # fmt: skip
    parser.add_argument("--cache", required=True, type=Path, help="folder of the CRDS cache")
    parser.add_argument("--context", required=True, help="pinned CRDS context, .pmap")
    parser.add_argument("--current-bad", action="store_true", help="the file in use is bad")
    parser.add_argument("--output", required=True, type=Path, metavar="JSON", help="comparison")


def accepted_exposures(arguments: argparse.Namespace) -> Iterator[tuple[str, str, Path]]:
    """Yield name, raw file and list of references of each exposure that was not refused.

    Parameters
    ----------
    arguments : argparse.Namespace
        Of `add_options_of_comparison`.

    Raises
    ------
    DarkroomError
        When every exposure was refused.
    """
    from darkroom.campaign.exposure import read_exposure
    from darkroom.errors import DarkroomError

    found = False
    for path in arguments.exposures:
        refusal = arguments.refusals and arguments.refusals / f"{path.name.partition('.')[0]}.txt"
        one = read_exposure(path, refusal)
        if one["accepted"]:
            found = True
            yield one["exposure"], one["path"], arguments.references / f"{one['exposure']}.json"
    if not found:
        raise DarkroomError("every exposure held out was refused: nothing to compare with")
