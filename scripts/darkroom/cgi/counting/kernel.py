"""Compiled loops of photon counting: one look at every sample of a band of one frame.

Import it through `darkroom.compiled`, which guards numba's cache.
"""

from __future__ import annotations

import numpy as np
from numba import njit

_PLANE, _FLAGS = "uint32[:, ::1]", "uint16[:, ::1]"
_COUNT = [
    f"float64[::1]({kind}[:, ::1], {_FLAGS}, {kind}, float64, boolean, "
    f"{_PLANE}, {_PLANE}, {_PLANE}, {_PLANE}, {_FLAGS})"
    for kind in ("float32", "float64")
]
_BOUNDS = [
    f"void({kind}[:, ::1], {kind}[:, ::1], {_FLAGS}, float64, {_PLANE}, {_PLANE})"
    for kind in ("float32", "float64")
]


@njit(_COUNT, nogil=True, cache=True, no_cfunc_wrapper=True, error_model="numpy")
def count_band(value, dq, limit, threshold, finite_only, n, above, twice, four, seen):
    """Add the samples of one frame to the counters of a band.

    `limit` is the largest number of the samples' type that is not above `threshold`. Returned are
    the sum and number of finite samples with a flag, and of those without one. Few samples have a
    flag or an electron: what all need is in loops without branches, which are vectorised. Columns
    are summed one by one, so that the sums do not depend on the width of a processor's vectors.
    """
    flagged, nflagged, ngood, columns = 0.0, 0, 0, np.zeros(value.shape[1])
    for j in range(value.shape[0]):
        x, flags, number, joined = value[j], dq[j], n[j], seen[j]
        finite = 0
        for i in range(columns.size):
            good = (flags[i] == 0) & (abs(x[i]) < np.inf)
            columns[i] += np.float64(x[i] if good else x.dtype.type(0))
        for i in range(columns.size):
            good = (flags[i] == 0) & (abs(x[i]) < np.inf)
            finite += np.int32(good)
            number[i] += np.uint32(good | ((flags[i] == 0) & (not finite_only)))
            joined[i] |= flags[i]
        ngood += finite
        for i in range(columns.size):
            if (flags[i] == 0) & (not x[i] > limit):
                continue
            if flags[i] != 0:
                if abs(x[i]) < np.inf:
                    flagged += x[i]
                    nflagged += 1
            elif x[i] < np.inf or not finite_only:
                above[j, i] += np.uint32(1)
                if x[i] > 2.0 * threshold:
                    twice[j, i] += np.uint32(1)
                    if x[i] > 4.0 * threshold:
                        four[j, i] += np.uint32(1)
    return np.array([flagged, nflagged, columns.sum(), ngood])


@njit(_BOUNDS, nogil=True, cache=True, no_cfunc_wrapper=True, error_model="numpy")
def count_bounds(value, error, dq, threshold, up, low):
    """Count the samples above the threshold with their error added, and subtracted."""
    for j in range(value.shape[0]):
        for i in range(value.shape[1]):
            x, e = np.float64(value[j, i]), np.float64(error[j, i])
            if dq[j, i] == 0:
                if x + e > threshold:
                    up[j, i] += np.uint32(1)
                if x - e > threshold:
                    low[j, i] += np.uint32(1)
