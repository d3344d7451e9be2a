"""Bad-pixel map exactly as corgidrp 5.1.1 makes it (`create_bad_pixel_map`)."""

from __future__ import annotations

import numpy as np

#: Values of a map: a pixel that is dead or of low response, and one that is warm or hot.
DEAD, HOT = 4, 8


def peer_map(
    dark: np.ndarray,
    flat: np.ndarray | None,
    *,
    deviations: float,
    fraction: float,
    width: int,
) -> np.ndarray:
    """Return corgidrp's map of bad pixels.

    Parameters
    ----------
    dark : (ny, nx) array
        Dark. One NaN in it leaves no hot pixel at all, as in corgidrp.
    flat : (ny, nx) array or None
        Flat field; without one no pixel is dead.
    deviations : float
        A pixel is hot more than this many standard deviations of all pixels above their mean.
    fraction : float
        A pixel is dead below this fraction of the mean of the box around it.
    width : int
        Width of that box [pixels].

    Returns
    -------
    (ny, nx) uint8 array
        Of `DEAD` and `HOT`.
    """
    dark = np.asarray(dark, np.float64)
    found = np.where(dark > dark.mean() + deviations * dark.std(), HOT, 0).astype(np.uint8)
    if flat is not None:
        flat = np.asarray(flat, np.float64)
        with np.errstate(invalid="ignore"):
            found[flat < fraction * box_means(flat, width)] |= DEAD
    return found


def box_means(flat: np.ndarray, width: int) -> np.ndarray:
    """Return the mean of the box around each pixel, cut at the edges; NaN when one is in the box.

    The box of row r has the rows r - width // 2 to r - width // 2 + width - 1.
    """
    lost = np.isnan(flat).astype(np.float64)
    sums = np.where(np.isnan(flat), 0.0, flat)
    area = np.ones(flat.shape)
    for axis in (0, 1):
        sums, lost, area = (_box_sums(plane, width, axis) for plane in (sums, lost, area))
    return np.where(lost > 0, np.nan, sums / area)


def _box_sums(plane, width, axis):
    length = plane.shape[axis]
    plane = np.moveaxis(plane, axis, 0)
    total = np.concatenate([np.zeros_like(plane[:1]), np.cumsum(plane, axis=0)])
    first = np.clip(np.arange(length) - width // 2, 0, length)
    stop = np.clip(np.arange(length) - width // 2 + width, 0, length)
    return np.moveaxis(total[stop] - total[first], 0, axis)
