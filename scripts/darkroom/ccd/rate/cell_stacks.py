"""The frames of all cells together, surveyed once and combined band by band."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager

import numpy as np

from darkroom.ccd.rate.levels import fit_levels
from darkroom.ccd.rate.line_fit import design
from darkroom.ccd.stack.frames import opened, saturation_level
from darkroom.ccd.stack.master import SaturationWatch, with_noise_floor
from darkroom.ccd.stack.survey import survey
from darkroom.combine import combine_array

_BAND_BYTES = 32 << 20


class CellStacks:
    """Frames of several cells of one detector.

    Parameters
    ----------
    cells : sequence of darkroom.ccd.cells.Cell
        What the frames are.
    stacks : sequence of darkroom.ccd.stack.frames.Stack
        One per cell.
    clip : darkroom.combine.Clip
        What to reject inside a cell.
    saturation : float
        Saturation level in ADU. Saturated samples are left out.
    threads : int
        Threads of the engine.
    band_rows : int, optional
        Rows worked on at a time; by default some 32 MB of frames.

    Attributes
    ----------
    surveys : list of Survey
        One per cell.
    levels : Levels
        Line through the mean levels.
    design : (ncells, 1 + ngroups) array
        Bias and one rate per temperature group.
    nframes : (ncells,) array
        Frames in each cell.
    """

    def __init__(self, cells, stacks, clip, *, saturation, threads=1, band_rows=None):
        self.cells, self.shape, self._threads = cells, stacks[0].shape, threads
        self.surveys = [survey(stack) for stack in stacks]
        self.levels = fit_levels(cells, self.surveys)
        self.design = design([cell.exptime for cell in cells], [cell.group for cell in cells])
        self.nframes = np.array([stack.nframes for stack in stacks], float)
        step = int(np.gcd.reduce([seen.step for seen in self.surveys]))
        self.saturation = saturation_level(saturation, step, stacks[0].gain)
        self._watches = [SaturationWatch(s, self.saturation, blank=True) for s in stacks]
        self._clips = [with_noise_floor(clip, seen.noise) for seen in self.surveys]
        self._band_rows = band_rows or max(
            1, _BAND_BYTES // int(8 * self.nframes.max() * self.shape[1])
        )

    @property
    def groups(self):
        """Numbers of the temperature groups, in the order of the design's columns."""
        return sorted({cell.group for cell in self.cells})

    @property
    def saturated(self):
        """(ny, nx) mask of pixels saturated in any frame read so far."""
        return np.any([watch.seen for watch in self._watches], axis=0)

    @property
    def discordant(self):
        """(ny,) mask of rows where the frames of any cell disagree."""
        return np.any([seen.discordant for seen in self.surveys], axis=0)

    def bands(self):
        """Yield the slices of rows to work on."""
        for first in range(0, self.shape[0], self._band_rows):
            yield slice(first, min(first + self._band_rows, self.shape[0]))

    def combine(self, rows, *, halves=False):
        """Combine the frames of each cell in a band.

        Parameters
        ----------
        rows : slice
            The band.
        halves : bool
            Combine every other frame, too.

        Yields
        ------
        tuple of Combined
            One per cell: of all its frames; with `halves`, also of frames 1, 3, 5 … and of frames
            2, 4, 6 … (of all frames twice where there is one frame only).
        """
        for watch, clip, seen in zip(self._watches, self._clips, self.surveys, strict=True):
            values, n = watch.read(rows), len(seen.offsets)
            parts = [slice(None)]
            if halves:
                parts += [slice(0, None, 2), slice(1, None, 2)] if n > 1 else 2 * [slice(None)]
            yield tuple(
                combine_array(
                    values[part], clip, offsets=seen.offsets[part], threads=self._threads,
                    outputs=("mean", "std"),
                )
                for part in parts
            )  # fmt: skip


@contextmanager
def open_cells(cells, clip, *, saturation, gain=None, threads=1, band_rows=None):
    """Open the files of all cells as `CellStacks`; values are electrons when a gain is given."""
    with ExitStack() as scope:
        stacks = [scope.enter_context(opened(cell.paths, gain)) for cell in cells]
        yield CellStacks(
            cells, stacks, clip, saturation=saturation, threads=threads, band_rows=band_rows
        )
