"""Fit bias + dark rate x time to every pixel, over all exposure times, per temperature group.

Exposure times are used as they are: a bias frame of 0.04 s holds 0.04 s of dark signal.

For each temperature group, numbered by EXTVER from the coldest up:
  SCI    dark rate in ADU/s or e-/s; negative values are kept
  ERR    standard error, from the scatter of the frames
  COUNT  samples used
  DQ     flags (see DQ_DEF)
  DOF    degrees of freedom of ERR
  COVAR  covariance of rate and bias
Cards of SCI: RATECM is the error common to all pixels, from the scatter of the frame offsets;
RATESYS is the same scaled up by the misfit of the line.

Once per file:
  BIAS, BIASERR  level at zero exposure time and its error
  CHI2           reduced chi-square of the line
  OFFSETS        one row per frame
  CELLS          one row per exposure time and temperature group
  LEVELFIT       regression of the mean levels on exposure time, without and with temperature
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
    options.add_settings(parser, "dark_rate")
    parser.add_argument("--bias", nargs="*", default=[], metavar="FILE", help="bias frames")
    parser.add_argument(
        "--dark", nargs="+", required=True, metavar="FILE", help="darks, of any exposure times"
    )
    add_batch_options(parser)
    arguments = parser.parse_args(words)
    options.check(arguments, "dark_rate")
    return arguments


def make(arguments: argparse.Namespace) -> list[Any]:
    """Return the HDUs of the product, of one amplifier."""
    import logging
    from functools import partial

    from darkroom.ccd.cells import cells
    from darkroom.ccd.products import dark_rate as ratefile
    from darkroom.ccd.products import hdus as products
    from darkroom.ccd.products import master as masterfile
    from darkroom.ccd.products import overscan
    from darkroom.ccd.products import warnings_text as report
    from darkroom.ccd.rate.cell_stacks import open_cells
    from darkroom.ccd.rate.dark_rate import check_times, dark_rate
    from darkroom.ccd.rate.temperature import regressions
    from darkroom.provenance import stamp

    darks, biases = options.load(arguments, dark=arguments.dark, bias=arguments.bias)
    found = cells(darks, biases, tolerance=arguments.temperature_tolerance_c)
    check_times(found)
    with open_cells(
        found,
        options.clip(arguments),
        saturation=arguments.saturation_adu,
        gain=arguments.gain_e_per_adu,
        readout=options.readout(arguments),
        threads=arguments.threads,
    ) as stacks:
        made = dark_rate(stacks)
        noise = min(seen.noise for seen in stacks.surveys)
        about = overscan.sentences(arguments.dark, options.readout(arguments), noise, stacks.stacks)
    lines = regressions(found, stacks.surveys, stacks.levels)
    if not stacks.stacks[0].trimmed:
        about += overscan.evident(made.lines.rate[-1], made.lines.rate_error[-1])
    warnings = [*report.sentences(stacks, lines), *about]
    for sentence in warnings:
        logging.warning(sentence)
    record = partial(
        stamp,
        made_by="dark_rate",
        inputs=[*arguments.bias, *arguments.dark],
        settings=options.settings(arguments, "dark_rate"),
    )
    first = masterfile.header(found, arguments.gain_e_per_adu, record)
    products.add_cards(first.header, ratefile.cards(stacks, arguments.gain_e_per_adu))
    for sentence in warnings:
        first.header.add_history(f"warning: {sentence}".replace("±", "+-"))
    return [first, *ratefile.hdus(stacks, made, lines, arguments.gain_e_per_adu)]


def work(arguments: argparse.Namespace) -> None:
    """Make the product, with one part for each amplifier."""
    from darkroom.ccd.products.amplifiers import by_amplifier
    from darkroom.fits.write import write

    write(arguments.output, by_amplifier(arguments, arguments.dark[0], make))


def main() -> None:
    """Make the product, after others of its item."""
    make_together(parse, work)


if __name__ == "__main__":
    run(main)
