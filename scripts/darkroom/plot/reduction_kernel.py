"""Compiled reduction of an image to blocks of pixels."""

from __future__ import annotations

import numpy as np
from numba import float32, float64, int64, njit, types, void


def _signature(kind):
    image = types.Array(kind, 2, "A", readonly=True)
    return void(image, int64, float64, float64[:, ::1], float64[:, ::1])


@njit(
    [_signature(float32), _signature(float64)],
    nogil=True,
    error_model="numpy",
    cache=True,
    no_cfunc_wrapper=True,
)
def reduce(
    image: np.ndarray, factor: int, level: float, mean: np.ndarray, extreme: np.ndarray
) -> None:
    """Write mean and extreme pixel of each block; values that are not finite are left out.

    Parameters
    ----------
    image : (ny, nx) float32 or float64 array
    factor : int
        Side of a block, pixels.
    level : float
        The extreme pixel is the one farthest from it.
    mean, extreme : (ceil(ny / factor), ceil(nx / factor)) float64 arrays
        Written to; NaN where a block has no value.
    """
    ny, nx = image.shape
    totals, counts = np.empty(mean.shape[1]), np.empty(mean.shape[1], np.int64)
    highest, lowest = np.empty(mean.shape[1]), np.empty(mean.shape[1])
    for row in range(mean.shape[0]):
        totals[:] = 0.0
        counts[:] = 0
        highest[:] = level
        lowest[:] = level
        for y in range(row * factor, min(ny, (row + 1) * factor)):
            for column in range(mean.shape[1]):
                for x in range(column * factor, min(nx, (column + 1) * factor)):
                    value = np.float64(image[y, x])
                    if np.isfinite(value):
                        totals[column] += value
                        counts[column] += 1
                        highest[column] = max(highest[column], value)
                        lowest[column] = min(lowest[column], value)
        for column in range(mean.shape[1]):
            if counts[column] == 0:
                mean[row, column] = extreme[row, column] = np.nan
                continue
            mean[row, column] = totals[column] / counts[column]
            above = highest[column] - level >= level - lowest[column]
            extreme[row, column] = highest[column] if above else lowest[column]
