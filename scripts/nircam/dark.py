"""Measure the dark current of each pixel from dark ramps, and write a reference file of it.

--method gls       (default) rate of each integration by generalised least squares of group
                   differences, cut at cosmic rays; rates are averaged with the information of each,
                   and the error holds for few integrations too. The file of --details holds rate,
                   error, counts and flags by pixel, and tables by amplifier.
         reffiles  identical to jwst_reffiles 1.0.1 to the last bit: clipped mean of the levels of
                   groups. It needs ramps after the step jump.

--cube fit         (default) rate times time plus the settling of the amplifier: may be written to
                   any length (--groups) and be extrapolated by the pipeline
       measured    mean of the measured differences: noisier, and not to be extrapolated

Give ramps after superbias subtraction, reference pixel correction and linearity correction, and
the gain (--gain, or a GAIN reference file by --gain-file). A long list of files may be given as
@names.list.
"""

from __future__ import annotations

import argparse

from darkroom.campaign.settings import add_options, read_options
from darkroom.cli import ListFileParser, run
from darkroom.nircam import options as shared
from darkroom.nircam.dark.settings import DarkSettings


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = ListFileParser(description=__doc__)
    shared.add_files(parser, "dark")
    parser.add_argument("--gain-file", metavar="FILE", help="GAIN reference file")
    add_options(parser.add_argument_group("settings"), DarkSettings)
    return parser.parse_args()


def main() -> None:
    """Measure the dark current."""
    arguments = parse()
    settings = read_options(arguments, DarkSettings)
    from darkroom.nircam.dark import run as dark_run
    from darkroom.nircam.products import ReferenceMetadata

    result = dark_run.run(
        arguments.files,
        ReferenceMetadata.from_settings(settings),
        settings,
        arguments.output,
        arguments.details or shared.beside(arguments, "details"),
        gain=arguments.gain_file,
        previous=arguments.previous,
        threads=arguments.threads,
        keep=arguments.keep,
    )
    dark_run.report(result, arguments.quantities)


if __name__ == "__main__":
    run(main)
