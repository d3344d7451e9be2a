"""Order statistics of many values: those of numpy to the bit, in a fraction of its time.

A sample of the values tells between which two an order statistic lies; one pass counts what is
below and keeps what is between, and numpy sorts out that remainder.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from darkroom.compiled import load_kernel

# Fewer values are left to numpy.
_FEW = 2_000
# Values in the sample, of few values and of more, from how many on, and how many standard
# deviations of its ranks the two limits are apart.
_SAMPLED, _MORE_SAMPLED, _MANY, _DEVIATIONS = 512, 8192, 100_000, 5.0
# Rows of an image that are turned into columns at a time.
_ROWS = 16
# A remainder larger than this part of the values is not worth the pass.
_PART = 4


def _kernel():
    return load_kernel("darkroom.order_kernel")


def _plain(values):
    """Return values as a flat array in one piece, float32 or float64."""
    flat = np.ascontiguousarray(values).reshape(-1)
    return flat if flat.dtype in (np.float32, np.float64) else flat.astype(float)


def _finite(flat, n):
    return flat if n == flat.size else flat[np.isfinite(flat)]


def _select(
    some: Callable[[], np.ndarray],
    n: int,
    ranks: Sequence[int],
    narrow: Callable[[float, float, np.ndarray], tuple[int, int]],
    every: Callable[[], np.ndarray],
) -> np.ndarray:
    """Return order statistics of `n` values that only the callables see.

    Parameters
    ----------
    some : callable
        Returns some of the values, a sample.
    n : int
        How many there are.
    ranks : sequence of int
        Neighbouring ones, ascending, from 0.
    narrow : callable
        Counts what is below one value, and copies what is from there to another.
    every : callable
        Returns all values, in an array of its own.
    """
    sample = np.sort(some()) if n > _FEW else np.empty(0)
    if sample.size:
        step = sample.size / n
        margin = 1 + _DEVIATIONS * 0.5 * np.sqrt(sample.size)
        low = sample[max(int(ranks[0] * step - margin), 0)]
        high = sample[min(int(ranks[-1] * step + margin), sample.size - 1)]
        # Beyond the sample is all that there is.
        low = low if ranks[0] * step > margin else -np.finfo(sample.dtype).max
        high = high if ranks[-1] * step + margin < sample.size else np.finfo(sample.dtype).max
        out = np.empty(n // _PART, sample.dtype)
        below, kept = narrow(low, high, out)
        if below <= ranks[0] and ranks[-1] < below + kept and kept < out.size:
            return _of_ranks(out[:kept], [rank - below for rank in ranks])
    return _of_ranks(every(), ranks)


def _of_ranks(values, ranks):
    """Return one or two neighbouring order statistics of values, which are reordered."""
    last = ranks[-1]
    # To ask numpy for two ranks takes twice as long as for one.
    values.partition(last)
    return np.array([values[last]] if len(ranks) == 1 else [values[:last].max(), values[last]])


def _sample(flat):
    """Return some finite values, from all over the array."""
    wanted = _SAMPLED if flat.size < _MANY else _MORE_SAMPLED
    # An odd distance meets the even and the odd columns of an image.
    some = flat[:: max(flat.size // wanted, 1) | 1]
    return some[np.isfinite(some)]


def _middle(n):
    return [n // 2] if n % 2 else [n // 2 - 1, n // 2]


def median(values: np.ndarray) -> float:
    """Return the median of the finite values, NaN where there are none.

    Parameters
    ----------
    values : array
        Of any shape.

    Returns
    -------
    float
        That of ``numpy.median``, in the type of the values.
    """
    flat = _plain(values)
    n = _kernel().count_finite(flat)
    if not n:
        return np.nan
    found = _select(
        lambda: _sample(flat),
        n,
        _middle(n),
        lambda low, high, out: _kernel().between(flat, low, high, out),
        lambda: _finite(flat, n).copy(),
    )
    return found.mean()


def row_medians(values: np.ndarray) -> np.ndarray:
    """Return the median of each row without NaN; NaN for a row of nothing else.

    Parameters
    ----------
    values : (n, m) float array
        Without infinite values.

    Returns
    -------
    (n,) array
        Those of ``numpy.nanmedian``, in the type of the values.
    """
    # Short rows are sorted faster than numpy finds their medians.
    ordered, each = np.sort(values, axis=1), np.arange(len(values))
    known = (~np.isnan(values)).sum(axis=1)
    low = ordered[each, np.maximum(known - 1, 0) // 2]
    high = ordered[each, np.minimum(known // 2, values.shape[1] - 1)]
    return (low + high) / values.dtype.type(2)


def median_distance(values: np.ndarray, centre: float) -> float:
    """Return the median of the absolute differences of the finite values from `centre`.

    Parameters
    ----------
    values : array
        Of any shape.
    centre : float
        Finite; a number of the type of the values, as `median` returns.

    Returns
    -------
    float
        NaN where there is no finite value.
    """
    flat = _plain(values)
    n = _kernel().count_finite(flat)
    if not n:
        return np.nan
    centre = flat.dtype.type(centre)
    found = _select(
        lambda: np.abs(_sample(flat) - centre),
        n,
        _middle(n),
        lambda low, high, out: _kernel().distances_between(flat, centre, low, high, out),
        lambda: np.abs(_finite(flat, n) - centre),
    )
    return found.mean()


def quantiles(values: np.ndarray, fractions: Sequence[float]) -> np.ndarray:
    """Return quantiles of the finite values, interpolated as by ``numpy.quantile``.

    Parameters
    ----------
    values : array
        Of any shape.
    fractions : sequence of float
        From 0 to 1.

    Returns
    -------
    (k,) float64 array
        NaN where there is no finite value.
    """
    flat = _plain(values)
    n = _kernel().count_finite(flat)
    if not n:
        return np.full(len(fractions), np.nan)
    found = []
    for fraction in fractions:
        place = (n - 1) * float(fraction)
        rank = min(int(place), max(n - 2, 0))
        some = _select(
            lambda: _sample(flat),
            n,
            [rank, rank + 1] if n > 1 else [0],
            lambda low, high, out: _kernel().between(flat, low, high, out),
            lambda: _finite(flat, n).copy(),
        ).astype(float)
        # numpy interpolates from the nearer end.
        part, apart = place - rank, some[-1] - some[0]
        found.append(some[-1] - apart * (1 - part) if part >= 0.5 else some[0] + apart * part)
    return np.array(found)


def columns(image: np.ndarray) -> np.ndarray:
    """Return the columns of an image as rows in one piece: ``image.T`` copied.

    A few rows at a time, or each value would be fetched from another line of the cache.

    Parameters
    ----------
    image : (ny, nx) array

    Returns
    -------
    (nx, ny) array
    """
    found = np.empty(image.shape[::-1], image.dtype)
    for first in range(0, len(image), _ROWS):
        found[:, first : first + _ROWS] = image[first : first + _ROWS].T
    return found


def levels(values: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the different values of whole numbers, ascending, and how often each occurs.

    Parameters
    ----------
    values : (n,) array
        Finite.
    most : int
        Largest range.

    Returns
    -------
    levels, counts : int64 arrays
        None without values, where one is no whole number, and where they spread over more than
        `most`.
    """
    flat = _plain(values)
    if not flat.size:
        return None
    whole, low, high = _kernel().whole_range(flat)
    if not whole or int(high) - int(low) > most:
        return None
    counts = np.zeros(int(high) - int(low) + 1, np.int64)
    _kernel().count_levels(flat, float(low), counts)
    present = np.flatnonzero(counts)
    return present + int(low), counts[present]


def histogram(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return how many values are in each bin, as ``numpy.histogram`` counts them.

    Parameters
    ----------
    values : (n,) array
    edges : (m + 1,) float64 array
        Ascending, the last above the first. A value at an edge belongs to the bin above it, one at
        the last to the last.

    Returns
    -------
    (m,) int64 array
    """
    counts = np.zeros(edges.size - 1, np.int64)
    _kernel().count_in_bins(_plain(values), np.ascontiguousarray(edges, float), counts)
    return counts


def near(values: np.ndarray, centre: float, limit: float, out: np.ndarray) -> np.ndarray:
    """Return the values that are at most `limit` from `centre`, in their order.

    Parameters
    ----------
    values : (n,) float64 array
    centre, limit : float
    out : (n,) float64 array
        Written to; what is returned is a view of it.
    """
    return out[: _kernel().keep_near(values, centre, limit, out)]
