"""Measure the read noise of each pixel from dark ramps, and write a reference file of it.

--method line   (default) residuals of a straight line fitted to every ramp; variances are averaged
                with their degrees of freedom as weights; ramps are cut at cosmic rays; telegraph
                and noisy pixels are flagged. Needs 3 groups or more. The file of --details holds
                the noise of one read with its error, degrees of freedom, the measured noise of
                group differences, tables by amplifier, the noise of each ramp, and the scatter over
                pixels as a check.
         stack  identical to jwst_reffiles 1.0.1 to the last bit (for groups of one frame): clipped
                standard deviation of all group differences of a pixel.
         ramp   the same for each file, then the clipped mean over files (5 to 20 % too small for
                few groups).
Where jwst_reffiles fails (odd number of groups) or writes 0 (no value), stack and ramp do not.

--group-diff-type  differences of groups 1-0, 3-2, … (independent) or 1-0, 2-1, … (consecutive)

Give ramps after superbias subtraction, reference pixel correction and linearity correction. The
reference file holds CDS noise in DN, as the JWST pipeline expects: sqrt(2) times the noise of one
frame. Where groups are means of several frames (NFRAMES), the noise of groups is multiplied by
sqrt(NFRAMES), by which the pipeline divides. A long list of files may be given as @names.list.
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
        keep=arguments.keep,
    )
    readnoise_run.write(
        made, arguments.output, arguments.details or shared.beside(arguments, "details")
    )
    report(made, settings, settings.pixel, arguments.quantities)


if __name__ == "__main__":
    run(main)
