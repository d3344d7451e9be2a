"""Residual noise of ramps: row means and pixels in differences of groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from darkroom.nircam.ramps.robust import MAD_TO_STD
from darkroom.nircam.refpix.levels import check_alive
from darkroom.nircam.spectrum.ramp import select_pixels
from darkroom.nircam.spectrum.source import bands

if TYPE_CHECKING:
    from collections.abc import Sequence

    from darkroom.nircam.detector.readout import Readout
    from darkroom.nircam.spectrum.source import RampSource


def residual_noise(
    sources: Sequence[RampSource], white: np.ndarray
) -> list[tuple[np.ndarray, ...]]:
    """Measure the noise of differences of two groups (1 - 0, 3 - 2, ...).

    Parameters
    ----------
    sources : sequence of darkroom.nircam.spectrum.source.RampSource
        The same ramps before a reference-pixel correction and after several. They are read
        together, so that what they share is read once.
    white : (noutputs,) array
        White noise of one frame, DN.

    Returns
    -------
    list of tuple
        Of each source:

        rows : (noutputs,) float64 array
            Scatter of row means about the mean of the frame, DN.
        total : (noutputs,) float64 array
            Robust scatter of the pixels, DN.
        floor : (noutputs,) float64 array
            Scatter of row means from white noise alone, DN.
    """
    sums = [_Sums(source, white) for source in sources]
    readout = sources[0].readout
    for ramp in range(sources[0].nramps):
        selected = select_pixels(sources, ramp)
        for source, chosen in zip(sources, selected, strict=True):
            check_alive(source, ramp, chosen)
        for group in range(0, sources[0].ngroups(ramp) - 1, 2):
            steps = [np.empty(readout.shape, np.float32) for _ in sources]
            for rows in bands(readout.ny):
                # Both groups of all sources are read before the next band.
                for step, source in zip(steps, sources, strict=True):
                    step[rows] = source.read(ramp, group, rows, flagged=False)
                for step, source in zip(steps, sources, strict=True):
                    step[rows] = source.read(ramp, group + 1, rows, flagged=False) - step[rows]
            for one, chosen in zip(sums, selected, strict=True):
                # Given up one by one.
                one.add(steps.pop(0), chosen.good)
    return [one.found for one in sums]


class _Sums:
    """Sums over the differences of one source."""

    def __init__(self, source, white):
        self._readout: Readout = source.readout
        self._shape = self._readout.ny, self._readout.noutputs, -1
        self._sums = np.zeros((3, self._readout.noutputs))
        self._white = 2 * np.asarray(white) ** 2 / source.nframes
        self._npairs = 0

    def add(self, step, good):
        """Add a difference of two groups, (ny, nx) float32, DN."""
        squares, total, floor = self._sums
        for a in range(self._readout.noutputs):
            here, values = good.reshape(self._shape)[:, a], step.reshape(self._shape)[:, a]
            inside = here.any(axis=1)
            counts = here[inside].sum(axis=1)
            means = np.where(here, values, 0)[inside].sum(axis=1, dtype=np.float64) / counts
            squares[a] += means.var(ddof=1)
            # A seventh of the pixels is enough for a median.
            within_rows = (values[inside] - means[:, None])[here[inside]][::7]
            within = MAD_TO_STD * np.median(np.abs(within_rows))
            total[a] += within**2 + means.var(ddof=1)
            floor[a] += self._white[a] * np.mean(1 / counts)
        self._npairs += 1

    @property
    def found(self):
        """Return what `residual_noise` does of a source."""
        return tuple(np.sqrt(values / self._npairs) for values in self._sums)
