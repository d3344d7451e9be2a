"""Robust statistics of pixel values; values that are not finite are left out."""

from __future__ import annotations

import numpy as np

from darkroom import order


def finite_median(values: np.ndarray) -> float:
    """Return the median of the finite values; NaN where there are none."""
    return float(order.median(values))


def plain_median(values: np.ndarray) -> float:
    """Return the median of all values as ``numpy.median`` does: NaN where one is NaN."""
    return finite_median(values) if np.isfinite(values).all() else float(np.median(values))


def robust_std(values: np.ndarray) -> float:
    """Return 1.4826 times the median absolute deviation (MAD); NaN without a finite value."""
    return float(1.4826 * order.median_distance(values, order.median(values)))


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
    finite = np.isfinite(values)
    values = values.reshape(-1) if finite.all() else values[finite]
    if not values.size:
        return np.nan
    centre = order.median(values)
    scale = 1.4826 * order.median_distance(values, centre) or values.std()
    return float(values[np.abs(values - centre) <= limit * scale].mean(dtype=np.float64))


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
    finite = np.isfinite(values)
    values = (values if finite.all() else values[finite]).astype(np.float64).reshape(-1)
    if values.size < 2:
        return np.nan
    centre = order.median(values)
    spread = 1.4826 * order.median_distance(values, centre) or values.std()
    scratch = np.empty_like(values)
    for _ in range(10):
        kept = order.near(values, centre, nsigma * spread, scratch)
        mean = kept.mean()
        kept -= mean
        np.square(kept, out=kept)
        deviation = np.sqrt(kept.mean())
        if mean == centre and deviation == spread:
            break
        centre, spread = mean, deviation
    return float(spread)
