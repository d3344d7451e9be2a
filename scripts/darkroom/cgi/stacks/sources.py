"""Where the statistics of a stack come from, for a fit that takes a band of rows at a time.

Every source has the `Stack` it is of, ``add_to(moments, rows)``, which adds the statistics of a
band of rows, and ``patch(rows, columns)``, the statistics of a rectangle.
"""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import numpy as np

from darkroom.cgi.stacks.frame import open_frame
from darkroom.cgi.stacks.gather import Gathered, read_moments
from darkroom.cgi.stacks.moments import Moments


class MomentsSource:
    """A stack whose statistics are in memory.

    Parameters
    ----------
    stack : darkroom.cgi.stacks.stacks.Stack
    moments : Moments
        Of the full frame.
    """

    def __init__(self, stack, moments):
        self.stack, self._moments = stack, moments

    def add_to(self, moments, rows):
        """Add the statistics of a band of rows to `moments`."""
        moments.merge(self._moments.rows(rows))

    def patch(self, rows, columns):
        """Return the statistics of a rectangle."""
        return Moments(*map(_copy, self._moments.rows((rows, columns)).arrays()))


def _copy(array):
    return None if array is None else np.ascontiguousarray(array)


class FramesSource:
    """A stack whose frames are read whenever a band of rows is wanted.

    Every frame is read once in all, in as many pieces as there are bands: nothing has to be
    stored in between, however many stacks there are.

    Parameters
    ----------
    gathered : darkroom.cgi.stacks.gather.Gathered
    folder : path-like
        Where compressed frames are unpacked to; whoever owns it removes it.
    """

    def __init__(self, gathered, folder):
        self.stack = gathered.stack
        self._gathered = Gathered(
            gathered.stack,
            [
                (path, _unpack(path, Path(folder)) if pixels is None else pixels)
                for path, pixels in gathered.sources
            ],
        )

    def add_to(self, moments, rows):
        """Add the statistics of a band of rows to `moments`."""
        read_moments(self._gathered, rows=rows, into=moments)

    def patch(self, rows, columns):
        """Return the statistics of a rectangle; the frames' errors are left unread."""
        shape = (len(range(rows.start, rows.stop, rows.step or 1)), columns.stop - columns.start)
        moments = Moments.zeros(shape, with_err=False)
        for _, pixels in self._gathered.sources:
            data, dq = pixels.read_patch(rows, columns)
            moments.add(data, None, dq)
        return moments


def _unpack(path, folder):
    """Unpack a compressed frame into a folder; return where its pixels lie."""
    target = folder / f"{len(list(folder.iterdir())):06d}.fits"
    with gzip.open(path) as packed, target.open("wb") as plain:
        shutil.copyfileobj(packed, plain, 1 << 20)
    with open_frame(target) as frame:
        return frame.pixels


class JoinedSource:
    """The parts of one stack, taken together.

    Parameters
    ----------
    parts : list of sources
        At least one, all of the same stack.

    Raises
    ------
    DarkroomError
        When a frame is in two parts, or the parts do not belong together.
    """

    def __init__(self, parts):
        first, *others = parts
        self.stack, self._parts = first.stack, parts
        for part in others:
            self.stack.merge(part.stack)
        self.stack.check()

    def add_to(self, moments, rows):
        """Add the statistics of a band of rows to `moments`."""
        for part in self._parts:
            part.add_to(moments, rows)

    def patch(self, rows, columns):
        """Return the statistics of a rectangle."""
        first, *others = (part.patch(rows, columns) for part in self._parts)
        for other in others:
            first.merge(other)
        return first


def join_parts(sources):
    """Join sources of equal stacks.

    Returns
    -------
    list of sources
        One a stack, in the order of exposure time, commanded gain, conversion gain.
    """
    parts = {}
    for source in sources:
        parts.setdefault(source.stack.key, []).append(source)
    return [
        found[0] if len(found) == 1 else JoinedSource(found)
        for _, found in sorted(parts.items(), key=lambda item: item[0])
    ]
