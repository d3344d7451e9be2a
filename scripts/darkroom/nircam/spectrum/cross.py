"""Auto and cross spectra of amplifiers from frames with gaps, on the clock of the detector.

Row overheads, reference pixels and masked pixels are gaps. The correlation at each lag is
normalised by the number of valid pairs of samples, so that the result has the expectation of the
Hann periodogram of a stream without gaps. Filling gaps with zeros alone would lose power and spread
the rest over frequencies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import fft

from darkroom.compiled import load_kernel
from darkroom.memory import kept_large
from darkroom.nircam.detector.readout import PIXEL_TIME, ROW_OVERHEAD
from darkroom.nircam.spectrum.long import AnyTransform, LongTransform
from darkroom.nircam.spectrum.transform import ProductSums

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from darkroom.nircam.detector.readout import Readout
    from darkroom.nircam.spectrum.bins import Places

# A lag is used where the autocorrelation of the taper, relative to lag 0, is above this ...
_MIN_OVERLAP = 1e-6
# ... and where gaps leave more than this fraction of the pairs of samples. Only the longest lags,
# between the edges of the frame, fall below.
_MIN_PAIRS = 0.05
#: Where residuals are not summed.
NO_SUMS = np.empty((0, 0)), np.empty(0)


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
    power : ProductSums
        Of each pair of amplifiers, the sum over frames of X_a X_b*.
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
        phase = 2 * np.pi * (np.arange(self.ticks) + 0.5) / self.ticks
        self.taper = (0.5 - 0.5 * np.cos(phase)).astype(np.float32)
        count = len(self.amplifiers)
        # Padded to at least twice the frame, so that lags do not wrap around.
        self.power = ProductSums(count, 2 * self.ticks, threads)
        self._stream = np.zeros((readout.noutputs, self.ticks), np.float32)
        # Good pixels, eight to a byte, and degrees of freedom of each integration: the spectra of
        # the masks take as much memory as those of the noise, and are not needed before the end.
        self._masks: list[tuple[np.ndarray, float]] = []
        self._window: ProductSums | None = None
        self.variance, self.weight = np.zeros(count), np.zeros(count)
        self.dof = 0.0
        # Good pixels of the current integration on the clock, and the sums of taper × these.
        self._good, self._total = np.empty(0, bool), np.empty(0)

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Positions in `amplifiers` of each pair, first not above second."""
        return self.power.pairs

    @property
    def padded_frequency(self) -> np.ndarray:
        """Frequency of each place of `power`, Hz; inf for those that are there twice."""
        return self.power.frequency / (self.power.length * PIXEL_TIME)

    def means(self, places: Places) -> np.ndarray:
        """Return the means of `power` in bins, (npairs, nbins) complex128.

        Parameters
        ----------
        places : Places
            Bins of `padded_frequency`.
        """
        self.power.finish()
        counts = np.bincount(places.where, minlength=places.nbins)
        found = np.zeros((len(self.pairs), places.nbins), np.complex128)
        for place, row in enumerate(found):
            real, imaginary = self.power.parts(place)
            row.real = places.sums(real)
            if imaginary is not None:
                row.imag = places.sums(imaginary)
        with np.errstate(invalid="ignore", divide="ignore"):
            return found / counts

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

    def add(self, frame: Iterable[tuple[slice, np.ndarray, tuple[Any, ...], Any]]) -> np.ndarray:
        """Add a frame of the current integration.

        Parameters
        ----------
        frame : iterable of (slice, (nrows, nx) float32 array, tuple, tuple)
            Bands of rows that together are the frame, detector frame: DN, the line that is
            subtracted (`darkroom.nircam.spectrum.ramp.RampFit.line`), and where the residuals are
            summed by row and amplifier and by column, as of `kernel.summed_residuals`; `NO_SUMS`.

        Returns
        -------
        (namplifiers,) float64 array
            Taper-weighted mean of each amplifier, DN, which was subtracted.
        """
        stream, kernel = self._stream, self._kernel
        tick = self.readout.columns_per_amplifier + ROW_OVERHEAD
        for rows, values, line, sums in frame:
            here = slice(rows.start * tick, rows.stop * tick)
            kernel.tapered_residuals(
                np.ascontiguousarray(values), *line, self.taper[here], tick,
                stream, rows.start * tick, *sums,
            )  # fmt: skip
        if len(self.amplifiers) < len(stream):
            stream = stream[self.amplifiers]
        mean = np.array([kernel.total(one) for one in stream]) / self._total
        parts = self.power.next_series(self.ticks)
        for a, (one, good) in enumerate(zip(stream, self._good, strict=True)):
            self.variance[a] += kernel.level_removed(
                one, self.taper, good, np.float32(mean[a]), parts[a]
            )
        return mean

    def corrected(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the spectra, corrected for gaps; `power` is given up for their memory.

        Returns
        -------
        frequency : (n,) float64 array
            Hz: 0, 1/T, … for the frame time T.
        spectra : (npairs, n) complex64 array
            One-sided, DN²/Hz; real for an amplifier with itself.
        """
        self._good, self._stream = np.empty(0, bool), np.empty(0, np.float32)
        self._sum_windows()
        long = LongTransform(self.power.shape, self._threads)
        overlap = long.correlation(long.power(self.taper).astype(np.complex128))
        with kept_large():
            lags = [self._corrected_lags(long, place, overlap) for place in range(len(self.pairs))]
        del overlap
        # Transforms to the grid of 1/T take much memory: not before that of the sums is free.
        self.power.forget_sums()
        self._window.forget_sums()
        frequency = fft.rfftfreq(self.ticks, PIXEL_TIME)
        spectra = np.empty((len(self.pairs), frequency.size), np.complex64)
        kernel = load_kernel("darkroom.nircam.spectrum.long_kernel")
        with kept_large():
            transform = AnyTransform(self.ticks, self.power.shape, self._threads)
            for place in range(0, len(spectra), 2):
                # Two real series at a time, as real and imaginary part.
                found = transform(*lags[place : place + 2])
                lags[place : place + 2] = [np.empty(0)] * len(lags[place : place + 2])
                second = spectra[place + 1] if place + 1 < len(spectra) else spectra[:0, 0]
                kernel.parted(found, PIXEL_TIME, spectra[place], second)
        return frequency, spectra

    def _sum_windows(self):
        """Sum over integrations the auto and cross spectra of taper × good pixels."""
        shape = self.readout.shape
        self._window = self.power.successor()
        with kept_large():
            for packed, dof in self._masks:
                good = np.unpackbits(packed, count=shape[0] * shape[1]).reshape(shape)
                parts = self._window.next_series(self.ticks)
                parts[:] = self.readout.to_clock(good)[self.amplifiers]
                # The products have the weight `dof`.
                parts *= self.taper * np.float32(np.sqrt(dof))
            self._window.forget_series()

    def _corrected_lags(self, long, place, overlap):
        """Return the correlation of a pair over the fraction of its samples that are valid.

        On the grid of 1/T, lag t and lag t - T are equivalent: (ticks,) float64.
        """
        window = long.correlation(self._window.waves(place))
        if place == 0:
            self._valid = self._valid_fraction(window, overlap)
        lags = np.empty(self.ticks)
        load_kernel("darkroom.nircam.spectrum.long_kernel").corrected(
            long.correlation(self.power.waves(place)), window, overlap,
            _MIN_PAIRS * self.dof, _MIN_OVERLAP, lags,
        )  # fmt: skip
        return lags

    def valid_fraction(self) -> np.ndarray:
        """Return the fraction of the pairs of samples that gaps leave at each lag.

        Of the first amplifier, after `corrected`. On the circle of the frame time: lags beyond
        half of it mirror those before.

        Returns
        -------
        (ticks,) float64 array
        """
        return self._valid

    def _valid_fraction(self, window, overlap):
        window, overlap = window[: self.ticks], overlap[: self.ticks]
        needed = overlap > _MIN_OVERLAP * overlap[0]
        return mirrored(_ratio(window, overlap, needed) / self.dof)

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
