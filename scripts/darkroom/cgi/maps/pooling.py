"""One variance of a sample for each stack and population of pixels.

The variance of a pixel's few samples says little of that pixel, and with it as weight the fit is
biased: behind an EM register a pixel that happened to see no electron has both a low mean and a
low variance. Pooled over thousands of pixels of one population (image, prescan, overscans; a
strip of rows), the variance is known well and does not go with any one pixel's mean.

Pixels that are not of the population must not count: hot ones (`darkroom.cgi.maps.hot` finds them)
and those with a sample that the EM register cannot make of dark signal, such as a cosmic ray that
no mask took out.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from darkroom.compiled import load_kernel

# The largest of a million electrons leaves the register as 14 gains; 25 never happens.
_LARGEST_ELECTRON = 25.0
_LARGEST_GAUSSIAN = 8.0
_SLOPE = 8.0
_SAMPLE = 1024
#: Rows of a strip over which variances are pooled, about.
STRIP = 64
#: Normal pixels that may be taken for hot ones: this part.
FALSE_ALARMS = 1e-6
_TRIMMED = 0.01
_TURNS = 4


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
        self._samples = [_sample(runs, population) for population in range(npopulations)]
        for m in range(len(gain)):
            start = _starting_variances(count[m], m2[m], self._samples)
            reach = _LARGEST_ELECTRON * gain[m] + _LARGEST_GAUSSIAN * np.sqrt(start)
            self._limits.append(np.column_stack([reach**2, _SLOPE * start]))
            load_kernel("darkroom.cgi.maps.pooled_kernel").pool(
                count[m], m2[m], self._limits[m], runs, self._sums[m]
            )

    def typical_count(self, population):
        """Return the median number of samples of a pixel of a population, (M,); 0: no pixel."""
        places = self._samples[population]
        if not places.size:
            return np.zeros(len(self._count))
        return np.median(self._count[:, places], axis=1)

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


def _sample(runs, population):
    """Return pixels of a population, evenly spread, at most twice `_SAMPLE`."""
    here = runs[runs[:, 2] == population]
    lengths = here[:, 1] - here[:, 0]
    step = max(int(lengths.sum()) // _SAMPLE, 1)
    number = np.arange(0, lengths.sum(), step)
    run = np.searchsorted(np.cumsum(lengths), number, side="right")
    return here[run, 0] + number - (np.cumsum(lengths) - lengths)[run]


def _starting_variances(count, m2, samples):
    """Return rough variances of each population: trimmed means over a sample of its pixels."""
    starts = np.full(len(samples), np.inf)
    for population, places in enumerate(samples):
        dof = count[places] - 1
        values = np.sort(m2[places][dof > 0] / dof[dof > 0])
        values = values[: len(values) - int(_TRIMMED * len(values))]
        if len(values):
            starts[population] = values.mean()
    return starts


def pixel_variances(count, total, m2, kinds, excluded, npopulations, gain):
    """Return the variance of a sample of every pixel of one stack.

    Parameters
    ----------
    count : (npixels,) int32 array
    total, m2 : (npixels,) float64 array
        Samples, their sum [e-] and that of their squared deviations from their mean [e-²].
    kinds : (npixels,) array
        Population of each pixel.
    excluded : int
        A population that is left out.
    npopulations : int
    gain : float
        EM gain.

    Returns
    -------
    (npixels,) float64 array
        The pooled variance of the pixel's population. A hot pixel, whose mean lies above what the
        population can make, has 2 g times that excess more (noise of amplified electrons); one
        whose scatter alone is too large has its own.

    Notes
    -----
    Limits are quantiles of gamma distributions with the variance of the quantity and an upper
    bound of its third moment: with a pooled variance V the third cumulant of a sample is at most
    3 g V and the fourth 12 g² V, since electrons of rate r have 2 g² r ≤ V, 6 g³ r and 24 g⁴ r.
    """
    runs = runs_of(kinds, excluded)
    pool = Pool(count[None], m2[None], runs, kinds, npopulations, np.array([gain]))
    dof, n = np.maximum(count - 1.0, 0), np.maximum(count, 1)
    mean, counted = total / n, (kinds != excluded) & (count > 0)
    bright = loud = np.zeros(count.size, bool)
    for _ in range(_TURNS):
        hot = bright | loud
        pooled = pool.variances(np.flatnonzero(hot))[0][kinds]
        level, spread = _levels(mean, kinds, counted & ~hot, npopulations)
        excess = mean - level[kinds]
        with np.errstate(invalid="ignore", divide="ignore"):
            sigma = np.sqrt(np.maximum(spread[kinds], pooled / n))
            now_bright = counted & (excess > gamma_limit(sigma, 3 * gain * pooled / n**2))
            scatter = np.sqrt(n * (12 * gain**2 * pooled + 2 * pooled**2))
            shape = (dof * pooled / scatter) ** 2
            now_loud = counted & (m2 > scatter**2 / (dof * pooled) * _tail(shape))
        if np.array_equal(now_bright | now_loud, hot):
            break
        bright, loud = now_bright, now_loud
    variance = np.where(loud & ~bright, m2 / np.maximum(dof, 1), pooled)
    return np.where(bright, pooled + 2 * gain * np.maximum(excess, 0), variance)


def _levels(mean, kinds, chosen, npopulations):
    """Return mean and variance of the pixels' means, by population."""
    number = np.maximum(np.bincount(kinds[chosen], minlength=npopulations), 1)
    level = np.bincount(kinds[chosen], mean[chosen], npopulations) / number
    square = (mean[chosen] - level[kinds[chosen]]) ** 2
    return level, np.bincount(kinds[chosen], square, npopulations) / number


def gamma_limit(sigma, third):
    """Return by how much quantities exceed their means hardly ever.

    Parameters
    ----------
    sigma, third : arrays or numbers
        Standard deviation and third cumulant; their distributions are taken for gamma's.

    Returns
    -------
    array
        What only `FALSE_ALARMS` of them exceed.
    """
    skewness = np.maximum(third / sigma**3, 1e-3)
    shape = 4 / skewness**2
    return sigma * skewness / 2 * (_tail(shape) - shape)


def _tail(shape):
    limit = np.empty(np.shape(shape))
    flat = np.ascontiguousarray(shape, np.float64).reshape(-1)
    load_kernel("darkroom.cgi.maps.pooled_kernel").gamma_tail(flat, FALSE_ALARMS, limit.reshape(-1))
    return limit


def strips(ny):
    """Return the strips of a frame of `ny` rows, as even as possible."""
    edges = np.linspace(0, ny, max(round(ny / STRIP), 1) + 1).round().astype(int)
    return [slice(int(a), int(b)) for a, b in pairwise(edges)]


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
