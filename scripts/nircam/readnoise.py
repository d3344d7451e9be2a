"""Measure the read noise of each pixel from dark ramps and make a reference file of it.

What --method chooses:
  line   (default) residuals of a straight line through every ramp, variances averaged by degrees
         of freedom; ramps are cut at cosmic rays; telegraph and noisy pixels are flagged. Any
         number of groups from 3 on. The file of --details holds the noise of one read with its
         error, degrees of freedom, measured pair noise, tables by amplifier, the noise ramp by
         ramp, and the scatter over pixels as a check.
  stack  jwst_reffiles 1.0.1 to the last bit: clipped standard deviation of all differences of
         groups of a pixel.
  ramp   the same for each file, then the clipped mean over files (too small by 5 to 20 % for
         few groups).
Where jwst_reffiles fails (odd number of groups) or writes 0 (no value), stack and ramp do not.

What --group-diff-type chooses: differences 1-0, 3-2, … (independent) or 1-0, 2-1, … (consecutive).

Give ramps after superbias, reference pixels and linearity. The reference file holds CDS noise in
DN, as the pipeline expects: sqrt(2) times the noise of one read. Long lists go in as @names.list.
"""

from __future__ import annotations

import argparse

from darkroom.campaign.settings import add_options, read_options
from darkroom.cli import ListFileParser, run
from darkroom.nircam import options as shared
from darkroom.nircam.readnoise.settings import ReadnoiseSettings


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = ListFileParser(description=__doc__)
    shared.add_files(parser, "read noise")
    add_options(parser.add_argument_group("settings"), ReadnoiseSettings)
    return parser.parse_args()


def main() -> None:
    """Measure the read noise."""
    arguments = parse()
    settings = read_options(arguments, ReadnoiseSettings)
    from darkroom.nircam.products import ReferenceMetadata
    from darkroom.nircam.readnoise import run as readnoise_run
    from darkroom.nircam.readnoise.quantities import report

    metadata = ReferenceMetadata.from_settings(settings)
    made = readnoise_run.run(
        arguments.files,
        metadata,
        settings,
        previous=arguments.previous,
        threads=arguments.threads,
    )
    readnoise_run.write(
        made, arguments.output, arguments.details or shared.beside(arguments, "details")
    )
    report(made, settings, settings.pixel, arguments.quantities)


if __name__ == "__main__":
    run(main)
