"""Compiled conversion of 16-bit numbers as FITS stores them."""

from __future__ import annotations

import numpy as np
from numba import float32, int16, njit, types, uint16


@njit(
    (types.Array(uint16, 1, "C", readonly=True), float32, float32[::1]),
    nogil=True,
    error_model="numpy",
    cache=True,
)
def big_endian(stored: np.ndarray, zero: float, values: np.ndarray) -> None:
    """Convert signed big-endian numbers, read as uint16 of this machine, and add `zero` to each.

    Parameters
    ----------
    stored : (n,) uint16 array
    zero : float32
    values : (n,) float32 array
        Written to.
    """
    for i in range(stored.size):
        bits = stored[i]
        values[i] = float32(int16(uint16((bits << uint16(8)) | (bits >> uint16(8))))) + zero
