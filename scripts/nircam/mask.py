"""Flag the pixels that are bad in darks, and write a mask of them.

--method classes   (default) FILE is the file of details of a dark (dark.py, method gls). Classes
                   are hot, warm, noisy, telegraph, unstable, unreliable bias, stuck, and bad
                   reference pixels; how many of each kind are found in such exposures, and how many
                   good pixels are called so, is measured with simulated ramps and stated. Pixels
                   that do not respond to light look perfect in darks: their flags are carried over
                   from --previous.
         reffiles  identical to the first call of jwst_reffiles 1.0.1 to the last bit, with the
                   reference pixels flagged. FILES are _rateints.fits of five exposures or more,
                   with _jump.fits and _fitopt.fits beside each.
"""

from __future__ import annotations

import argparse

from darkroom.campaign.settings import add_options, read_options
from darkroom.cli import ListFileParser, run
from darkroom.errors import DarkroomError
from darkroom.nircam import options as shared
from darkroom.nircam.mask.settings import MaskSettings


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument(
        "files", metavar="FILE", nargs="+", help="details of a dark, or slopes (method reffiles)"
    )
    parser.add_argument("--output", required=True, help="mask reference file to write")
    parser.add_argument(
        "--details", help="file of reasons beside it (default: OUTPUT with _details before .fits)"
    )
    parser.add_argument("--readnoise", metavar="FILE", help="details of the read noise")
    parser.add_argument(
        "--reference-pixels", metavar="FILE", help="file of the program reference_pixels"
    )
    parser.add_argument("--previous", metavar="FILE", help="mask to bring up to date")
    parser.add_argument("--quantities", help="JSON file for the numbers of the report")
    add_options(parser.add_argument_group("settings"), MaskSettings)
    return parser.parse_args()


def main() -> None:
    """Make the mask."""
    arguments = parse()
    settings = read_options(arguments, MaskSettings)
    from darkroom.nircam.mask import reffiles_files
    from darkroom.nircam.mask import run as mask_run
    from darkroom.nircam.products import ReferenceMetadata

    metadata = ReferenceMetadata.from_settings(settings)
    output, details = arguments.output, arguments.details or shared.beside(arguments, "details")
    common = {"previous": arguments.previous, "quantities": arguments.quantities}
    if settings.method == "reffiles":
        reffiles_files.make(arguments.files, metadata, settings, output, details, **common)
        return
    if len(arguments.files) != 1:
        raise DarkroomError(
            f"method classes is made of the details of one dark, {len(arguments.files)} files are "
            "given; of slopes say --method reffiles"
        )
    mask_run.make(
        arguments.files[0],
        metadata,
        settings,
        output,
        details,
        readnoise=arguments.readnoise,
        reference_pixels=arguments.reference_pixels,
        **common,
    )


if __name__ == "__main__":
    run(main)
