"""Options that the programs of states share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


def add_between(parser: argparse.ArgumentParser) -> None:
    """Add the option that takes the units of an epoch alone."""
    parser.add_argument(
        "--between",
        nargs=2,
        type=float,
        default=(0.0, 1e6),
        metavar="MJD",
        help="take the exposures between these times alone; the template is of all (default: all)",
    )
