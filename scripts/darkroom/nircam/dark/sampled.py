"""The mean ramps of a sample of rows, kept in a file: they are needed group by group at the end."""

from __future__ import annotations

import os
from typing import IO

import numpy as np


class SampledRamps:
    """Planes of float32 numbers that are written row by row, and read plane by plane.

    In memory, 128 rows of a full frame of 50 groups would take 50 MB until the last block is done.

    Parameters
    ----------
    shape : tuple of int
        ``(nplanes, nrows, nx)``.
    file : file object
        A file of its own, open for reading and writing bytes.
    """

    def __init__(self, shape: tuple[int, int, int], file: IO[bytes]) -> None:
        self.shape, self._file = shape, file

    def write(self, row: int, first: int, values: np.ndarray) -> None:
        """Write a part of one row of all planes; threads may write different parts at once.

        Parameters
        ----------
        row, first : int
            The row, and the column at which the part begins.
        values : (nplanes, n) float32 array
        """
        _, nrows, nx = self.shape
        for number, part in enumerate(np.ascontiguousarray(values, np.float32)):
            place, left = 4 * ((number * nrows + row) * nx + first), part.data.cast("B")
            while len(left):
                done = os.pwrite(self._file.fileno(), left, place)
                left, place = left[done:], place + done

    def plane(self, number: int) -> np.ndarray:
        """Return a plane, (nrows, nx) float32, all of whose rows have been written."""
        _, nrows, nx = self.shape
        self._file.seek(4 * number * nrows * nx)
        return np.fromfile(self._file, np.float32, nrows * nx).reshape(nrows, nx)
