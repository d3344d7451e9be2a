"""Opening the input of the CGI road's programs: frames, their status files, or statistics."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

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


@dataclass
class StackInput:
    """Input of a program.

    Attributes
    ----------
    sources : list of sources
        One a stack.
    geometry : darkroom.cgi.geometry.Geometry
    files : list of pathlib.Path
        Files that a product names with their checksums: the geometry and statistics (frames are
        in a table).
    left_out : list of str
        Frames that their header calls bad.
    """

    sources: list
    geometry: object
    files: list[Path]
    left_out: list[str]

    @property
    def notes(self):
        """Sentences about the input that a product tells."""
        if not self.left_out:
            return []
        names = ", ".join(self.left_out)
        return [f"left out, marked as bad (IS_BAD) in their headers: {names}"]


@contextmanager
def opened(paths, *, geometry=None, unit=EM_ELECTRON, waived=(), checksums=False, raw=None):
    """Open frames, or files of stack statistics, as stacks.

    Parameters
    ----------
    paths : sequence of path-like
        All frames, or all statistics.
    geometry : str, optional
    unit : str
        BUNIT that frames must have.
    waived : collection of str
        Checks of frames that are not made.
    checksums : bool
        Take the SHA-256 of frames.
    raw : callable, optional
        Gives the `darkroom.cgi.raw.prepare.Settings` of raw frames (level L1), when there are any;
        their unit is what these settings make of them.

    Yields
    ------
    StackInput

    Raises
    ------
    DarkroomError
        When frames and statistics are mixed, or something does not fit.
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


def geometry_files(geometry):
    """Return the file of a geometry that does not come with darkroom, as a list."""
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


def accepted_frames(paths, *, checksums=False):
    """Return frames and their checksums.

    Parameters
    ----------
    paths : sequence of path-like
        Frames, or status files (``.json``) of exposures as the workflow fetches them: of those,
        the accepted ones count.
    checksums : bool
        Take the SHA-256 of frames that have no status file.

    Returns
    -------
    list of str
    dict
        ``{path: sha256}`` as far as known.
    """
    frames, sums = [], {}
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


def holds_statistics(paths):
    """Tell whether the first of the files holds statistics of a stack."""
    return not str(paths[0]).endswith(".json") and frames_in_statistics(paths[0]) is not None
