"""The statistics of gates: means of units against an expected value, halves, and units left out.

Each returns a deviation d, its standard error e and the degrees of freedom of the error, so that
d / e follows Student's t when nothing is wrong. The variance between units may be shrunk towards a
predicted one, s0², which counts as much as ν0 units.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy import special

#: Below so many units, and without a predicted scatter, nothing can be judged.
LEAST_UNITS = 6


class Deviation(NamedTuple):
    """A deviation and what it is worth.

    Attributes
    ----------
    d, e : float
        Deviation and its standard error.
    dof : float
        Degrees of freedom of the error.
    tests : int
        Number of deviations of which this is the largest.
    unit : int
        Unit with the largest one; -1 where all units enter.
    tolerated : float
        Part of the deviation that is none: what is expected is known within a tolerance alone.
    """

    d: float
    e: float
    dof: float
    tests: int = 1
    unit: int = -1
    tolerated: float = 0.0

    @property
    def t(self) -> float:
        """Deviation beyond what is tolerated, over its error; 0 where both are 0."""
        beyond = self.d - self.tolerated
        if self.e > 0:
            return beyond / self.e
        return 0.0 if beyond == 0 else float(np.copysign(np.inf, beyond))

    @property
    def p(self) -> float:
        """Chance of a deviation as large, of any of the tests, when nothing is wrong."""
        single = 2 * float(special.stdtr(self.dof, -abs(self.t)))
        return min(1.0, self.tests * single)


def shrunk(
    variance: Any, freedom: float, predicted: float | None, weight: float
) -> tuple[Any, float]:
    """Return a variance shrunk towards a predicted one, and its degrees of freedom.

    Parameters
    ----------
    variance : float or array
        Found between the units.
    freedom : float
        Its degrees of freedom.
    predicted : float or None
        s0, the predicted standard deviation; None: there is none.
    weight : float
        ν0, what the prediction counts.
    """
    if predicted is None or not weight:
        return variance, freedom
    return (weight * predicted**2 + freedom * variance) / (weight + freedom), weight + freedom


def mean_of(
    values: np.ndarray,
    expected: float = 0.0,
    expected_error: float = 0.0,
    predicted: float | None = None,
    weight: float = 0.0,
) -> Deviation:
    """Return the deviation of the mean of units from an expected value.

    Parameters
    ----------
    values : (n,) array
        One value a unit, n ≥ 2.
    expected, expected_error : float
        L0 and its own error.
    predicted, weight : float
        See `shrunk`.
    """
    n = len(values)
    variance, dof = shrunk(np.var(values, ddof=1), n - 1, predicted, weight)
    error = np.sqrt(variance / n + expected_error**2)
    return Deviation(float(np.mean(values) - expected), float(error), float(dof))


def halves_of(
    values: np.ndarray,
    second: np.ndarray,
    predicted: float | None = None,
    weight: float = 0.0,
) -> Deviation:
    """Return the deviation of one part of the units from the other.

    Parameters
    ----------
    values : (n,) array
    second : (n,) bool array
        Which units are of the second part.
    predicted, weight : float
        See `shrunk`.
    """
    one, two = values[~second], values[second]
    freedom = len(values) - 2
    squares = ((one - one.mean()) ** 2).sum() + ((two - two.mean()) ** 2).sum()
    variance, dof = shrunk(squares / freedom, freedom, predicted, weight)
    error = np.sqrt(variance * (1 / len(one) + 1 / len(two)))
    return Deviation(float(two.mean() - one.mean()), float(error), float(dof))


def left_out(values: np.ndarray, predicted: float | None = None, weight: float = 0.0) -> Deviation:
    """Return the largest deviation of a unit from the mean of the others.

    The scatter is that of the others: a bad unit does not hide itself.

    Parameters
    ----------
    values : (n,) array
        n ≥ 3.
    predicted, weight : float
        See `shrunk`.
    """
    deviation, error, dof = all_left_out(values, predicted, weight)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where(error > 0, np.abs(deviation / error), np.where(deviation == 0, 0, np.inf))
    unit = int(np.argmax(ratio))
    return Deviation(float(deviation[unit]), float(error[unit]), dof, len(values), unit)


def all_left_out(
    values: np.ndarray, predicted: float | None = None, weight: float = 0.0
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the deviation of each unit from the mean of the others, its error, and the dof.

    `values` is (..., n); the arrays returned have the same shape.
    """
    n = values.shape[-1]
    total = values.sum(axis=-1, keepdims=True)
    others = (total - values) / (n - 1)
    deviation = values - others
    centred = values - total / n
    squares = (centred**2).sum(axis=-1, keepdims=True)
    # Sum of squares of the others about their own mean.
    rest = np.maximum(squares - centred**2 * n / (n - 1), 0)
    variance, dof = shrunk(rest / (n - 2), n - 2, predicted, weight)
    return deviation, np.sqrt(variance * n / (n - 1)), float(dof)


def disagreement(
    values: np.ndarray, predicted: np.ndarray, groups: np.ndarray | None = None
) -> float:
    """Return the chance that the scatter found agrees with the predicted one.

    Parameters
    ----------
    values : (n, m) array
        Values of n units in m statistics.
    predicted : (m,) array
        s0 of each.
    groups : (m,) int array, optional
        Statistics of different groups are independent; within one they share noise, which counts.

    Returns
    -------
    float
        Two-sided p of the pooled sum of squares over χ² with the effective degrees of freedom.
    """
    n, count = values.shape
    groups = np.zeros(count, int) if groups is None else np.asarray(groups)
    scaled = (values - values.mean(axis=0)) / predicted
    total, dof = 0.0, 0.0
    for group in np.unique(groups):
        part = scaled[:, groups == group]
        m = part.shape[1]
        spread = part.std(axis=0)
        spread[spread == 0] = 1
        correlation = (part / spread).T @ (part / spread) / n
        # Squared correlations found in n units are too large by 1 / (n - 1) where there is none.
        square = correlation**2
        square -= (1 - square) / max(n - 2, 1)
        np.fill_diagonal(square, 1)
        effective = m**2 / max(square.sum(), m)
        total += effective * (n - 1) * ((part**2).sum(axis=0) / (n - 1)).mean()
        dof += effective * (n - 1)
    upper = float(special.chdtrc(dof, total))
    return min(1.0, 2 * min(upper, 1 - upper))


def normal_scores(values: np.ndarray, null: np.ndarray) -> np.ndarray:
    """Return the normal deviates of values by their rank in a simulated null.

    A statistic far from normal (the log of the largest row) alarms too often when it is taken for
    Student's t.

    Parameters
    ----------
    values : array
    null : (m,) array
        Values of the same statistic where nothing is wrong.
    """
    ranks = np.searchsorted(np.sort(null), values)
    return special.ndtri((ranks + 0.5) / (len(null) + 1))
