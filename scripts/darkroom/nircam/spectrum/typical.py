"""What is typical of the pixels of each amplifier of a ramp, and which pixels are so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from darkroom.nircam.ramps.robust import mad_deviation, median
from darkroom.nircam.spectrum.sums import LineFitSums
from darkroom.nircam.spectrum.weak import weak_noise

if TYPE_CHECKING:
    from darkroom.nircam.spectrum.source import RampSource

_SAMPLE_ROWS = 64
# A pixel is left out of an integration when its residuals are too large or too small (probabilities
# _LARGE, _SMALL), when a step between groups deviates from the slope by more than _JUMP standard
# deviations, or when its slope exceeds the median by more than _HOT standard deviations: the shot
# noise of hot pixels is not read-out noise.
_LARGE, _SMALL, _JUMP, _HOT = 1e-4, 1e-7, 5.0, 5.0
# Standard deviations within which pixels count in the mean of their row.
_ROW_LIMIT = 6.0


class Typical:
    """What is typical of the pixels of each amplifier of a ramp, from a sample of rows.

    Parameters
    ----------
    source : darkroom.nircam.spectrum.source.RampSource
        Dark ramps of one detector.
    ramp : int
        Number of the ramp, from 0.

    Attributes
    ----------
    offsets, noise, dof
        As of `darkroom.nircam.spectrum.ramp.RampFit`.
    """

    def __init__(self, source: RampSource, ramp: int) -> None:
        readout, ngroups = source.readout, source.ngroups(ramp)
        self._width, self._nu = readout.columns_per_amplifier, ngroups - 2
        sample = _Sample(source)
        first = sample.read(source, ramp, 0)
        sums = LineFitSums(first.shape, ngroups, readout.noutputs)
        self.offsets = np.zeros((ngroups, readout.noutputs))
        step_noise = np.zeros((ngroups - 1, readout.noutputs))
        for group in range(1, ngroups):
            values = sample.read(source, ramp, group)
            values -= first
            self.offsets[group] = sample.medians(values)
            if group == 1:
                level = self._by_column(self.offsets[group].astype(np.float32))
                self._limit = _ROW_LIMIT * sample.deviations(values - level)
            before = sums.last.copy()
            sums.add(values, group, self._limit, np.zeros_like(values), self.offsets[group])
            step_noise[group - 1] = sample.deviations(before - sums.last)
        slope = sums.slope
        squares, _ = sums.residual_statistics()
        nu, typical = (
            self._nu,
            sample.medians(squares) / (2 * special.gammaincinv(self._nu / 2, 0.5)),
        )
        self.noise = np.sqrt(np.maximum(typical, 0.0))
        self._largest = special.chdtri(nu, _LARGE)
        # Leaving out the largest residuals makes the mean of the others a little too small.
        above, below = (special.chdtr(n, self._largest) for n in (nu + 2, nu))
        self.dof = float(nu * above / below)
        steps = _JUMP * np.median(step_noise, axis=0)
        limits = typical * self._largest, typical * (2 * special.gammaincinv(nu / 2, _SMALL)), steps
        self._limits = [self._by_column(limit) for limit in limits]
        hot = sample.medians(slope) + _HOT * sample.deviations(slope)
        self._hot = self._by_column(hot)

    def _by_column(self, values):
        return np.repeat(values, self._width)

    def add(self, sums: LineFitSums, values: np.ndarray, first: np.ndarray, group: int) -> None:
        """Add rows of a group (nrows, nx), and of group 0, in DN, to running sums."""
        sums.add(values, group, self._limit, first, self.offsets[group])

    def good(
        self, usable: np.ndarray, squares: np.ndarray, largest_step: np.ndarray, slope: np.ndarray
    ) -> np.ndarray:
        """Return the pixels with normal noise and no jump that are not hot.

        Parameters
        ----------
        usable : (nrows, nx) bool array
            Pixels that may be used.
        squares, largest_step, slope : (nrows, nx) float32 array
            Sum of the squared residuals (DN²), largest step between groups beyond the slope (DN),
            and slope (DN a group).

        Returns
        -------
        (nrows, nx) bool array
        """
        high, low, step = self._limits
        # Comparisons with NaN are false: a pixel without a value is not good.
        with np.errstate(invalid="ignore"):
            good = usable & (squares <= high) & (squares >= low)
            good &= largest_step <= step
            good &= slope <= self._hot
        return good

    def weak(self, squares: np.ndarray, good: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return what weak telegraph pixels and cosmic rays add to the noise, and its error.

        Parameters
        ----------
        squares : (ny, nx) float32 array
            Sum of the squared residuals of each pixel, DN².
        good : (ny, nx) bool array
            From `good`.

        Returns
        -------
        pair of (noutputs,) float64 arrays
            DN², from `darkroom.nircam.spectrum.weak.weak_noise`.
        """
        return weak_noise(squares, good, self.noise**2, self._nu, self._largest)


class _Sample:
    """A sample of rows, large enough for medians over each amplifier."""

    def __init__(self, source):
        readout = source.readout
        with_pixels = np.flatnonzero(source.usable.any(axis=1))
        self.rows = with_pixels[:: max(1, with_pixels.size // _SAMPLE_ROWS)]
        self.shape = (self.rows.size, readout.noutputs, readout.columns_per_amplifier)
        self.usable = source.usable[self.rows].reshape(self.shape)

    def read(self, source, ramp, group):
        """Return the rows of a group: (nrows, nx) float32, DN."""
        nx = self.shape[1] * self.shape[2]
        # With the strides of rows that are read together, so that sums have the same bits.
        values = source.readout.flip(np.empty((self.rows.size, nx), np.float32))
        for place, row in enumerate(self.rows):
            values[place] = source.read(ramp, group, slice(row, row + 1))[0]
        return values

    def _of_amplifiers(self, image):
        values = image.reshape(self.shape)
        for amplifier in range(self.shape[1]):
            here = values[:, amplifier][self.usable[:, amplifier]]
            yield here[np.isfinite(here)]

    def medians(self, image):
        """Return medians of the rows by amplifier, NaN without a pixel: (noutputs,) float64."""
        found = [median(v) if v.size else np.nan for v in self._of_amplifiers(image)]
        return np.array(found, np.float64)

    def deviations(self, image):
        """Return the robust standard deviation of each amplifier: (noutputs,) float64."""
        found = [mad_deviation(values) for values in self._of_amplifiers(image)]
        return np.array(found, np.float64)
