"""Make a WFC3/IR superdark: the dark current of each read, from darks of one sample sequence.

Each dark is calibrated up to the linearity correction. Its level is aligned with that of the
others, read by read; from the read on in which a pixel steps up (a cosmic ray, persistence) the
dark is left out there. The reference file has the layout of calwf3's DARKFILE; the file of
--details holds the rate of each pixel (e-/s), and tables by dark and by read.

Darks are RAWs, or their status files. Their reference files are those that their headers name, in
the folder --references; or those of --chosen (lists made by bestrefs.py, one for each dark) in the
CRDS cache --cache.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from darkroom.campaign.settings import add_options, read_options
from darkroom.cli import ListFileParser, run
from darkroom.wfc3.superdark.settings import SuperdarkSettings

if TYPE_CHECKING:
    from darkroom.wfc3.superdark.chosen import Inputs


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("darks", nargs="+", type=Path, help="RAWs, or their status files")
    parser.add_argument(
        "--references", type=Path, help="folder of the reference files that the headers name"
    )
    parser.add_argument(
        "--chosen", nargs="+", type=Path, help="lists of references, one for each dark, JSON"
    )
    parser.add_argument("--cache", type=Path, help="folder of the CRDS cache")
    parser.add_argument("--context", help="pinned CRDS context, .pmap")
    parser.add_argument("--frames", type=Path, help="frame table; darks refused there are left out")
    parser.add_argument("--previous", type=Path, help="DARKFILE in use, to compare with")
    parser.add_argument("--output", required=True, type=Path, help="reference file to write")
    parser.add_argument("--details", type=Path, help="file of details (default: beside --output)")
    parser.add_argument("--quantities", type=Path, help="numbers for the report, JSON")
    parser.add_argument("--threads", type=int, default=1, help="default: 1")
    add_options(parser.add_argument_group("settings"), SuperdarkSettings)
    return parser.parse_args()


def inputs_of(arguments: argparse.Namespace) -> Inputs:
    """Return the darks to use, and where their references are."""
    from darkroom.errors import DarkroomError
    from darkroom.wfc3.superdark.chosen import Inputs

    if bool(arguments.references) == bool(arguments.chosen):
        raise DarkroomError("give either --references, or --chosen with --cache and --context")
    if arguments.references:
        return Inputs.named(arguments.darks, arguments.references)
    if not (arguments.cache and arguments.context):
        raise DarkroomError("--chosen needs --cache and --context")
    return Inputs.of_context(
        arguments.darks, arguments.chosen, arguments.frames, arguments.cache, arguments.context
    )


def main() -> None:
    """Make the superdark."""
    arguments = parse()
    settings = read_options(arguments, SuperdarkSettings)
    from darkroom.wfc3.superdark import run as superdark

    inputs = inputs_of(arguments)
    details = arguments.details or arguments.output.with_name(
        f"{arguments.output.stem}_details.fits"
    )
    numbers = superdark.make(
        inputs.darks, settings, arguments.output, details,
        previous=arguments.previous or inputs.previous, threads=arguments.threads,
    )  # fmt: skip
    if arguments.quantities:
        superdark.save_numbers(arguments.quantities, numbers)
    print(
        f"{arguments.output.name}: {numbers['darks']} darks of {numbers['samp_seq']} "
        f"{numbers['subtype']}, {numbers['rate']:.4f} +- {numbers['rate_error']:.4f} e-/s"
    )
    for warning in numbers["warnings"]:
        print(f"warning: {warning}")


if __name__ == "__main__":
    run(main)
