"""Combine darks: one master dark for each exposure time and temperature group.

Extensions of each master dark, numbered by EXTVER in the order of exposure time, then from the
coldest temperature group up (cards EXPTIME, CCD-TEMP, TGROUP):
  SCI    clipped mean
  ERR    standard error of the mean, from the scatter of the pixel itself
  COUNT  samples used
  DQ     flags, explained in DQ_DEF

The table OFFSETS lists the level of each frame relative to the others. The uncertainty that the
drift of these levels adds to all pixels alike is the card CMERR; it is not part of ERR.
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
    options.add_settings(parser, "master_dark")
    parser.add_argument("frames", nargs="+", metavar="FILE", help="dark frames")
    add_batch_options(parser)
    arguments = parser.parse_args(words)
    options.check(arguments, "master_dark")
    return arguments


def make(arguments: argparse.Namespace) -> list[Any]:
    """Return the HDUs of the product, of one amplifier."""
    from functools import partial

    from darkroom.ccd.cells import cells
    from darkroom.ccd.products import master as masterfile
    from darkroom.provenance import stamp

    (frames,) = options.load(arguments, dark=arguments.frames)
    found = cells(frames, tolerance=arguments.temperature_tolerance_c)
    made = [masterfile.make(cell, arguments) for cell in found]
    record = partial(
        stamp,
        made_by="master_dark",
        inputs=arguments.frames,
        settings=options.settings(arguments, "master_dark"),
    )
    hdus = [masterfile.header(found, arguments.gain_e_per_adu, record)]
    for number, (cell, one) in enumerate(zip(found, made, strict=True), 1):
        hdus += masterfile.images(cell, one, arguments.gain_e_per_adu, number)
    return [*hdus, *masterfile.tables(found, made, arguments.gain_e_per_adu)]


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
