"""Measure the residual noise after different reference pixel corrections of the same exposures.

Measured for each correction and amplifier, in differences of two groups: the scatter of row means
and of pixels, and the scatter that white noise alone would give. Exposures are FITS files or their
status files; an exposure that was refused in any of the sets is left out of all sets.
"""

from __future__ import annotations

from darkroom.cli import ListFileParser, run


def main() -> None:
    """Compare the corrections."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("files", nargs="+", metavar="FILE", help="ramps before the correction")
    parser.add_argument(
        "--corrected",
        nargs="+",
        action="append",
        required=True,
        metavar=("NAME", "FILE"),
        help="name of a correction and the same exposures after it; may be repeated",
    )
    parser.add_argument("--spectrum", required=True, metavar="FITS", help="their noise spectrum")
    parser.add_argument(
        "--not-possible",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "WHY"),
        help="a correction that cannot be applied to these exposures, and why; may be repeated",
    )
    parser.add_argument("--output", required=True, help="FITS file to write")
    parser.add_argument("--table", help="CSV (default: OUTPUT with .csv)")
    parser.add_argument("--quantities", help="JSON file for the numbers of the report")
    arguments = parser.parse_args()
    from pathlib import Path

    from darkroom.nircam.refpix import corrections as refpix_corrections

    corrected = [(words[0], words[1:]) for words in arguments.corrected]
    ramps, rows = refpix_corrections.compare(arguments.files, corrected, arguments.spectrum)
    output = Path(arguments.output)
    table = arguments.table or output.with_suffix(".csv")
    refpix_corrections.write(
        ramps, rows, output, table, arguments.quantities, arguments.not_possible
    )


if __name__ == "__main__":
    run(main)
