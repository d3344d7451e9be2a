"""Make a photon-counted master dark of the coronagraph: electrons counted above a threshold.

Input, all of one exposure time and high EM gain, taken for photon counting (ISPC 1), is one of
  calibrated frames  level L2a in detected EM electrons, full frame or image area
  raw frames         level L1; they are prepared first
  status files       of such frames
Every frame is read once. --add names an earlier dark of this program, whose frames are counted
already: their counters are added, and they are not read again.

The output is a Dark file of corgidrp, by default of the image area, with upper limits, the
significance of every pixel's charge and the counters in further extensions.
"""

from pathlib import Path

from darkroom.cli import ListFileParser, run


def main() -> None:
    """Run the program."""
    from darkroom.campaign.settings import add_options
    from darkroom.cgi.options import (
        add_checksums,
        add_judging,
        add_settings,
        judge_settings,
        raw_settings,
    )
    from darkroom.cgi.settings import CountingSettings

    parser = ListFileParser(description=__doc__)
    add_settings(parser, "photon_counted_dark")
    add_options(parser, CountingSettings)
    add_checksums(parser)
    add_judging(parser, table=True)
    parser.add_argument(
        "--maps", type=Path, metavar="NOISE_MAPS.fits",
        help="noise maps of the full frame, for the comparison and for --subtract-fpn",
    )  # fmt: skip
    parser.add_argument("--add", type=Path, metavar="DARK.fits", help="earlier dark to add to")
    parser.add_argument("--output", required=True, type=Path, help="photon-counted dark, FITS")
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="frames or status files (or @list)"
    )
    arguments = parser.parse_args()

    from darkroom.cgi.counting.request import accepted, make_dark

    given, geometry = accepted(arguments, judge_settings(arguments))
    for sentence in make_dark(arguments, given, geometry, lambda: raw_settings(arguments)):
        print(sentence)


if __name__ == "__main__":
    run(main)
