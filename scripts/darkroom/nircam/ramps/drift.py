"""Tests for levels that drift with time, or differ between first and later integrations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from darkroom.nircam.ramps.classes import Classes

# The median slope uses all pairs of up to so many values; of more values, only pairs that are half
# the series apart.
_ALL_PAIRS = 1500


@dataclass(frozen=True)
class Drift:
    """Change of one level with time.

    Attributes
    ----------
    name : str
        Name of the level.
    slope, slope_error : float
        Least-squares slope and its standard error, unit of the level per day; NaN when
        undetermined.
    p : float
        Two-sided p-value of the slope: the probability of one as steep by chance.
    median_slope : float
        Theil-Sen slope (median over pairs), unit of the level per day.
    step, step_error : float
        Mean of the later integrations minus mean of the first ones, and its standard error.
    step_p : float
        Two-sided p-value of the step (Welch's t test).
    """

    name: str
    slope: float
    slope_error: float
    p: float
    median_slope: float
    step: float
    step_error: float
    step_p: float


def drifts(
    offsets: np.ndarray, times: np.ndarray, integration: np.ndarray, classes: Classes
) -> list[Drift]:
    """Test the offsets of ramps for drift with time and for a step after the first integration.

    Parameters
    ----------
    offsets : (nramps, nclasses) array
        Offset of each ramp and class, DN.
    times : (nramps,) array
        Days; NaN when unknown.
    integration : (nramps,) int array
        Number of the integration in its exposure, from 0.
    classes : Classes

    Returns
    -------
    list of Drift
        One for every class; for every amplifier minus the mean of the others, where there are
        several; and for odd minus even columns of every amplifier. The difference from the other
        amplifiers is free of the common pedestal, which varies ten times as much as a single
        amplifier drifts.
    """
    series = list(zip(classes.names, offsets.T, strict=True))
    amplifiers = offsets.reshape(len(offsets), -1, 2).mean(axis=2)
    n = classes.noutputs
    if n > 1:
        for a in range(n):
            others = (amplifiers.sum(axis=1) - amplifiers[:, a]) / (n - 1)
            series.append((f"amplifier {a} minus others", amplifiers[:, a] - others))
    series += [
        (f"amplifier {a} odd minus even", offsets[:, 2 * a + 1] - offsets[:, 2 * a])
        for a in range(n)
    ]
    return [drift(name, values, times, integration) for name, values in series]


def drift(name: str, values: np.ndarray, times: np.ndarray, integration: np.ndarray) -> Drift:
    """Test one series of levels for drift and for a step after the first integration.

    Parameters
    ----------
    name : str
        Name of the level.
    values : (nramps,) array
        Level in each ramp.
    times : (nramps,) array
        Days; NaN when unknown.
    integration : (nramps,) int array
        Number of the integration in its exposure, from 0.

    Returns
    -------
    Drift
    """
    slope, error, p = least_squares(times, values)
    step, step_error, step_p = welch(values[integration > 0], values[integration == 0])
    return Drift(name, slope, error, p, theil_sen(times, values), step, step_error, step_p)


def least_squares(times: np.ndarray, values: np.ndarray) -> tuple[float, float, float]:
    """Fit a straight line; return its slope, the standard error and the two-sided p-value.

    All three are NaN when a time is unknown, when all times are equal, or for fewer than three
    values.
    """
    n = len(values)
    if n < 3 or not np.isfinite(times).all() or np.ptp(times) == 0:
        return np.nan, np.nan, np.nan
    t = times - times.mean()
    x = values - values.mean()
    lever = t @ t
    slope = float(t @ x / lever)
    rest = x - slope * t
    error = float(np.sqrt(rest @ rest / (n - 2) / lever))
    if error == 0:
        return slope, 0.0, 0.0 if slope else 1.0
    return slope, error, float(2 * special.stdtr(n - 2, -abs(slope / error)))


def theil_sen(times: np.ndarray, values: np.ndarray) -> float:
    """Return the Theil-Sen slope: the median over pairs of values of different times, or NaN."""
    n = len(values)
    if n < 2 or not np.isfinite(times).all():
        return np.nan
    if n <= _ALL_PAIRS:
        first, second = np.triu_indices(n, 1)
    else:
        first = np.arange(n - n // 2)
        second = first + n // 2
    step = times[second] - times[first]
    apart = step != 0
    if not apart.any():
        return np.nan
    return float(np.median((values[second] - values[first])[apart] / step[apart]))


def welch(later: np.ndarray, first: np.ndarray) -> tuple[float, float, float]:
    """Compare two means by Welch's t test, which allows for unequal scatter.

    Returns the difference later - first, its standard error and the two-sided p-value; NaN when a
    group has fewer than two values.
    """
    if len(later) < 2 or len(first) < 2:
        return np.nan, np.nan, np.nan
    parts = [np.var(group, ddof=1) / len(group) for group in (later, first)]
    step, error = float(np.mean(later) - np.mean(first)), float(np.sqrt(sum(parts)))
    if error == 0:
        return step, 0.0, 0.0 if step else 1.0
    freedom = sum(parts) ** 2 / sum(
        part**2 / (len(group) - 1) for part, group in zip(parts, (later, first), strict=True)
    )
    return step, error, float(2 * special.stdtr(freedom, -abs(step / error)))
