"""Noise that the pipeline's reference pixels leave in a full-width frame, and bring into it.

Step ``refpix`` takes from each amplifier the mean of its bottom and top reference rows, even and
odd columns apart, then from all of them the average of the left and right reference columns,
smoothed over some rows. Those columns belong to the outer amplifiers. So noise common to the
amplifiers is followed from row to row; an inner amplifier's own noise only from frame to frame; and
the outer ones' own noise and the columns' white noise come into all of them.
"""

from __future__ import annotations

import numpy as np

from darkroom.nircam.detector.readout import BORDER, PIXEL_TIME, ROW_OVERHEAD

SMOOTHING = 11  # rows, the pipeline's own choice
_MOST_ROWS = 64  # looked at; those between are interpolated
_FREQUENCIES = 4000


def left_variance(full, readout, power):
    """Return the variance of what is left and brought in.

    Parameters
    ----------
    full : dict
        Settings of the simulator.
    readout : darkroom.nircam.detector.readout.Readout
        Full width, four outputs.
    power : callable
        ``power(law, frequency)``: one-sided spectrum of ``common``, ``amplifier`` and
        ``alternating``, DN²/Hz.

    Returns
    -------
    (ny, nx) float array
        Of one read, DN², detector frame. Medians of the pipeline count as means, but for the white
        noise of the side columns; couplings of the amplifiers to the common noise as 1.
    """
    places = np.unique(np.linspace(0, readout.ny - 1, _MOST_ROWS).round().astype(int))
    left = np.zeros((2, readout.ny))
    if full["noise_sampling"] != "off":
        passed = _Passed(readout, full["noise_sampling"] == "row")
        rows = [passed.variances(place, power) for place in places]
        left = np.stack([np.interp(np.arange(readout.ny), places, v) for v in np.transpose(rows)])
    white = np.resize(full["white"], readout.noutputs)[[0, -1]] * full["reference_white"]
    # Average of two medians.
    left += np.pi / 2 * (white**2).sum() / 4 / (SMOOTHING * BORDER)
    outer = [a in (0, readout.noutputs - 1) for a in range(readout.noutputs)]
    return np.repeat(np.where(outer, left[1][:, None], left[0][:, None]), readout.nx // 4, axis=1)


class _Passed:
    """Fourier transforms of the times at which rows and reference pixels are read."""

    def __init__(self, readout, by_row):
        width = readout.columns_per_amplifier
        self.ny, self.by_row = readout.ny, by_row
        self.row = (width + ROW_OVERHEAD) * PIXEL_TIME
        fastest = 0.5 / (self.row if by_row else PIXEL_TIME)
        self.frequency = np.geomspace(0.01 / readout.frame_time, fastest, _FREQUENCIES)
        # Mean over all pixels of an amplifier in a row, and over its side reference pixels, which
        # both outer amplifiers read first.
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
        """Return the variance left in a row of an inner and of an outer amplifier, DN²."""
        near = np.abs(np.arange(row - SMOOTHING // 2, row + SMOOTHING // 2 + 1))
        near = np.where(near < self.ny, near, 2 * (self.ny - 1) - near)
        sides = self._at(near).mean(axis=0) * self.side
        here, ends = self._at([row])[0] * self.across, self.ends

        def left(reference):
            return 1 - 2 * (reference.conj() * here).real + np.abs(reference) ** 2

        def total(law, response):
            return np.trapezoid(power(law, self.frequency) * response, self.frequency)

        # Each side brings half of what its own amplifier's noise differs from the ends.
        apart = np.abs(sides - ends) ** 2
        shared = total("common", left(sides))
        if not self.by_row:
            # Mirrored at half the pixel rate: slow for each parity, and nothing over 4 columns.
            shared += total("alternating", left(ends))
        inner = total("amplifier", left(ends) + apart / 2)
        outer = total("amplifier", left((ends + sides) / 2) + apart / 4)
        return shared + inner, shared + outer
