"""Test whether side reference pixels put bands of rows into superbiases.

Give the same exposures twice: corrected with side reference pixels (--with-side) and without
(--without-side), in the same order. The rows of group 0 are compared ramp by ramp; bands of 16 rows
or more that differ by 5 standard errors are listed. The file of --output holds difference, error
and significance of every row (table ROWS), and the bands (table BANDS). A long list of files may be
given as @names.list.
"""

from __future__ import annotations

import argparse
import logging

from darkroom.cli import ListFileParser, run

log = logging.getLogger(__name__)


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("--with-side", nargs="+", required=True, metavar="RAMP")
    parser.add_argument("--without-side", nargs="+", required=True, metavar="RAMP")
    parser.add_argument("--output", required=True, help="FITS file to write")
    parser.add_argument("--quantities", help="JSON file for the numbers of the report")
    parser.add_argument(
        "--keep", action="store_true", help="use exposures that are refused when they are judged"
    )
    return parser.parse_args()


def main() -> None:
    """Compare the rows."""
    arguments = parse()
    from darkroom.nircam.superbias.band_files import compare_files

    compare_files(
        arguments.with_side,
        arguments.without_side,
        arguments.output,
        quantities=arguments.quantities,
        keep=arguments.keep,
    )


if __name__ == "__main__":
    run(main)
