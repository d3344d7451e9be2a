"""Measure how well NIRCam's reference pixels follow the active ones, and which of them are bad.

What it answers: how much do frames jump, in common, by amplifier, odd against even columns, top
against bottom; how far are reference pixels from active ones, and how much of that must be,
because 1/f noise at the edges of a frame is not that of its mean (predicted from the noise
spectrum: perfect reference pixels have no excess); how well do side pixels follow row means; which
reference pixels are noisy, dead, drifting, telegraphic or off in level.

Give dark ramps before any correction by reference pixels, with at least 3 groups, and their
spectrum from noise_spectrum.py. With --corrected NAME FILE … the same exposures after a correction
are measured the same way, so that corrections can be compared; it may be given several times.

OUTPUT holds images BAD_REF_PIXEL (bits, see DQ_DEF) and SIGMA, and tables LEVELS, INSTABILITY,
SCATTER, ROWS, CORRECTIONS, PIXELS, MASK, CHANGES. Units: DN.
"""

from __future__ import annotations

from darkroom.cli import ListFileParser, run


def parse():
    """Read the command line."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("files", nargs="+", metavar="FILE", help="dark ramps of one detector")
    parser.add_argument("--spectrum", required=True, metavar="FITS", help="their noise spectrum")
    parser.add_argument("--output", required=True, help="FITS file to write")
    parser.add_argument("--table", help="CSV of bad reference pixels (default: OUTPUT with .csv)")
    parser.add_argument("--quantities", help="JSON file for the numbers of the report")
    parser.add_argument("--previous", metavar="FILE", help="this product of another epoch")
    parser.add_argument(
        "--corrected",
        nargs="+",
        action="append",
        default=[],
        metavar=("NAME", "FILE"),
        help="name of a correction and the exposures after it",
    )
    return parser.parse_args()


def main():
    """Measure the reference pixels."""
    arguments = parse()
    from pathlib import Path

    from darkroom.nircam import refpix_run

    corrected = [(words[0], words[1:]) for words in arguments.corrected]
    made = refpix_run.run(arguments.files, arguments.spectrum, corrected, arguments.previous)
    output = Path(arguments.output)
    refpix_run.write(made, output, arguments.table or output.with_suffix(".csv"))
    refpix_run.report(made, arguments.quantities)


if __name__ == "__main__":
    run(main)
