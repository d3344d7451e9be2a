"""Fourier transforms of long series in double precision, by the rows and columns of an image.

One transform of millions of values runs through memory many times. Of n = rows × columns values all
columns are transformed, then all rows (Cooley and Tukey 1965): several short transforms at once, in
a processor's cache. Frequency k + rows × m is left in row k and column m, and the way back starts
there, so that nothing needs to be sorted.
"""

from __future__ import annotations

import numpy as np
from scipy import fft

from darkroom.compiled import load_kernel


class LongTransform:
    """Transforms of series of rows × columns values, zeros at their end included.

    Parameters
    ----------
    shape : (int, int)
        Even numbers of rows and columns.
    threads : int
        Threads; results do not depend on it.
    """

    def __init__(self, shape: tuple[int, int], threads: int = 1) -> None:
        self._shape, self._threads = shape, threads
        rows, columns = shape
        self._coarse = np.exp(-2j * np.pi / rows * np.arange(rows))
        self._fine = np.exp(-2j * np.pi / (rows * columns) * np.arange(columns))
        self._kernel = load_kernel("darkroom.nircam.spectrum.long_kernel")

    def _turn(self, waves, back=False):
        roots = self._coarse, self._fine
        self._kernel.turn(waves, *(map(np.conj, roots) if back else roots))
        return waves

    def power(self, series: np.ndarray) -> np.ndarray:
        """Return the squared absolute values of the transform of a real series.

        Parameters
        ----------
        series : (n,) array
            Zeros follow it.

        Returns
        -------
        (rows / 2 + 1, columns) float64 array
        """
        image = np.zeros(self._shape)
        image.ravel()[: series.size] = series
        waves = self._turn(fft.rfft(image, axis=0, workers=self._threads))
        waves = fft.fft(waves, axis=1, overwrite_x=True, workers=self._threads)
        return np.square(waves.real) + np.square(waves.imag)

    def correlation(self, waves: np.ndarray) -> np.ndarray:
        """Return the real series with a transform.

        Parameters
        ----------
        waves : (rows / 2 + 1, columns) complex128 array
            The transform, as of `power`; overwritten.

        Returns
        -------
        (rows × columns,) float64 array
            Of products of transforms: the correlation at lags 0, 1, … and, from the end, -1, -2, …
        """
        waves = fft.ifft(waves, axis=1, overwrite_x=True, workers=self._threads)
        self._turn(waves, back=True)
        return fft.irfft(waves, self._shape[0], axis=0, workers=self._threads).ravel()

    def forward(self, series: np.ndarray) -> np.ndarray:
        """Return the transform of (rows, columns) complex128 values, which may be overwritten."""
        waves = fft.fft(series, axis=0, overwrite_x=True, workers=self._threads)
        return fft.fft(self._turn(waves), axis=1, overwrite_x=True, workers=self._threads)

    def back(self, waves: np.ndarray) -> np.ndarray:
        """Return the series with a transform, which may be overwritten: the way back."""
        series = fft.ifft(waves, axis=1, overwrite_x=True, workers=self._threads)
        self._turn(series, back=True)
        return fft.ifft(series, axis=0, overwrite_x=True, workers=self._threads)


class AnyTransform:
    """Transforms of series of any length n, by a convolution of length rows × columns.

    A number of values with large prime factors has no fast transform of its own. With
    k t = (k² + t² - (k - t)²) / 2 its transform is a convolution with a chirp (Bluestein 1970).

    Parameters
    ----------
    n : int
        Length of the series.
    shape : (int, int)
        As of `LongTransform`; rows × columns is at least 2 n - 1.
    threads : int
    """

    def __init__(self, n: int, shape: tuple[int, int], threads: int = 1) -> None:
        self._n, self._shape = n, shape
        self._long = LongTransform(shape, threads)
        # Squares are exact, and so is their remainder.
        square = np.square(np.arange(n, dtype=np.int64)) % (2 * n)
        self._chirp = np.exp(-1j * np.pi / n * square)
        response = np.zeros(shape, np.complex128)
        flat = response.ravel()
        np.conj(self._chirp, out=flat[:n])
        flat[flat.size - n + 1 :] = flat[n - 1 : 0 : -1]
        self._response = self._long.forward(response)

    def __call__(self, real: np.ndarray, imaginary: np.ndarray | None = None) -> np.ndarray:
        """Return the transform of real + i imaginary, (n,) float64 each: (n,) complex128."""
        series = np.zeros(self._shape, np.complex128)
        values = series.ravel()[: self._n]
        values.real = real
        if imaginary is not None:
            values.imag = imaginary
        values *= self._chirp
        waves = self._long.forward(series)
        waves *= self._response
        found = self._long.back(waves).ravel()[: self._n]
        found *= self._chirp
        return found
