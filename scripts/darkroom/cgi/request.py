"""Input of the CGI pipeline's programs: frames, status files of frames, or statistics of stacks."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from darkroom.campaign.status import read_status
from darkroom.cgi.geometry import SHIPPED, read_geometry
from darkroom.cgi.raw.gather import are_raw, raw_sources
from darkroom.cgi.stacks.file import StatisticsSource, frames_in_statistics, left_out_of
from darkroom.cgi.stacks.gather import sort_out
from darkroom.cgi.stacks.preconditions import check_names
from darkroom.cgi.stacks.sources import FramesSource, join_parts
from darkroom.cgi.units import EM_ELECTRON
from darkroom.errors import DarkroomError, InputError
from darkroom.provenance import sha256

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

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
    """

    sources: list[Source]
    geometry: Geometry
    files: list[Path]
    left_out: list[str]

    @property
    def notes(self) -> list[str]:
        """Sentences about the input for the HISTORY of a product."""
        if not self.left_out:
            return []
        names = ", ".join(self.left_out)
        return [f"left out, marked as bad (IS_BAD) in their headers: {names}"]


@contextmanager
def opened(
    paths: Sequence[StrPath],
    *,
    geometry: str | None = None,
    unit: str = EM_ELECTRON,
    waived: Collection[str] = (),
    checksums: bool = False,
    raw: Callable[[], Settings] | None = None,
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
    frames, sums = accepted_frames(paths, checksums=checksums)
    numbers = [frames_in_statistics(path) for path in frames]
    if len({number is None for number in numbers}) > 1:
        raise DarkroomError("frames and statistics of stacks cannot be mixed in one call")
    if numbers and numbers[0] is not None:
        parts = [StatisticsSource(p) for p, number in zip(frames, numbers, strict=True) if number]
        for part in parts:
            _check_part(part, regions, unit)
        sources = join_parts(parts)
        if not sources:
            raise DarkroomError("nothing to make darks of: no part of any stack has a frame")
        left_out = [name for path in frames for name in left_out_of(path)]
        yield StackInput(sources, regions, files + [part.path for part in parts], left_out)
        return
    with tempfile.TemporaryDirectory(prefix="darkroom-") as folder:
        if raw is not None and frames and are_raw(frames):
            settings = raw()
            sources, left_out = raw_sources(
                frames, regions, settings, folder, sums=sums, waived=waived
            )
            yield StackInput(sources, regions, [*files, *settings.calibration.files], left_out)
            return
        gathered, left_out = sort_out(frames, regions, unit, waived, sums)
        if not gathered:
            raise DarkroomError("nothing to make darks of: all frames are marked as bad (IS_BAD)")
        sources = [FramesSource(found, folder) for found in gathered]
        yield StackInput(sources, regions, files, left_out)


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


def accepted_frames(
    paths: Sequence[StrPath], *, checksums: bool = False
) -> tuple[list[str], dict[str, str]]:
    """Return the accepted frames and their checksums.

    Parameters
    ----------
    paths : sequence of path-like
        Frames, or status files (``.json``) of exposures that the workflow fetched; refused
        exposures are left out.
    checksums : bool
        True to compute the SHA-256 of frames without a status file.

    Returns
    -------
    list of str
        Paths of the frames.
    dict
        ``{path: sha256}`` of the frames whose checksum is known.
    """
    frames: list[str] = []
    sums: dict[str, str] = {}
    for path in map(str, paths):
        if not path.endswith(".json"):
            frames.append(path)
            if checksums:
                sums[path] = sha256(path)
            continue
        status = read_status(path)
        if status["accepted"]:
            frames.append(status["path"])
            sums[status["path"]] = status["sha256"]
    return frames, sums


def holds_statistics(paths: Sequence[StrPath]) -> bool:
    """Return True when the first of the files holds statistics of a stack."""
    return not str(paths[0]).endswith(".json") and frames_in_statistics(paths[0]) is not None
