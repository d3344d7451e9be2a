"""Auto and cross spectra of amplifiers from frames with gaps, on the clock of the detector.

Row overheads, reference pixels and masked pixels are gaps. The correlation at each lag is
normalised by the number of valid pairs of samples, so that the result has the expectation of the
Hann periodogram of a stream without gaps. Filling gaps with zeros alone would lose power and spread
the rest over frequencies.
"""

from __future__ import annotations

from itertools import combinations_with_replacement
from typing import TYPE_CHECKING

import numpy as np
from scipy import fft

from darkroom.nircam.detector.readout import PIXEL_TIME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from darkroom.nircam.detector.readout import Readout

# A lag is used where the autocorrelation of the taper, relative to lag 0, is above this ...
_MIN_OVERLAP = 1e-6
# ... and where gaps leave more than this fraction of the pairs of samples. Only the longest lags,
# between the edges of the frame, fall below.
_MIN_PAIRS = 0.05


class CrossSpectra:
    """Sums over frames of the auto and cross spectra of amplifiers.

    Parameters
    ----------
    readout : darkroom.nircam.detector.readout.Readout
        Readout of the frames.
    amplifiers : sequence of int
        Amplifiers to measure.
    threads : int
        Threads of the Fourier transforms; the result does not depend on it.

    Attributes
    ----------
    pairs : list of (int, int)
        Positions in `amplifiers`, first not above second.
    power : list of (nfrequencies,) complex64 arrays
        Of each pair, the sum over frames of X_a X_b*, on the grid of `padded_frequency`.
    variance : (namplifiers,) float64 array
        Sum over frames and clock ticks of (taper × residual)², DN².
    weight : (namplifiers,) float64 array
        Sum over ticks of (taper × mask)², times the degrees of freedom: what `variance` has to be
        divided by.
    dof : float
        Sum of the degrees of freedom of the integrations.
    """

    def __init__(self, readout: Readout, amplifiers: Sequence[int], threads: int = 1) -> None:
        self.readout, self.amplifiers, self._threads = readout, list(amplifiers), threads
        self.ticks = readout.ticks
        # Padded to at least twice the frame, so that lags do not wrap around.
        self.length = fft.next_fast_len(2 * self.ticks, real=True)
        phase = 2 * np.pi * (np.arange(self.ticks) + 0.5) / self.ticks
        self.taper = (0.5 - 0.5 * np.cos(phase)).astype(np.float32)
        count = len(self.amplifiers)
        self.pairs = list(combinations_with_replacement(range(count), 2))
        shape = (len(self.pairs), self.length // 2 + 1)
        self.power, self._window = (
            [np.zeros(shape[1], np.complex64) for _ in self.pairs] for _ in range(2)
        )
        self.variance, self.weight = np.zeros(count), np.zeros(count)
        self.dof = 0.0
        self._mask: np.ndarray  # taper × good pixels of the current integration, by `begin`

    @property
    def padded_frequency(self) -> np.ndarray:
        """Frequencies of `power` in Hz."""
        return fft.rfftfreq(self.length, PIXEL_TIME)

    def begin(self, good: np.ndarray, dof: float) -> None:
        """Begin an integration.

        Parameters
        ----------
        good : (ny, nx) bool array
            Pixels used, detector frame.
        dof : float
            Degrees of freedom of the residuals of the integration.
        """
        self._mask = self.readout.to_clock(good.astype(np.float32))[self.amplifiers]
        self._mask *= self.taper
        self.dof += dof
        self.weight += dof * np.square(self._mask, dtype=np.float64).sum(axis=1)
        self._add(self._window, self._mask, np.float32(dof))

    def add(self, residual: np.ndarray) -> np.ndarray:
        """Add a frame of the current integration.

        Parameters
        ----------
        residual : (ny, nx) float32 array
            DN, detector frame, 0 outside `good`.

        Returns
        -------
        (namplifiers,) float64 array
            Taper-weighted mean of each amplifier, DN, which was subtracted.
        """
        stream = self.readout.to_clock(residual)[self.amplifiers]
        stream *= self.taper
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

    def corrected(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the spectra, corrected for gaps; `power` is given up for their memory.

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
        relative = overlap / overlap[0, 0]
        self._mask = np.empty(0, np.float32)
        frequency = fft.rfftfreq(self.ticks, PIXEL_TIME)
        spectra = np.empty((len(self.pairs), frequency.size), np.complex64)
        for place, spectrum in enumerate(spectra):
            lags = self._corrected_lags(place, overlap, relative)
            # On the grid of 1/T, lag t and lag t - T are equivalent.
            lags = lags.sum(axis=0)
            spectrum[...] = 2 * PIXEL_TIME * fft.rfft(lags)
        return frequency, spectra

    def _corrected_lags(self, place, overlap, relative):
        """Return the correlation of a pair over the fraction of its samples that are valid."""
        window = self._window[place].astype(np.complex128)
        if place > 0:  # the first is used again
            self._window[place] = np.empty(0, np.complex64)
        window = self._lags(window)
        needed = window > _MIN_PAIRS * self.dof * overlap
        needed &= relative > _MIN_OVERLAP
        power = self.power[place].astype(np.complex128)
        self.power[place] = np.empty(0, np.complex64)
        lags = self._lags(power)
        lags *= relative
        lags[~needed] = 0
        return np.divide(lags, window, out=lags, where=needed)

    def _lags(self, spectrum):
        """Return the correlation at lags 0 … n - 1 and -n … -1 ticks: (2, n) float64."""
        correlation = fft.irfft(spectrum, self.length, workers=self._threads)
        return np.stack([correlation[: self.ticks], correlation[-self.ticks :]])

    def gap_leakage(self, spectrum: np.ndarray) -> np.ndarray:
        """Return the factor by which leakage through gaps raises the scatter of the spectrum.

        The correction for gaps removes the expectation of the leaked power, but not its scatter:
        row overheads move the strong noise of low frequencies to multiples of the row rate.

        Parameters
        ----------
        spectrum : (n,) array
            Spectrum without lines on the grid of 1/T, DN²/Hz.

        Returns
        -------
        (n,) float64 array
            Scatter of the corrected spectrum over that of a spectrum without gaps, at least 1.
        """
        overlap = self._lags(
            np.square(np.abs(fft.rfft(self.taper.astype(np.float64), self.length)))
        )[0].copy()
        window = self._lags(self._window[0].astype(np.complex128))[0].copy()
        needed = overlap > _MIN_OVERLAP * overlap[0]
        valid = _ratio(window, overlap, needed) / self.dof
        del overlap, window, needed
        half = self.ticks // 2
        valid[-half:] = valid[1 : half + 1][::-1]
        lags = fft.irfft(spectrum.astype(np.float64), self.ticks) * valid
        blurred = fft.rfft(lags).real / valid[0]
        return np.maximum(_ratio(blurred, spectrum, spectrum > 0), 1.0)

    @property
    def kept(self) -> np.ndarray:
        """Fraction of the squared taper that falls on used pixels: (namplifiers,) float64."""
        return self.weight / (self.dof * np.square(self.taper, dtype=np.float64).sum())


def _ratio(above, below, where):
    """Return above / below where `where`, 0 elsewhere."""
    return np.divide(above, below, out=np.zeros(above.shape), where=where)
