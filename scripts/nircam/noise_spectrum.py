"""Measure the noise spectrum of NIRCam's amplifiers from dark ramps.

Measured are white noise, 1/f noise common to the amplifiers, 1/f noise of each amplifier, noise
that alternates from column to column, spectral lines, and offsets of whole frames. Spectra are
one-sided power spectral densities of one read (frame) in DN²/Hz, on the detector's clock. Row
overheads and masked pixels are gaps: the correlation at each lag is normalised by the number of
valid pairs.

A straight line is first fitted to the groups of each pixel and subtracted, which removes bias, kTC
noise and dark current. It also removes offsets that repeat in every frame: a line at a multiple of
the frame rate is not detected. Give raw darks, or ramps before the reference pixel correction, with
at least 3 groups. For read patterns that average frames the result is scaled to one frame.

Limits: with one amplifier (small subarrays) common noise cannot be separated from that of the
amplifier; with two amplifiers their coupling to the common noise is assumed equal. Below
1 / (frame time) only the levels of whole frames are known: tables PEDESTAL and PEDESTAL_PSD (their
spectrum).

OUTPUT holds the tables SPECTRUM, FIT, NUMBERS, PEDESTAL, PEDESTAL_PSD, LINES (and CHANGES with
--previous), and the COVARIANCE of the fit. With --reference-sums it also holds the table
REFERENCE_SUMS, so that reference_pixels.py need not read the same ramps again.
"""

from __future__ import annotations

import argparse

from darkroom.cli import ListFileParser, run
from darkroom.nircam import options as shared


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("files", nargs="+", metavar="FILE", help="dark ramps of one detector")
    shared.add_keep(parser)
    parser.add_argument("--output", required=True, help="FITS file to write")
    parser.add_argument("--table", help="CSV of the binned spectra (default: OUTPUT with .csv)")
    parser.add_argument("--fit", help="CSV of the fit (default: OUTPUT with _fit.csv)")
    parser.add_argument("--quantities", help="JSON file for the numbers of the report")
    parser.add_argument(
        "--previous", metavar="FILE", help="noise spectrum of another epoch to compare with"
    )
    parser.add_argument(
        "--reference-sums", action="store_true",
        help="also sum what reference_pixels.py needs of the same frames: table REFERENCE_SUMS",
    )  # fmt: skip
    parser.add_argument("--threads", type=int, default=1, help="threads (default: 1)")
    return parser.parse_args()


def main() -> None:
    """Measure the noise spectrum."""
    arguments = parse()
    from pathlib import Path

    from darkroom.nircam.refpix import stored
    from darkroom.nircam.spectrum import run as spectrum_run

    further = stored.level_sums if arguments.reference_sums else None
    made = spectrum_run.run(
        arguments.files, arguments.previous, arguments.threads, arguments.keep, further
    )
    output = Path(arguments.output)
    spectrum_run.write(
        made,
        output,
        arguments.table or output.with_suffix(".csv"),
        arguments.fit or output.with_name(f"{output.stem}_fit.csv"),
        stored.table(made.further),
    )
    spectrum_run.report(made, arguments.quantities)


if __name__ == "__main__":
    run(main)
