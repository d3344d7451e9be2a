"""Sources of a stack's statistics, for fits that process a band of rows at a time."""

from __future__ import annotations

import gzip
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from darkroom.cgi.stack_keys import Key, keys
from darkroom.cgi.stacks.frame import open_frame
from darkroom.cgi.stacks.gather import read_moments
from darkroom.cgi.stacks.moments import Moments

if TYPE_CHECKING:
    from collections.abc import Sequence

    from darkroom.cgi.stacks.gather import StackFrames
    from darkroom.cgi.stacks.stacks import Stack
    from darkroom.hints import StrPath


class Source(Protocol):
    """What every source offers.

    Attributes
    ----------
    stack : darkroom.cgi.stacks.stacks.Stack
        The stack whose statistics it gives.
    """

    stack: Stack

    def add_to(self, moments: Moments, rows: slice) -> None:
        """Add the statistics of a band of rows to `moments`."""

    def patch(self, rows: slice, columns: slice) -> Moments:
        """Return the statistics of a rectangle."""


class MomentsSource:
    """A stack whose statistics are in memory.

    Parameters
    ----------
    stack : darkroom.cgi.stacks.stacks.Stack
    moments : Moments
        Statistics of the full frame.
    """

    def __init__(self, stack: Stack, moments: Moments) -> None:
        self.stack, self._moments = stack, moments

    def add_to(self, moments: Moments, rows: slice) -> None:
        """Add the statistics of a band of rows to `moments`."""
        moments.merge(self._moments.rows(rows))

    def patch(self, rows: slice, columns: slice) -> Moments:
        """Return the statistics of a rectangle."""
        return Moments(*map(_copy, self._moments.rows((rows, columns)).arrays()))


def _copy(array):
    return None if array is None else np.ascontiguousarray(array)


class FramesSource:
    """A stack whose frames are read when a band of rows is needed.

    Over all bands every frame is read once: nothing is stored in between, however many stacks
    there are.

    Parameters
    ----------
    gathered : darkroom.cgi.stacks.gather.StackFrames
    folder : path-like
        Folder that compressed frames are unpacked to; the caller removes it.
    """

    def __init__(self, gathered: StackFrames, folder: StrPath) -> None:
        self.stack = gathered.stack
        self._gathered = replace(
            gathered,
            sources=[
                (path, _unpack(path, Path(folder)) if pixels is None else pixels)
                for path, pixels in gathered.sources
            ],
        )

    def add_to(self, moments: Moments, rows: slice) -> None:
        """Add the statistics of a band of rows to `moments`."""
        read_moments(self._gathered, rows=rows, into=moments)

    def patch(self, rows: slice, columns: slice) -> Moments:
        """Return the statistics of a rectangle; the frames' errors are not read."""
        shape = (len(range(rows.start, rows.stop, rows.step or 1)), columns.stop - columns.start)
        moments = Moments.zeros(shape, with_err=False)
        for _, pixels in self._gathered.sources:
            data, dq = self._gathered.pixels(pixels).read_patch(rows, columns)
            moments.add(data, None, dq)
        return moments


def _unpack(path, folder):
    """Unpack a compressed frame into a folder; return the location of its pixels."""
    target = folder / f"{len(list(folder.iterdir())):06d}.fits"
    with gzip.open(path) as packed, target.open("wb") as plain:
        shutil.copyfileobj(packed, plain, 1 << 20)
    with open_frame(target) as frame:
        return frame.pixels


class JoinedSource:
    """The parts of one stack, merged.

    Parameters
    ----------
    parts : sequence of Source
        At least one, all of the same stack.

    Raises
    ------
    DarkroomError
        When a frame is in two parts, or the parts do not belong together.
    """

    def __init__(self, parts: Sequence[Source]) -> None:
        first, *others = parts
        self.stack, self._parts = first.stack, parts
        for part in others:
            self.stack.merge(part.stack)
        self.stack.check()

    def add_to(self, moments: Moments, rows: slice) -> None:
        """Add the statistics of a band of rows to `moments`."""
        for part in self._parts:
            part.add_to(moments, rows)

    def patch(self, rows: slice, columns: slice) -> Moments:
        """Return the statistics of a rectangle."""
        first, *others = (part.patch(rows, columns) for part in self._parts)
        for other in others:
            first.merge(other)
        return first


def join_parts(sources: Sequence[Source]) -> list[Source]:
    """Join sources of the same stack.

    Returns
    -------
    list of Source
        One per stack, in the order of exposure time, commanded gain, conversion gain.
    """
    common = keys([source.stack.key for source in sources])
    parts: dict[Key, list[Source]] = {}
    for source in sources:
        key = common[source.stack.key]
        source.stack.exptime, _, source.stack.kgain = key
        parts.setdefault(key, []).append(source)
    return [
        found[0] if len(found) == 1 else JoinedSource(found)
        for _, found in sorted(parts.items(), key=lambda item: item[0])
    ]
