"""Flag hot, unstable, saturated, non-linear and dead pixels from darks, biases and the dark rate.

Extensions of the product:
  DQ       flags of every pixel, explained in DQ_DEF
  EXCESS   dark rate minus that of the surroundings
  NOISE    standard deviation in time, divided by the expected one
  HOTTEST  table of the hottest pixels

Header cards state the criteria with the thresholds that were used; docs/products-ccd.md explains
them. The brightest pixel of the first bias frame is in the cards BRIGHTY and BRIGHTX (row and
column, counted from 0) and BRIGHTV (its value).
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
    options.add_settings(parser, "hot_pixels")
    parser.add_argument("--rate", required=True, metavar="FILE", help="product of dark_rate")
    parser.add_argument("--bias", nargs="*", default=[], metavar="FILE", help="bias frames")
    parser.add_argument("--dark", nargs="+", required=True, metavar="FILE", help="dark frames")
    arguments = parser.parse_args()
    options.check(arguments, "hot_pixels")
    return arguments


def make(arguments: argparse.Namespace) -> list[Any]:
    """Return the HDUs of the product, of one amplifier."""
    import logging
    from functools import partial

    from darkroom.ccd.cells import cells
    from darkroom.ccd.products import dark_rate as ratefile
    from darkroom.ccd.products import hdus as products
    from darkroom.ccd.products import hot_pixels as hotfile
    from darkroom.ccd.products import master as masterfile
    from darkroom.ccd.rate import hot_pixels as hot
    from darkroom.ccd.rate.cell_stacks import open_cells
    from darkroom.provenance import stamp

    darks, biases = options.load(arguments, dark=arguments.dark, bias=arguments.bias)
    found = cells(darks, biases, tolerance=arguments.temperature_tolerance_c)
    rate = ratefile.best(ratefile.read(arguments.rate, arguments.amplifier))
    with open_cells(
        found,
        options.clip(arguments),
        saturation=arguments.saturation_adu,
        gain=arguments.gain_e_per_adu,
        readout=options.readout(arguments),
        threads=arguments.threads,
    ) as stacks:
        products.same_shape(rate.rate, stacks.shape, arguments.rate, darks[0].path)
        made = hot.find(
            stacks,
            rate,
            nsigma=arguments.hot_nsigma,
            gain=arguments.gain_e_per_adu,
        )
    record = partial(
        stamp,
        made_by="hot_pixels",
        inputs=[arguments.rate, *arguments.bias, *arguments.dark],
        settings=options.settings(arguments, "hot_pixels"),
    )
    first = masterfile.header(found, arguments.gain_e_per_adu, record)
    cards = hotfile.cards(made, rate, (biases or darks)[0], stacks, arguments)
    products.add_cards(first.header, cards)
    for keyword, value, comment in cards:
        logging.info("%s = %s (%s)", keyword, value, comment)
    return [first, *hotfile.hdus(made, rate, arguments.gain_e_per_adu)]


def main() -> None:
    """Make the product, with one part for each amplifier."""
    arguments = parse()
    from darkroom.ccd.products.amplifiers import by_amplifier
    from darkroom.fits.write import write
    from darkroom.memory import kept_large

    with kept_large():
        write(arguments.output, by_amplifier(arguments, arguments.dark[0], make))


if __name__ == "__main__":
    run(main)
