"""Photon-counted dark with errors that hold, also where nothing was counted.

The error of a pixel follows from the chance of a count that it shares with the normal pixels
around it, not from its own few counts: of those the lucky would have small errors, and a pixel
without a count none at all. Hot pixels, which have significantly more counts, have their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy import special  # scipy.stats would take 50 MB more

from darkroom.cgi.units import NONFINITE

if TYPE_CHECKING:
    from darkroom.cgi.counting.counters import Counters
    from darkroom.cgi.counting.exact import CountModel

#: Rows and columns of the blocks whose normal pixels share a chance.
BLOCK = 64
# Chance by which a normal pixel passes as hot; a second look at each block without them suffices
# twice, since a hot pixel raises the chance of its block by little.
_HOT = 1e-6
_LOOKS = 3
# A pixel that counts in every frame has no upper bound of its own: half a frame did not.
_HALF = 0.5
# Largest significance that is told apart [standard deviations].
_MOST = 37.0


@dataclass
class BestDark:
    """A photon-counted dark.

    Attributes
    ----------
    data, err : (ny, nx) float64 arrays
        Mean number of electrons per pixel and frame, and its error [e-]; NaN where it is unknown.
    dq : (ny, nx) uint16 array
        Flags: not 0 where there is no value.
    upper : (ny, nx) float32 array
        Upper limit (95 %) [e-].
    hot : (ny, nx) bool array
        Pixels with significantly more counts than others around them.
    shared : (ny, nx) float64 array
        Chance of a count that a pixel shares with others; a hot one has its own.
    significance : (ny, nx) float32 array
        How improbable so many counts are in a normal pixel, in standard deviations (binomial).
    """

    data: np.ndarray
    err: np.ndarray
    dq: np.ndarray
    upper: np.ndarray
    hot: np.ndarray
    shared: np.ndarray
    significance: np.ndarray


def best_dark(counters: Counters, model: CountModel) -> BestDark:
    """Return the dark of counters.

    Parameters
    ----------
    counters : darkroom.cgi.counting.counters.Counters
        Of the image area.
    model : darkroom.cgi.counting.exact.CountModel
        Of the same threshold.

    Returns
    -------
    BestDark
    """
    shape = counters.shape
    dark = BestDark(
        data=np.empty(shape),
        err=np.empty(shape),
        dq=np.empty(shape, np.uint16),
        upper=np.empty(shape, np.float32),
        hot=np.empty(shape, bool),
        shared=np.empty(shape),
        significance=np.empty(shape, np.float32),
    )
    # Row of blocks by row of blocks: what is computed on the way is of a few rows.
    edges = [*_edges(shape[0]), shape[0]]
    for first, stop in pairwise(edges):
        _fill(dark, counters, model, slice(int(first), int(stop)))
    return dark


def _fill(dark, counters, model, rows):
    """Fill some rows of a dark."""
    n, counts = counters.n[rows], counters.above[rows]
    data = model.means(counts, n)
    shared, hot, chance = shared_chance(counts, n)
    known = np.isfinite(data)
    err = np.full(data.shape, np.nan)
    # Few chances are shared by many pixels.
    chances, places = np.unique(shared, return_inverse=True)
    scatter = np.sqrt(chances * (1 - chances)) / model.slope(model.invert(chances))
    with np.errstate(invalid="ignore", divide="ignore"):
        err[known] = (scatter[places].reshape(n.shape) / np.sqrt(n))[known]
        dark.significance[rows] = np.minimum(-special.ndtri(chance), _MOST)
    dark.data[rows], dark.err[rows], dark.shared[rows], dark.hot[rows] = data, err, shared, hot
    dark.upper[rows] = model.upper_limits(counts, n)
    dark.dq[rows] = np.where(known, 0, counters.seen[rows] | NONFINITE)


def shared_chance(counts: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the chance of a count of each pixel's class, and which pixels are hot.

    Parameters
    ----------
    counts, n : (ny, nx) integer arrays
        Samples above the threshold, and frames.

    Returns
    -------
    shared : (ny, nx) float64 array
        That of the normal pixels of a block of `BLOCK` pixels a side; of hot pixels their own.
    hot : (ny, nx) bool array
    chance : (ny, nx) float64 array
        Chance of as many counts in a normal pixel.
    """
    hot = np.zeros(counts.shape, bool)
    for _ in range(_LOOKS):
        shared = _of_blocks(np.where(hot, 0, counts), np.where(hot, 0, n))
        with np.errstate(invalid="ignore"):
            chance = _chance_of_as_many(counts, n, shared)
            hot = (n > 0) & (chance < _HOT)
    own = (counts + _HALF) / (n + 2 * _HALF)
    return np.where(hot, own, shared), hot, chance


def _chance_of_as_many(counts, n, shared):
    """Return the binomial chance of as many counts or more, computed once for equal pixels."""
    shares, codes = np.unique(shared, return_inverse=True)
    base = int(n.max(initial=0)) + 1
    codes = (codes.reshape(-1) * base + counts.reshape(-1)) * base + n.reshape(-1)
    codes, places = np.unique(codes, return_inverse=True)
    rest, frames = np.divmod(codes, base)
    block, many = np.divmod(rest, base)
    return special.bdtrc(many - 1.0, frames, shares[block])[places].reshape(counts.shape)


def _of_blocks(counts, n):
    edges = [_edges(length) for length in counts.shape]
    sums = [
        np.add.reduceat(np.add.reduceat(p.astype(np.float64), edges[0], 0), edges[1], 1)
        for p in (counts, n)
    ]
    share = (sums[0] + _HALF) / (sums[1] + 2 * _HALF)
    places = [np.searchsorted(e, np.arange(s), "right") - 1
              for e, s in zip(edges, counts.shape, strict=True)]  # fmt: skip
    return share[np.ix_(*places)]


def _edges(length):
    """Return the first rows of blocks; a narrow one at the end belongs to the one before."""
    return np.arange(max(1, round(length / BLOCK))) * BLOCK


def found_share(
    model: CountModel, n: int, chance: float, *, size: float, significance: float, least: float
) -> float:
    """Return the share of pixels with more charge than others that counting finds.

    Parameters
    ----------
    model : darkroom.cgi.counting.exact.CountModel
    n : int
        Frames of a pixel.
    chance : float
        Chance of a count in normal pixels.
    size : float
        Charge that the pixels have more than these [e-].
    significance : float
        Standard deviations (binomial) from which a pixel is hot.
    least : float
        Excess of its measured value that it needs besides [e-].

    Returns
    -------
    float
    """
    counts = np.arange(n + 1)
    normal = model.invert(np.array(chance))
    with np.errstate(invalid="ignore"):
        # Where every frame counts there is no value; such a pixel is bad without a comparison.
        values = model.means(counts, np.full(n + 1, n))
        enough = ~(values - normal <= least)
    enough &= -special.ndtri(special.bdtrc(counts - 1.0, n, chance)) > significance
    brighter = float(model.chance(normal + size))
    chances = special.bdtrc(counts - 1.0, n, brighter) - special.bdtrc(counts, n, brighter)
    return float(chances[enough].sum())
