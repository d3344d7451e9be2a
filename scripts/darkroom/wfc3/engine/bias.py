"""BLEVCORR: the bias level of a read from its reference columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from darkroom.wfc3.engine.tables import Border

_SIGMAS = np.float32(3.0)
# By how much clipping at 3 sigma lowers the standard deviation of a normal sample.
_CLIPPED_AT_3 = -0.15405 + 0.90723 * 3.0 - 0.23584 * 3.0 * 3.0 + 0.020142 * 3.0 * 3.0 * 3.0


def bias_level(read: np.ndarray, border: Border) -> np.float32:
    """Return the clipped mean of the reference pixels of a read, as calwf3 computes it.

    One level for the whole read, from the columns that OSCNTAB names on both sides without the rows
    of the top and bottom border. Values are clipped at 3 sigma twice: with sigma from the median
    absolute deviation, then from the standard deviation.

    Parameters
    ----------
    read : (ny, nx) float32 array
        DN, border included.
    border : darkroom.wfc3.engine.tables.Border
        Reference columns and widths of the border.

    Returns
    -------
    float32
        DN. Sums are accumulated in double precision, everything else is single precision.
    """
    rows = slice(border.bottom, read.shape[0] - border.top)
    values = np.concatenate([read[rows, a : b + 1].ravel() for a, b in border.columns])
    distance = np.abs(values - _median(values))
    spread = np.float32(np.float64(_median(distance)) / 0.6745)
    if spread < 1e-24:
        spread = np.float32(np.float64(_mean(distance)) / 0.8)
    values = values[distance <= _SIGMAS * spread]
    spread = np.float32(np.float64(_deviation(values)) / _CLIPPED_AT_3)
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
