"""Command-line options that the NIRCam programs share."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_files(parser: argparse.ArgumentParser, product: str) -> None:
    """Add the options for exposures, products, threads and the file to compare with."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="dark ramps of one detector")
    add_keep(parser)
    parser.add_argument("--output", required=True, help=f"{product} reference file to write")
    parser.add_argument(
        "--details",
        help="detailed product beside it (default: OUTPUT with _details before .fits)",
    )
    parser.add_argument("--quantities", help="JSON file for the numbers of the report")
    parser.add_argument("--threads", type=int, default=1, help="threads (default: 1)")
    parser.add_argument("--previous", metavar="FILE", help=f"{product} to compare with")


def add_keep(parser: argparse.ArgumentParser) -> None:
    """Add the option to use exposures that are refused when they are judged."""
    parser.add_argument(
        "--keep",
        action="store_true",
        help="use exposures that are refused when they are judged; the reasons are warnings",
    )


def beside(options: argparse.Namespace, word: str) -> Path:
    """Return the path of the output with a word before its suffix: ``OUTPUT_word.fits``."""
    output = Path(options.output)
    return output.with_name(f"{output.stem}_{word}{output.suffix}")
