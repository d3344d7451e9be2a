"""Auto and cross spectra of amplifiers from frames with gaps, on the clock of the detector.

Row overheads, reference pixels and masked pixels are gaps. The correlation at each lag is
normalised by the number of valid pairs of samples, so that the result has the expectation of the
Hann periodogram of a stream without gaps. Filling gaps with zeros alone would lose power and spread
the rest over frequencies.
"""

from __future__ import annotations

from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import fft

from darkroom.compiled import load_kernel
from darkroom.memory import kept_large
from darkroom.nircam.detector.readout import PIXEL_TIME, ROW_OVERHEAD

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from darkroom.nircam.detector.readout import Readout

# A lag is used where the autocorrelation of the taper, relative to lag 0, is above this ...
_MIN_OVERLAP = 1e-6
# ... and where gaps leave more than this fraction of the pairs of samples. Only the longest lags,
# between the edges of the frame, fall below.
_MIN_PAIRS = 0.05
# Frequencies whose products are summed together: they fit into a processor's cache.
_BLOCK = 1 << 13


def pairs_of(count: int) -> list[tuple[int, int]]:
    """Return the pairs of so many amplifiers, each with itself too, first not above second."""
    return list(combinations_with_replacement(range(count), 2))


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
        self._kernel = load_kernel("darkroom.nircam.spectrum.kernel")
        # Padded to at least twice the frame, so that lags do not wrap around.
        self.length = fft.next_fast_len(2 * self.ticks, real=True)
        phase = 2 * np.pi * (np.arange(self.ticks) + 0.5) / self.ticks
        self.taper = (0.5 - 0.5 * np.cos(phase)).astype(np.float32)
        count = len(self.amplifiers)
        self.pairs = pairs_of(count)
        shape = (len(self.pairs), self.length // 2 + 1)
        self.power = [np.zeros(shape[1], np.complex64) for _ in self.pairs]
        # Good pixels, eight to a byte, and degrees of freedom of each integration: the spectra of
        # the masks take as much memory as those of the noise, and are not needed before the end.
        self._masks: list[tuple[np.ndarray, float]] = []
        self._window: list[np.ndarray] = []
        self.variance, self.weight = np.zeros(count), np.zeros(count)
        self.dof = 0.0
        # Good pixels of the current integration on the clock, and the sums of taper × these.
        self._good, self._total = np.empty(0, bool), np.empty(0)

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
        self._masks.append((np.packbits(good), dof))
        self._good = self.readout.to_clock(good)[self.amplifiers]
        self._total = np.array([m.sum(dtype=np.float64) for m in self._tapered()])
        self.dof += dof
        self.weight += dof * _squares(self._tapered())

    def _tapered(self):
        """Yield taper × good pixels of each amplifier."""
        return (self.taper * good for good in self._good)

    def add(self, frame: Iterable[tuple[slice, np.ndarray, tuple[Any, ...]]]) -> np.ndarray:
        """Add a frame of the current integration.

        Parameters
        ----------
        frame : iterable of (slice, (nrows, nx) float32 array, tuple)
            Bands of rows that together are the frame, detector frame: DN, and the line that is
            subtracted (`darkroom.nircam.spectrum.ramp.RampFit.line`).

        Returns
        -------
        (namplifiers,) float64 array
            Taper-weighted mean of each amplifier, DN, which was subtracted.
        """
        padded, kernel = self._empty(), self._kernel
        tick = self.readout.columns_per_amplifier + ROW_OVERHEAD
        for rows, values, line in frame:
            here = slice(rows.start * tick, rows.stop * tick)
            kernel.tapered_residuals(
                np.ascontiguousarray(values), *line, self.taper[here], tick,
                padded, rows.start * tick,
            )  # fmt: skip
        padded = self._chosen(padded)
        stream = padded[:, : self.ticks]
        mean = np.array([kernel.total(one) for one in stream]) / self._total
        for a, (one, good) in enumerate(zip(stream, self._good, strict=True)):
            self.variance[a] += kernel.level_removed(one, self.taper, good, np.float32(mean[a]))
        self._add(self.power, padded, np.float32(1))
        return mean

    def _empty(self):
        """Return time series of 0 with the padding."""
        return np.zeros((self.readout.noutputs, self.length), np.float32)

    def _chosen(self, stream):
        return stream if len(self.amplifiers) == len(stream) else stream[self.amplifiers]

    def _padded(self, good):
        """Return taper × good pixels as time series, with the zeros of the padding."""
        stream = self._empty()
        stream[:, : self.ticks] = self.readout.to_clock(good)
        stream = self._chosen(stream)
        stream[:, : self.ticks] *= self.taper
        return stream

    def _add(self, sums, stream, weight):
        waves = fft.rfft(stream, self.length, workers=self._threads)
        for first in range(0, waves.shape[1], _BLOCK):
            here = slice(first, first + _BLOCK)
            for b in range(len(waves)):
                conjugate = np.conj(waves[b, here])
                for place, (a, other) in enumerate(self.pairs):
                    if other != b:
                        continue
                    product = conjugate * waves[a, here]
                    if weight != 1:
                        product *= weight
                    sums[place][here] += product

    def corrected(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the spectra, corrected for gaps; `power` is given up for their memory.

        Returns
        -------
        frequency : (n,) float64 array
            Hz: 0, 1/T, … for the frame time T.
        spectra : (npairs, n) complex64 array
            One-sided, DN²/Hz; real for an amplifier with itself.
        """
        self._good = np.empty(0, bool)
        self._sum_windows()
        overlap = self._overlap()
        with kept_large():
            lags = [self._corrected_lags(place, overlap) for place in range(len(self.pairs))]
        del overlap
        # Transforms to the grid of 1/T take much memory: not before that of `power` is free.
        frequency = fft.rfftfreq(self.ticks, PIXEL_TIME)
        spectra = np.empty((len(self.pairs), frequency.size), np.complex64)
        for spectrum in spectra:
            spectrum[...] = 2 * PIXEL_TIME * fft.rfft(lags.pop(0))
        return frequency, spectra

    def _sum_windows(self):
        """Sum over integrations the auto and cross spectra of taper × good pixels."""
        shape = self.readout.shape
        self._window = [np.zeros_like(power) for power in self.power]
        with kept_large():
            for packed, dof in self._masks:
                good = np.unpackbits(packed, count=shape[0] * shape[1]).reshape(shape)
                self._add(self._window, self._padded(good), np.float32(dof))

    def _corrected_lags(self, place, overlap):
        """Return the correlation of a pair over the fraction of its samples that are valid.

        On the grid of 1/T, lag t and lag t - T are equivalent: (ticks,) float64.
        """
        window = self._lags(self._window[place])
        if place > 0:  # the first is used again
            self._window[place] = np.empty(0, np.complex64)
        needed = window > _MIN_PAIRS * self.dof * overlap
        needed &= overlap / overlap[0] > _MIN_OVERLAP
        lags = self._lags(self.power[place])
        self.power[place] = np.empty(0, np.complex64)
        lags *= overlap / overlap[0]
        lags[~needed] = 0
        np.divide(lags, window, out=lags, where=needed)
        return lags[: self.ticks] + lags[-self.ticks :]

    def _overlap(self):
        """Return the correlation of the taper, as of `_lags`."""
        return self._lags(np.square(np.abs(fft.rfft(self.taper.astype(np.float64), self.length))))

    def _lags(self, spectrum):
        """Return the correlation at lags 0 … n - 1, others, and -n … -1 ticks: float64.

        The others, which `length` adds, have no meaning.
        """
        if np.iscomplexobj(spectrum):
            spectrum = spectrum.astype(np.complex128)
        return fft.irfft(spectrum, self.length, workers=self._threads)

    def valid_fraction(self) -> np.ndarray:
        """Return the fraction of the pairs of samples that gaps leave at each lag.

        Of the first amplifier, after `corrected`. On the circle of the frame time: lags beyond
        half of it mirror those before.

        Returns
        -------
        (ticks,) float64 array
        """
        overlap = self._overlap()[: self.ticks].copy()
        window = self._lags(self._window[0])[: self.ticks].copy()
        needed = overlap > _MIN_OVERLAP * overlap[0]
        valid = _ratio(window, overlap, needed) / self.dof
        return mirrored(valid)

    @property
    def kept(self) -> np.ndarray:
        """Fraction of the squared taper that falls on used pixels: (namplifiers,) float64."""
        return self.weight / (self.dof * np.square(self.taper, dtype=np.float64).sum())


def mirrored(lags: np.ndarray) -> np.ndarray:
    """Return values at lags on the circle of the frame time, from those of its first half.

    Parameters
    ----------
    lags : (ticks,) array
        Written to: the last half becomes the mirror image of the first.
    """
    half = lags.size // 2
    lags[-half:] = lags[1 : half + 1][::-1]
    return lags


def gap_leakage(spectrum: np.ndarray, valid: np.ndarray, ticks: int) -> np.ndarray:
    """Return the factor by which leakage through gaps raises the scatter of the spectrum.

    The correction for gaps removes the expectation of the leaked power, but not its scatter:
    row overheads move the strong noise of low frequencies to multiples of the row rate.

    Parameters
    ----------
    spectrum : (n,) array
        Spectrum without lines on the grid of 1/T, DN²/Hz.
    valid : (ticks,) array
        Result of `CrossSpectra.valid_fraction`.
    ticks : int
        Clock ticks of a frame.

    Returns
    -------
    (n,) float64 array
        Scatter of the corrected spectrum over that of a spectrum without gaps, at least 1.
    """
    lags = fft.irfft(spectrum.astype(np.float64), ticks) * valid
    blurred = fft.rfft(lags).real / valid[0]
    return np.maximum(_ratio(blurred, spectrum, spectrum > 0), 1.0)


def _squares(streams):
    """Return the sum of squares of each time series, float64."""
    return np.array([np.square(one, dtype=np.float64).sum() for one in streams])


def _ratio(above, below, where):
    """Return above / below where `where`, 0 elsewhere."""
    return np.divide(above, below, out=np.zeros(above.shape), where=where)
