"""Bins of a noise spectrum: edges, lines left out, what they are worth."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import ndimage, stats

_PER_DECADE = 30
_FIRST = 4  # in units of 1/T: below, the taper mixes in what was taken off
_RUNNING = 401
_LINE_P = 1e-7
_GROWN = 3
# Gaps bring so much power there from elsewhere that its scatter covers what is.
_DROWNED = 1.5
# Correlation of the Hann periodogram's neighbours, 1 and 2 bins of 1/T away.
_NEIGHBOURS = (4 / 9, 1 / 36)


@dataclass(frozen=True)
class Grid:
    """Bins in frequency, fine near 0 and, mirrored, near half the pixel rate.

    Attributes
    ----------
    frame_time : float
        T, s.
    half_rate : float
        Half the pixel rate, Hz.
    edges : (nbins + 1,) float64 array
        Hz.
    """

    frame_time: float
    half_rate: float
    edges: np.ndarray

    @classmethod
    def from_times(cls, frame_time, pixel_time):
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

    def means(self, frequency, values, taken=None):
        """Return means over the bins: (..., nbins), NaN without a value, and the counts."""
        where = np.searchsorted(self.edges, frequency, side="right") - 1
        inside = (where >= 0) & (where < self.edges.size - 1)
        if taken is not None:
            inside &= taken
        where, n = where[inside], self.edges.size - 1
        counts = np.bincount(where, minlength=n)
        flat = np.atleast_2d(values)[:, inside]
        sums = np.empty((flat.shape[0], n), np.result_type(values.dtype, np.float64))
        for row, source in zip(sums, flat, strict=True):
            row[...] = np.bincount(where, source.real, n)
            if np.iscomplexobj(sums):
                row.imag = np.bincount(where, source.imag, n)
        with np.errstate(invalid="ignore", divide="ignore"):
            means = sums / counts
        return means.reshape(*values.shape[:-1], n), counts


@dataclass(frozen=True)
class Line:
    """One spectral line.

    Attributes
    ----------
    frequency : float
        Hz.
    rms : float
        DN, mean over amplifiers.
    coherence : float
        Mean over pairs of amplifiers of |C_ab|² / (C_aa C_bb); NaN for one amplifier.
    nbins : int
        Bins of 1/T left out for it.
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
        Hz, multiples of 1/T.
    spectra : (npairs, n) complex array
        DN²/Hz.
    pairs : list of (int, int)
    grid : Grid
    dof : float
        Degrees of freedom of a bin of 1/T.

    Attributes
    ----------
    clean : (n,) float64 array
        Mean of the auto spectra, smooth and without lines, DN²/Hz.
    """

    def __init__(self, frequency, spectra, pairs, grid, dof):
        self._frequency, self._spectra, self._pairs, self._grid = frequency, spectra, pairs, grid
        own = [spectra[k].real for k, (a, b) in enumerate(pairs) if a == b]
        self._mean = np.mean(own, axis=0, dtype=np.float64)
        self._baseline = _baseline(frequency, self._mean, grid)
        inside = (frequency >= grid.edges[0]) & (frequency < grid.edges[-1])
        # A gamma variable's median lies below its mean, which is 1 here.
        limit = stats.gamma.isf(_LINE_P, dof) / stats.gamma.median(dof)
        self._above = inside & (self._mean > limit * self._baseline)
        # Smooth, so that no bin is judged by its own chance; below the bins there is no baseline.
        self.clean = np.where(frequency < grid.edges[0], self._mean, self._baseline)

    def find(self, blur):
        """Find the lines.

        Parameters
        ----------
        blur : (n,) array
            Of `darkroom.nircam.spectrum.cross.CrossSpectra.blur` for the clean spectrum: where it
            is far above 1 nothing can be said.

        Returns
        -------
        lines : list of Line
        taken : (n,) bool array
            Bins that no line touches and that gaps do not drown.
        """
        drowned = blur > _DROWNED
        above = ndimage.binary_dilation(self._above & ~drowned, iterations=_GROWN)
        labels, count = ndimage.label(above)
        lines = [self._line(where[0]) for where in ndimage.find_objects(labels, count)]
        return lines, ~above & ~drowned

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
    """Return the spectrum without lines: a running median of its ratio to a smooth curve.

    Where the spectrum is steep, at both ends, the median over a fixed width alone would lie
    beside it.
    """
    where = np.searchsorted(grid.edges, frequency, side="right") - 1
    bounds = np.searchsorted(where, np.arange(grid.edges.size))
    centres, levels = [], []
    for start, stop in pairwise(bounds):
        if stop > start:
            centres.append(frequency[start:stop].mean())
            levels.append(np.median(mean[start:stop]))
    # Bins of few values follow a line; their neighbours do not.
    levels = ndimage.median_filter(np.log(np.maximum(levels, 1e-30)), 5, mode="nearest")
    smooth = np.exp(np.interp(frequency, centres, levels))
    # Outside the bins, where the taper mixes in what was taken off, there is nothing to learn.
    inside = slice(bounds[0], bounds[-1])
    ratio = mean[inside] / smooth[inside]
    smooth[inside] *= ndimage.median_filter(ratio, _RUNNING, mode="reflect")
    return smooth


def independent_values(counts, dof, kept, together=True):
    """Return how many independent complex values the mean of a bin is worth.

    Parameters
    ----------
    counts : (nbins,) int array
        Values of the grid of 1/T in each bin.
    dof : float
        Of each.
    kept : float
        Share of the samples that gaps leave.
    together : bool
        Worth among all bins: the taper makes neighbours alike across the edges of bins too, so
        that a narrow bin says less than it does alone.

    Returns
    -------
    (nbins,) float64 array
        counts × dof × kept / 1.944; not together, more for bins of few values.
    """
    n = np.maximum(counts, 1).astype(np.float64)
    inside = [1.0, 1.0] if together else [np.maximum(n - k, 0) / n for k in (1, 2)]
    alike = sum(2 * r * share for r, share in zip(_NEIGHBOURS, inside, strict=True))
    return counts * dof * kept / (1 + alike)
