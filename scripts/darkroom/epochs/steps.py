"""Finding a change: the largest step over all dates, epochs that lie apart; and a line."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

DRAWS = 100_000
# Fixed, so that a series gives the same chance whenever it is judged.
SEED = 20_260_622
# Share of the chance of a false change that steps have; the rest is that of epochs that lie apart.
_STEPS = 0.9


@dataclass(frozen=True)
class Scan:
    """The step that stands out most.

    Parameters
    ----------
    first : int
        Index of the first epoch after the step.
    gain : float
        Fall of chi-squared from a constant to two levels.
    p : float
        Chance of a gain as large at any date where nothing changed.
    size, error : float
        Level after the step minus level before, and its standard error.
    """

    first: int
    gain: float
    p: float
    size: float
    error: float


def _gains(value, weight):
    """Fall of chi-squared for a step before each epoch but the first, along the last axis."""
    total, left = weight.sum(), np.cumsum(weight)[:-1]
    sums = np.cumsum(value * weight, axis=-1)
    before = sums[..., :-1] / left
    after = (sums[..., -1:] - sums[..., :-1]) / (total - left)
    return (after - before) ** 2 / (1 / left + 1 / (total - left))


@lru_cache(maxsize=64)
def _null(weights, dof):
    """Sorted largest gains of draws without a step."""
    random = np.random.default_rng(SEED)
    weight = np.asarray(weights)
    largest = np.empty(DRAWS)
    rows = 10_000
    for start in range(0, DRAWS, rows):
        noise = random.standard_normal((rows, weight.size)) / np.sqrt(weight)
        # The variance of the data is an estimate as well: the draws share its uncertainty.
        scale = random.chisquare(dof, rows) / dof if np.isfinite(dof) else 1.0
        largest[start : start + rows] = _gains(noise, weight).max(axis=1) / scale
    return np.sort(largest)


def scan(value: np.ndarray, error: np.ndarray, dof: float = np.inf) -> Scan:
    """Return the largest step of a series and the chance of it where nothing changed.

    Parameters
    ----------
    value, error : array, shape (n,)
        Values in the order of time with their standard errors; at least three.
    dof : float
        Degrees of freedom of the variance that the errors share.

    Returns
    -------
    Scan

    Raises
    ------
    ValueError
        For fewer than three values: every pair has a step.
    """
    if len(value) < 3:
        raise ValueError("a step needs at least three epochs")
    weight = 1 / np.asarray(error, np.float64) ** 2
    gains = _gains(np.asarray(value, np.float64), weight)
    at = int(gains.argmax())
    # Equal weights of different units share one set of draws: gains have no unit.
    null = _null(tuple(float(f"{one:.6g}") for one in weight / weight.mean()), float(dof))
    scaled = gains[at]
    beyond = DRAWS - int(np.searchsorted(null, scaled))
    left, right = weight[: at + 1].sum(), weight[at + 1 :].sum()
    size = np.average(value[at + 1 :], weights=weight[at + 1 :]) - np.average(
        value[: at + 1], weights=weight[: at + 1]
    )
    return Scan(
        at + 1,
        float(scaled),
        (1 + beyond) / (1 + DRAWS),
        float(size),
        float(np.sqrt(1 / left + 1 / right)),
    )


def apart(value: np.ndarray, error: np.ndarray, dof: float = np.inf) -> float:
    """Return the chance that a run of epochs lies as far from all others where nothing changed.

    A scan for one step hardly sees an epoch that lies apart, or a change that went back.

    Parameters
    ----------
    value, error : array, shape (n,)
        Values in the order of time with their standard errors.
    dof : float
        Degrees of freedom of the variance that the errors share.

    Returns
    -------
    float
        An upper limit (Bonferroni over all runs that have epochs before and after); 1 for fewer
        than three epochs.
    """
    from scipy.stats import t

    n, weight = len(value), 1 / np.asarray(error, np.float64) ** 2
    weights = np.concatenate([[0.0], np.cumsum(weight)])
    sums = np.concatenate([[0.0], np.cumsum(weight * value)])
    first, stop = np.triu_indices(n, 1)
    first, stop = first[first > 0], stop[first > 0]
    if not len(first):
        return 1.0
    inside = weights[stop] - weights[first]
    outside = weights[-1] - inside
    total = sums[stop] - sums[first]
    difference = total / inside - (sums[-1] - total) / outside
    pull = np.abs(difference) / np.sqrt(1 / inside + 1 / outside)
    return min(1.0, float(2 * len(first) * t.sf(pull.max(), dof)))


def chance(step: Scan, apart: float) -> float:
    """Return the chance of a series as odd as this where nothing changed.

    Parameters
    ----------
    step : Scan
    apart : float
        See `apart`. The two tests share the chance of a false change nine to one.
    """
    return min(1.0, step.p / _STEPS, apart / (1 - _STEPS))


@dataclass(frozen=True)
class Line:
    """A straight line through a series.

    Parameters
    ----------
    slope, error : float
        Per unit of time, with standard error.
    gain : float
        Fall of chi-squared from a constant to the line.
    """

    slope: float
    error: float
    gain: float


def line(time: np.ndarray, value: np.ndarray, error: np.ndarray) -> Line:
    """Fit a weighted straight line.

    Parameters
    ----------
    time, value, error : array, shape (n,)

    Returns
    -------
    Line

    Raises
    ------
    ValueError
        When all times are equal.
    """
    weight = 1 / np.asarray(error, np.float64) ** 2
    days = time - np.average(time, weights=weight)
    spread = (weight * days**2).sum()
    if not spread > 0:
        raise ValueError("a slope needs at least two different times")
    slope = (weight * days * value).sum() / spread
    return Line(float(slope), float(1 / np.sqrt(spread)), float(slope**2 * spread))


def discoveries(p: np.ndarray, false: float = 0.01) -> np.ndarray:
    """Return which of many series changed, the share of false ones among them being held.

    Parameters
    ----------
    p : array, shape (nseries,)
        Chance of each series' scan.
    false : float
        Expected share of false ones among those called changed (Benjamini and Hochberg).

    Returns
    -------
    array of bool, shape (nseries,)
    """
    from scipy.stats import false_discovery_control

    return false_discovery_control(p) <= false if len(p) else np.zeros(0, bool)
