"""The compiled loops of the engine: clip blocks of pixels and reduce what survives.

Load it with `darkroom.compiled.load_kernel`. Its modules, from the bottom up: `constants`,
`sorting` and `frame_sums` (many pixels at once), `limits`, `astropy_order` and `pixel_clip` (one
pixel), `first_round` (which pixels need that).

Speed. Pixels are handled in lanes of `LANES` neighbours, so that every inner loop runs over
contiguous values of different pixels and becomes vector instructions (each such loop is a
function of its own: inlined views hide from LLVM that two rows do not overlap, which costs a
factor 4). The values of each pixel are sorted by a sorting network, which has no branches. Sorted
values make the median an index, the survivors of a clip a range, and the MAD one sweep. Only
pixels where the first round may reject a value are clipped one by one.

Exactness. Reported sums run in frame order, as numpy's do over the first axis. Medians and MADs
do not depend on order, so the MAD limits are those of astropy to the last bit. The standard
deviation does depend on the order of its sum, and astropy's order is that left by its selection
algorithm; where a value lies so near a limit that rounding could decide, the limits are computed
again in astropy's order (`astropy_order`).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numba import njit, types
from numba.np.numpy_support import from_dtype

from darkroom.combine.kernel.constants import LANES, NONE, helper
from darkroom.combine.kernel.first_round import first_round
from darkroom.combine.kernel.frame_sums import load, reduce_narrow, reduce_within
from darkroom.combine.kernel.limits import median_of_sorted
from darkroom.combine.kernel.pixel_clip import clip_pixel
from darkroom.combine.kernel.sorting import sort_lanes

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy import ndarray


@helper
def _store(source, target):
    for j in range(target.size):
        target[j] = source[j]


@helper
def _store_deviations(squares, used, std, std0, error):
    """Write the deviations wanted (arrays that are not empty) from the sums of squares."""
    for j in range(std0.size):
        std0[j] = math.sqrt(squares[j] / used[j])
    for j in range(std.size):
        std[j] = math.sqrt(squares[j] / (used[j] - 1)) if used[j] > 1 else np.nan
    for j in range(error.size):
        variance = squares[j] / (used[j] - 1) if used[j] > 1 else np.nan
        error[j] = math.sqrt(variance) / math.sqrt(used[j])


def reduce_block(
    values: ndarray, method: int, nsigma: float, floor: float, rounds: int, narrow: bool,
    mean: ndarray, median: ndarray, std: ndarray, std0: ndarray, error: ndarray,
    low: ndarray, high: ndarray, mean64: ndarray, std064: ndarray,
    count: ndarray, nclipped: ndarray,
) -> None:  # fmt: skip
    """Clip every column of `values`, and write the statistics of the values that survive.

    Parameters
    ----------
    values : (n, npixels) float32 or float64 array
        One row per frame. NaN and infinite values are left out.
    method : int
        `NONE`, `SIGMA` or `MAD`.
    nsigma : float
        Half width of the clip, in deviations.
    floor : float
        Least deviation the clip goes by.
    rounds : int
        Largest number of clip rounds.
    narrow : bool
        The sum for the mean runs in the type of the values, and the deviations are from that
        mean, as in numpy's masked arrays.
    mean, median, std, std0, error : (npixels,) or (0,) float32 arrays
        Written to, unless empty: std has n - 1 in its denominator, std0 has n, error is that of
        the mean, std / sqrt(count).
    low, high : (npixels,) or (0,) float64 arrays
        Written to, unless empty: the last limits of the clip (a value equal to one is kept);
        infinite where the first round cannot reject anything.
    mean64, std064 : (npixels,) or (0,) float64 arrays
        Written to, unless empty: mean and std0, not rounded.
    count, nclipped : (npixels,) int16 arrays
        Written to: values used, and finite values that the clip rejected.
    """
    n, npixels = values.shape
    work = np.empty((n, LANES), values.dtype)
    column, scratch = np.empty(n), np.empty(n)
    nfinite, used = np.empty(LANES, np.int32), np.empty(LANES, np.int32)
    average, squares, centre = np.empty(LANES), np.empty(LANES), np.empty(LANES)
    bottom, top = np.empty(LANES), np.empty(LANES)
    total = np.empty(LANES, values.dtype)
    flagged = np.zeros(LANES, np.bool_)
    for start in range(0, npixels, LANES):
        stop = min(start + LANES, npixels)
        width = stop - start
        load(values, start, width, work, nfinite, average, squares)
        _store(nfinite, used)
        bottom[:] = -np.inf
        top[:] = np.inf
        if method != NONE or median.size > 0:
            sort_lanes(work)
            first_round(
                work, width, method, nsigma, floor, nfinite, squares, column, centre, flagged
            )
        if method != NONE and flagged[:width].any():
            for j in range(width):
                if flagged[j]:
                    for i in range(n):
                        column[i] = work[i, j]
                    bottom[j], top[j], first, last = clip_pixel(
                        values, start + j, column, nfinite[j], scratch,
                        method, nsigma, floor, rounds,
                    )  # fmt: skip
                    used[j] = last - first
                    centre[j] = median_of_sorted(column, first, last) if used[j] > 0 else np.nan
            if not narrow:
                reduce_within(values, start, stop, bottom, top, used, average, squares)
        if narrow:
            reduce_narrow(values, start, stop, bottom, top, used, total, average, squares)
        _store(average, mean[start:stop])
        _store(centre, median[start:stop])
        _store_deviations(squares, used, std[start:stop], std0[start:stop], error[start:stop])
        _store(bottom, low[start:stop])
        _store(top, high[start:stop])
        _store(average, mean64[start:stop])
        for j in range(std064[start:stop].size):
            std064[start + j] = math.sqrt(squares[j] / used[j])
        _store(used, count[start:stop])
        for j in range(width):
            nclipped[start + j] = nfinite[j] - used[j]


def compiled(dtype: np.dtype) -> Callable[..., None]:
    """Return `reduce_block` compiled, or loaded from the cache, for values of one dtype.

    Each dtype has a dispatcher of its own, so that a call never meets code that another thread
    is compiling for the other dtype. A call with other types is an error.
    """
    block = types.Array(from_dtype(dtype), 2, "C", readonly=True)
    image, count = types.Array(types.float32, 1, "C"), types.Array(types.int16, 1, "C")
    exact = types.Array(types.float64, 1, "C")
    settings = types.int64, types.float64, types.float64, types.int64, types.boolean
    signature = types.void(block, *settings, *(5 * (image,)), *(4 * (exact,)), *(2 * (count,)))
    return njit([signature], nogil=True, error_model="numpy", cache=True, no_cfunc_wrapper=True)(
        reduce_block
    )
