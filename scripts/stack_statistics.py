"""Running statistics of a stack of dark frames: usable samples, sum, squared deviations, flags.

What goes in: calibrated frames of one exposure time and EM gain (level L2a, in detected EM
electrons, full frame), or their status files. What comes out: a FITS file with the images COUNT,
SUM, M2, ERR2 and DQ, from which noise maps and master darks are made. Statistics of parts of a
stack are merged when they are used: new frames make a new part, old ones are never read again.
"""

from pathlib import Path

from darkroom.cli import ListFileParser, run


def main():
    """Run the program."""
    from darkroom.cgi.options import add_frame_options

    parser = ListFileParser(description=__doc__)
    add_frame_options(parser)
    parser.add_argument("--output", required=True, type=Path, help="statistics, FITS")
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="frames or status files (or @list)"
    )
    arguments = parser.parse_args()

    from darkroom.cgi.gather import read_moments, sort_out
    from darkroom.cgi.geometry import read_geometry
    from darkroom.cgi.request import accepted_frames, geometry_files
    from darkroom.cgi.statistics_file import save_empty, save_statistics
    from darkroom.cgi.units import EM_ELECTRON
    from darkroom.errors import DarkroomError

    geometry = read_geometry(arguments.geometry)
    settings = {"geometry": geometry.name, "waived": sorted(arguments.waive)}
    inputs = geometry_files(arguments.geometry)
    frames, sums = accepted_frames(arguments.files, checksums=arguments.checksums)
    stacks, left_out = (
        sort_out(frames, geometry, EM_ELECTRON, arguments.waive, sums) if frames else ([], [])
    )
    for name in left_out:
        print(f"left out, marked as bad in its header: {name}")
    told = {"inputs": inputs, "settings": settings, "left_out": left_out}
    if not stacks:
        save_empty(arguments.output, **told)
        print("no frame was accepted")
        return
    if len(stacks) > 1:
        names = "; ".join(found.stack.name for found in stacks)
        raise DarkroomError(f"frames of {len(stacks)} stacks ({names}): statistics are of one")
    moments = read_moments(stacks[0], scratch=arguments.output.parent)
    save_statistics(arguments.output, stacks[0].stack, moments, **told)
    print(f"{stacks[0].stack.name}: {stacks[0].stack.nframes} frames")


if __name__ == "__main__":
    run(main)
