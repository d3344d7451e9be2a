"""The read noise as the scatter over neighbouring pixels, a check on that over time.

Differences of two groups are cut into boxes that never cross the edge of an amplifier; the noise is
the clipped standard deviation over the pixels of a box. Rows share 1/f noise: with the mean of
every row of a box taken off, the scatter over pixels and the scatter in time should agree.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from darkroom.nircam.ramps.ramps import GroupStack
from darkroom.nircam.ramps.robust import TRUNCATED_STD, clip_range

BOX = 128


@dataclass(frozen=True)
class SpatialRow:
    """Read noise of one amplifier's active pixels by two ways, DN, one read.

    Attributes
    ----------
    amplifier : int
    nboxes, npairs : int
        Boxes, and differences averaged.
    spatial : float
        Scatter over the pixels of a box.
    without_rows : float
        The same, means of rows taken off.
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
    """Result of the check.

    Attributes
    ----------
    boxes : (ny / 128, nx / 128) float32 array
        Noise of one read without rows, DN; the last row and column may be of smaller boxes.
    rows : list of SpatialRow
    """

    boxes: np.ndarray
    rows: list


def check(ramps, classes, temporal, npairs, flags=0):
    """Measure the read noise over pixels.

    Parameters
    ----------
    ramps : RampSet
    classes : Classes
    temporal : (ny, nx) array
        Noise of one read in time, DN.
    npairs : int
        Differences of groups used at most, spread over the ramps.
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
        plain, without = np.sqrt(sums / counts / 2)
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
    return float(np.median(good)) if good.size else math.nan


def _choose(ramps, npairs):
    """Return (ramp, later group) of differences spread over the ramps."""
    every = [
        (ramp, group)
        for ramp, (file, _) in enumerate(ramps.ramps)
        for group in range(1, ramps.files[file].sci.shape[1], 2)
    ]
    places = np.unique(np.linspace(0, len(every) - 1, min(npairs, len(every))).round().astype(int))
    return [every[k] for k in places]


def _edges(shape, classes):
    """Return first and stop of the rows and of the columns of boxes, amplifiers kept apart."""
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


def box_noise(values):
    """Return the clipped scatter over the pixels of a box, and the same without row means.

    Parameters
    ----------
    values : (rows, columns) array
        NaN are left out.

    Returns
    -------
    plain, without_rows : float
        NaN for fewer than two values (in all, or in every row).
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
