"""One variance of a sample for each stack and population of pixels.

The variance of a pixel's few samples says little of that pixel, and with it as weight the fit is
biased: behind an EM register a pixel that happened to see no electron has both a low mean and a
low variance. Pooled over thousands of pixels of one population (image, prescan, overscans; a
strip of rows), the variance is known well and does not go with any one pixel's mean.

Pixels that are not of the population must not count: hot ones (`darkroom.cgi.hot` finds them) and
those with a sample that the EM register cannot make of dark signal, such as a cosmic ray that no
mask took out.
"""

from __future__ import annotations

import numpy as np

from darkroom.cgi.compiled import kernel

# The largest of a million electrons leaves the register as 14 gains; 25 never happens.
_LARGEST_ELECTRON = 25.0
_LARGEST_GAUSSIAN = 8.0
_SLOPE = 8.0
_SAMPLE = 4096
_TRIMMED = 0.01


class Pool:
    """Sums of squared deviations of every stack and population.

    Parameters
    ----------
    count : (M, npixels) int32 array
    m2 : (M, npixels) float64 array
        Samples, and the sum of their squared deviations from their mean [e-²].
    runs : (nruns, 3) int64 array
        Runs of pixels of one population: first, stop, population.
    kinds : (npixels,) array
        Population of each pixel.
    npopulations : int
    gain : (M,) array
        EM gains.
    """

    def __init__(self, count, m2, runs, kinds, npopulations, gain):
        self._count, self._m2, self._kinds = count, m2, kinds
        self._limits, self._sums = [], np.zeros((len(gain), npopulations, 2))
        for m in range(len(gain)):
            start = _starting_variances(count[m], m2[m], runs, npopulations)
            reach = _LARGEST_ELECTRON * gain[m] + _LARGEST_GAUSSIAN * np.sqrt(start)
            self._limits.append(np.column_stack([reach**2, _SLOPE * start]))
            kernel("pooled_kernel").pool(count[m], m2[m], self._limits[m], runs, self._sums[m])

    def variances(self, left_out):
        """Return the pooled variances of a sample.

        Parameters
        ----------
        left_out : (n,) int array
            Pixels that do not count.

        Returns
        -------
        (M, npopulations) float64 array
            In e-²; a population without a pixel of two samples takes that of all pixels.
        """
        sums, kinds = self._sums.copy(), self._kinds[left_out]
        for m, limit in enumerate(self._limits):
            dof = np.maximum(self._count[m, left_out] - 1.0, 0)
            m2 = self._m2[m, left_out]
            counted = m2 <= limit[kinds, 0] + limit[kinds, 1] * dof
            np.subtract.at(sums[m, :, 0], kinds[counted], m2[counted])
            np.subtract.at(sums[m, :, 1], kinds[counted], dof[counted])
        with np.errstate(invalid="ignore", divide="ignore"):
            single = sums[..., 0] / sums[..., 1]
            common = sums[..., 0].sum(axis=1) / sums[..., 1].sum(axis=1)
        return np.where(sums[..., 1] > 0, single, common[:, None])


def _starting_variances(count, m2, runs, npopulations):
    """Return rough variances of each population: trimmed means over a sample of its pixels."""
    starts = np.full(npopulations, np.inf)
    for population in range(npopulations):
        places = np.concatenate(
            [np.empty(0, np.int64)]
            + [np.arange(first, stop) for first, stop, k in runs if k == population]
        )
        places = places[:: max(len(places) // _SAMPLE, 1)]
        dof = count[places] - 1
        values = np.sort(m2[places][dof > 0] / dof[dof > 0])
        values = values[: len(values) - int(_TRIMMED * len(values))]
        if len(values):
            starts[population] = values.mean()
    return starts


def runs_of(kinds, excluded):
    """Return the runs of equal numbers in a flat array, without those of `excluded`.

    Parameters
    ----------
    kinds : (npixels,) uint8 array
    excluded : int

    Returns
    -------
    (nruns, 3) int64 array
        First, stop, number.
    """
    edges = np.flatnonzero(np.diff(kinds)) + 1
    first = np.concatenate([[0], edges])
    stop = np.concatenate([edges, [kinds.size]])
    runs = np.column_stack([first, stop, kinds[first]]).astype(np.int64)
    return np.ascontiguousarray(runs[runs[:, 2] != excluded])
