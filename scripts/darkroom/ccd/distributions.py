"""Quantiles and tails of the distributions that tests use, as of scipy.stats.

scipy.stats takes half a second to import, more than most of the sums over a stack of frames.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy import special


def chi2_median(freedom: ArrayLike) -> np.ndarray:
    """Return the median of chi-square with so many degrees of freedom."""
    return chi2_below(0.5, freedom)


def chi2_below(chance: float, freedom: ArrayLike) -> np.ndarray:
    """Return the value that chi-square is below with a probability."""
    return 2 * special.gammaincinv(np.asarray(freedom) / 2, chance)


def chi2_above(chance: float, freedom: ArrayLike) -> np.ndarray:
    """Return the value that chi-square is above with a probability."""
    return special.chdtri(freedom, chance)


def chi2_chance(value: float, freedom: float) -> float:
    """Return the probability that chi-square is above a value."""
    return float(special.chdtrc(freedom, value))


def f_chance(value: float, freedom: float, other: float) -> float:
    """Return the probability that a variance ratio of such degrees of freedom is above a value."""
    return float(special.fdtrc(freedom, other, value))


def student_above(chance: float, freedom: ArrayLike) -> np.ndarray:
    """Return the value that Student's t is above with a probability."""
    return -special.stdtrit(freedom, chance)


def bartlett_chance(samples: Sequence[np.ndarray]) -> float:
    """Return the probability of variances as different as these, by Bartlett's test.

    Parameters
    ----------
    samples : sequence of (n,) arrays
        Two or more, each of two values or more with a variance above 0.

    Returns
    -------
    float
        For normal noise of one variance (Snedecor and Cochran, Statistical Methods, chapter 13).
    """
    number = len(samples)
    freedom = np.array([len(values) - 1 for values in samples], float)
    variances = np.array([np.var(values, ddof=1) for values in samples])
    every = freedom.sum()
    pooled = (freedom * variances).sum() / every
    statistic = every * np.log(pooled) - (freedom * np.log(variances)).sum()
    statistic /= 1 + ((1 / freedom).sum() - 1 / every) / (3 * (number - 1))
    return float(special.chdtrc(number - 1, statistic))
