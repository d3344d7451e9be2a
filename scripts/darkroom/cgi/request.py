"""Input of the CGI pipeline's programs: frames, status files of frames, or statistics of stacks."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkroom.atomic import private_folder
from darkroom.campaign.frames import read_frames
from darkroom.cgi.accepted import accepted_frames
from darkroom.cgi.geometry import SHIPPED, read_geometry
from darkroom.cgi.raw.gather import are_raw, raw_sources
from darkroom.cgi.stacks.file import (
    StatisticsSource,
    frames_in_statistics,
    left_out_of,
    refused_of,
)
from darkroom.cgi.stacks.frame import open_frame
from darkroom.cgi.stacks.gather import sort_out
from darkroom.cgi.stacks.growth import sentence
from darkroom.cgi.stacks.judged import judge_frames
from darkroom.cgi.stacks.measured import Measured, attach, by_name
from darkroom.cgi.stacks.preconditions import check_names
from darkroom.cgi.stacks.sources import FramesSource, join_parts
from darkroom.cgi.stacks.values import frame_values
from darkroom.cgi.units import EM_ELECTRON
from darkroom.errors import DarkroomError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from darkroom.cgi.geometry import Geometry
    from darkroom.cgi.raw.prepare import Settings
    from darkroom.cgi.stacks.sources import Source
    from darkroom.hints import StrPath


@dataclass
class StackInput:
    """Input of a program.

    Attributes
    ----------
    sources : list of darkroom.cgi.stacks.sources.Source
        One per stack.
    geometry : darkroom.cgi.geometry.Geometry
    files : list of pathlib.Path
        Files that a product names with their checksums: geometry, calibrations and statistics
        (frames are in a table).
    left_out : list of str
        Names of frames that were left out because their header marks them as bad.
    warnings : list of str
        Sentences about the frames.
    """

    sources: list[Source]
    geometry: Geometry
    files: list[Path]
    left_out: list[str]
    warnings: list[str] = field(default_factory=list)

    @property
    def notes(self) -> list[str]:
        """Sentences about the input for the HISTORY of a product."""
        if not self.left_out:
            return self.warnings
        names = ", ".join(self.left_out)
        return [f"left out, marked as bad (IS_BAD) in their headers: {names}", *self.warnings]


@contextmanager
def opened(
    paths: Sequence[StrPath],
    *,
    geometry: str | None = None,
    unit: str = EM_ELECTRON,
    waived: Collection[str] = (),
    checksums: bool = False,
    raw: Callable[[], Settings] | None = None,
    table: StrPath | None = None,
    judge: Mapping[str, Any] | None = None,
    output: StrPath | None = None,
    keep_masks: bool = False,
) -> Iterator[StackInput]:
    """Open frames, or files of stack statistics, as stacks.

    Parameters
    ----------
    paths : sequence of path-like
        Either frames (or their status files), or files of statistics.
    geometry : str, optional
        Name or file of the geometry (see `darkroom.cgi.geometry.read_geometry`).
    unit : str
        BUNIT that frames must have.
    waived : collection of str
        Checks of frames that are not made.
    checksums : bool
        True to compute the SHA-256 of frames without a status file.
    raw : callable, optional
        Function that returns the `darkroom.cgi.raw.prepare.Settings` of raw frames (level L1); it
        is called only when frames are raw. Their unit follows from these settings.
    table : path-like, optional
        Frame table of a campaign's item: frames that it does not accept are not used.
    judge : mapping, optional
        Further settings of the checks (`darkroom.cgi.judging.checks`).
    output : path-like, optional
        The product: statistics of raw frames and unpacked frames, which may take gigabytes, are
        kept beside it meanwhile, by default in the system's folder of temporary files.
    keep_masks : bool
        Take the masks of cosmic rays in calibrated frames as they are (`StackFrames.grow_masks`).

    Yields
    ------
    StackInput

    Raises
    ------
    DarkroomError
        When frames and statistics are mixed, an input does not fit, or no frame is usable.
    """
    check_names(waived)
    regions = read_geometry(geometry)
    files = geometry_files(geometry)
    settings = {**(judge or {}), "waive": tuple(waived)}
    given = accepted_frames(paths, checksums=checksums, table=table, settings=settings, unit=unit)
    frames = given.frames
    numbers = [frames_in_statistics(path) for path in frames]
    if len({number is None for number in numbers}) > 1:
        raise DarkroomError("frames and statistics of stacks cannot be mixed in one call")
    with _scratch(output) as folder:
        if numbers and numbers[0] is not None:
            parts, notes = reconciled(frames, table, regions, unit, raw, folder, keep_masks)
            sources = join_parts(parts)
            if not sources:
                raise DarkroomError("nothing to make darks of: no part of any stack has a frame")
            left_out = [name for path in frames for name in left_out_of(path)]
            used = {str(part.path) for part in parts if isinstance(part, StatisticsSource)}
            files += [Path(path) for path in frames if path in used]
            yield StackInput(sources, regions, files, left_out, notes + _grown(sources))
            return
        if raw is not None and frames and are_raw(frames):
            preparation = raw()
            warnings, measured = [], given.measured
            if not given.judged:
                values, warnings = judge_frames(frames, regions, unit, settings, given.sums)
                measured = by_name(frames, values)
            sources, left_out = raw_sources(frames, regions, preparation, folder, sums=given.sums)
            attach((source.stack for source in sources), measured)
            files += preparation.calibration.files
            yield StackInput(sources, regions, files, left_out, warnings)
            return
        gathered, left_out, warnings = sort_out(
            frames, regions, unit, waived, given.sums, judged=given.judged, judge=judge
        )
        if not gathered:
            raise DarkroomError("nothing to make darks of: all frames are marked as bad (IS_BAD)")
        attach((found.stack for found in gathered), given.measured)
        sources = [_source(found, regions, folder, keep_masks) for found in gathered]
        yield StackInput(sources, regions, files, left_out, warnings + _grown(sources))


def _source(gathered, geometry, folder, keep_masks):
    if not keep_masks:
        gathered.grow_masks(geometry, folder)
    return FramesSource(gathered, folder)


def _grown(sources):
    """Return a warning for each stack whose masks of cosmic rays were grown."""
    stacks = [source.stack for source in sources]
    return [sentence(stack.name, stack.growths) for stack in stacks if stack.growths]


def _scratch(output):
    if output is None:
        return tempfile.TemporaryDirectory(prefix="darkroom-")
    return private_folder(Path(output).parent, Path(output).name)


def reconciled(
    paths: Sequence[StrPath],
    table: StrPath | None,
    geometry: Geometry,
    unit: str,
    raw: Callable[[], Settings] | None,
    folder: StrPath,
    keep_masks: bool = False,
) -> tuple[list[Source], list[str]]:
    """Return statistics of exactly the frames that a frame table accepts.

    Parts of stacks are added up before all exposures of an item have arrived and can be compared
    with each other. A part that holds a frame which the table refuses, or lacks one which it
    accepts, is added up again.

    Parameters
    ----------
    paths : sequence of path-like
        Files of statistics.
    table : path-like or None
        Frame table; None to take the statistics as they are.
    geometry : darkroom.cgi.geometry.Geometry
    unit : str
        BUNIT that the frames must have.
    raw : callable or None
        See `opened`.
    folder : path-like
        Folder for statistics and unpacked frames; the caller removes it.
    keep_masks : bool
        See `opened`.

    Returns
    -------
    parts : list of darkroom.cgi.stacks.sources.Source
    notes : list of str
    """
    rows = [] if table is None else read_frames(table)
    accepted = {Path(row["file"]).name: row["file"] for row in rows if row["accepted"] == "yes"}
    sums = {row["file"]: row["sha256"] for row in rows}
    parts, notes = [], []
    for path in paths:
        part = StatisticsSource(path) if frames_in_statistics(path) else None
        if part is not None:
            _check_part(part, geometry, unit)
        members = [] if part is None else [member.name for member in part.stack.members]
        if table is None:
            parts += [part] if part else []
            continue
        known = {*members, *refused_of(path)}
        wanted = [name for name in accepted if name in known]
        if sorted(wanted) == sorted(members):
            parts += [part] if part else []
            continue
        notes.append(
            f"a part of {len(members)} frames was added up again from the {len(wanted)} that the "
            "frame table accepts"
        )
        if wanted:
            again = [accepted[name] for name in wanted]
            added = _added_up(again, geometry, raw, folder, sums, keep_masks)
            known = part.stack.measured if part else {}
            lacking = [accepted[name] for name in wanted if name not in known]
            attach((each.stack for each in added), {**_measured(lacking, geometry), **known})
            parts += added
    return parts, notes


def _measured(frames, geometry):
    """Measure frames that a part had refused."""
    found = {}
    for path in frames:
        with open_frame(path) as frame:
            found[Path(path).name] = Measured.from_values(frame_values(frame, geometry))
    return found


def _added_up(frames, geometry, raw, folder, sums, keep_masks):
    if raw is not None and are_raw(frames):
        number = len(list(Path(folder).iterdir()))
        inner = Path(folder, f"part_{number:04d}")
        inner.mkdir()
        return raw_sources(frames, geometry, raw(), inner, sums=sums)[0]
    gathered = sort_out(frames, geometry, sums=sums, judged=True).stacks
    return [_source(found, geometry, folder, keep_masks) for found in gathered]


def geometry_files(geometry: str | None) -> list[Path]:
    """Return the file of a geometry as a list, empty when the geometry comes with darkroom."""
    return [] if geometry is None or geometry in SHIPPED else [Path(geometry)]


def _check_part(part, geometry, unit):
    if part.stack.shape != geometry.shape:
        raise InputError(
            part.path,
            f"its frames are of {part.stack.shape[0]} x {part.stack.shape[1]}, geometry "
            f"{geometry.name!r} has {geometry.shape[0]} x {geometry.shape[1]}",
            "name the right one with --geometry",
        )
    if part.stack.unit != unit:
        raise InputError(part.path, f"its frames are in {part.stack.unit!r}, {unit!r} is needed")


def holds_statistics(paths: Sequence[StrPath]) -> bool:
    """Return True when the first of the files holds statistics of a stack."""
    return not str(paths[0]).endswith(".json") and frames_in_statistics(paths[0]) is not None
