"""What chains of a job keep between two bands: saturation maps, and what several chains share."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

#: Bytes of saturation maps that a job keeps.
_MEMORY = 24 << 20
# Rows of raw groups: more of them on either side than are asked for, and bytes that are kept.
_MORE, _LARGEST = 4, 2 << 20
_numbers = count()


def new_number() -> int:
    """Return a number that is given once."""
    return next(_numbers)


@dataclass
class Band:
    """What is known of a band of one integration.

    Attributes
    ----------
    first : (n, nx) uint16 array
        First saturated group of each pixel.
    early : (n, nx) uint16 array
        The same after growing; `first` itself while no pixel is saturated.
    groups : int
        Groups that have been looked at.
    count : int
        Pixels with a saturated group.
    stored : dict
        Groups read last.
    lines : dict
        Linear signal of averaged groups, by the number of the chain.
    """

    first: np.ndarray
    early: np.ndarray
    groups: int = 0
    count: int = 0
    stored: dict[int, np.ndarray] = field(default_factory=dict)
    lines: dict[int, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        total = 2 * self.first.nbytes
        for array in self.stored.values():
            total += array.nbytes
        for line in self.lines.values():
            total += sum(array.nbytes for array in line)
        return total


class Memory:
    """Bands that are in use, within bounds; it may be shared by the exposures of a job.

    Parameters
    ----------
    limit : int
        Bytes.
    """

    def __init__(self, limit: int = _MEMORY) -> None:
        self._limit, self._bands = limit, OrderedDict()
        self._lock, self._total = threading.Lock(), 0
        self._numbers: dict[Any, int] = {}
        self._users: Counter[int] = Counter()
        self._last: dict[str, tuple[tuple, Any]] = {}
        self._own = threading.local()

    def scratch(self, shape: tuple[int, ...]) -> np.ndarray:
        """Return a float32 array of this thread, which the next call returns again as it is left.

        The system would clear the memory of a whole frame for each of which a few rows are used.
        """
        found = getattr(self._own, "scratch", None)
        if found is None or found.shape != shape:
            found = self._own.scratch = np.zeros(shape, np.float32)
        return found

    def number(self, key: Any) -> int:
        """Return the number of what several exposures of a job share, and count one more of them.

        It is never that of another key: one that is gone may come again, with the same memory.
        """
        with self._lock:
            found = self._numbers.setdefault(key, new_number())
            self._users[found] += 1
            return found

    def shared(self, number: int) -> bool:
        """Tell whether more than one exposure of the job has a number."""
        return self._users[number] > 1

    def last(self, kind: str, key: tuple, make: Callable[[], np.ndarray]) -> np.ndarray:
        """Return what was made last of a kind if its key is the same, else what is made now.

        It is not to be written to.
        """
        found = self._last.get(kind)
        if found is None or found[0] != key:
            found = self._last[kind] = key, make()
        return found[1]

    def rows(
        self, number: int, plane: tuple[int, int], rows: slice, ny: int,
        read: Callable[[int, int], np.ndarray],
    ) -> np.ndarray:  # fmt: skip
        """Return stored rows of an exposure that several chains read, of those read last if there.

        Parameters
        ----------
        number : int
            Of the exposure.
        plane : (int, int)
            Integration and group.
        rows : slice
        ny : int
            Rows of the image.
        read : callable
            Called with the first row and the number of rows.
        """
        found = self._last.get("stored")
        key = number, *plane
        if (
            found is None or found[0][:-2] != key or found[0][-2] > rows.start
            or found[0][-1] < rows.stop
        ):  # fmt: skip
            # With some rows on either side, which others need for the growth of saturation.
            low, high = max(0, rows.start - _MORE), min(ny, rows.stop + _MORE)
            found = (*key, low, high), read(low, high - low)
            if found[1].nbytes <= _LARGEST:
                self._last["stored"] = found
        low = found[0][-2]
        return found[1][rows.start - low : rows.stop - low]

    def take(self, key: tuple) -> Band | None:
        """Return a band and forget it, so that no other thread works on it; None without one."""
        with self._lock:
            found = self._bands.pop(key, None)
            if found is not None:
                self._total -= found[1]
            return found and found[0]

    def forget(self) -> None:
        """Give up all bands; they are made again when they are needed again."""
        with self._lock:
            self._bands.clear()
            self._last.clear()
            self._total, self._own = 0, threading.local()

    def keep(self, key: tuple, band: Band) -> None:
        """Keep a band until others need its room."""
        with self._lock:
            if key in self._bands:
                self._total -= self._bands.pop(key)[1]
            self._bands[key] = band, band.nbytes
            self._total += band.nbytes
            while self._total > self._limit and self._bands:
                _, (_, nbytes) = self._bands.popitem(last=False)
                self._total -= nbytes
