"""From files of frames to the statistics of their stacks."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from darkroom.cgi.stacks.frame import Pixels, open_frame
from darkroom.cgi.stacks.moments import Moments
from darkroom.cgi.stacks.preconditions import check_frame
from darkroom.cgi.stacks.stacks import Stack
from darkroom.cgi.units import EM_ELECTRON
from darkroom.errors import DarkroomError, InputError

# Frames whose bytes are in memory together, and rows of them: they fit a processor's cache.
_FRAMES, _ROWS = 8, 64


@dataclass
class Gathered:
    """The frames of one stack, sorted out but not read.

    Attributes
    ----------
    stack : Stack
    sources : list of (pathlib.Path, Pixels or None)
        File of each frame, and where its pixels lie (None when it must be unpacked first).
    """

    stack: Stack
    sources: list[tuple[Path, Pixels | None]] = field(default_factory=list)


def sort_out(paths, geometry, unit=EM_ELECTRON, waived=(), sums=None):
    """Sort frames into stacks by their headers.

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

    Returns
    -------
    stacks : list of Gathered
        In the order of exposure time, commanded gain, conversion gain; empty when all frames
        are marked as bad.
    left_out : list of str
        Names of frames that their header calls bad (IS_BAD).

    Raises
    ------
    InputError, DarkroomError
        When a frame does not fit, or none was given.
    """
    if not paths:
        raise DarkroomError("nothing to make darks of: no frames were given")
    found, left_out = {}, []
    for path in map(Path, paths):
        with open_frame(path) as frame:
            headers, pixels = frame.headers, frame.pixels
            check_frame(headers, unit, waived)
            _check_shape(path, pixels.shape, geometry)
            if headers.image.get("IS_BAD"):
                left_out.append(path.name)
                continue
            key = (headers.exptime, headers.commanded_gain, headers.kgain)
            if key not in found:
                found[key] = Gathered(Stack.begin(headers, pixels.shape))
            found[key].stack.join(headers, (sums or {}).get(str(path), ""))
            found[key].sources.append((path, None if path.suffix == ".gz" else pixels))
    stacks = [found[key] for key in sorted(found)]
    for gathered in stacks:
        gathered.stack.check()
    return stacks, left_out


def _check_shape(path, shape, geometry):
    if shape != geometry.shape:
        raise InputError(
            path,
            f"image of {shape[0]} rows x {shape[1]} columns, geometry {geometry.name!r} has "
            f"{geometry.shape[0]} x {geometry.shape[1]}",
            "name the right one with --geometry",
        )


def read_moments(gathered, *, rows=None, with_err=True, into=None, scratch=None):
    """Read the frames of a stack, a few at a time.

    Parameters
    ----------
    gathered : Gathered
    rows : slice, optional
        Rows wanted (all by default).
    with_err : bool
        False leaves the frames' errors unread.
    into : Moments, optional
        Statistics to add to, of the shape of the rows; by default new ones are made.
    scratch : path-like, optional
        Folder for unpacked copies of compressed frames, a few at a time.

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
                contexts.enter_context(open_frame(path, scratch)).pixels if found is None else found
                for path, found in gathered.sources[start : start + _FRAMES]
            ]
            add_frames(into, pixels, first)
    return into


def add_frames(moments, pixels, first):
    """Add frames, band by band.

    Parameters
    ----------
    moments : Moments
        Of rows of a frame.
    pixels : list
        `darkroom.cgi.stacks.frame.Pixels`, or prepared raw frames.
    first : int
        Row of the frames that the statistics begin at.
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
