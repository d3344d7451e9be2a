"""Make a traditional master dark of the coronagraph: the mean of a stack of dark frames.

Input, all of one exposure time and EM gain, full frame, is one of
  calibrated frames  level L2a or L2b, divided by the EM gain (in detected electrons)
  raw frames         level L1; they are prepared and divided by the EM gain first
  status files       of such frames
  stack statistics   made by stack_statistics.py of frames in detected EM electrons; their mean is
                     divided by the EM gain here

The output is a Dark file of corgidrp in detected electrons, full frame or image area, with the
number of frames per pixel in a further extension.
"""

from pathlib import Path

from darkroom.cli import ListFileParser, run


def main() -> None:
    """Run the program."""
    from darkroom.cgi.options import (
        add_checksums,
        add_judging,
        add_settings,
        judge_settings,
        raw_settings,
    )

    parser = ListFileParser(description=__doc__)
    add_settings(parser, "master_dark")
    add_checksums(parser)
    add_judging(parser, table=True)
    parser.add_argument(
        "--undivided", action="store_true",
        help="the frames are in detected EM electrons: divide their mean by the EM gain",
    )  # fmt: skip
    parser.add_argument(
        "--peer", action="store_true",
        help="exactly as corgidrp: scatter with ddof 0, 0 instead of NaN where no frame is usable",
    )  # fmt: skip
    parser.add_argument("--output", required=True, type=Path, help="master dark, FITS")
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="frames, status files or statistics (or @list)"
    )
    arguments = parser.parse_args()

    from darkroom.cgi.darks.darks import traditional_dark
    from darkroom.cgi.darks.product import write_dark
    from darkroom.cgi.request import holds_statistics, opened
    from darkroom.cgi.stacks.moments import Moments
    from darkroom.cgi.units import ELECTRON, EM_ELECTRON
    from darkroom.errors import DarkroomError

    undivided = arguments.undivided or holds_statistics(arguments.files)
    way = "peer" if arguments.peer else "best"
    with opened(
        arguments.files, geometry=arguments.geometry, waived=arguments.waive,
        unit=EM_ELECTRON if undivided else ELECTRON, checksums=arguments.checksums,
        raw=lambda: raw_settings(arguments, divide=not undivided),
        table=arguments.frames, judge=judge_settings(arguments), output=arguments.output,
        keep_masks=arguments.keep_masks or arguments.peer,
    ) as given:  # fmt: skip
        if len(given.sources) > 1:
            names = "; ".join(source.stack.name for source in given.sources)
            raise DarkroomError(
                f"frames of {len(given.sources)} stacks ({names}): a dark is made of one stack"
            )
        source = given.sources[0]
        moments = Moments.zeros(given.geometry.shape)
        source.add_to(moments, slice(0, given.geometry.shape[0]))
    gain = source.stack.em_gain
    dark = traditional_dark(
        source.stack, moments, given.geometry, way=way, divide_by=gain if undivided else 1.0
    )
    if arguments.region == "image":
        dark = dark.cut(given.geometry.section("image"))
    write_dark(
        arguments.output, dark, [source.stack], made_by="cgi_master_dark", inputs=given.files,
        settings={"way": way, "region": arguments.region, "undivided": undivided,
                  "geometry": given.geometry.name, "waived": sorted(arguments.waive)},
        notes=given.notes + ([f"the mean was divided by the EM gain {gain:g}"] * undivided),
        empty_pixels=arguments.empty_pixels,
    )  # fmt: skip
    for sentence in given.notes:
        print(sentence)
    print(f"{source.stack.name}: {source.stack.nframes} frames")


if __name__ == "__main__":
    run(main)
