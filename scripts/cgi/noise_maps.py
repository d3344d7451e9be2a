"""Fit noise maps of the coronagraph's EMCCD: fixed pattern, clock-induced charge, dark current.

Fits Y = F + g C + g t D to the means of stacks of dark frames with different EM gain g and exposure
time t. F and C are in electrons, D in electrons per second, each with its error, and with their
covariance in each pixel.

Input: full frames (level L2a in detected EM electrons, or raw frames of level L1), their status
files, or statistics of stacks (made by stack_statistics.py). The output is a DetectorNoiseMaps file
of corgidrp with further extensions.

--weights pooled    variances pooled over pixels of a kind: unbiased maps, which may be negative,
                    with correct errors
          frames    number of frames, as corgidrp 5.1.1; for comparison
          peer-3.2  one over the error of the mean, as corgidrp 3.2.1; for comparison
"""

import argparse
from pathlib import Path

from darkroom.cli import ListFileParser, run


def parse() -> argparse.Namespace:
    """Read the command line."""
    from darkroom.cgi.options import add_checksums, add_judging, add_settings

    parser = ListFileParser(description=__doc__)
    add_settings(parser, "noise_maps")
    add_checksums(parser)
    add_judging(parser, table=True)
    parser.add_argument(
        "--unweighted", action="store_true", help="frames, peer-3.2: give all stacks equal weight"
    )
    parser.add_argument(
        "--clipped", action="store_true",
        help="pooled: set negative CIC and dark current to 0 (biased, but needed by corgidrp's own "
        "synthesis of darks); noted in the header",
    )  # fmt: skip
    parser.add_argument(
        "--region",
        choices=("full", "image"),
        default="full",
        help="area of the maps: full frame or image area (default: full)",
    )
    parser.add_argument("--output", required=True, type=Path, help="noise maps, FITS")
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="frames, status files or statistics (or @list)"
    )
    return parser.parse_args()


def main() -> None:
    """Run the program."""
    arguments = parse()

    from darkroom.cgi.darks.product import write_noise_maps
    from darkroom.cgi.maps.peer import fit_peer
    from darkroom.cgi.maps.pooled import fit_pooled
    from darkroom.cgi.options import judge_settings, raw_settings
    from darkroom.cgi.request import opened
    from darkroom.errors import DarkroomError

    pooled = arguments.weights == "pooled"
    if pooled and arguments.unweighted:
        raise DarkroomError("--unweighted needs --weights frames or peer-3.2")
    if not pooled and arguments.clipped:
        raise DarkroomError(f"maps of --weights {arguments.weights} are always clipped")
    with opened(
        arguments.files, geometry=arguments.geometry, waived=arguments.waive,
        checksums=arguments.checksums, raw=lambda: raw_settings(arguments),
        table=arguments.frames, judge=judge_settings(arguments), output=arguments.output,
        keep_masks=arguments.keep_masks or not pooled,
    ) as given:  # fmt: skip
        common = {"check_thresholds": not arguments.keep_truncated, "dtype": ">f4"}
        if pooled:
            maps = fit_pooled(
                given.sources, given.geometry, correct_offsets=not arguments.keep_offsets,
                bad_stacks=arguments.bad_stacks, **common,
            )  # fmt: skip
        else:
            maps = fit_peer(
                given.sources, given.geometry, version=arguments.weights,
                weighting=not arguments.unweighted, **common,
            )  # fmt: skip
        maps.warnings += given.notes
        write_noise_maps(
            arguments.output, maps, given.geometry, inputs=given.files,
            settings={"weights": arguments.weights, "region": arguments.region,
                      "geometry": given.geometry.name, "waived": sorted(arguments.waive),
                      **maps.settings},
            signed=not arguments.clipped, region=arguments.region,
            empty_pixels=arguments.empty_pixels,
        )  # fmt: skip
    for sentence in maps.warnings:
        print(f"warning: {sentence}")
    print(f"{len(maps.used)} of {len(maps.reports)} stacks fitted, {maps.nfiles} frames per pixel")


if __name__ == "__main__":
    run(main)
