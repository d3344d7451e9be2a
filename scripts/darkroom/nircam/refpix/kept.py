"""Arrays that are kept in a temporary file until they are read again.

The values of all reference pixels in all groups of all ramps grow with the campaign: of a hundred
ramps of 150 groups they would take 2 GB. Whoever needs them reads one ramp after the other.
"""

from __future__ import annotations

import errno
import tempfile
import weakref
from collections.abc import Iterator

import numpy as np


class KeptArrays:
    """A list of arrays, each read from a temporary file when it is asked for.

    The file is in the folder that ``TMPDIR`` names, has no name of its own, and is gone with the
    process.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 (open as long as the list exists)
        weakref.finalize(self, self._file.close)
        self._places: list[tuple[int, tuple[int, ...], np.dtype]] = []

    def append(self, array: np.ndarray) -> None:
        """Keep one more array.

        Raises
        ------
        OSError
            When there is no room.
        """
        self._places.append((self._file.seek(0, 2), array.shape, array.dtype))
        self._file.write(np.ascontiguousarray(array).data)
        self._file.flush()

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> np.ndarray:
        place, shape, dtype = self._places[index]
        self._file.seek(place)
        array = np.empty(shape, dtype)
        if self._file.readinto(array.data) != array.nbytes:
            raise OSError(errno.EIO, "a temporary file has lost its end")
        return array

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[index] for index in range(len(self)))
