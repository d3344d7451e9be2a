"""Add up a stack of dark frames: usable samples, sum, squared deviations and flags per pixel.

Input: full frames of one exposure time and EM gain, calibrated (level L2a, in detected EM
electrons) or raw (level L1, prepared first), or their status files.

The output is a FITS file with the images COUNT, SUM, M2 (squared deviations from the mean), ERR2
and DQ, from which noise maps and master darks are made. A stack may be added up in parts, which are
merged when they are used: new frames make a new part, and old ones need not be read again.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from darkroom.cli import ListFileParser, run

if TYPE_CHECKING:
    from darkroom.cgi.geometry import Geometry
    from darkroom.cgi.raw.prepare import Settings
    from darkroom.cgi.stacks.moments import Moments
    from darkroom.cgi.stacks.stacks import Stack


def main() -> None:
    """Run the program."""
    from darkroom.cgi.options import add_checksums, add_settings, raw_settings

    parser = ListFileParser(description=__doc__)
    add_settings(parser, "stack_statistics")
    add_checksums(parser)
    parser.add_argument("--output", required=True, type=Path, help="statistics, FITS")
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="frames or status files (or @list)"
    )
    arguments = parser.parse_args()

    from darkroom.cgi.geometry import read_geometry
    from darkroom.cgi.raw.gather import are_raw, described
    from darkroom.cgi.request import accepted_frames, geometry_files
    from darkroom.cgi.stacks.file import save_empty, save_statistics

    geometry = read_geometry(arguments.geometry)
    settings = {"geometry": geometry.name, "waived": sorted(arguments.waive)}
    inputs = geometry_files(arguments.geometry)
    frames, sums = accepted_frames(arguments.files, checksums=arguments.checksums)
    raw = raw_settings(arguments) if frames and are_raw(frames) else None
    if raw:
        settings |= described(raw)
        inputs += raw.calibration.files
    stack, moments, left_out = add_up(frames, geometry, raw, sums, arguments)
    for name in left_out:
        print(f"left out, marked as bad in its header: {name}")
    record = {"inputs": inputs, "settings": settings, "left_out": left_out}
    if stack is None:
        save_empty(arguments.output, **record)
        print("no frame was accepted")
        return
    save_statistics(arguments.output, stack, moments, **record)
    print(f"{stack.name}: {stack.nframes} frames")


def add_up(
    frames: list[str],
    geometry: Geometry,
    raw: Settings | None,
    sums: dict[str, str],
    arguments: argparse.Namespace,
) -> tuple[Stack | None, Moments | None, list[str]]:
    """Return the stack of some frames, its statistics, and the frames that were left out.

    Parameters
    ----------
    frames : list of str
        Frames of one exposure time and EM gain.
    geometry : darkroom.cgi.geometry.Geometry
        Detector regions.
    raw : darkroom.cgi.raw.prepare.Settings or None
        How raw frames are prepared; None for calibrated ones.
    sums : dict
        SHA-256 of the frames by path, where known.
    arguments : argparse.Namespace
        The command line.

    Raises
    ------
    DarkroomError
        When the frames are of more than one stack.
    """
    from darkroom.cgi.raw.gather import raw_moments
    from darkroom.cgi.stacks.gather import read_moments, sort_out
    from darkroom.cgi.units import EM_ELECTRON
    from darkroom.errors import DarkroomError

    scratch = arguments.output.parent
    if raw:
        return raw_moments(
            frames, geometry, raw, sums=sums, waived=arguments.waive, scratch=scratch
        )
    stacks, left_out = (
        sort_out(frames, geometry, EM_ELECTRON, arguments.waive, sums) if frames else ([], [])
    )
    if len(stacks) > 1:
        names = "; ".join(found.stack.name for found in stacks)
        raise DarkroomError(
            f"frames of {len(stacks)} stacks ({names}): statistics are made of one stack"
        )
    if not stacks:
        return None, None, left_out
    return stacks[0].stack, read_moments(stacks[0], scratch=scratch), left_out


if __name__ == "__main__":
    run(main)
