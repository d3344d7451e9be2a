"""The stacks of all cells: surveyed once, combined band by band."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import numpy as np

from darkroom.ccd.rate.levels import fit_levels
from darkroom.ccd.rate.line_fit import design
from darkroom.ccd.stack.frames import opened, saturation_level
from darkroom.ccd.stack.master import SaturationWatch, with_noise_floor
from darkroom.ccd.stack.survey import survey
from darkroom.combine import combine_array

if TYPE_CHECKING:
    from darkroom.ccd.cells import Cell
    from darkroom.ccd.overscan.amplifiers import Readout
    from darkroom.ccd.stack.frames import Stack
    from darkroom.combine import Clip, Combined

_BAND_BYTES = 32 << 20


class CellStacks:
    """The stacks of all cells of one detector.

    Parameters
    ----------
    cells : sequence of darkroom.ccd.cells.Cell
        Roles, exposure times and temperature groups.
    stacks : sequence of darkroom.ccd.stack.frames.Stack
        One per cell.
    clip : darkroom.combine.Clip
        Rejection within a cell.
    saturation : float
        Saturation level in ADU. Saturated samples are left out.
    threads : int
        Threads that combine a band.
    band_rows : int, optional
        Rows combined at a time; by default such that a band of frames takes about 32 MB.

    Attributes
    ----------
    surveys : list of Survey
        One per cell.
    levels : Levels
        Mean levels and the line fitted to them.
    design : (ncells, 1 + ngroups) array
        Design matrix: bias and one rate per temperature group.
    nframes : (ncells,) array
        Frames in each cell.
    """

    def __init__(
        self,
        cells: Sequence[Cell],
        stacks: Sequence[Stack],
        clip: Clip,
        *,
        saturation: float,
        threads: int = 1,
        band_rows: int | None = None,
    ) -> None:
        self.cells, self.stacks, self._threads = cells, stacks, threads
        self.shape = stacks[0].shape
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
    def groups(self) -> list[int]:
        """Numbers of the temperature groups, in the order of the design's columns."""
        return sorted({cell.group for cell in self.cells})

    @property
    def saturated(self) -> np.ndarray:
        """(ny, nx) mask of pixels saturated in any frame read so far."""
        return np.any([watch.seen for watch in self._watches], axis=0)

    @property
    def discordant(self) -> np.ndarray:
        """(ny,) mask of rows where the frames of any cell disagree."""
        return np.any([seen.discordant for seen in self.surveys], axis=0)

    def bands(self) -> Iterator[slice]:
        """Yield the slices of rows to combine, from the first to the last."""
        for first in range(0, self.shape[0], self._band_rows):
            yield slice(first, min(first + self._band_rows, self.shape[0]))

    def combine(self, rows: slice, *, halves: bool = False) -> Iterator[tuple[Combined, ...]]:
        """Combine the frames of each cell in a band.

        Parameters
        ----------
        rows : slice
            The band.
        halves : bool
            Combine also the two halves of the darks.

        Yields
        ------
        tuple of Combined
            For each cell: of all frames; with `halves` also of frames 1, 3, 5 … and of frames
            2, 4, 6 … (for bias frames, and a cell of one dark: of all, twice).
        """
        for cell, watch, clip, seen in zip(
            self.cells, self._watches, self._clips, self.surveys, strict=True
        ):
            values, parts = watch.read(rows), [slice(None)]
            if halves and cell.role == "dark" and len(seen.offsets) > 1:
                parts += [slice(0, None, 2), slice(1, None, 2)]
            found = [
                combine_array(
                    values[part], clip, offsets=seen.offsets[part], threads=self._threads,
                    outputs=("mean", "std"),
                )
                for part in parts
            ]  # fmt: skip
            yield tuple(found * 3 if halves and len(found) == 1 else found)

    def early_and_late(self, y: np.ndarray, x: np.ndarray) -> Iterator[np.ndarray]:
        """Combine the earlier and the later half of the darks of each cell in some pixels.

        Parameters
        ----------
        y, x : (npixels,) int arrays
            Rows and columns.

        Yields
        ------
        (2, npixels) array
            For each cell, the level of each frame subtracted (for bias frames, and a cell of one
            dark: of all, twice).
        """
        rows, place = np.unique(y, return_inverse=True)
        for cell, watch, clip, seen in zip(
            self.cells, self._watches, self._clips, self.surveys, strict=True
        ):
            lines = [watch.read(slice(int(row), int(row) + 1)) for row in rows]
            values = np.concatenate(lines, axis=1)[:, place, x][:, None]
            order = cell.in_time()
            parts = np.array_split(order, 2)
            if cell.role != "dark" or len(order) < 2:
                parts = [order, order]
            found = [
                combine_array(
                    np.ascontiguousarray(values[part]), clip, offsets=seen.offsets[part],
                    threads=self._threads, outputs=("mean",),
                ).mean[0]
                for part in parts
            ]  # fmt: skip
            yield np.stack(found)


@contextmanager
def open_cells(
    cells: Sequence[Cell],
    clip: Clip,
    *,
    saturation: float,
    gain: float | None = None,
    readout: Readout | None = None,
    threads: int = 1,
    band_rows: int | None = None,
) -> Iterator[CellStacks]:
    """Open the files of all cells as `CellStacks`.

    Parameters
    ----------
    cells, clip, saturation, threads, band_rows
        As of `CellStacks`.
    gain : float, optional
        e-/ADU; values are then electrons.
    readout : darkroom.ccd.overscan.amplifiers.Readout, optional
        As of `darkroom.ccd.stack.frames.opened`.
    """
    with ExitStack() as scope:
        stacks = [scope.enter_context(opened(cell.paths, gain, readout)) for cell in cells]
        yield CellStacks(
            cells, stacks, clip, saturation=saturation, threads=threads, band_rows=band_rows
        )
