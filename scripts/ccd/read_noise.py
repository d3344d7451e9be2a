"""Measure the read noise of every pixel from bias frames.

Extensions of the product:
  SCI      standard deviation in time (denominator n - 1) of the unaltered frames, as in notebooks
  CORR     the same with frame offsets and outliers removed, and corrected for the small-sample
           bias: its mean over pixels is unbiased
  ERR      standard error of CORR
  COUNT    samples used
  DQ       flags, explained in DQ_DEF
  OFFSETS  level of each frame relative to the others

Header cards hold mean and median of SCI and CORR. READNOIS is one value for the detector, from the
pooled variance of all pixels except those with more than normal noise; RNERR is its error.
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

    from darkroom.ccd.stack.read_noise import ReadNoise


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read a command line; that of the program by default."""
    parser = ListFileParser(description=__doc__, epilog=options.UNITS)
    options.add_output(parser)
    options.add_settings(parser, "read_noise")
    parser.add_argument("frames", nargs="+", metavar="FILE", help="bias frames, at least 2")
    add_batch_options(parser)
    arguments = parser.parse_args(words)
    options.check(arguments, "read_noise")
    return arguments


def cards(made: ReadNoise, bunit: str) -> list[tuple[str, float, str]]:
    """Return the header cards of SCI: ``(keyword, value, comment)``."""
    import numpy as np

    noise, seen = made.pooled, made.survey
    return [
        ("NFRAMES", len(seen.offsets), "frames used"),
        ("RNMEAN", np.nanmean(made.raw, dtype=float), f"[{bunit}] mean of SCI (biased low)"),
        ("RNMEDIAN", float(np.nanmedian(made.raw)), f"[{bunit}] median of SCI (biased low)"),
        ("RNCMEAN", np.nanmean(made.corrected, dtype=float), f"[{bunit}] mean of CORR"),
        ("RNCMED", float(np.nanmedian(made.corrected)), f"[{bunit}] median of CORR"),
        ("READNOIS", noise.std, f"[{bunit}] pooled over the pixels"),
        ("RNERR", noise.error, f"[{bunit}] standard error of READNOIS"),
        ("RNUSED", noise.used, "fraction of the pixels in READNOIS"),
        ("OFFRMS", seen.scatter, f"[{bunit}] std of the frame offsets (not in CORR)"),
        ("ROWNOISE", seen.row_noise, f"[{bunit}] std of the noise common to a row"),
        ("NDISCORD", int(seen.discordant.sum()), "rows where frames disagree"),
    ]


def make(arguments: argparse.Namespace) -> list[Any]:
    """Return the HDUs of the product, of one amplifier."""
    import logging
    from functools import partial

    from darkroom.ccd.cells import bias_cell
    from darkroom.ccd.products import hdus as products
    from darkroom.ccd.products import master as masterfile
    from darkroom.ccd.products.warnings_text import discordance
    from darkroom.ccd.stack.frames import opened
    from darkroom.ccd.stack.read_noise import read_noise
    from darkroom.provenance import stamp

    cell = bias_cell(*options.load(arguments, bias=arguments.frames))
    with opened(cell.paths, arguments.gain_e_per_adu, options.readout(arguments)) as stack:
        made = read_noise(stack, options.clip(arguments), threads=arguments.threads)
    if sentence := discordance(cell, made.survey):
        logging.warning(sentence)
    bunit = products.unit(arguments.gain_e_per_adu)
    logging.info("read noise %.4f ± %.4f %s", made.pooled.std, made.pooled.error, bunit)
    record = partial(
        stamp,
        made_by="read_noise",
        inputs=arguments.frames,
        settings=options.settings(arguments, "read_noise"),
    )
    return [
        masterfile.header([cell], arguments.gain_e_per_adu, record),
        products.image("SCI", made.raw, bunit, cards=cards(made, bunit)),
        products.image("CORR", made.corrected, bunit),
        products.image("ERR", made.error, bunit),
        products.image("COUNT", made.count, ""),
        products.image("DQ", made.dq, ""),
        products.dq_def(*masterfile.BITS),
        products.table("OFFSETS", products.offsets_columns([cell], [made.survey], bunit)),
        products.units_table([cell], [made.survey], bunit),
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
