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
from typing import TYPE_CHECKING, Any

from darkroom.batches.making import make
from darkroom.batches.step import Step, add_batch_options
from darkroom.cgi.settings import FILES
from darkroom.cli import ListFileParser, run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from darkroom.cgi.accepted import AcceptedFrames
    from darkroom.cgi.geometry import Geometry
    from darkroom.cgi.raw.prepare import Settings
    from darkroom.cgi.stacks.moments import Moments
    from darkroom.cgi.stacks.stacks import Stack


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read a command line; that of the program by default."""
    from darkroom.cgi.options import add_checksums, add_judging, add_settings

    parser = ListFileParser(description=__doc__)
    add_settings(parser, "stack_statistics")
    add_checksums(parser)
    add_judging(parser)
    parser.add_argument("--output", required=True, type=Path, help="statistics, FITS")
    parser.add_argument(
        "files", nargs="*", metavar="FILE", help="frames or status files (or @list)"
    )
    add_batch_options(parser)
    arguments = parser.parse_args(words)
    # Of a part that is taken along they are named once, among all that it is made from.
    settings = {Path(str(getattr(arguments, name))) for name in FILES}
    made_from = [str(path) for path in arguments.batch_file if path not in settings]
    arguments.files = arguments.files or made_from
    if not arguments.files:
        parser.error("the following arguments are required: FILE")
    return arguments


def main() -> None:
    """Add up the part, after others of its item."""
    make(Step([], [], ["output"], work, prepare, parse), parse())


def prepare(_: argparse.Namespace) -> None:
    """Import what is needed to add up frames."""
    from darkroom.cgi.raw import gather as raw
    from darkroom.cgi.stacks import file, gather, judged

    __ = raw, file, gather, judged


def work(arguments: argparse.Namespace) -> None:
    """Add up one part."""
    from darkroom.cgi.accepted import accepted_frames
    from darkroom.cgi.geometry import read_geometry
    from darkroom.cgi.options import judge_settings, raw_settings
    from darkroom.cgi.raw.gather import are_raw, described
    from darkroom.cgi.request import geometry_files
    from darkroom.cgi.stacks.file import save_empty, save_statistics

    geometry = read_geometry(arguments.geometry)
    settings = {"geometry": geometry.name, "waived": sorted(arguments.waive)}
    inputs = geometry_files(arguments.geometry)
    judge = judge_settings(arguments) | {"waive": tuple(arguments.waive)}
    given = accepted_frames(arguments.files, checksums=arguments.checksums, settings=judge)
    raw = raw_settings(arguments) if given.frames and are_raw(given.frames) else None
    if raw:
        settings |= described(raw)
        inputs += raw.calibration.files
    stack, moments, left_out, warnings = add_up(given, geometry, raw, judge, arguments)
    for name in left_out:
        print(f"left out, marked as bad in its header: {name}")
    for name in given.refused:
        print(f"left out, as the checks refuse it: {name}")
    for sentence in warnings:
        print(f"warning: {sentence}")
    record = {"inputs": inputs, "settings": settings, "left_out": left_out,
              "refused": given.refused}  # fmt: skip
    if stack is None:
        save_empty(arguments.output, **record)
        print("no frame was accepted")
        return
    save_statistics(arguments.output, stack, moments, **record)
    print(f"{stack.name}: {stack.nframes} frames")


def add_up(
    given: AcceptedFrames,
    geometry: Geometry,
    raw: Settings | None,
    judge: dict[str, Any],
    arguments: argparse.Namespace,
) -> tuple[Stack | None, Moments | None, list[str], list[str]]:
    """Return the stack of some frames, its statistics, frames that were left out, and warnings.

    Parameters
    ----------
    given : darkroom.cgi.accepted.AcceptedFrames
        Frames of one exposure time and EM gain.
    geometry : darkroom.cgi.geometry.Geometry
        Detector regions.
    raw : darkroom.cgi.raw.prepare.Settings or None
        How raw frames are prepared; None for calibrated ones.
    judge : dict
        Settings of the checks.
    arguments : argparse.Namespace
        The command line.

    Raises
    ------
    DarkroomError
        When the frames are of more than one stack.
    """
    from darkroom.cgi.raw.gather import raw_moments
    from darkroom.cgi.stacks.gather import read_moments, sort_out
    from darkroom.cgi.stacks.growth import sentence
    from darkroom.cgi.stacks.judged import judge_frames
    from darkroom.cgi.stacks.measured import attach, by_name
    from darkroom.cgi.units import EM_ELECTRON
    from darkroom.errors import DarkroomError

    scratch, frames, sums = arguments.output.parent, given.frames, given.sums
    if not frames:
        return None, None, [], []
    if raw:
        warnings, measured = [], given.measured
        if not given.judged:
            values, warnings = judge_frames(frames, geometry, EM_ELECTRON, judge, sums)
            measured = by_name(frames, values)
        stack, moments, left_out = raw_moments(frames, geometry, raw, sums=sums, scratch=scratch)
        attach([stack] if stack else [], measured)
        return stack, moments, left_out, warnings
    stacks, left_out, warnings = sort_out(
        frames, geometry, EM_ELECTRON, arguments.waive, sums, judged=given.judged, judge=judge
    )
    if len(stacks) > 1:
        names = "; ".join(found.stack.name for found in stacks)
        raise DarkroomError(
            f"frames of {len(stacks)} stacks ({names}): statistics are made of one stack"
        )
    if not stacks:
        return None, None, left_out, warnings
    if not arguments.keep_masks:
        stacks[0].grow_masks(geometry, scratch)
    stack, moments = stacks[0].stack, read_moments(stacks[0], scratch=scratch)
    attach([stack], given.measured)
    if stack.growths:
        warnings.append(sentence(stack.name, stack.growths))
    return stack, moments, left_out, warnings


if __name__ == "__main__":
    run(main)
