"""Command-line options that the programs of gates share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkroom.errors import DarkroomError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Collection

    from darkroom.hints import StrPath


def add_gate_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for the item, its frame table, harms and the output."""
    parser.add_argument("--item", required=True, help="name of the item")
    parser.add_argument(
        "--frames", type=Path, help="frame table of the item: exposures that must be in the product"
    )
    parser.add_argument(
        "--harm",
        action="append",
        default=[],
        metavar="GATE=NUMBER",
        help="smallest effect that matters, where it is not the usual one",
    )
    parser.add_argument("--output", required=True, type=Path, help="gates, JSON")


def harms(arguments: argparse.Namespace) -> dict[str, float]:
    """Return the harms of the command line: ``{gate: number}``.

    Raises
    ------
    DarkroomError
        For one that is not of the form ``gate=number``.
    """
    found = {}
    for text in arguments.harm:
        name, _, value = text.partition("=")
        try:
            found[name] = float(value)
        except ValueError:
            raise DarkroomError(f"--harm {text}: the form is gate=number, e.g. level=10") from None
    return found


def accepted(
    arguments: argparse.Namespace, roles: Collection[str] | None = None
) -> list[str] | None:
    """Return the exposures that the campaign accepted; None without a frame table.

    Parameters
    ----------
    arguments : argparse.Namespace
    roles : collection of str, optional
        Roles of the frames that are meant; by default all.
    """
    if arguments.frames is None:
        return None
    from darkroom.campaign.frames import read_frames

    return [
        row["exposure"]
        for row in read_frames(arguments.frames)
        if row["accepted"] == "yes" and (roles is None or row["role"] in roles)
    ]


def head(
    arguments: argparse.Namespace, instrument: str, product: str, file: StrPath
) -> dict[str, Any]:
    """Return what a file of gates says of the product."""
    from darkroom.provenance import sha256

    return {
        "item": arguments.item,
        "instrument": instrument,
        "product": product,
        "file": Path(file).name,
        "sha256": sha256(file),
    }
