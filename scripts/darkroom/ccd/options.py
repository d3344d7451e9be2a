"""Command-line options that the CCD programs share, and the objects made from them."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkroom.campaign.declared import ItemSettings
from darkroom.campaign.settings import add_options, read_options
from darkroom.ccd.settings import PROGRAMS, STACKING, CcdSettings, JudgeSettings
from darkroom.errors import DarkroomError, InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from darkroom.ccd.overscan.amplifiers import Readout
    from darkroom.combine import Clip
    from darkroom.fits.describe import Frame
    from darkroom.hints import StrPath

log = logging.getLogger(__name__)

#: Gains that differ by less than this fraction are taken as equal.
SAME_GAIN = 1e-3

UNITS = """Units are ADU and seconds; electrons instead of ADU where --gain-e-per-adu is given.
A long list of files may be given as @names.list, a file with one name per line."""


def add_output(parser: argparse.ArgumentParser) -> None:
    """Add ``--output``."""
    parser.add_argument(
        "--output", required=True, type=Path, metavar="OUT", help="product to write"
    )


def add_settings(parser: argparse.ArgumentParser, program: str) -> None:
    """Add the settings of a program, how headers are read, and ``--threads`` for stacks."""
    add_options(parser, CcdSettings, PROGRAMS[program])
    if set(STACKING) <= set(PROGRAMS[program]):
        parser.add_argument(
            "--threads", type=int, default=1, metavar="N", help="threads (default: 1)"
        )
    add_options(parser, ItemSettings, ("recover",))
    parser.add_argument(
        "--cards",
        action="append",
        default=[],
        metavar="QUANTITY=CARD",
        help="header card of exptime, temperature or role, where it is not a usual one",
    )
    add_options(parser, JudgeSettings)
    parser.add_argument(
        "--judged", action="store_true", help="the frames were judged already, as a campaign does"
    )


def check(arguments: argparse.Namespace, program: str) -> None:
    """Refuse values that are out of their bounds.

    Raises
    ------
    DarkroomError
        Naming the option.
    """
    read_options(arguments, CcdSettings, PROGRAMS[program])


def clip(arguments: argparse.Namespace) -> Clip:
    """Return the outlier rejection given by the options."""
    from darkroom.combine import Clip

    try:
        return Clip(arguments.clip, arguments.nsigma, arguments.iterations)
    except ValueError as error:
        raise DarkroomError(str(error)) from None


def readout(arguments: argparse.Namespace) -> Readout:
    """Return amplifier, overscan and trimming given by the options."""
    from darkroom.ccd.overscan.amplifiers import Readout

    return Readout(
        arguments.overscan, arguments.overscan_degree, arguments.overscan_section,
        arguments.trim_section, getattr(arguments, "amplifier", 0),
    )  # fmt: skip


def load(arguments: argparse.Namespace, **paths: Sequence[StrPath]) -> list[list[Frame]]:
    """Read the headers of the frames of each role, and judge them by these.

    A gain that is given as a header card is replaced by its value in `arguments`.

    Parameters
    ----------
    arguments : argparse.Namespace
        The command line; frames that the workflow has judged are not judged again.
    **paths : sequence of path-like
        Files by role: ``bias``, ``dark``, ``flat``, ``science``.

    Returns
    -------
    list of list of Frame
        For each role, in the order given.

    Raises
    ------
    DarkroomError
        Naming a frame that cannot be used with the others; see also `darkroom.ccd.cells.load`.
    """
    from darkroom.ccd.cells import load as load_frames

    every = [path for files in paths.values() for path in files]
    frames = iter(load_frames(every, **reading(arguments)))
    found = {role: [next(frames) for _ in files] for role, files in paths.items()}
    if not arguments.judged:
        from darkroom.ccd.judging import warnings_of

        for sentence in warnings_of(found, {"bias_exptime_s": arguments.bias_exptime_s}):
            log.warning(sentence)
    if isinstance(getattr(arguments, "gain_e_per_adu", None), str):
        all_frames = [frame for several in found.values() for frame in several]
        arguments.gain_card = arguments.gain_e_per_adu
        arguments.gain_e_per_adu = gain_of(
            arguments.gain_card, all_frames, getattr(arguments, "amplifier", 0)
        )
    return list(found.values())


def gain_of(card: str, frames: Sequence[Frame], amplifier: int = 0) -> float:
    """Return the gain that a header card of all frames holds, e-/ADU.

    Parameters
    ----------
    card : str
        Its keyword.
    frames : sequence of darkroom.fits.describe.Frame
    amplifier : int
        Number of the amplifier, from 0. Of several, each has a card of its own in its extension,
        or all share that of the primary header.

    Raises
    ------
    InputError
        When a frame has no such card, or another gain than the first.
    """
    from darkroom.ccd.overscan.amplifiers import amplifier_cards

    first = None
    for frame in frames:
        cards = amplifier_cards(frame, amplifier)
        value = None if cards is None else cards.number(card)
        if value is None or value <= 0:
            fault = "has no card" if value is None else f"has {value:g} in its card"
            raise InputError(
                frame.path, f"{fault} {card}, of which the gain is asked for",
                "give gain_e_per_adu as a number",
            )  # fmt: skip
        first = value if first is None else first
        if abs(value - first) > SAME_GAIN * first:
            raise InputError(frame.path, f"its {card} is {value:g}, the first frame has {first:g}")
    if first is None:
        raise DarkroomError(f"no frame to read the gain ({card}) from")
    return first


def reading(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return how headers are read: the keywords ``recover`` and ``cards`` of `describe`."""
    from darkroom.fits.cards import Recover, parse_cards

    return {
        "recover": [Recover.parse(text) for text in arguments.recover],
        "cards": parse_cards(arguments.cards),
    }


def settings(arguments: argparse.Namespace, program: str, *names: str) -> dict[str, Any]:
    """Return the settings that affect a product, for its provenance.

    Parameters
    ----------
    arguments : argparse.Namespace
        The command line.
    program : str
        Name of the program.
    *names : str
        Further options that affect the product.
    """
    names = (*names, "cards") if arguments.cards else names
    found = {name: getattr(arguments, name) for name in (*PROGRAMS[program], "recover", *names)}
    # The number that the card holds may be another for each amplifier; it is the card GAIN.
    if "gain_e_per_adu" in found and (card := getattr(arguments, "gain_card", None)):
        found["gain_e_per_adu"] = card
    return found
