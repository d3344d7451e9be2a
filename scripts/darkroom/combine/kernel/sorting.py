"""Sort the values of many pixels at once, without branches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from darkroom.combine.kernel.constants import LANES, helper

if TYPE_CHECKING:
    import numpy as np


@helper
def sort_lanes(work: np.ndarray) -> None:
    """Sort each column of `work` upwards: Batcher's merge exchange, any number of rows.

    Knuth, The Art of Computer Programming 3, section 5.2.2, algorithm M.
    """
    n = work.shape[0]
    top = 1
    while top * 2 < n:
        top *= 2
    p = top
    while p > 0:
        q, r, d = top, 0, p
        while True:
            for i in range(n - d):
                if i & p == r:
                    _exchange(work[i], work[i + d])
            if q == p:
                break
            d, q, r = q - p, q // 2, p
        p //= 2


@helper
def _exchange(low, high):
    """Put the lesser value of each lane into `low`, the greater into `high`."""
    for j in range(LANES):
        a, b = low[j], high[j]
        low[j] = a if a < b else b
        high[j] = b if a < b else a
