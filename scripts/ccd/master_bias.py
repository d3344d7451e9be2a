"""Combine bias frames: the bias level of every pixel and its uncertainty.

Extensions of the product:
  SCI      clipped mean
  ERR      standard error of the mean, from the scatter of the pixel itself; for tests use
           Student's t with COUNT - 1 degrees of freedom
  COUNT    samples used
  DQ       flags, explained in DQ_DEF
  OFFSETS  level of each frame relative to the others

The level common to all pixels drifts from frame to frame. The uncertainty that this adds to all
pixels alike is the card CMERR; it is not part of ERR.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from darkroom.batches.step import add_batch_options
from darkroom.ccd import options
from darkroom.ccd.batch import make_together
from darkroom.cli import ListFileParser, run

if TYPE_CHECKING:
    from collections.abc import Sequence


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read a command line; that of the program by default."""
    parser = ListFileParser(description=__doc__, epilog=options.UNITS)
    options.add_output(parser)
    options.add_settings(parser, "master_bias")
    parser.add_argument(
        "--no-align",
        dest="align",
        action="store_false",
        help="combine the frames without removing their common offsets",
    )
    parser.add_argument("frames", nargs="+", metavar="FILE", help="bias frames")
    add_batch_options(parser)
    arguments = parser.parse_args(words)
    options.check(arguments, "master_bias")
    return arguments


def make(arguments: argparse.Namespace) -> list[Any]:
    """Return the HDUs of the product, of one amplifier."""
    from functools import partial

    from darkroom.ccd.cells import bias_cell
    from darkroom.ccd.products import master as masterfile
    from darkroom.provenance import stamp

    cell = bias_cell(*options.load(arguments, bias=arguments.frames))
    made = masterfile.make(cell, arguments)
    return [
        masterfile.header(
            [cell],
            arguments.gain_e_per_adu,
            partial(
                stamp,
                made_by="master_bias",
                inputs=arguments.frames,
                settings=options.settings(arguments, "master_bias", "align"),
            ),
        ),
        *masterfile.images(cell, made, arguments.gain_e_per_adu),
        *masterfile.tables([cell], [made], arguments.gain_e_per_adu),
    ]


def work(arguments: argparse.Namespace) -> None:
    """Make the product, with one part for each amplifier."""
    from darkroom.ccd.products.amplifiers import by_amplifier
    from darkroom.fits.write import write

    write(arguments.output, by_amplifier(arguments, arguments.frames[0], make))


def main() -> None:
    """Make the product, after others of its item."""
    make_together(parse, work)


if __name__ == "__main__":
    run(main)
