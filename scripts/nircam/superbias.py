"""Make a superbias reference file from dark ramps: the level of each pixel after its reset.

--method aligned   (default) every integration is a sample. Offsets of ramps by amplifier and column
                   parity are fitted and removed; outliers are rejected about the median by the MAD;
                   ERR is the standard error of the mean (for tests use Student's t with count - 1
                   degrees of freedom). The file of --details holds scatter, counts, trend in time,
                   offsets of every ramp, kTC noise, drift tests and the reasons of flags.
         reffiles  identical to jwst_reffiles 1.0.1 to the last bit: group 0 of the first
                   integration of each file; ERR is the scatter of one read. The one difference:
                   the flag UNRELIABLE_BIAS, which jwst_reffiles loses, is kept.

Give raw ramps (_uncal.fits), or better ramps after dq_init and saturation, without reference pixel
correction. Values are in DN. A long list of files may be given as @names.list.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from darkroom.campaign.settings import add_options, read_options
from darkroom.cli import ListFileParser, run
from darkroom.nircam import options as shared
from darkroom.nircam.superbias.settings import SuperbiasSettings


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = ListFileParser(description=__doc__)
    shared.add_files(parser, "superbias")
    parser.add_argument(
        "--no-reffile", action="store_true", help="write only the file of --details"
    )
    add_options(parser.add_argument_group("settings"), SuperbiasSettings)
    return parser.parse_args()


def main() -> None:
    """Make the superbias."""
    arguments = parse()
    settings = read_options(arguments, SuperbiasSettings)
    from darkroom.nircam.products import ReferenceMetadata
    from darkroom.nircam.superbias import run as superbias_run
    from darkroom.nircam.superbias.quantities import report

    metadata = ReferenceMetadata.from_settings(settings)
    made = superbias_run.run(
        arguments.files,
        metadata,
        settings,
        previous=arguments.previous,
        threads=arguments.threads,
        keep=arguments.keep,
        folder=Path(arguments.output).parent,
    )
    superbias_run.write(
        made,
        None if arguments.no_reffile else arguments.output,
        arguments.details or shared.beside(arguments, "details"),
        shared.beside(arguments, "filled"),
    )
    report(made, settings, settings.pixel, arguments.quantities)


if __name__ == "__main__":
    run(main)
