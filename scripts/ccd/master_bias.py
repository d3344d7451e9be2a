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
from typing import Any

from darkroom.ccd import options
from darkroom.cli import ListFileParser, run


def parse() -> argparse.Namespace:
    """Read the command line."""
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
    arguments = parser.parse_args()
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


def main() -> None:
    """Make the product, with one part for each amplifier."""
    arguments = parse()
    from darkroom.ccd.products.amplifiers import by_amplifier
    from darkroom.fits.write import write

    write(arguments.output, by_amplifier(arguments, arguments.frames[0], make))


if __name__ == "__main__":
    run(main)
