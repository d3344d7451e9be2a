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
# Memory of the blocks that are read together, over all threads: to read a band of three rows takes
# as long as to read one of thirty.
_TOGETHER = 160 << 20


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
        where = (slice(*rows.indices(ny)), slice(*columns.indices(nx)))
        return self._read([where])[0]

    def _read(self, blocks: Sequence[tuple[slice, slice]]) -> list[np.ndarray]:
        """Return the samples of blocks that lie beside each other, whose rows are read together."""
        nx, ngroups = self.ramps.shape[1], self.ngroups
        first, stop = blocks[0][0].start, blocks[-1][0].stop
        sizes = [(y.stop - y.start, x.stop - x.start) for y, x in blocks]
        found = [np.empty((ngroups, *size), np.float32) for size in sizes]
        whole = sizes == [(stop - first, nx)]
        band = np.empty((0 if whole else stop - first, nx), np.float32)
        for start, (number, integration) in zip(self.starts, self.ramps.ramps, strict=False):
            file = self.ramps.files[number]
            for group in range(file.sci.shape[1]):
                target = found[0][start + group] if whole else band
                file.read(integration, group, first, target, self.flags)
                if not whole:
                    for block, (y, x) in zip(found, blocks, strict=True):
                        block[start + group] = band[y.start - first : y.stop - first, x]
        return [block.reshape(ngroups, -1) for block in found]

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

        def some(blocks: Sequence[tuple[slice, slice]]) -> list[_Result]:
            read = zip(self._read(blocks), blocks, strict=True)
            return [work(block, *where) for block, where in read]

        together = self._together(self.layout() if layout is None else layout, threads)
        with kept_large():
            if threads == 1:
                found = [some(blocks) for blocks in together]
            else:
                with ThreadPoolExecutor(threads) as pool:
                    found = list(pool.map(some, together))
        return [one for of_some in found for one in of_some]

    def _together(
        self, layout: Sequence[tuple[slice, slice]], threads: int
    ) -> list[list[tuple[slice, slice]]]:
        """Return the blocks in groups to be read together, of rows without a gap between them.

        What is worked on at once stays a block, so that no sum depends on the number of threads.
        """
        groups: list[list[tuple[slice, slice]]] = []
        room = 0
        for y, x in layout:
            size = 4 * self.ngroups * (y.stop - y.start) * (x.stop - x.start)
            if not groups or size > room or y.start > groups[-1][-1][0].stop:
                groups.append([])
                room = _TOGETHER // threads
            groups[-1].append((y, x))
            room -= size
        return groups
