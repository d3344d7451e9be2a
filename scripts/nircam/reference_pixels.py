"""Measure how well NIRCam's reference pixels track the active ones, and flag the bad ones.

Measured are
  - offsets from frame to frame: common, by amplifier, odd against even columns, top against bottom
  - the difference of reference and active pixels, and the part of it that is expected because 1/f
    noise at the edges of a frame differs from that of its mean (predicted from the noise spectrum:
    perfect reference pixels have no excess)
  - how well side pixels track row means
  - reference pixels that are noisy, dead, drifting, telegraphic or deviate in level
  - shifts of levels from ramp to ramp with time and temperature
  - for full frames, the weights of the side pixels that leave the least noise in rows (SIRS;
    sirs_kernel.py writes them as a file for the JWST pipeline)

Give dark ramps with at least 3 groups, before any reference pixel correction, and their spectrum
from noise_spectrum.py: from the sums that it holds of the same ramps the product is made without
reading their frames again; of other ramps they are read. compare_corrections.py measures the
residual noise after corrections.

OUTPUT holds the images BAD_REF_PIXEL (bits, see DQ_DEF) and SIGMA, and the tables LEVELS,
INSTABILITY, SCATTER, ROWS, COHERENCE, SIRS, SIRS_KERNEL, RAMPS, TRENDS, PIXELS, MASK, CHANGES.
Values are in DN.
"""

from __future__ import annotations

import argparse

from darkroom.campaign.settings import add_options
from darkroom.cli import ListFileParser, run
from darkroom.nircam import options as shared
from darkroom.nircam.refpix.settings import ReferencePixelSettings


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("files", nargs="+", metavar="FILE", help="dark ramps of one detector")
    shared.add_keep(parser)
    parser.add_argument("--spectrum", required=True, metavar="FITS", help="their noise spectrum")
    parser.add_argument("--output", required=True, help="FITS file to write")
    parser.add_argument("--table", help="CSV of bad reference pixels (default: OUTPUT with .csv)")
    parser.add_argument("--quantities", help="JSON file for the numbers of the report")
    parser.add_argument(
        "--previous", metavar="FILE", help="this product of another epoch to compare with"
    )
    add_options(parser, ReferencePixelSettings)
    parser.add_argument(
        "--best-side",
        metavar="JSON",
        help="file for the parameters of the best correction by side pixels",
    )
    return parser.parse_args()


def main() -> None:
    """Measure the reference pixels."""
    arguments = parse()
    from pathlib import Path

    from darkroom.nircam.refpix import run as refpix_run
    from darkroom.nircam.refpix.corrections import write_best_side

    made = refpix_run.run(
        arguments.files,
        arguments.spectrum,
        arguments.previous,
        arguments.temperature_cards,
        arguments.keep,
    )
    output = Path(arguments.output)
    refpix_run.write(made, output, arguments.table or output.with_suffix(".csv"))
    if arguments.best_side:
        write_best_side(arguments.best_side, made.levels.rows)
    refpix_run.report(made, arguments.quantities)


if __name__ == "__main__":
    run(main)
