"""BLEVCORR: the level of a read from its reference columns."""

from __future__ import annotations

import numpy as np

_SIGMAS = np.float32(3.0)
# Shortfall of the standard deviation of a normal sample cut at 3 sigma.
_CUT_AT_3 = -0.15405 + 0.90723 * 3.0 - 0.23584 * 3.0 * 3.0 + 0.020142 * 3.0 * 3.0 * 3.0


def bias_level(read, border):
    """Return the resistant mean of the reference pixels of a read, as calwf3 takes it.

    One level for the whole read: the columns named by OSCNTAB at both sides, rows of the top and
    bottom border left out. Cut at 3 median absolute deviations, then at 3 standard deviations.

    Parameters
    ----------
    read : (ny, nx) float32 array
        DN.
    border : darkroom.wfc3.engine.tables.Border
        Which columns and rows.

    Returns
    -------
    float32
        DN. Sums run in double, everything else in float.
    """
    rows = slice(border.bottom, read.shape[0] - border.top)
    values = np.concatenate([read[rows, a : b + 1].ravel() for a, b in border.columns])
    distance = np.abs(values - _median(values))
    spread = np.float32(np.float64(_median(distance)) / 0.6745)
    if spread < 1e-24:
        spread = np.float32(np.float64(_mean(distance)) / 0.8)
    values = values[distance <= _SIGMAS * spread]
    spread = np.float32(np.float64(_deviation(values)) / _CUT_AT_3)
    distance = np.abs(values - _median(values))
    return _mean(values[distance <= _SIGMAS * spread])


def _median(values):
    middle = values.size // 2
    if values.size % 2:
        return np.partition(values, middle)[middle]
    ordered = np.partition(values, (middle - 1, middle))
    return np.float32(0.5 * np.float64(ordered[middle - 1] + ordered[middle]))


def _mean(values):
    return np.float32(np.sum(values, dtype=np.float64) / values.size)


def _deviation(values):
    n, mean = values.size, np.float64(_mean(values))
    variance = n / (n - 1.0) * (np.sum(values * values, dtype=np.float64) / n - mean * mean)
    return np.sqrt(np.float32(variance)) if variance >= 0 else np.float32(0)
