"""Photon-counted dark exactly as corgidrp 5.1.1 makes it (`get_pc_mean`, inputmode darks).

The mean number of electrons comes from a third-order expansion in it, two Newton steps from a
logarithmic start; its error from the same expansion. A pixel without a count has the value 0 with
the error 0: see `darkroom.cgi.counting.exact` for what is better.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from darkroom.cgi.counting.counters import Counters

#: DQ of pixels whose mean came out negative.
NEGATIVE = 256
_STEPS = 2
# Rows that are computed at a time.
_ROWS = 64


class CountedDark(NamedTuple):
    """Result of photon counting.

    Attributes
    ----------
    data, err : (ny, nx) float64 arrays
        Mean number of electrons per pixel and frame, and its error [e-].
    dq : (ny, nx) uint16 array
        Flags.
    """

    data: np.ndarray
    err: np.ndarray
    dq: np.ndarray


def peer_dark(counters: Counters, threshold: float, gain: float) -> CountedDark:
    """Return the dark of counters as corgidrp does.

    Parameters
    ----------
    counters : darkroom.cgi.counting.counters.Counters
        Counted with the frames' errors.
    threshold, gain : float
        Threshold [e- after the register] and EM gain.

    Returns
    -------
    CountedDark
        Where no frame is usable the error is NaN and the flags are those of the frames.
    """
    shape = counters.shape
    data, err, dq = np.empty(shape), np.empty(shape), np.empty(shape, np.uint16)
    for first in range(0, shape[0], _ROWS):
        rows = slice(first, first + _ROWS), slice(None)
        data[rows], err[rows], dq[rows] = _rows(counters.cut(rows), threshold / gain)
    return CountedDark(data, err, dq)


def _rows(counters, depth):
    """Return data, error and flags of some rows."""
    n = counters.n.astype(np.float64)
    mean, upper, lower = (
        peer_mean(plane.astype(np.float64), n, depth)
        for plane in (counters.above, counters.up, counters.low)
    )
    with np.errstate(invalid="ignore"):  # where the expansion is negative, the peer's error is NaN
        scatter = np.sqrt(_variance(mean, n, depth))
    err = np.maximum(upper + scatter - mean, mean - (lower - scatter))
    dq = np.where(n == 0, counters.seen, 0).astype(np.uint16)
    dq[mean < 0] = NEGATIVE
    return np.where(mean < 0, 0.0, mean), err, dq


def peer_mean(counts: np.ndarray, n: np.ndarray, depth: float) -> np.ndarray:
    """Return the mean number of electrons that corgidrp derives from counts.

    Parameters
    ----------
    counts, n : float64 arrays
        Samples above the threshold, and frames.
    depth : float
        Threshold over EM gain.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        share = counts / n
        argument = 1 - share * np.exp(depth)
        mean = np.where(argument > 0, -np.log(np.where(argument > 0, argument, 1)), share)
        lost = (counts == 0) | (mean == 0)
        for _ in range(_STEPS):
            chance, slope = _chance(mean, depth)
            step = (n * chance - counts) / (n * slope)
            # As in masked arrays: what cannot be divided is out for good.
            lost |= ~np.isfinite(step)
            mean = np.where(lost, mean, mean - step)
    return np.where(lost, 0.0, mean)


def _chance(mean, depth):
    """Return the expanded chance of a count, and its derivative."""
    linear, square = 6 + 6 * depth, 2 + 2 * depth + depth**2
    above = 12 + mean * (linear + mean * square)
    below = 6 + mean * (6 + mean * (3 + mean))
    half = np.exp(-depth) / 2
    slope = (above + mean * (linear + 2 * mean * square)) / below
    slope -= mean * above * (6 + mean * (6 + 3 * mean)) / below**2
    return half * mean * above / below, half * slope


def _variance(mean, n, depth):
    """Return the variance of the mean, to third order in the chance of a count."""
    chance, _ = _chance(mean, depth)
    with np.errstate(divide="ignore", invalid="ignore"):
        growth = np.exp(depth)
        slope = (
            growth / n
            + growth**2 * (1 - depth) / n * chance
            + growth**3 * (4 - 8 * depth + 5 * depth**2) / (4 * n) * chance**2
        )
        return n * chance * (1 - chance) * slope**2
