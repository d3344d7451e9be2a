"""Command-line options that the CCD programs share, and the objects made from them."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from darkroom.campaign.declared import ItemSettings
from darkroom.campaign.settings import add_options, read_options
from darkroom.ccd.settings import PROGRAMS, STACKING, CcdSettings
from darkroom.errors import DarkroomError

if TYPE_CHECKING:
    from darkroom.ccd.overscan.amplifiers import Readout
    from darkroom.combine import Clip
    from darkroom.fits.describe import Recover

UNITS = """Units are ADU and seconds; electrons instead of ADU where --gain-e-per-adu is given.
A long list of files may be given as @names.list, a file with one name per line."""


def add_output(parser: argparse.ArgumentParser) -> None:
    """Add ``--output``."""
    parser.add_argument("--output", required=True, metavar="OUT", help="product to write")


def add_settings(parser: argparse.ArgumentParser, program: str) -> None:
    """Add the settings of a program, ``--recover``, and ``--threads`` where it reads stacks."""
    add_options(parser, CcdSettings, PROGRAMS[program])
    if set(STACKING) <= set(PROGRAMS[program]):
        parser.add_argument(
            "--threads", type=int, default=1, metavar="N", help="threads (default: 1)"
        )
    add_options(parser, ItemSettings, ("recover",))


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


def recover(arguments: argparse.Namespace) -> list[Recover]:
    """Return the header cards that may be recovered from others."""
    from darkroom.fits.describe import Recover

    return [Recover.parse(text) for text in arguments.recover]


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
    return {name: getattr(arguments, name) for name in (*PROGRAMS[program], "recover", *names)}
