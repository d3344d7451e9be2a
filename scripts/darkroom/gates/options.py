"""Command-line options that the programs of gates share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkroom.campaign.schema import nearest
from darkroom.errors import DarkroomError
from darkroom.gates.harms import of_product

if TYPE_CHECKING:
    import argparse
    from collections.abc import Collection, Sequence

    from darkroom.gates.harms import Harm
    from darkroom.hints import StrPath


def add_gate_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for the item, its frame table, harms and the output."""
    parser.add_argument("--item", required=True, help="name of the item")
    parser.add_argument(
        "--frames", type=Path, help="frame table of the item: exposures that must be in the product"
    )
    add_harm_option(parser)
    parser.add_argument("--output", required=True, type=Path, help="gates, JSON")


def add_harm_option(parser: argparse.ArgumentParser) -> None:
    """Add the option for smallest effects that matter."""
    parser.add_argument(
        "--harm",
        action="append",
        default=[],
        metavar="GATE=NUMBER",
        help="smallest effect that matters, where it is not the usual one",
    )


def harms(
    arguments: argparse.Namespace, declared: Sequence[Harm], product: str
) -> dict[str, float]:
    """Return the harms of the command line: ``{gate: number}``.

    Parameters
    ----------
    arguments : argparse.Namespace
    declared : sequence of Harm
        Those of the instrument.
    product : str
        The kind of product that is judged.

    Raises
    ------
    DarkroomError
        For one that is not of the form ``gate=number``, or of no gate of the product.
    """
    found = {}
    known = of_product(declared, product)
    for text in arguments.harm:
        name, _, value = text.partition("=")
        if name not in known:
            raise DarkroomError(
                f"--harm {text}: {product} has no gate {name!r}{nearest(name, known)}; it has "
                f"{', '.join(known) or 'none'}"
            )
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
