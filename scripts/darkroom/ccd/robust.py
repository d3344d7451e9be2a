"""Robust statistics of pixel values; values that are not finite are left out."""

from __future__ import annotations

import numpy as np


def finite_median(values: np.ndarray) -> float:
    """Return the median of the finite values; NaN where there are none."""
    values = values[np.isfinite(values)]
    return float(np.median(values)) if values.size else np.nan


def robust_std(values: np.ndarray) -> float:
    """Return 1.4826 times the median absolute deviation (MAD); NaN without a finite value."""
    values = values[np.isfinite(values)]
    return float(1.4826 * np.median(np.abs(values - np.median(values)))) if values.size else np.nan


def robust_mean(values: np.ndarray, limit: float = 5.0) -> float:
    """Return the mean of the values within `limit` robust standard deviations of the median.

    Parameters
    ----------
    values : array
    limit : float
        Limit in units of 1.4826 MAD; of the standard deviation where the MAD is zero.

    Returns
    -------
    float
        NaN without a finite value.
    """
    values = values[np.isfinite(values)]
    if not values.size:
        return np.nan
    distance = np.abs(values - np.median(values))
    scale = 1.4826 * np.median(distance) or values.std()
    return float(values[distance <= limit * scale].mean(dtype=np.float64))


def clipped_std(values: np.ndarray, nsigma: float = 4.0) -> float:
    """Return the standard deviation after iterative clipping.

    Unlike the MAD it does not move in steps when the values are whole numbers.

    Parameters
    ----------
    values : array
    nsigma : float
        Values beyond this many standard deviations from the mean are left out, in at most ten
        iterations.

    Returns
    -------
    float
        NaN for fewer than two finite values.
    """
    values = values[np.isfinite(values)].astype(np.float64)
    if values.size < 2:
        return np.nan
    centre, spread = np.median(values), robust_std(values) or values.std()
    for _ in range(10):
        kept = values[np.abs(values - centre) <= nsigma * spread]
        if kept.mean() == centre and kept.std() == spread:
            break
        centre, spread = kept.mean(), kept.std()
    return float(spread)
