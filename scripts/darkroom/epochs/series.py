"""One quantity over the epochs of a series, with an error that the epochs share where they may.

An epoch is one campaign: its value is the mean over units (resets: ramps or frames), its
variance the scatter of these units. The variance of ten units is known to a quarter only, and
tests that believe it find eight times too many steps; the variance pooled over all epochs is used
unless Bartlett's test says that the epochs differ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: Unit of logarithms of variances and powers.
LN = "ln"
# Chance of calling the variances of equal epochs different.
BARTLETT = 1e-3


@dataclass(frozen=True)
class Series:
    """One quantity at the epochs of a series, in the order of time.

    Parameters
    ----------
    name, unit : str
    value : array, shape (nepochs,)
        Mean over the units of each epoch.
    variance : array, shape (nepochs,)
        Variance of one unit, with one degree of freedom less than there are units [unit²].
    units : array of int, shape (nepochs,)
        Number of units of each epoch, at least 2.
    start, end : array, shape (nepochs,)
        Times of the first and of the last exposure of each epoch [MJD].
    matters : bool
        Whether a product changes with it.
    epochs : tuple of int
        Places of these epochs among those of the product, where some do not tell the number.

    Raises
    ------
    ValueError
        When lengths differ, the epochs are not in the order of time, a number is not finite or
        an epoch has fewer than two units.
    """

    name: str
    unit: str
    value: np.ndarray
    variance: np.ndarray
    units: np.ndarray
    start: np.ndarray
    end: np.ndarray
    matters: bool = True
    epochs: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what no test may be made of."""
        n = len(self.value)
        columns = (self.variance, self.units, self.start, self.end)
        if any(len(column) != n for column in columns):
            raise ValueError(f"{self.name}: the columns of a series have different lengths")
        if not all(np.isfinite(column).all() for column in (self.value, *columns)):
            raise ValueError(f"{self.name}: a value, variance or time is not finite")
        if np.any(self.units < 2):
            raise ValueError(f"{self.name}: an epoch has fewer than two units, no scatter is known")
        if np.any(self.end < self.start) or np.any(self.start[1:] < self.end[:-1]):
            raise ValueError(f"{self.name}: the epochs are not in the order of time")

    def __len__(self) -> int:
        """Return the number of epochs."""
        return len(self.value)

    @property
    def time(self) -> np.ndarray:
        """Middle of each epoch [MJD]."""
        return (self.start + self.end) / 2


@dataclass(frozen=True)
class Errors:
    """Errors of the values of a series.

    Parameters
    ----------
    error : array, shape (nepochs,)
        Standard error of each value.
    dof : float
        Degrees of freedom of the shared variance; of one epoch (the harmonic mean) where each
        has its own.
    pooled : bool
        Whether the epochs share one variance.
    p : float
        Chance of variances that differ as much, by Bartlett's test; 1 for one epoch.
    """

    error: np.ndarray
    dof: float
    pooled: bool
    p: float


def bartlett(variance: np.ndarray, dof: np.ndarray) -> float:
    """Return the chance that variances of normal samples differ as much as these.

    Parameters
    ----------
    variance : array, shape (n,)
        Variances, each with its degrees of freedom.
    dof : array, shape (n,)

    Returns
    -------
    float
        1 for a single variance; 0 where some are zero and others not.

    Notes
    -----
    Bartlett, M. S. (1937), Proceedings of the Royal Society A 160, 268.
    """
    from scipy.stats import chi2

    n = len(variance)
    if n < 2 or np.all(variance == variance[0]):
        return 1.0
    if np.any(variance == 0):
        return 0.0
    total = dof.sum()
    pooled = (dof * variance).sum() / total
    statistic = total * np.log(pooled) - (dof * np.log(variance)).sum()
    factor = 1 + ((1 / dof).sum() - 1 / total) / (3 * (n - 1))
    return float(chi2.sf(statistic / factor, n - 1))


def errors(series: Series) -> Errors:
    """Return the errors of a series: from one pooled variance unless Bartlett's test refuses it.

    Parameters
    ----------
    series : Series

    Returns
    -------
    Errors
    """
    dof = series.units - 1.0
    p = bartlett(series.variance, dof)
    if p < BARTLETT:
        # One degree of freedom from the usual epoch: units alike by chance are not exact.
        own = (dof * series.variance + np.median(series.variance)) / (dof + 1)
        return Errors(np.sqrt(own / series.units), float(len(dof) / (1 / dof).sum()), False, p)
    pooled = (dof * series.variance).sum() / dof.sum()
    return Errors(np.sqrt(pooled / series.units), float(dof.sum()), True, p)
