"""Pooled variance of a sample for each stack and population of pixels.

The variance of a pixel's few samples is uncertain, and weights made of it bias the fit: with an EM
register, a pixel that happened to have no electron has both a low mean and a low variance. Pooled
over thousands of pixels of one population (image, prescan, overscans; in a strip of rows), the
variance is well known and does not correlate with the mean of any single pixel.

Pixels that do not belong to the population must be excluded: hot ones (found by
`darkroom.cgi.maps.hot`) and those with a sample that the EM register cannot make of dark signal,
such as an unmasked cosmic ray.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from darkroom.compiled import load_kernel

# Largest amplified signal of an electron [EM gains]: the largest of a million electrons has 14.
_LARGEST_ELECTRON = 25.0
# Largest deviation of Gaussian noise [σ].
_LARGEST_GAUSSIAN = 8.0
# Largest mean squared deviation of a pixel's other samples, in units of the population's variance.
_SLOPE = 8.0
# Approximate number of pixels that represent a population in first estimates.
_SAMPLE = 1024
#: Approximate number of rows of a strip over which variances are pooled.
STRIP = 64
#: Fraction of normal pixels whose mean or scatter may be taken for too large.
FALSE_ALARMS = 1e-6
# Fraction of the highest variances that first estimates leave out.
_TRIMMED = 0.01
_ITERATIONS = 4


class Pool:
    """Pooled variances of every stack and population.

    Parameters
    ----------
    count : (M, npixels) int32 array
    m2 : (M, npixels) float64 array
        Usable samples of a pixel, and the sum of their squared deviations from their mean [e-²].
    runs : (nruns, 3) int64 array
        Runs of pixels of one population: first, stop, population.
    populations : (npixels,) array
        Population of each pixel.
    npopulations : int
        Number of populations.
    gain : (M,) array
        EM gain of each stack.
    """

    def __init__(
        self,
        count: np.ndarray,
        m2: np.ndarray,
        runs: np.ndarray,
        populations: np.ndarray,
        npopulations: int,
        gain: np.ndarray,
    ) -> None:
        self._count, self._m2, self._populations = count, m2, populations
        self._limits, self._sums = [], np.zeros((len(gain), npopulations, 2))
        self._samples = [_sample(runs, population) for population in range(npopulations)]
        for m in range(len(gain)):
            start = _starting_variances(count[m], m2[m], self._samples)
            reach = _LARGEST_ELECTRON * gain[m] + _LARGEST_GAUSSIAN * np.sqrt(start)
            self._limits.append(np.column_stack([reach**2, _SLOPE * start]))
            load_kernel("darkroom.cgi.maps.pooled_kernel").pool(
                count[m], m2[m], self._limits[m], runs, self._sums[m]
            )

    def typical_count(self, population: int) -> np.ndarray:
        """Return the median samples per pixel of a population, (M,); 0 when it has no pixel."""
        places = self._samples[population]
        if not places.size:
            return np.zeros(len(self._count))
        return np.median(self._count[:, places], axis=1)

    def variances(self, left_out: np.ndarray) -> np.ndarray:
        """Return the pooled variances of a sample.

        Parameters
        ----------
        left_out : (n,) int array
            Pixels that are excluded.

        Returns
        -------
        (M, npopulations) float64 array
            In e-²; that of all pixels for a population in which no pixel has two samples.
        """
        sums, populations = self._sums.copy(), self._populations[left_out]
        for m, limit in enumerate(self._limits):
            dof = np.maximum(self._count[m, left_out] - 1.0, 0)
            m2 = self._m2[m, left_out]
            counted = m2 <= limit[populations, 0] + limit[populations, 1] * dof
            np.subtract.at(sums[m, :, 0], populations[counted], m2[counted])
            np.subtract.at(sums[m, :, 1], populations[counted], dof[counted])
        with np.errstate(invalid="ignore", divide="ignore"):
            single = sums[..., 0] / sums[..., 1]
            common = sums[..., 0].sum(axis=1) / sums[..., 1].sum(axis=1)
        return np.where(sums[..., 1] > 0, single, common[:, None])


def _sample(runs, population):
    """Return evenly spread pixels of a population, at most twice `_SAMPLE`."""
    here = runs[runs[:, 2] == population]
    lengths = here[:, 1] - here[:, 0]
    step = max(int(lengths.sum()) // _SAMPLE, 1)
    number = np.arange(0, lengths.sum(), step)
    run = np.searchsorted(np.cumsum(lengths), number, side="right")
    return here[run, 0] + number - (np.cumsum(lengths) - lengths)[run]


def _starting_variances(count, m2, samples):
    """Return first estimates of the variances: trimmed means over pixels of each population."""
    starts = np.full(len(samples), np.inf)
    for population, places in enumerate(samples):
        dof = count[places] - 1
        values = np.sort(m2[places][dof > 0] / dof[dof > 0])
        values = values[: len(values) - int(_TRIMMED * len(values))]
        if len(values):
            starts[population] = values.mean()
    return starts


def pixel_variances(
    count: np.ndarray,
    total: np.ndarray,
    m2: np.ndarray,
    populations: np.ndarray,
    excluded: int,
    npopulations: int,
    gain: float,
) -> np.ndarray:
    """Return the variance of a sample of every pixel of one stack [e-²].

    Parameters
    ----------
    count : (npixels,) int32 array
    total, m2 : (npixels,) float64 array
        Usable samples, their sum [e-], and the sum of their squared deviations from their mean
        [e-²].
    populations : (npixels,) array
        Population of each pixel.
    excluded : int
        A population that is left out.
    npopulations : int
        Number of populations.
    gain : float
        EM gain.

    Returns
    -------
    (npixels,) float64 array
        The pooled variance of the pixel's population. For a pixel whose mean is too large for the
        population (a hot one), 2 g times the excess is added: the noise of amplified electrons. A
        pixel of which only the scatter is too large has its own variance.

    Notes
    -----
    The limits are quantiles of gamma distributions with the variance of the quantity and an upper
    bound of its third moment. With a pooled variance V the third cumulant of a sample is at most
    3 g V and the fourth 12 g² V, since electrons of rate r have 2 g² r ≤ V, 6 g³ r and 24 g⁴ r.
    """
    runs = runs_of(populations, excluded)
    pool = Pool(count[None], m2[None], runs, populations, npopulations, np.array([gain]))
    dof, n = np.maximum(count - 1.0, 0), np.maximum(count, 1)
    # The limits are the same for all pixels of one population and one number of samples.
    kinds, kind = np.unique(
        populations.astype(np.int64) * (int(count.max()) + 1) + count, return_inverse=True
    )
    pixels = np.empty(kinds.size, np.intp)
    pixels[kind] = np.arange(count.size)
    its_dof, its_n, its_population = dof[pixels], n[pixels], populations[pixels]
    mean, counted = total / n, (populations != excluded) & (count > 0)
    high_mean = high_scatter = np.zeros(count.size, bool)
    for _ in range(_ITERATIONS):
        hot = high_mean | high_scatter
        pooled = pool.variances(np.flatnonzero(hot))[0]
        level, spread = _levels(mean, populations, counted & ~hot, npopulations)
        excess = mean - level[populations]
        with np.errstate(invalid="ignore", divide="ignore"):
            variance = pooled[its_population]
            sigma = np.sqrt(np.maximum(spread[its_population], variance / its_n))
            highest = gamma_limit(sigma, 3 * gain * variance / its_n**2)
            scatter = np.sqrt(its_n * (12 * gain**2 * variance + 2 * variance**2))
            shape = (its_dof * variance / scatter) ** 2
            widest = scatter**2 / (its_dof * variance) * _gamma_quantile(shape)
        now_high_mean = counted & (excess > highest[kind])
        now_high_scatter = counted & (m2 > widest[kind])
        if np.array_equal(now_high_mean | now_high_scatter, hot):
            break
        high_mean, high_scatter = now_high_mean, now_high_scatter
    pooled = pooled[populations]
    variance = np.where(high_scatter & ~high_mean, m2 / np.maximum(dof, 1), pooled)
    return np.where(high_mean, pooled + 2 * gain * np.maximum(excess, 0), variance)


def _levels(mean, populations, chosen, npopulations):
    """Return mean and variance of the pixels' means, by population."""
    number = np.maximum(np.bincount(populations[chosen], minlength=npopulations), 1)
    level = np.bincount(populations[chosen], mean[chosen], npopulations) / number
    square = (mean[chosen] - level[populations[chosen]]) ** 2
    return level, np.bincount(populations[chosen], square, npopulations) / number


def gamma_limit(
    sigma: float | np.ndarray, third: float | np.ndarray, chance: float = FALSE_ALARMS
) -> np.ndarray:
    """Return the excess over their means that quantities have with a small probability.

    Parameters
    ----------
    sigma, third : arrays or numbers
        Standard deviation and third cumulant of the quantities, whose distributions are
        approximated by gamma distributions.
    chance : float
        The probability, at most 1e-3.

    Returns
    -------
    array
        The excess, in the unit of `sigma`.
    """
    skewness = np.maximum(third / sigma**3, 1e-3)
    shape = 4 / skewness**2
    return sigma * skewness / 2 * (_gamma_quantile(shape, chance) - shape)


def _gamma_quantile(shape, chance=FALSE_ALARMS):
    limit = np.empty(np.shape(shape))
    flat = np.ascontiguousarray(shape, np.float64).reshape(-1)
    load_kernel("darkroom.cgi.maps.pooled_kernel").gamma_tail(flat, chance, limit.reshape(-1))
    return limit


def strips(ny: int) -> list[slice]:
    """Return the strips of a frame of `ny` rows, of as equal heights as possible."""
    edges = np.linspace(0, ny, max(round(ny / STRIP), 1) + 1).round().astype(int)
    return [slice(int(a), int(b)) for a, b in pairwise(edges)]


def runs_of(populations: np.ndarray, excluded: int) -> np.ndarray:
    """Return the runs of pixels of one population in a flat array.

    Parameters
    ----------
    populations : (npixels,) uint8 array
        Population of each pixel.
    excluded : int
        A population whose runs are left out.

    Returns
    -------
    (nruns, 3) int64 array
        First pixel, stop pixel, population.
    """
    edges = np.flatnonzero(np.diff(populations)) + 1
    first = np.concatenate([[0], edges])
    stop = np.concatenate([edges, [populations.size]])
    runs = np.column_stack([first, stop, populations[first]]).astype(np.int64)
    return np.ascontiguousarray(runs[runs[:, 2] != excluded])
