"""Stacks whose imaging area disagrees with that of the others, as one with a light leak does.

The levels of the stacks, averaged over the imaging area, follow the same linear model as a pixel.
A stack is compared with what the other stacks predict for it, as in the prescan
(`darkroom.cgi.maps.offsets`), after the offsets found there were subtracted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from darkroom.cgi.maps.censored import SATURATED
from darkroom.cgi.maps.offsets import MIN_STACKS, deviations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from darkroom.cgi.geometry import Geometry
    from darkroom.cgi.maps.design import Design
    from darkroom.cgi.stacks.sources import Source

#: A stack is anomalous when its level deviates by more than this many standard errors: by chance,
#: in fewer than one of a thousand sets of twelve stacks.
LIMIT = 4.0
# Approximate number of pixels that are read.
_PIXELS = 120_000
# A stack needs samples in this fraction of them.
_COVERED = 0.5
# The scatter of the rows of a stack that the fit follows more closely than this tells nothing.
_FREE = 0.1


@dataclass
class Area:
    """Levels of the rows of the imaging area.

    Attributes
    ----------
    samples : (M,) int array
        Usable samples in the pixels that were read.
    repeated : (M,) bool array
        Stacks with a second usable sample in any of these pixels.
    present : (M,) bool array
        Stacks with samples in enough pixels.
    level, variance : (M, nrows) arrays
        Mean over the pixels of a row with samples in all these stacks [e-], and its variance that
        follows from the scatter of the samples [e-²].
    pixels : (nrows,) array
        Number of such pixels.
    """

    samples: np.ndarray
    repeated: np.ndarray
    present: np.ndarray
    level: np.ndarray
    variance: np.ndarray
    pixels: np.ndarray


def read(sources: Sequence[Source], geometry: Geometry) -> Area:
    """Read the levels of stacks.

    Parameters
    ----------
    sources : sequence of darkroom.cgi.stacks.sources.Source
    geometry : darkroom.cgi.geometry.Geometry
    """
    rows, columns = geometry.imaging
    size = (rows.stop - rows.start) * (columns.stop - columns.start)
    every = slice(rows.start, rows.stop, max(round(size / _PIXELS), 1))
    patches = [source.patch(every, columns) for source in sources]
    count = np.array([patch.count for patch in patches], float)
    present = (count > 0).mean(axis=(1, 2)) > _COVERED
    # Where samples saturate, the mean of the others is too low (`darkroom.cgi.maps.censored`).
    good = (count[present] > 0).all(axis=0)
    good &= ~np.any([patch.seen & SATURATED > 0 for patch in patches], axis=0)
    numbers = np.arange(rows.start, rows.stop)[:: every.step]
    first, stop = geometry.telemetry
    good[(numbers >= first) & (numbers < stop)] = False
    good &= present.any()
    pixels = good.sum(axis=1)
    kept = pixels > 0
    level, variance = np.full((2, len(patches), int(kept.sum())), np.nan)
    for m in np.flatnonzero(present):
        patch, number = patches[m], np.maximum(count[m], 1)
        freedom = np.maximum(count[m][good] - 1, 0).sum()
        single = patch.m2[good].sum() / freedom if freedom else np.nan
        for plane, values in ((level, patch.total / number), (variance, single / number)):
            plane[m] = np.where(good, values, 0).sum(axis=1)[kept]
        level[m] /= pixels[kept]
        variance[m] /= pixels[kept] ** 2
    repeated = (count > 1).any(axis=(1, 2))
    return Area(
        count.sum(axis=(1, 2)).astype(int), repeated, present, level, variance, pixels[kept]
    )


def measure(
    area: Area, chosen: np.ndarray, design: Design, subtracted: np.ndarray, error: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Measure how much each stack deviates from the others.

    Parameters
    ----------
    area : Area
    chosen : (M,) bool array
        Stacks of the fit.
    design : darkroom.cgi.maps.design.Design
        Of the chosen stacks.
    subtracted, error : (nchosen,) arrays
        Offset that is subtracted from each of them, and its error [e-]; 0 without.

    Returns
    -------
    excess, excess_error : (nchosen,) arrays
        Mean of the imaging area minus what the other stacks that agree predict [e-], and its
        error; NaN when it cannot be measured.
    anomalous : (nchosen,) bool array
        Stacks that deviate significantly.

    Notes
    -----
    The pixels of a row share the error of its bias, which the scatter of the samples does not show:
    the error is made of the scatter of the rows about their fit where that is larger.
    """
    excess, excess_error = np.full((2, len(subtracted)), np.nan)
    anomalous = np.zeros(len(subtracted), bool)
    level, variance = area.level[chosen], area.variance[chosen]
    here = area.present[chosen] & (variance > 0).all(axis=1)
    if here.sum() < MIN_STACKS or area.pixels.size < 1:
        return excess, excess_error, anomalous
    matrix, weight = design.matrix[here], area.pixels / area.pixels.sum()
    level, variance = level[here], variance[here]
    noise2 = (variance * weight**2).sum(axis=1) + _common(matrix, level, variance)
    found = deviations(
        matrix, level @ weight - subtracted[here], np.sqrt(noise2 + error[here] ** 2), LIMIT,
        scale_without=True,
    )  # fmt: skip
    for whole, part in zip((excess, excess_error, anomalous), found, strict=True):
        whole[here] = part
    return excess, excess_error, anomalous


def _common(matrix, level, variance):
    """Return the variance of each stack's level due to errors that the pixels of a row share."""
    nrows = level.shape[1]
    if nrows < 2:
        return np.zeros(len(level))
    single = variance.mean(axis=1)
    weighted = matrix / np.sqrt((matrix**2).mean(axis=0)) / np.sqrt(single)[:, None]
    hat = weighted @ np.linalg.pinv(weighted)
    scaled = level / np.sqrt(single)[:, None]
    rest = scaled - hat @ scaled
    free = 1 - np.diag(hat)
    more = np.where(free > _FREE, rest.var(axis=1, ddof=1) / np.maximum(free, _FREE) - 1, 0)
    return np.maximum(more, 0) * single / nrows
