"""How a frame's level depends on exposure time and temperature: a diagnosis, not a product."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Slope:
    """A fitted slope with its standard error.

    Attributes
    ----------
    value, error : float
    intercept : float
    n : int
        Points used.
    """

    value: float
    error: float
    intercept: float
    n: int


def fit_slope(x, y):
    """Fit a straight line by least squares.

    Parameters
    ----------
    x, y : (n,) arrays
        Pairs with a NaN are left out.

    Returns
    -------
    Slope or None
        None with fewer than three points or without a spread in x; the error comes from the
        residuals.
    """
    x, y = np.asarray(x, float), np.asarray(y, float)
    good = np.isfinite(x) & np.isfinite(y)
    x, y = x[good], y[good]
    if x.size < 3 or np.ptp(x) <= 0:
        return None
    dx = x - x.mean()
    value = float((dx * y).sum() / (dx * dx).sum())
    residual = y - y.mean() - value * dx
    variance = float((residual**2).sum()) / (x.size - 2) / float((dx * dx).sum())
    return Slope(value, variance**0.5, float(y.mean() - value * x.mean()), int(x.size))


def slope_within(groups, x, y):
    """Fit one slope to all groups, each with a level of its own.

    Only differences inside a group count. With exposure times as groups it tells how the level
    follows temperature without mixing in how it follows exposure time.

    Parameters
    ----------
    groups : (n,) array
        Equal values form a group.
    x, y : (n,) arrays
        Pairs with a NaN are left out.

    Returns
    -------
    Slope or None
        None when x varies inside no group, or no degree of freedom is left.
    """
    groups, x, y = np.asarray(groups), np.asarray(x, float), np.asarray(y, float)
    good = np.isfinite(x) & np.isfinite(y)
    groups, dx, dy = groups[good], x[good].copy(), y[good].copy()
    used = 0
    levels = 0
    for group in np.unique(groups):
        members = groups == group
        dx[members] -= dx[members].mean()
        dy[members] -= dy[members].mean()
        if members.sum() > 1:
            used += int(members.sum())
            levels += 1
    freedom = used - levels - 1
    leverage = float((dx * dx).sum())
    if freedom < 1 or leverage <= 1e-12:
        return None
    value = float((dx * dy).sum() / leverage)
    variance = float(((dy - value * dx) ** 2).sum()) / freedom / leverage
    return Slope(value, variance**0.5, 0.0, used)


def correlation(x, y):
    """Return Pearson's correlation of the finite pairs; NaN without a spread in both."""
    x, y = np.asarray(x, float), np.asarray(y, float)
    good = np.isfinite(x) & np.isfinite(y)
    if good.sum() < 3 or np.ptp(x[good]) <= 0 or np.ptp(y[good]) <= 0:
        return float("nan")
    return float(np.corrcoef(x[good], y[good])[0, 1])
