"""All groups of all ramps of some pixels at once, within a bounded memory."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

# Memory of one block of samples.
_BYTES = 40 << 20


class RampBlocks:
    """The samples of a set of ramps, block by block of pixels.

    A block is a band of rows, or a part of one row where all groups of a row would take too much.

    Parameters
    ----------
    ramps : RampSet
    flags : int
        Samples whose GROUPDQ has one of these bits come as NaN.

    Attributes
    ----------
    starts : (nramps + 1,) int64 array
        Row of a block at which each ramp starts.
    """

    def __init__(self, ramps, flags=0):
        self.ramps, self.flags = ramps, flags
        lengths = [ramps.files[k].sci.shape[1] for k, _ in ramps.ramps]
        self.starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)

    @property
    def ngroups(self):
        """Groups of all ramps together."""
        return int(self.starts[-1])

    def read(self, rows, columns=slice(None)):
        """Return the samples of a block: (ngroups, nrows × ncolumns) float32, DN."""
        ny, nx = self.ramps.shape
        first, stop, _ = rows.indices(ny)
        left, right, _ = columns.indices(nx)
        block = np.empty((self.ngroups, stop - first, right - left), np.float32)
        whole = right - left == nx
        row = None if whole else np.empty((stop - first, nx), np.float32)
        for start, (number, integration) in zip(self.starts, self.ramps.ramps, strict=False):
            file = self.ramps.files[number]
            for group in range(file.sci.shape[1]):
                target = block[start + group] if whole else row
                file.sci.plane(integration, group).read_into(target, first)
                if self.flags and file.groupdq is not None:
                    plane = file.groupdq.plane(integration, group)
                    bits = plane.stored(first, stop - first)
                    target[bits & bits.dtype.type(self.flags) != 0] = np.nan
                if not whole:
                    block[start + group] = row[:, left:right]
        return block.reshape(self.ngroups, -1)

    def layout(self):
        """Return the blocks of the image: list of (rows, columns) slices."""
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

    def over(self, work, threads=1, layout=None):
        """Call ``work(block, rows, columns)`` for every block; return what it returns, in order."""

        def one(where):
            return work(self.read(*where), *where)

        layout = self.layout() if layout is None else layout
        if threads == 1:
            return [one(where) for where in layout]
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(one, layout))
