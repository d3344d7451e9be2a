"""All groups of all ramps, read in blocks of pixels so that memory stays bounded."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from darkroom.memory import kept_large

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    from darkroom.nircam.ramps.ramps import RampSet

    _Result = TypeVar("_Result")

# Memory of one block of samples.
_BYTES = 32 << 20


class RampBlocks:
    """The samples of a set of ramps, in blocks of pixels.

    A block is a band of rows, or a part of one row when all groups of a row would take too much
    memory.

    Parameters
    ----------
    ramps : RampSet
    flags : int
        Samples whose GROUPDQ has one of these bits are returned as NaN.

    Attributes
    ----------
    starts : (nramps + 1,) int64 array
        Row of a block at which each ramp starts; the last value is the number of rows.
    """

    def __init__(self, ramps: RampSet, flags: int = 0) -> None:
        self.ramps, self.flags = ramps, flags
        lengths = [ramps.files[k].sci.shape[1] for k, _ in ramps.ramps]
        self.starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)

    @property
    def ngroups(self) -> int:
        """Total number of groups, over all ramps."""
        return int(self.starts[-1])

    def read(self, rows: slice, columns: slice = slice(None)) -> np.ndarray:
        """Return the samples of a block: (ngroups, nrows × ncolumns) float32, DN."""
        ny, nx = self.ramps.shape
        first, stop, _ = rows.indices(ny)
        left, right, _ = columns.indices(nx)
        block = np.empty((self.ngroups, stop - first, right - left), np.float32)
        whole = right - left == nx
        row = np.empty((0 if whole else stop - first, nx), np.float32)
        for start, (number, integration) in zip(self.starts, self.ramps.ramps, strict=False):
            file = self.ramps.files[number]
            for group in range(file.sci.shape[1]):
                target = block[start + group] if whole else row
                file.read(integration, group, first, target, self.flags)
                if not whole:
                    block[start + group] = row[:, left:right]
        return block.reshape(self.ngroups, -1)

    def layout(self) -> list[tuple[slice, slice]]:
        """Return the blocks that cover the image, as (rows, columns) slices."""
        ny, nx = self.ramps.shape
        bytes_per_row = 4 * nx * self.ngroups
        if bytes_per_row <= _BYTES:
            step = max(1, _BYTES // bytes_per_row)
            return [(slice(y, min(y + step, ny)), slice(0, nx)) for y in range(0, ny, step)]
        width = max(1, _BYTES // (4 * self.ngroups))
        return [
            (slice(y, y + 1), slice(x, min(x + width, nx)))
            for y in range(ny)
            for x in range(0, nx, width)
        ]

    def over(
        self,
        work: Callable[[np.ndarray, slice, slice], _Result],
        threads: int = 1,
        layout: Sequence[tuple[slice, slice]] | None = None,
    ) -> list[_Result]:
        """Call a function for every block.

        Parameters
        ----------
        work : callable
            ``work(block, rows, columns)``, with the block as `read` returns it.
        threads : int
            Blocks worked on at once.
        layout : sequence of (slice, slice), optional
            Blocks to work on; by default those of `layout`.

        Returns
        -------
        list
            The return values of `work`, in the order of the blocks.
        """

        def one(where: tuple[slice, slice]) -> _Result:
            return work(self.read(*where), *where)

        layout = self.layout() if layout is None else layout
        with kept_large():
            if threads == 1:
                return [one(where) for where in layout]
            with ThreadPoolExecutor(threads) as pool:
                return list(pool.map(one, layout))
