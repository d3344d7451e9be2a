"""Frames sorted into stacks, and added up to the statistics of each stack."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from darkroom.cgi.stack_keys import keys
from darkroom.cgi.stacks.frame import Pixels, open_frame
from darkroom.cgi.stacks.judged import judge_frames
from darkroom.cgi.stacks.measured import attach, by_name
from darkroom.cgi.stacks.moments import Moments
from darkroom.cgi.stacks.stacks import Stack
from darkroom.cgi.stacks.values import header_values
from darkroom.cgi.stacks.wings import GrownPixels, find_growth, sampled
from darkroom.cgi.units import EM_ELECTRON
from darkroom.errors import DarkroomError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from darkroom.cgi.geometry import Geometry
    from darkroom.cgi.stacks.frame import PixelReader
    from darkroom.hints import StrPath

# Frames that are in memory together, and rows of each: they fit a processor's cache.
_FRAMES, _ROWS = 8, 64


@dataclass
class StackFrames:
    """The frames of one stack, before their pixels are read.

    Attributes
    ----------
    stack : darkroom.cgi.stacks.stacks.Stack
    sources : list of (pathlib.Path, darkroom.cgi.stacks.frame.Pixels or None)
        File of each frame, and location of its pixels; None when it must be unpacked first.
    persistent : (ny, nx) bool array or None
        Pixels whose flag of a cosmic ray tells of no hit, since all frames have it.
    """

    stack: Stack
    sources: list[tuple[Path, Pixels | None]] = field(default_factory=list)
    persistent: np.ndarray | None = None

    def grow_masks(self, geometry: Geometry, scratch: StrPath | None = None) -> None:
        """Grow the masks of cosmic-ray hits when wings and tails are left beside them.

        Parameters
        ----------
        geometry : darkroom.cgi.geometry.Geometry
        scratch : path-like, optional
            Folder for unpacked copies of compressed frames.
        """
        with ExitStack() as contexts:
            frames = [
                contexts.enter_context(open_frame(path, scratch)).pixels if found is None else found
                for path, found in (self.sources[k] for k in sampled(len(self.sources)))
            ]
            growth, self.persistent = find_growth(frames, geometry)
        if growth is not None:
            self.stack.growths = [replace(growth, nframes=len(self.sources))]

    def pixels(self, found: Pixels) -> PixelReader:
        """Return what reads a frame: its pixels, with the mask grown where that was found."""
        if not self.stack.growths:
            return found
        return GrownPixels(found, self.stack.growths[0], self.persistent)


class SortedFrames(NamedTuple):
    """Frames in stacks, those that are left out, and what is said of them.

    Attributes
    ----------
    stacks : list of StackFrames
        In the order of exposure time, commanded gain, conversion gain; empty when all frames
        are marked as bad.
    left_out : list of str
        Names of frames that their header calls bad (IS_BAD).
    warnings : list of str
        Sentences of the checks.
    """

    stacks: list[StackFrames]
    left_out: list[str]
    warnings: list[str]


def sort_out(
    paths: Sequence[StrPath],
    geometry: Geometry,
    unit: str = EM_ELECTRON,
    waived: Collection[str] = (),
    sums: Mapping[str, str] | None = None,
    *,
    judged: bool = False,
    judge: Mapping[str, Any] | None = None,
) -> SortedFrames:
    """Judge frames, and sort them into stacks by their headers.

    Parameters
    ----------
    paths : sequence of path-like
        Frames; their order is kept within each stack.
    geometry : darkroom.cgi.geometry.Geometry
    unit : str
        BUNIT needed (see `darkroom.cgi.stacks.preconditions`).
    waived : collection of str
        Checks that are not made.
    sums : dict, optional
        ``{path: sha256}`` of files whose bytes were verified before.
    judged : bool
        True when they were judged before, as those of a campaign are.
    judge : mapping, optional
        Further settings of the checks (`darkroom.cgi.judging.checks`).

    Raises
    ------
    InputError, DarkroomError
        When frames do not fit, all named in one message, or none was given.
    """
    if not paths:
        raise DarkroomError("nothing to make darks of: no frames were given")
    settings = {**(judge or {}), "waive": tuple(waived)}
    if judged:
        values, warnings = [_header_values(path, geometry) for path in paths], []
    else:
        values, warnings = judge_frames(paths, geometry, unit, settings, sums)
    frames, left_out = [], []
    for path, seen in zip(map(Path, paths), values, strict=True):
        if seen["left_out"]:
            left_out.append(path.name)
        else:
            frames.append((path, (seen["exptime"], seen["commanded_gain"], seen["kgain"])))
    common, found = keys([key for _, key in frames]), {}
    for path, own in frames:
        with open_frame(path) as frame:
            headers, pixels, key = frame.headers, frame.pixels, common[own]
            if key not in found:
                found[key] = StackFrames(Stack.begin(headers, pixels.shape, key))
            found[key].stack.join(headers, (sums or {}).get(str(path), ""))
            found[key].sources.append((path, None if path.suffix == ".gz" else pixels))
    stacks = [found[key] for key in sorted(found)]
    for gathered in stacks:
        gathered.stack.check()
    if not judged:
        attach((each.stack for each in stacks), by_name(paths, values))
    return SortedFrames(stacks, left_out, warnings)


def _header_values(path, geometry):
    with open_frame(path) as frame:
        geometry.check_shape(frame.headers.path, frame.pixels.shape)
        return header_values(frame.headers)


def read_moments(
    gathered: StackFrames,
    *,
    rows: slice | None = None,
    with_err: bool = True,
    into: Moments | None = None,
    scratch: StrPath | None = None,
) -> Moments:
    """Add up the frames of a stack, reading a few at a time.

    Parameters
    ----------
    gathered : StackFrames
    rows : slice, optional
        Rows that are read; by default all.
    with_err : bool
        False when the frames' errors are not read.
    into : Moments, optional
        Statistics of these rows to which the frames are added; by default new ones.
    scratch : path-like, optional
        Folder for unpacked copies of compressed frames; a few exist at a time.

    Returns
    -------
    Moments
        Of the rows.
    """
    ny, nx = gathered.stack.shape
    first, stop, _ = (slice(0, ny) if rows is None else rows).indices(ny)
    if into is None:
        into = Moments.zeros((stop - first, nx), with_err=with_err)
    for start in range(0, len(gathered.sources), _FRAMES):
        with ExitStack() as contexts:
            pixels = [
                gathered.pixels(
                    contexts.enter_context(open_frame(path, scratch)).pixels
                    if found is None
                    else found
                )
                for path, found in gathered.sources[start : start + _FRAMES]
            ]
            add_frames(into, pixels, first)
    return into


def add_frames(moments: Moments, pixels: Sequence[PixelReader], first: int) -> None:
    """Add frames to statistics, band by band.

    Parameters
    ----------
    moments : Moments
        Statistics of some rows of the frames.
    pixels : sequence
        `darkroom.cgi.stacks.frame.Pixels`, or prepared raw frames.
    first : int
        First row of the frames that the statistics hold.
    """
    nrows, nx = moments.shape
    dtype = np.float32 if all(frame.single for frame in pixels) else np.float64
    shape = (len(pixels), min(_ROWS, nrows), nx)
    data, dq = np.empty(shape, dtype), np.empty(shape, np.uint16)
    err = None if moments.err2 is None else np.empty(shape, dtype)
    for row in range(0, nrows, _ROWS):
        count = min(_ROWS, nrows - row)
        for k, frame in enumerate(pixels):
            errors = None if err is None else err[k, :count]
            frame.read_into(first + row, data[k, :count], errors, dq[k, :count])
        errors = None if err is None else err[:, :count]
        moments.rows(slice(row, row + count)).add(data[:, :count], errors, dq[:, :count])
