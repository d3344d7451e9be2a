"""Read noise as the scatter over neighbouring pixels: a check on the scatter in time.

Differences of two groups are divided into boxes that never cross the edge of an amplifier. The
noise is the clipped standard deviation over the pixels of a box. The pixels of a row share 1/f
noise: after subtraction of the mean of every row of a box, the scatter over pixels and the scatter
in time should agree. Like the noise in time, that of a group which is the mean of several frames is
multiplied by the square root of their number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from darkroom.nircam.frames import frames_per_group
from darkroom.nircam.ramps.ramps import GroupStack
from darkroom.nircam.ramps.robust import TRUNCATED_STD, clip_range, median

if TYPE_CHECKING:
    from darkroom.nircam.ramps.classes import Classes
    from darkroom.nircam.ramps.ramps import RampSet

BOX = 128


@dataclass(frozen=True)
class SpatialRow:
    """Noise of one read over pixels and in time, for the active pixels of one amplifier, DN.

    Attributes
    ----------
    amplifier : int
    nboxes, npairs : int
        Number of boxes, and of differences averaged.
    spatial : float
        Scatter over the pixels of a box.
    without_rows : float
        The same after subtraction of the mean of every row of the box.
    temporal : float
        Noise in time of the same pixels.
    ratio : float
        without_rows / temporal.
    """

    amplifier: int
    nboxes: int
    npairs: int
    spatial: float
    without_rows: float
    temporal: float
    ratio: float


@dataclass(frozen=True)
class Spatial:
    """Read noise over pixels.

    Attributes
    ----------
    boxes : (ny / 128, nx / 128) float32 array
        Noise of one read after subtraction of row means, DN; boxes at the edges of the image or of
        an amplifier may be smaller.
    rows : list of SpatialRow
        One per amplifier.
    """

    boxes: np.ndarray
    rows: list[SpatialRow]


def check(
    ramps: RampSet, classes: Classes, temporal: np.ndarray, npairs: int, flags: int = 0
) -> Spatial:
    """Measure the read noise over pixels, and compare it with that in time.

    Parameters
    ----------
    ramps : RampSet
    classes : Classes
    temporal : (ny, nx) array
        Noise of one read in time, DN.
    npairs : int
        Maximum number of differences of groups to use; they are spread over the ramps.
    flags : int
        GROUPDQ bits that make a sample unusable.

    Returns
    -------
    Spatial
    """
    chosen = _choose(ramps, npairs)
    tops, lefts = _edges(ramps.shape, classes)
    shape = (len(tops), len(lefts))
    sums, counts = np.zeros((2, *shape)), np.zeros(shape, int)
    for i, (top, bottom) in enumerate(tops):
        for ramp, group in chosen:
            band = _difference(ramps, ramp, group, flags, top, bottom)
            band[~classes.usable[top:bottom]] = np.nan
            for j, (left, right) in enumerate(lefts):
                plain, without = box_noise(band[:, left:right])
                if math.isfinite(plain) and math.isfinite(without):
                    sums[:, i, j] += plain**2, without**2
                    counts[i, j] += 1
    with np.errstate(invalid="ignore", divide="ignore"):
        plain, without = np.sqrt(frames_per_group(ramps) * sums / counts / 2)
    of_box = [int(classes.amplifier[left]) for left, _ in lefts]
    rows = []
    for amplifier in range(classes.noutputs):
        mine = [j for j, a in enumerate(of_box) if a == amplifier]
        columns = classes.amplifier == amplifier
        values = temporal[:, columns][classes.usable[:, columns]].astype(np.float64)
        here = float(np.nanmedian(values)) if np.isfinite(values).any() else np.nan
        spatial, rowless = _typical(plain[:, mine]), _typical(without[:, mine])
        rows.append(
            SpatialRow(
                *(amplifier, int((counts[:, mine] > 0).sum()), len(chosen)),
                *(spatial, rowless, here, rowless / here),
            )
        )
    return Spatial(without.astype(np.float32), rows)


def _typical(boxes):
    good = boxes[np.isfinite(boxes)]
    return float(median(good)) if good.size else math.nan


def _choose(ramps, npairs):
    """Return (ramp, later group) of at most `npairs` differences, spread over the ramps."""
    every = [
        (ramp, group)
        for ramp, (file, _) in enumerate(ramps.ramps)
        for group in range(1, ramps.files[file].sci.shape[1], 2)
    ]
    places = np.unique(np.linspace(0, len(every) - 1, min(npairs, len(every))).round().astype(int))
    return [every[k] for k in places]


def _edges(shape, classes):
    """Return (first, stop) of the rows and of the columns of boxes, each within an amplifier."""
    ny, nx = shape
    width = nx // classes.noutputs
    tops = [(y, min(y + BOX, ny)) for y in range(0, ny, BOX)]
    lefts = [
        (a + x, a + min(x + BOX, width)) for a in range(0, nx, width) for x in range(0, width, BOX)
    ]
    return tops, lefts


def _difference(ramps, ramp, group, flags, first, stop):
    later, earlier = np.empty((2, stop - first, ramps.shape[1]), np.float32)
    for number, values in ((group, later), (group - 1, earlier)):
        GroupStack(ramps, number, [ramps.ramps[ramp]], flags).read_frame(0, first, values)
    return later - earlier


def box_noise(values: np.ndarray) -> tuple[float, float]:
    """Return the clipped scatter over the pixels of a box, with and without its row means.

    Parameters
    ----------
    values : (rows, columns) array
        Any unit; NaN are left out.

    Returns
    -------
    plain, without_rows : float
        Standard deviation about the mean of the box and about the means of its rows, in the unit
        of `values`. NaN for fewer than two values (in the box, or in every row).
    """
    good = values[np.isfinite(values)]
    if good.size < 2:
        return math.nan, math.nan
    middle, reach = clip_range(good)
    with np.errstate(invalid="ignore"):
        kept = np.abs(values - middle) <= reach
    inside = np.where(kept, values - middle, 0.0).astype(np.float64)
    n, squares, total = kept.sum(), (inside**2).sum(), inside.sum()
    per_row, row_sum = kept.sum(axis=1), inside.sum(axis=1)
    filled = per_row > 0
    between = (row_sum[filled] ** 2 / per_row[filled]).sum()
    freedom = n - filled.sum()
    plain = math.sqrt((squares - total**2 / n) / (n - 1)) / TRUNCATED_STD if n > 1 else math.nan
    without = (
        math.sqrt(max(squares - between, 0.0) / freedom) / TRUNCATED_STD
        if freedom > 0
        else math.nan
    )
    return plain, without
