"""Flag the pixels that are bad in darks, and write a mask of them.

DETAILS is the file of details of a dark (dark.py, method gls). Classes are hot, warm, noisy,
telegraph, unstable, unreliable bias, stuck; how many of each kind are found in such exposures, and
how many good pixels are called so, is measured with simulated ramps and stated. Pixels that do not
respond to light look perfect in darks: their flags are carried over from --previous.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from darkroom.campaign.settings import add_options, read_options
from darkroom.cli import run
from darkroom.nircam import options as shared
from darkroom.nircam.mask.settings import MaskSettings


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dark", metavar="DETAILS", type=Path, help="details of a dark")
    parser.add_argument("--output", required=True, help="mask reference file to write")
    parser.add_argument(
        "--details", help="file of reasons beside it (default: OUTPUT with _details before .fits)"
    )
    parser.add_argument("--readnoise", metavar="FILE", help="details of the read noise")
    parser.add_argument("--previous", metavar="FILE", help="mask to bring up to date")
    parser.add_argument("--quantities", help="JSON file for the numbers of the report")
    add_options(parser.add_argument_group("settings"), MaskSettings)
    return parser.parse_args()


def main() -> None:
    """Make the mask."""
    arguments = parse()
    settings = read_options(arguments, MaskSettings)
    from darkroom.nircam.mask.run import make
    from darkroom.nircam.products import ReferenceMetadata

    make(
        arguments.dark,
        ReferenceMetadata.from_settings(settings),
        settings,
        arguments.output,
        arguments.details or shared.beside(arguments, "details"),
        readnoise=arguments.readnoise,
        previous=arguments.previous,
        quantities=arguments.quantities,
    )


if __name__ == "__main__":
    run(main)
