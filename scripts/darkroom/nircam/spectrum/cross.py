"""Auto and cross spectra of amplifiers from frames with gaps, on the clock of the detector.

Row overheads, reference pixels and masked pixels are gaps. Their effect is divided out of the
correlation at each lag, so that the result has the expectation of the Hann periodogram of a stream
without gaps; filling gaps with zeros alone loses power and spreads the rest.
"""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np
from scipy import fft

from darkroom.nircam.detector.readout import PIXEL_TIME

# Lags at which the taper overlaps itself less than this carry nothing.
_LEAST_OVERLAP = 1e-6
# Nor do lags of which gaps leave less than this; they are the longest, at the edges of the frame.
_LEAST_LEFT = 0.05


class CrossSpectra:
    """Sums of the spectra of frames, pair by pair of amplifiers.

    Parameters
    ----------
    readout : darkroom.nircam.detector.readout.Readout
    amplifiers : sequence of int
        Those taken.
    threads : int
        Of the Fourier transforms; the result does not depend on it.

    Attributes
    ----------
    pairs : list of (int, int)
        Positions in `amplifiers`, first not above second.
    power : (npairs, nfrequencies) complex64 array
        Sum over frames of X_a X_b*, on the grid of `padded_frequency`.
    variance : (namplifiers,) float64 array
        Sum over frames and ticks of (taper × residual)², DN².
    weight : (namplifiers,) float64 array
        The same sum for residuals of 1 DN, a degree of freedom each instead of a frame.
    dof : float
        Degrees of freedom of all integrations.
    """

    def __init__(self, readout, amplifiers, threads=1):
        self.readout, self.amplifiers, self._threads = readout, list(amplifiers), threads
        self.ticks = readout.ticks
        # At least twice the frame, so that lags do not wrap around.
        self.length = fft.next_fast_len(2 * self.ticks, real=True)
        phase = 2 * np.pi * (np.arange(self.ticks) + 0.5) / self.ticks
        self.taper = (0.5 - 0.5 * np.cos(phase)).astype(np.float32)
        count = len(self.amplifiers)
        self.pairs = list(combinations_with_replacement(range(count), 2))
        shape = (len(self.pairs), self.length // 2 + 1)
        self.power, self._window = np.zeros(shape, np.complex64), np.zeros(shape, np.complex64)
        self.variance, self.weight = np.zeros(count), np.zeros(count)
        self.dof, self._mask = 0.0, None

    @property
    def padded_frequency(self):
        """Frequencies of `power` in Hz."""
        return fft.rfftfreq(self.length, PIXEL_TIME)

    def begin(self, good, dof):
        """Begin an integration.

        Parameters
        ----------
        good : (ny, nx) bool array
            Pixels taken, detector frame.
        dof : float
            Degrees of freedom of its residuals.
        """
        self._mask = self.readout.to_clock(good.astype(np.float32))[self.amplifiers] * self.taper
        self.dof += dof
        self.weight += dof * np.square(self._mask, dtype=np.float64).sum(axis=1)
        self._add(self._window, self._mask, np.float32(dof))

    def add(self, residual):
        """Add a frame of the integration begun.

        Parameters
        ----------
        residual : (ny, nx) float32 array
            DN, detector frame, 0 outside `good`.

        Returns
        -------
        (namplifiers,) float64 array
            Taper-weighted mean of each amplifier, DN, which was taken off.
        """
        stream = self.readout.to_clock(residual)[self.amplifiers] * self.taper
        total = self._mask.sum(axis=1, dtype=np.float64)
        mean = stream.sum(axis=1, dtype=np.float64) / total
        stream -= self._mask * mean[:, None].astype(np.float32)
        self.variance += np.square(stream, dtype=np.float64).sum(axis=1)
        self._add(self.power, stream, np.float32(1))
        return mean

    def _add(self, sums, stream, weight):
        waves = fft.rfft(stream, self.length, workers=self._threads)
        for place, (a, b) in enumerate(self.pairs):
            product = np.conj(waves[b])
            product *= waves[a]
            if weight != 1:
                product *= weight
            sums[place] += product

    def corrected(self):
        """Return the spectra without the effect of gaps.

        Returns
        -------
        frequency : (n,) float64 array
            Hz: 0, 1/T, … for the frame time T.
        spectra : (npairs, n) complex64 array
            One-sided, DN²/Hz; real for an amplifier with itself.
        """
        overlap = self._lags(
            np.square(np.abs(fft.rfft(self.taper.astype(np.float64), self.length)))
        )
        share = overlap / overlap[0, 0]
        frequency = fft.rfftfreq(self.ticks, PIXEL_TIME)
        spectra = np.empty((len(self.pairs), frequency.size), np.complex64)
        for place in range(len(self.pairs)):
            window = self._lags(self._window[place].astype(np.complex128))
            needed = (share > _LEAST_OVERLAP) & (window > _LEAST_LEFT * self.dof * overlap)
            lags = self._lags(self.power[place].astype(np.complex128))
            lags *= share
            lags = _ratio(lags, window, needed)
            # On the grid of 1/T lag t and lag t - T are the same.
            spectra[place] = 2 * PIXEL_TIME * fft.rfft(lags.sum(axis=0))
        return frequency, spectra

    def _lags(self, spectrum):
        """Return the correlation at lags 0 … n - 1 and -n … -1 ticks: (2, n) float64."""
        correlation = fft.irfft(spectrum, self.length, workers=self._threads)
        return np.stack([correlation[: self.ticks], correlation[-self.ticks :]])

    def blur(self, spectrum):
        """Return how much power the gaps bring to each frequency from all others.

        The correction takes its expectation off again, but not its scatter: row overheads carry
        the strong noise of low frequencies to multiples of the row rate.

        Parameters
        ----------
        spectrum : (n,) array
            Spectrum on the grid of 1/T, without lines.

        Returns
        -------
        (n,) float64 array
            Scatter of the corrected spectrum over that of one without gaps, at least 1.
        """
        overlap = self._lags(
            np.square(np.abs(fft.rfft(self.taper.astype(np.float64), self.length)))
        )
        window = self._lags(self._window[0].astype(np.complex128))
        needed = overlap > _LEAST_OVERLAP * overlap[0, 0]
        left = _ratio(window, overlap, needed)[0] / self.dof
        half = self.ticks // 2
        left[-half:] = left[1 : half + 1][::-1]
        lags = fft.irfft(spectrum.astype(np.float64), self.ticks) * left
        blurred = fft.rfft(lags).real / left[0]
        return np.maximum(_ratio(blurred, spectrum, spectrum > 0), 1.0)

    @property
    def kept(self):
        """Share of the taper that falls on pixels taken, by amplifier."""
        return self.weight / (self.dof * np.square(self.taper, dtype=np.float64).sum())


def _ratio(above, below, where):
    """Return above / below, 0 elsewhere."""
    return np.divide(above, below, out=np.zeros(above.shape), where=where)
