"""Tests whether levels change with time, or from the first integration to the later ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

# Ramps up to which every pair enters the median slope; beyond, pairs half the series apart.
_ALL_PAIRS = 1500


@dataclass(frozen=True)
class Drift:
    """Change of one level with time.

    Attributes
    ----------
    name : str
    slope, slope_error : float
        Least squares, unit per day; NaN when not determined.
    p : float
        Two-sided probability of such a slope when there is none.
    median_slope : float
        Theil and Sen's slope (median over pairs), unit per day.
    step, step_error : float
        Mean of the later integrations minus that of the first ones.
    step_p : float
        Two-sided probability of such a step when there is none (Welch).
    """

    name: str
    slope: float
    slope_error: float
    p: float
    median_slope: float
    step: float
    step_error: float
    step_p: float


def drifts(offsets, times, integration, classes):
    """Test the offsets of ramps: absolute and differential, in time and by integration.

    Parameters
    ----------
    offsets : (nramps, nclasses) array
        DN.
    times : (nramps,) array
        Days; NaN when unknown.
    integration : (nramps,) int array
        Number of the integration in its exposure, from 0.
    classes : Classes

    Returns
    -------
    list of Drift
        For every class; with several amplifiers for each one minus the mean of the others, where
        the pedestal that all share, ten times larger than an amplifier's drift, is gone.
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


def drift(name, values, times, integration):
    """Test one series of levels (see `drifts`)."""
    slope, error, p = least_squares(times, values)
    step, step_error, step_p = welch(values[integration > 0], values[integration == 0])
    return Drift(name, slope, error, p, theil_sen(times, values), step, step_error, step_p)


def least_squares(times, values):
    """Fit a straight line; return slope, its standard error and two-sided p, or NaN.

    NaN where a time is unknown, all are the same, or fewer than three values are given.
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


def theil_sen(times, values):
    """Return the median of the slopes between pairs of different times, or NaN."""
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


def welch(later, first):
    """Compare two means of unequal scatter; return difference, its error and two-sided p."""
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
