"""Measure how well NIRCam's reference pixels follow the active ones, and which of them are bad.

What it answers: how much do frames jump, in common, by amplifier, odd against even columns, top
against bottom; how far are reference pixels from active ones, and how much of that must be,
because 1/f noise at the edges of a frame is not that of its mean (predicted from the noise
spectrum: perfect reference pixels have no excess); how well do side pixels follow row means; which
reference pixels are noisy, dead, drifting, telegraphic or off in level; how do levels shift from
ramp to ramp with time and temperature. Of full frames: which weights of the side pixels leave least
noise in rows (SIRS; sirs_kernel.py makes a file of the pipeline of them).

Give dark ramps before any correction by reference pixels, with at least 3 groups, and their
spectrum from noise_spectrum.py. What corrections leave is compared by compare_corrections.py.

OUTPUT holds images BAD_REF_PIXEL (bits, see DQ_DEF) and SIGMA, and tables LEVELS, INSTABILITY,
SCATTER, ROWS, COHERENCE, SIRS, SIRS_KERNEL, RAMPS, TRENDS, PIXELS, MASK, CHANGES. Units: DN.
"""

from __future__ import annotations

import argparse

from darkroom.campaign.settings import add_options
from darkroom.cli import ListFileParser, run
from darkroom.nircam.refpix.settings import ReferencePixelSettings


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("files", nargs="+", metavar="FILE", help="dark ramps of one detector")
    parser.add_argument("--spectrum", required=True, metavar="FITS", help="their noise spectrum")
    parser.add_argument("--output", required=True, help="FITS file to write")
    parser.add_argument("--table", help="CSV of bad reference pixels (default: OUTPUT with .csv)")
    parser.add_argument("--quantities", help="JSON file for the numbers of the report")
    parser.add_argument("--previous", metavar="FILE", help="this product of another epoch")
    add_options(parser, ReferencePixelSettings)
    parser.add_argument("--best-side", metavar="JSON", help="best correction by side pixels")
    return parser.parse_args()


def main() -> None:
    """Measure the reference pixels."""
    arguments = parse()
    from pathlib import Path

    from darkroom.nircam.refpix import run as refpix_run
    from darkroom.nircam.refpix.corrections import write_best_side

    made = refpix_run.run(
        arguments.files, arguments.spectrum, arguments.previous, arguments.temperature_cards
    )
    output = Path(arguments.output)
    refpix_run.write(made, output, arguments.table or output.with_suffix(".csv"))
    if arguments.best_side:
        write_best_side(arguments.best_side, made.levels.rows)
    refpix_run.report(made, arguments.quantities)


if __name__ == "__main__":
    run(main)
