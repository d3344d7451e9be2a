"""Compiled sums of the samples of rows by their place beside cosmic-ray hits."""

from __future__ import annotations

import numpy as np
from numba import boolean, float64, int64, njit, types, uint8, void


@njit(
    void(
        types.Array(float64, 3, "A"), types.Array(boolean, 3, "A"), types.Array(uint8, 3, "A"),
        boolean, float64[:, :, ::1], int64[:, :, ::1], float64[:, ::1],
    ),
    nogil=True, error_model="numpy", cache=True, no_cfunc_wrapper=True,
)  # fmt: skip
def add_up(
    data: np.ndarray,
    good: np.ndarray,
    place: np.ndarray,
    level: bool,
    sums: np.ndarray,
    numbers: np.ndarray,
    squares: np.ndarray,
) -> None:
    """Add up the samples of each row of each frame, by their place.

    Parameters
    ----------
    data : (n, ny, nx) float64 array
    good : (n, ny, nx) bool array
        Finite samples without a flag; the others are left out.
    place : (n, ny, nx) uint8 array
        Where a sample is, from 0 to k - 1.
    level : bool
        Take from each sample the lower median of its pixel in all frames.
    sums, numbers : (n, ny, k) arrays
        Added to: sum and number of the samples at each place.
    squares : (n, ny) array
        Added to: sum of the squares of the samples at place 0.
    """
    n, ny, nx = data.shape
    middle, ordered = np.zeros(nx), np.empty(n)
    for y in range(ny):
        if level:
            for x in range(nx):
                count = 0
                for k in range(n):
                    if good[k, y, x]:
                        value, at = data[k, y, x], count
                        while at > 0 and ordered[at - 1] > value:
                            ordered[at] = ordered[at - 1]
                            at -= 1
                        ordered[at] = value
                        count += 1
                middle[x] = ordered[(count - 1) // 2] if count else 0.0
        for k in range(n):
            for x in range(nx):
                if good[k, y, x]:
                    value, where = data[k, y, x] - middle[x], place[k, y, x]
                    sums[k, y, where] += value
                    numbers[k, y, where] += 1
                    if where == 0:
                        squares[k, y] += value**2
