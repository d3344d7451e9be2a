"""Prepare raw frames of the coronagraph's camera (level L1): bias, masks, linearity, electrons.

The output is frames of level L2a in corgidrp's layout: image, ERR (error of each row's bias), DQ
(32 saturated, 128 cosmic ray) and BIAS (the bias subtracted from each row), in detected EM
electrons, or with --divide in detected electrons for traditional darks.

Darks do not need this program: stack_statistics.py, noise_maps.py and master_dark.py prepare raw
frames in the same way without storing them. Use it to inspect single frames, or for other software.

--preprocess best  cosmic-ray threshold from read noise and EM gain, tails followed, hot pixels
                   kept; consecutive frames of one gain and exposure time, up to 8, are examined
                   together
             peer  as corgidrp 5.1.1, for validation; the frames given are one data set, in order
"""

from pathlib import Path

from darkroom.cli import ListFileParser, run


def main() -> None:
    """Run the program."""
    from darkroom.cgi.options import add_judging, add_settings, raw_settings

    parser = ListFileParser(description=__doc__)
    add_settings(parser, "prepare")
    add_judging(parser)
    parser.add_argument("--divide", action="store_true", help="divide each frame by its EM gain")
    parser.add_argument(
        "--discard", action="store_true",
        help="peer: leave oversaturated frames out instead of marking them as bad (IS_BAD)",
    )  # fmt: skip
    parser.add_argument(
        "--rule", action="append", default=[], metavar="NAME=VALUE",
        help="peer: a keyword of corgidrp's detect_cosmic_rays that differs from its recipes for "
        "darks, e.g. median_filter_mode=1; may be repeated",
    )  # fmt: skip
    parser.add_argument("--output", required=True, type=Path, help="folder of prepared frames")
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="frames or status files (or @list)"
    )
    arguments = parser.parse_args()

    from darkroom.atomic import make_folder
    from darkroom.cgi.accepted import accepted_frames
    from darkroom.cgi.geometry import read_geometry
    from darkroom.cgi.options import judge_settings
    from darkroom.cgi.raw.peer import Rules
    from darkroom.cgi.raw.prepare import prepare
    from darkroom.cgi.raw.product import write_prepared

    settings = raw_settings(
        arguments, divide=arguments.divide, discard=arguments.discard,
        rules=Rules.from_words(arguments.rule),
    )  # fmt: skip
    geometry = read_geometry(arguments.geometry)
    judge = judge_settings(arguments) | {"waive": tuple(arguments.waive)}
    frames = accepted_frames(arguments.files, settings=judge).frames
    number = 0
    make_folder(arguments.output)
    for frame in prepare(frames, geometry, settings, arguments.output):
        path = write_prepared(arguments.output, frame)
        flagged = (frame.dq > 0).mean()
        print(f"{path.name}: {flagged:.2%} flagged{', marked as bad' if frame.bad else ''}")
        number += 1
    if number < len(frames):
        print(f"left out: {len(frames) - number} setup or oversaturated frames")


if __name__ == "__main__":
    run(main)
