"""Products of the Fourier transforms of long time series, summed over many of them.

A transform of millions of values does not fit into a processor's cache. It is made of short ones:
of n = rows × columns values, all columns are transformed, then all rows (Cooley and Tukey 1965).
Two real series travel together as real and imaginary part of one complex series, and the products
are formed while the rows are in the cache.
"""

from __future__ import annotations

from copy import copy
from itertools import combinations_with_replacement

import numpy as np
from scipy import fft

from darkroom.compiled import load_kernel

# Bytes of rows that are transformed and multiplied together.
_BYTES = 1 << 19


def fast_shape(minimum: int) -> tuple[int, int]:
    """Return even numbers of rows and columns, as alike as possible, whose transforms are fast.

    Parameters
    ----------
    minimum : int
        Their product is not below this.
    """
    quarter = int(fft.next_fast_len(-(-minimum // 4), real=True))
    rows = max(n for n in range(1, int(np.sqrt(quarter)) + 1) if quarter % n == 0)
    return 2 * rows, 2 * (quarter // rows)


def pairs_of(count: int) -> list[tuple[int, int]]:
    """Return the pairs of so many series, each with itself too, first not above second."""
    return list(combinations_with_replacement(range(count), 2))


class ProductSums:
    """Sums over real time series of the products X_a X_b* of their Fourier transforms.

    The products are kept in the order in which the transform leaves them: place (k, m) is the
    frequency k + rows × m, or, where that is above half of the length, the length minus that. Only
    the rows k up to rows / 2 are kept, because the others are the same frequencies again.

    Parameters
    ----------
    count : int
        Series that are multiplied with one another, e.g. amplifiers.
    minimum : int
        Smallest length of the transforms; series are padded with zeros to it.
    threads : int
        Threads of the transforms; the result does not depend on it.

    Attributes
    ----------
    pairs : list of (int, int)
        First not above second.
    length : int
        Length of the transforms, even.
    shape : (int, int)
        Rows and columns of the transforms.
    """

    def __init__(self, count: int, minimum: int, threads: int = 1) -> None:
        self.shape = rows, columns = fast_shape(minimum)
        self.length, self._threads = rows * columns, threads
        self.pairs = pairs_of(count)
        kept = rows // 2 + 1, columns
        self._real = np.zeros((len(self.pairs), *kept), np.float32)
        # An auto spectrum has no imaginary part.
        self._mixed = [place for place, (a, b) in enumerate(self.pairs) if a != b]
        self._imaginary = np.zeros((len(self._mixed), *kept), np.float32)
        self._series = np.zeros((count, self.length), np.complex64)
        # Series written since the last transform, and values of each.
        self._used = self._filled = 0
        # Parts of the length that columns are moved by: exactly, before they are rounded.
        steps = np.arange(rows)[:, None] * np.arange(columns)
        self._twiddle = np.empty((rows, columns), np.complex64)
        for twiddle, step in zip(self._twiddle, steps, strict=True):
            twiddle[:] = np.exp(-2j * np.pi / self.length * step)
        self._kernel = load_kernel("darkroom.nircam.spectrum.kernel")

    def successor(self) -> ProductSums:
        """Return sums of further series, empty; no series can be added to these any more.

        The memory of the transforms goes to the successor.
        """
        self.finish()
        found = copy(self)
        found._real, found._imaginary = np.zeros_like(self._real), np.zeros_like(self._imaginary)
        self.forget_series()
        return found

    @property
    def frequency(self) -> np.ndarray:
        """Frequency of each place of the sums, in units of 1 / length: (n,) float64.

        inf where a frequency has another place already.
        """
        rows, columns = self.shape
        number = np.arange(rows // 2 + 1)[:, None] + rows * np.arange(columns, dtype=float)
        number = np.where(number > self.length // 2, self.length - number, number)
        for row in (0, rows // 2):
            number[row, columns // 2 + (row == 0) :] = np.inf
        return number.ravel()

    def next_series(self, used: int) -> np.ndarray:
        """Return where the next series are to be written: (count, used) float32, all of it.

        Parameters
        ----------
        used : int
            Values of a series; the same of all.
        """
        if self._used == 2:
            self.finish()
        parts = self._series.view(np.float32)[:, self._used : 2 * used : 2]
        self._used, self._filled = self._used + 1, used
        return parts

    def finish(self) -> None:
        """Add the series that have been written; the sums are complete only after this."""
        if not self._used:
            return
        if self._used == 1:
            self._series[:, : self._filled].imag = 0
        rows, columns = self.shape
        count = len(self._series)
        series = self._series.reshape(count, rows, columns)
        transformed = fft.fft(series, axis=1, overwrite_x=True, workers=self._threads)
        step = max(1, _BYTES // (16 * columns * count))
        for first in range(1, rows // 2, step):
            last = min(first + step, rows // 2)
            opposite = slice(rows - last + 1, rows - first + 1)
            waves = self._rows(transformed, slice(first, last))
            self._add(first, waves, self._rows(transformed, opposite))
        for row in (0, rows // 2):
            own = self._rows(transformed, slice(row, row + 1))
            self._add(row, own, np.roll(own, -1, axis=2) if row == 0 else own)
        # What the transform left in the padding; series fill the rest anew.
        self._series[:, self._filled :] = 0
        self._used = 0

    def _rows(self, waves, rows):
        """Return transformed rows: (count, nrows, columns) complex64."""
        turned = waves[:, rows] * self._twiddle[rows]
        # By one thread: so few rows are transformed in the time that it takes to start another.
        return fft.fft(turned, axis=2, overwrite_x=True)

    def _add(self, first, waves, opposite):
        """Add products; of row k and column m, -f is in row -1 - k, column -1 - m of `opposite`."""
        self._kernel.add_products(
            waves.view(np.float32), opposite.view(np.float32), first, self._real, self._imaginary
        )

    def parts(self, place: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Return real and imaginary parts of the sums of a pair, as `frequency`: (n,) float32.

        Parameters
        ----------
        place : int
            Number of the pair. An auto spectrum has no imaginary part: None.
        """
        imaginary = None
        if place in self._mixed:
            imaginary = self._imaginary[self._mixed.index(place)].ravel()
        return self._real[place].ravel(), imaginary

    def waves(self, place: int) -> np.ndarray:
        """Return the sums of a pair at k + rows × m, for `long.LongTransform.correlation`.

        Returns
        -------
        (rows / 2 + 1, columns) complex128 array
        """
        found = np.empty(self._real.shape[1:], np.complex128)
        imaginary = np.empty((0, 0), np.float32)
        if place in self._mixed:
            imaginary = self._imaginary[self._mixed.index(place)]
        kernel = load_kernel("darkroom.nircam.spectrum.long_kernel")
        kernel.spread(self._real[place], imaginary, found)
        return found

    def forget_series(self) -> None:
        """Give up the memory of the transforms when all series have been added."""
        self.finish()
        self._series, self._twiddle = (np.empty((0, 0), np.complex64),) * 2

    def forget_sums(self) -> None:
        """Give up the sums."""
        self._real, self._imaginary = self._real[:0].copy(), self._imaginary[:0].copy()
