"""Weak bad columns and rows: off by their mean, though none of their pixels is."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from darkroom.ccd import distributions
from darkroom.ccd.robust import clipped_std

# Probability that an image without bad lines shows one.
_CHANCE = 0.005
# Lines of one parity about one, whose median is taken off its mean: glow is no bad column, nor are
# the colours of a mosaic.
_AROUND = 31
# Fewest lines, and pixels of a line, that tell.
_FEWEST = 32
# Pixels beyond this many deviations of their image are left out of the mean of a line.
_OUTLIER = 4.0


def weak_lines(excess: np.ndarray, halves: np.ndarray, good: np.ndarray) -> np.ndarray:
    """Find columns and rows whose mean rate is off.

    Parameters
    ----------
    excess : (ny, nx) array
        Dark rate above that of the surroundings.
    halves : (2, ny, nx) array
        The same from each half of the darks: a line must be off by half as much in both.
    good : (ny, nx) bool array
        Pixels that have no defect of their own.

    Returns
    -------
    (ny, nx) bool array
        True in whole columns and rows. Their limit is such that 1 image of 200 without any shows
        one; it is the scatter of the means of all lines that counts, so that a camera whose lines
        all differ shows none.
    """
    found = np.zeros(excess.shape, bool)
    good = good & np.isfinite(excess)
    scales = [clipped_std(image[good & np.isfinite(image)]) for image in (excess, *halves)]
    for axis, lines in ((0, excess.shape[1]), (1, excess.shape[0])):
        mean = _line_means(excess, good, axis, scales[0])
        known = np.isfinite(mean)
        if known.sum() < _FEWEST:
            continue
        # Never below what the noise of pixels gives; of few lines the scatter is not well known.
        noise = scales[0] / np.sqrt(good.sum(axis=axis)[known])
        scale = max(clipped_std(mean[known]), float(np.median(noise)))
        limit = distributions.student_above(_CHANCE / 4 / lines, known.sum() - 1) * scale
        with np.errstate(invalid="ignore"):
            off = np.abs(mean) > limit
            for half, spread in zip(halves, scales[1:], strict=True):
                off &= _line_means(half, good, axis, spread) * np.sign(mean) > limit / 2
        found |= off[None, :] if axis == 0 else off[:, None]
    return found


def _line_means(image, good, axis, scale):
    """Return the mean of each line above those about it; NaN where too few pixels tell."""
    use = good & np.isfinite(image)
    with np.errstate(invalid="ignore"):
        use &= np.abs(image) <= _OUTLIER * scale
    count = use.sum(axis=axis)
    total = np.where(use, image, 0).sum(axis=axis, dtype=float)
    mean = np.where(count >= _FEWEST, total / np.maximum(count, 1), np.nan)
    for parity in (slice(0, None, 2), slice(1, None, 2)):
        part = mean[parity]
        known = np.flatnonzero(np.isfinite(part))
        if known.size:
            part[known] -= running_median(part[known], min(_AROUND, known.size))
    return mean


def running_median(values: np.ndarray, width: int) -> np.ndarray:
    """Return the medians of the values about each, mirrored at the ends.

    Parameters
    ----------
    values : (n,) array
    width : int
        Values about each, at most n.

    Returns
    -------
    (n,) array
        Those of ``scipy.ndimage.median_filter``, which takes longer to import than to apply.
    """
    around = np.pad(values, (width // 2, (width - 1) // 2), mode="reflect")
    return np.sort(sliding_window_view(around, width), axis=1)[:, width // 2]
