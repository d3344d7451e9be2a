"""Measure the noise spectrum of NIRCam's amplifiers from dark ramps, 1/f noise apart.

What it answers: how strong are white noise, 1/f noise common to the amplifiers, 1/f noise of each
amplifier, and noise that alternates from column to column; at which frequencies are lines; how do
whole frames jump. Spectra are one-sided, in DN²/Hz, of one read (frame), on the clock of the
detector: row overheads and masked pixels are gaps whose effect is divided out.

A straight line through the groups of each pixel is taken off first, so bias, kTC noise and dark
current do not matter; neither do offsets that repeat in each frame: a line at a multiple of the
frame rate is not seen. Give raw darks, or ramps before the correction of reference pixels, with
at least 3 groups. Patterns that average frames are scaled to one frame.

What cannot be told apart: with one amplifier (small subarrays) common noise counts as its own; with
two, what they share is assumed equal. Below 1 / (frame time) only the levels of whole frames are
known: tables PEDESTAL and PEDESTAL_PSD, their spectrum.

OUTPUT holds tables SPECTRUM, FIT, NUMBERS, PEDESTAL, PEDESTAL_PSD, LINES (and CHANGES with
--previous), and the COVARIANCE of the fit.
"""

from __future__ import annotations

import argparse

from darkroom.cli import ListFileParser, run


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("files", nargs="+", metavar="FILE", help="dark ramps of one detector")
    parser.add_argument("--output", required=True, help="FITS file to write")
    parser.add_argument("--table", help="CSV of the bins (default: OUTPUT with .csv)")
    parser.add_argument("--fit", help="CSV of the fit (default: OUTPUT with _fit.csv)")
    parser.add_argument("--quantities", help="JSON file for the numbers of the report")
    parser.add_argument("--previous", metavar="FILE", help="noise spectrum of another epoch")
    parser.add_argument("--threads", type=int, default=1, help="threads (default: 1)")
    return parser.parse_args()


def main() -> None:
    """Measure the noise spectrum."""
    arguments = parse()
    from pathlib import Path

    from darkroom.nircam.spectrum import run as spectrum_run

    made = spectrum_run.run(arguments.files, arguments.previous, arguments.threads)
    output = Path(arguments.output)
    spectrum_run.write(
        made,
        output,
        arguments.table or output.with_suffix(".csv"),
        arguments.fit or output.with_name(f"{output.stem}_fit.csv"),
    )
    spectrum_run.report(made, arguments.quantities)


if __name__ == "__main__":
    run(main)
