"""Comparison of a photon-counted dark with the dark that noise maps predict: C + t D."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from darkroom.cgi.counting.best import BLOCK

if TYPE_CHECKING:
    from darkroom.cgi.counting.best import BestDark
    from darkroom.cgi.counting.counters import Counters
    from darkroom.cgi.counting.exact import CountModel


class Comparison(NamedTuple):
    """Counted against synthesized, over normal pixels.

    Attributes
    ----------
    counted, synthesized : float
        Means [e-].
    error : float
        Error of their difference [e-].
    pull : float
        Difference in units of it.
    largest : float
        Largest pull of a block of pixels, with its sign.
    """

    counted: float
    synthesized: float
    error: float
    pull: float
    largest: float


def compare_with_maps(
    counters: Counters,
    dark: BestDark,
    model: CountModel,
    maps: np.ndarray,
    errors: np.ndarray,
    exptime: float,
) -> Comparison:
    """Compare counts with noise maps, region by region.

    The mean of a region is that of its pooled counts: means of inverted pixels are too large. The
    errors of the maps are taken as independent from pixel to pixel and, between C and D, as
    uncorrelated, so that pulls are rather too small.

    Parameters
    ----------
    counters, dark, model
        As for `darkroom.cgi.counting.best.best_dark`.
    maps, errors : (3, ny, nx) arrays
        Noise maps of the same pixels, and their errors.
    exptime : float
        Exposure time [s].
    """
    expected = maps[1] + exptime * maps[2]
    variance = errors[1] ** 2 + (exptime * errors[2]) ** 2
    usable = np.isfinite(expected) & np.isfinite(variance) & (counters.n > 0) & ~dark.hot
    whole = _compared(counters, model, expected, variance, usable)
    pulls = []
    for row in range(0, counters.shape[0], BLOCK):
        for column in range(0, counters.shape[1], BLOCK):
            part = (slice(row, row + BLOCK), slice(column, column + BLOCK))
            found = _compared(
                counters.cut(part), model, expected[part], variance[part], usable[part]
            )
            pulls.append(found[3])
    finite = [pull for pull in pulls if np.isfinite(pull)]
    return Comparison(*whole, max(finite, key=abs, default=np.nan))


def _compared(counters, model, expected, variance, usable):
    n = int(counters.n[usable].sum())
    if n == 0:
        return np.nan, np.nan, np.nan, np.nan
    share = (int(counters.above[usable].sum()) + 0.5) / (n + 1)
    counted = float(model.invert(np.array(share)))
    number = int(usable.sum())
    error = np.hypot(
        np.sqrt(share * (1 - share) / n) / float(model.slope(np.array(counted))),
        np.sqrt(variance[usable].sum()) / number,
    )
    # Weighted as the counts are, by the frames of each pixel.
    synthesized = float((expected[usable] * counters.n[usable]).sum() / n)
    return counted, synthesized, float(error), float((counted - synthesized) / error)
