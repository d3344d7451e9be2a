"""Combine bias frames: the zero level of every pixel, and how well it is known.

Writes SCI (clipped mean), ERR (its standard error from the scatter of the pixel itself; compare
through Student's t with COUNT - 1 degrees of freedom), COUNT (samples used), DQ with DQ_DEF, and
OFFSETS (level of each frame against the others). The frames' common offsets wander; what that does
to the level of all pixels at once is the card CMERR, not part of ERR.
"""

from __future__ import annotations

import argparse

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
        help="combine the frames as they are, offsets and all",
    )
    parser.add_argument("frames", nargs="+", metavar="FILE", help="bias frames")
    arguments = parser.parse_args()
    options.check(arguments, "master_bias")
    return arguments


def main() -> None:
    """Make the master bias."""
    arguments = parse()
    from functools import partial

    from darkroom.ccd.cells import bias_cell, load
    from darkroom.ccd.products import master as masterfile
    from darkroom.fits.write import write
    from darkroom.provenance import stamp

    cell = bias_cell(load(arguments.frames, options.recover(arguments)))
    made = masterfile.make(cell, arguments)
    write(
        arguments.output,
        [
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
        ],
    )


if __name__ == "__main__":
    run(main)
