"""Compiled moments of the values between two limits: those of stsci.imagestats to the bit."""

from __future__ import annotations

import numpy as np
from numba import float32, int64, njit, types


@njit(
    types.Tuple((int64, float32, float32))(
        types.Array(float32, 1, "C", readonly=True), float32, float32
    ),
    nogil=True,
    error_model="numpy",
    cache=True,
    no_cfunc_wrapper=True,
)
def moments(values: np.ndarray, low: float, high: float) -> tuple[int, float, float]:
    """Return the number of values between two limits, their mean and their standard deviation.

    Sums are taken in double precision, one value after the other; a difference from the mean and
    its square have single precision. A value beyond the limits adds nothing, in place of a branch.

    Parameters
    ----------
    values : (n,) float32 array
    low, high : float32
        Values that equal a limit count.

    Returns
    -------
    count : int
    mean, deviation : float32
        In the unit of the values; NaN where too few are between the limits.
    """
    none = np.float32(0)
    count, total, squares = 0, 0.0, 0.0
    for k in range(values.size):
        inside = (values[k] >= low) & (values[k] <= high)
        count += inside
        total += np.float64(values[k] if inside else none)
    mean = np.float32(total / count)
    for k in range(values.size):
        inside = (values[k] >= low) & (values[k] <= high)
        difference = values[k] - mean if inside else none
        squares += np.float64(difference * difference)
    return count, mean, np.float32(np.sqrt(squares / (count - 1)))
