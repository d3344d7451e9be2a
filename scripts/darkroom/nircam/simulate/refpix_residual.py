"""Residual noise of a full-width frame after the JWST pipeline's reference-pixel correction.

Step ``refpix`` subtracts from each amplifier the mean of its bottom and top reference rows, even
and odd columns apart, then from all amplifiers the average of the left and right reference columns,
smoothed over some rows. Those columns are read by the outer amplifiers. So noise common to the
amplifiers is corrected from row to row; the noise of an inner amplifier alone is corrected only
from frame to frame; and the correction adds the noise of the outer amplifiers and the white noise
of the side columns to every amplifier.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.nircam.detector.readout import BORDER, PIXEL_TIME, ROW_OVERHEAD

if TYPE_CHECKING:
    from collections.abc import Callable

    from darkroom.nircam.detector.readout import Readout

#: Rows over which the pipeline smooths the side columns.
SMOOTHING = 11
# Number of rows for which the variance is computed; it is interpolated between them.
_MAX_ROWS = 64
_FREQUENCIES = 4000


def residual_variance(
    full: dict[str, Any], readout: Readout, power: Callable[[str, np.ndarray], np.ndarray]
) -> np.ndarray:
    """Return the variance of the noise that the correction leaves or adds.

    Parameters
    ----------
    full : dict
        Complete settings of the simulator.
    readout : darkroom.nircam.detector.readout.Readout
        A full-width readout with four outputs.
    power : callable
        ``power(law, frequency)``: one-sided spectrum of ``common``, ``amplifier`` and
        ``alternating``, DN²/Hz.

    Returns
    -------
    (ny, nx) float array
        Variance of one read, DN², detector frame. The pipeline's medians are treated as means,
        except for the white noise of the side columns, and the coupling of every amplifier to the
        common noise as 1.
    """
    places = np.unique(np.linspace(0, readout.ny - 1, _MAX_ROWS).round().astype(int))
    residual = np.zeros((2, readout.ny))
    if full["noise_sampling"] != "off":
        times = _ReadTimes(readout, full["noise_sampling"] == "row")
        rows = [times.variances(place, power) for place in places]
        residual = np.stack(
            [np.interp(np.arange(readout.ny), places, v) for v in np.transpose(rows)]
        )
    white = np.resize(full["white"], readout.noutputs)[[0, -1]] * full["reference_white"]
    # White noise of the average of two medians, left and right.
    residual += np.pi / 2 * (white**2).sum() / 4 / (SMOOTHING * BORDER)
    outer = [a in (0, readout.noutputs - 1) for a in range(readout.noutputs)]
    return np.repeat(
        np.where(outer, residual[1][:, None], residual[0][:, None]), readout.nx // 4, axis=1
    )


class _ReadTimes:
    """Fourier transforms of the times at which rows and reference pixels are read."""

    def __init__(self, readout, by_row):
        width = readout.columns_per_amplifier
        self.ny, self.by_row = readout.ny, by_row
        self.row = (width + ROW_OVERHEAD) * PIXEL_TIME
        fastest = 0.5 / (self.row if by_row else PIXEL_TIME)
        self.frequency = np.geomspace(0.01 / readout.frame_time, fastest, _FREQUENCIES)
        # Means over all pixels of an amplifier in a row, and over its side reference pixels, which
        # both outer amplifiers read first in a row.
        tick = 0.0 if by_row else PIXEL_TIME
        turn = 2j * np.pi * tick * self.frequency
        self.across, self.side = (
            np.mean([np.exp(turn * k) for k in range(n)], axis=0) for n in (width, BORDER)
        )
        rows = np.flatnonzero(readout.reference_pixels().all(axis=1))
        ends = [end for end in (rows[rows < self.ny / 2], rows[rows >= self.ny / 2]) if end.size]
        self.ends = np.zeros_like(self.across)
        for end in ends:
            self.ends += self._at(end).mean(axis=0) * self.across / len(ends)

    def _at(self, rows):
        return np.exp(2j * np.pi * self.row * np.outer(rows, self.frequency))

    def variances(self, row, power):
        """Return the residual variance in a row of an inner and of an outer amplifier, DN²."""
        near = np.abs(np.arange(row - SMOOTHING // 2, row + SMOOTHING // 2 + 1))
        near = np.where(near < self.ny, near, 2 * (self.ny - 1) - near)
        sides = self._at(near).mean(axis=0) * self.side
        here, ends = self._at([row])[0] * self.across, self.ends

        def uncorrected(reference):
            return 1 - 2 * (reference.conj() * here).real + np.abs(reference) ** 2

        def total(law, response):
            return np.trapezoid(power(law, self.frequency) * response, self.frequency)

        # Each side adds half of the difference between its amplifier's noise there and at the ends.
        apart = np.abs(sides - ends) ** 2
        shared = total("common", uncorrected(sides))
        if not self.by_row:
            # Mirrored at half the pixel rate: slow within each column parity, and zero in a mean
            # over the 4 side columns.
            shared += total("alternating", uncorrected(ends))
        inner = total("amplifier", uncorrected(ends) + apart / 2)
        outer = total("amplifier", uncorrected((ends + sides) / 2) + apart / 4)
        return shared + inner, shared + outer
