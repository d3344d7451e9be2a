"""Frequency bins of a noise spectrum: edges, search for spectral lines, independent values."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage, special

from darkroom.compiled import load_kernel

if TYPE_CHECKING:
    from collections.abc import Sequence

_PER_DECADE = 30
# Lowest frequency in units of 1/T. Below it the taper mixes in power of the mean level, which was
# subtracted.
_FIRST = 4
_MEDIAN_WIDTH = 401  # of the running median, in values of the grid of 1/T
_LINE_P = 1e-7  # false-alarm probability of a line in one value
_LINE_MARGIN = 3  # values left out on either side of a line
# A frequency is left out where leakage through gaps raises the scatter by more than this factor.
_MAX_LEAKAGE = 1.5
# Correlation of a value of the Hann periodogram with those 1 and 2 values (of 1/T) away.
_NEIGHBOURS = (4 / 9, 1 / 36)


@dataclass(frozen=True)
class Grid:
    """Frequency bins, narrow near 0 and, mirrored, near half the pixel rate.

    Attributes
    ----------
    frame_time : float
        Frame time T, s.
    half_rate : float
        Half the pixel rate, Hz.
    edges : (nbins + 1,) float64 array
        Edges of the bins, Hz.
    """

    frame_time: float
    half_rate: float
    edges: np.ndarray

    @classmethod
    def from_times(cls, frame_time: float, pixel_time: float) -> Grid:
        """Return the bins for a frame time and a pixel time in seconds."""
        half_rate = 0.5 / pixel_time
        first = (_FIRST - 0.5) / frame_time
        count = int(np.ceil(_PER_DECADE * np.log10(half_rate / 2 / first)))
        lower = first * (half_rate / 2 / first) ** (np.arange(count + 1) / count)
        # A bin narrower than the grid of 1/T could be empty.
        kept = [lower[0]]
        for edge in lower[1:]:
            if edge - kept[-1] >= 0.999 / frame_time:
                kept.append(edge)
        kept[-1] = half_rate / 2
        lower = np.array(kept)
        return cls(frame_time, half_rate, np.concatenate([lower, half_rate - lower[-2::-1]]))

    def means(
        self, frequency: np.ndarray, values: np.ndarray, used: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean of values in each bin.

        Parameters
        ----------
        frequency : (n,) array
            Hz.
        values : (..., n) array
            Values at these frequencies, real or complex.
        used : (n,) bool array, optional
            Values that count; all by default.

        Returns
        -------
        means : (..., nbins) array
            NaN for a bin without a value.
        counts : (nbins,) int array
            Number of values in each bin.
        """
        return self.places(frequency, used).means(values)

    def places(self, frequency: np.ndarray, used: np.ndarray | None = None) -> Places:
        """Return which bin each frequency is in, for means of several sets of values.

        Parameters
        ----------
        frequency, used
            As of `means`.
        """
        where = np.searchsorted(self.edges, frequency, side="right") - 1
        inside = (where >= 0) & (where < self.edges.size - 1)
        if used is not None:
            inside &= used
        return Places(np.flatnonzero(inside), where[inside], self.edges.size - 1)


@dataclass(frozen=True)
class Places:
    """Bins of frequencies.

    Attributes
    ----------
    inside : (k,) int array
        The frequencies that are in a bin.
    where : (k,) int array
        Bin of each of them.
    nbins : int
    """

    inside: np.ndarray
    where: np.ndarray
    nbins: int

    def means(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return what `Grid.means` does, of values (..., n) at these frequencies."""
        n = self.nbins
        counts = np.bincount(self.where, minlength=n)
        flat = np.atleast_2d(values)
        sums = np.empty((flat.shape[0], n), np.result_type(values.dtype, np.float64))
        for row, every in zip(sums, flat, strict=True):
            if every.dtype == np.complex64:
                row.real, row.imag = self.sums(every.real), self.sums(every.imag)
                continue
            source = every[self.inside]
            row[...] = np.bincount(self.where, source.real, n)
            if np.iscomplexobj(sums):
                row.imag = np.bincount(self.where, source.imag, n)
        with np.errstate(invalid="ignore", divide="ignore"):
            means = sums / counts
        return means.reshape(*values.shape[:-1], n), counts

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Return the sum in each bin, (nbins,) float64, of values at these frequencies, float32."""
        found = np.zeros(self.nbins)
        kernel = load_kernel("darkroom.nircam.spectrum.kernel")
        kernel.sums_in_bins(values, self.inside, self.where, found)
        return found


@dataclass(frozen=True)
class Line:
    """One spectral line.

    Attributes
    ----------
    frequency : float
        Frequency, Hz.
    rms : float
        Rms of the line, DN, from the mean spectrum of the amplifiers.
    coherence : float
        Mean over pairs of amplifiers of |C_ab|² / (C_aa C_bb); NaN for one amplifier.
    nbins : int
        Number of values of the grid of 1/T left out for it.
    """

    frequency: float
    rms: float
    coherence: float
    nbins: int


class LineSearch:
    """Search for spectral lines.

    Parameters
    ----------
    frequency : (n,) array
        Frequencies of the spectra, Hz, multiples of 1/T.
    spectra : (npairs, n) complex array
        Auto and cross spectra, DN²/Hz.
    pairs : sequence of (int, int)
        Amplifiers of each spectrum.
    grid : Grid
        Bins of the spectrum.
    dof : float
        Degrees of freedom of one value.

    Attributes
    ----------
    clean : (n,) float64 array
        Mean of the auto spectra, smoothed and without lines, DN²/Hz.
    """

    def __init__(
        self,
        frequency: np.ndarray,
        spectra: np.ndarray,
        pairs: Sequence[tuple[int, int]],
        grid: Grid,
        dof: float,
    ) -> None:
        self._frequency, self._spectra, self._pairs, self._grid = frequency, spectra, pairs, grid
        own = [spectra[k].real for k, (a, b) in enumerate(pairs) if a == b]
        self._mean = np.mean(own, axis=0, dtype=np.float64)
        self._baseline = _baseline(frequency, self._mean, grid)
        inside = (frequency >= grid.edges[0]) & (frequency < grid.edges[-1])
        # A gamma variable's median lies below its mean, which is 1 here.
        limit = special.gammainccinv(dof, _LINE_P) / special.gammaincinv(dof, 0.5)
        self._above = inside & (self._mean > limit * self._baseline)
        # Smoothed, so that a value is not compared with its own fluctuation; below the lowest bin
        # there is no baseline.
        self.clean = np.where(frequency < grid.edges[0], self._mean, self._baseline)

    def find(self, leakage: np.ndarray) -> tuple[list[Line], np.ndarray]:
        """Find the lines.

        Parameters
        ----------
        leakage : (n,) array
            Result of `darkroom.nircam.spectrum.cross.gap_leakage` for the clean
            spectrum. Frequencies where it is far above 1 are left out.

        Returns
        -------
        lines : list of Line
        used : (n,) bool array
            True for values outside lines and without strong leakage.
        """
        leaky = leakage > _MAX_LEAKAGE
        above = ndimage.binary_dilation(self._above & ~leaky, iterations=_LINE_MARGIN)
        labels, count = ndimage.label(above)
        lines = [self._line(where[0]) for where in ndimage.find_objects(labels, count)]
        return lines, ~above & ~leaky

    def _line(self, part):
        excess = np.maximum(self._mean[part] - self._baseline[part], 0)
        return Line(
            float(np.average(self._frequency[part], weights=excess)),
            float(np.sqrt(excess.sum() / self._grid.frame_time)),
            _coherence(self._spectra[:, part], self._pairs, excess),
            part.stop - part.start,
        )


def _coherence(spectra, pairs, weights):
    power = np.average(spectra, axis=1, weights=weights)
    own = {a: power[k].real for k, (a, b) in enumerate(pairs) if a == b}
    found = [abs(power[k]) ** 2 / (own[a] * own[b]) for k, (a, b) in enumerate(pairs) if a != b]
    return float(np.mean(found)) if found else float("nan")


def _baseline(frequency, mean, grid):
    """Return the spectrum without lines: smooth curve × running median of the ratio to it.

    The running median of the spectrum alone would be biased where the spectrum is steep, at both
    ends.
    """
    where = np.searchsorted(grid.edges, frequency, side="right") - 1
    bounds = np.searchsorted(where, np.arange(grid.edges.size))
    centres, levels = [], []
    for start, stop in pairwise(bounds):
        if stop > start:
            centres.append(frequency[start:stop].mean())
            levels.append(np.median(mean[start:stop]))
    # The median over bins removes lines that fill a bin of few values.
    levels = ndimage.median_filter(np.log(np.maximum(levels, 1e-30)), 5, mode="nearest")
    smooth = np.exp(np.interp(frequency, centres, levels))
    # Only inside the bins; outside, the taper mixes in power of the subtracted mean level.
    inside = slice(bounds[0], bounds[-1])
    ratio = mean[inside] / smooth[inside]
    smooth[inside] *= ndimage.median_filter(ratio, _MEDIAN_WIDTH, mode="reflect")
    return smooth


def independent_values(
    counts: np.ndarray, dof: float, kept: float, together: bool = True
) -> np.ndarray:
    """Return the equivalent number of independent complex values in the mean of a bin.

    Parameters
    ----------
    counts : (nbins,) int array
        Number of values of the grid of 1/T in each bin.
    dof : float
        Degrees of freedom of each value.
    kept : float
        Fraction of the samples that are not in gaps.
    together : bool
        True for bins that are used together, as in a fit: the taper also correlates values across
        the edges of bins, so that a narrow bin adds less information than it has alone.

    Returns
    -------
    (nbins,) float64 array
        counts × dof × kept / 1.944; larger for bins of few values when `together` is False.
    """
    n = np.maximum(counts, 1).astype(np.float64)
    inside = [1.0, 1.0] if together else [np.maximum(n - k, 0) / n for k in (1, 2)]
    correlated = sum(2 * r * share for r, share in zip(_NEIGHBOURS, inside, strict=True))
    return counts * dof * kept / (1 + correlated)
