"""Compiled loop of photon counting: one look at every sample of a band of one frame.

Import it through `darkroom.compiled`, which guards numba's cache.
"""

from __future__ import annotations

import numpy as np
from numba import njit

_PLANE = "uint32[::1]"
_SIGNATURES = [
    f"float64[::1]({value}[::1], {value}[::1], uint16[::1], float64[::1], float64, boolean, "
    f"{_PLANE}, {_PLANE}, {_PLANE}, {_PLANE}, {_PLANE}, {_PLANE}, uint16[::1])"
    for value in ("float32", "float64")
]


@njit(_SIGNATURES, nogil=True, cache=True, error_model="numpy")
def count_band(value, error, dq, pattern, threshold, bounds, n, above, twice, four, up, low, seen):
    """Add the samples of one frame to the counters of a band.

    `error` is looked at only with `bounds`; `pattern` is subtracted when it is not empty. Returned
    are the sum and number of all finite samples, and of those without a flag.
    """
    total, number, good_total, good_number = 0.0, 0.0, 0.0, 0.0
    has_pattern = pattern.size > 0
    for j in range(value.size):
        x = np.float64(value[j])
        if has_pattern:
            x -= pattern[j]
        seen[j] |= dq[j]
        finite = abs(x) < np.inf
        if finite:
            total += x
            number += 1.0
        # A sample that is no number is no count; with `bounds`, as in corgidrp, it is still one
        # of the frames.
        if dq[j] != 0 or not (finite or bounds):
            continue
        n[j] += np.uint32(1)
        if finite:
            good_total += x
            good_number += 1.0
        if x > threshold:
            above[j] += np.uint32(1)
            if x > 2.0 * threshold:
                twice[j] += np.uint32(1)
                if x > 4.0 * threshold:
                    four[j] += np.uint32(1)
        if bounds:
            e = np.float64(error[j])
            if x + e > threshold:
                up[j] += np.uint32(1)
            if x - e > threshold:
                low[j] += np.uint32(1)
    return np.array([total, number, good_total, good_number])
