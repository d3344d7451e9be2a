"""Bad-pixel map from a dark with its errors: significance and limit, against the pixels around.

The median and the MAD of a region are not moved by its hot pixels or by a NaN. A pixel is flagged
when it is above the limit, and above the median by more than the noise of its own value explains,
so that a dark of few frames does not turn noise into hot pixels.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy import stats

from darkroom.cgi.pixels.peer import DEAD, HOT, box_means

#: Bits of the plane of reasons: too much charge, no value in the dark, low in the flat, carried.
REASONS = {"hot": 1, "no_value": 2, "dead": 4, "carried": 8}
#: Rows and columns of a region.
REGION = 128
_MAD = 1.4826


class PixelMap(NamedTuple):
    """A map of bad pixels.

    Attributes
    ----------
    data : (ny, nx) uint8 array
        0, or `peer.DEAD` and `peer.HOT`, as in corgidrp's format.
    reasons : (ny, nx) uint8 array
        Of `REASONS`.
    significance : (ny, nx) float64 array
        Excess over the median of the region in units of the pixel's error; NaN without a value.
    least : (ny, nx) float64 array
        Excess over the median that a hot pixel has more than [e-].
    """

    data: np.ndarray
    reasons: np.ndarray
    significance: np.ndarray
    least: np.ndarray


def robust_map(
    dark: np.ndarray,
    err: np.ndarray,
    *,
    deviations: float,
    significance: float,
    limit: float,
    excess_in_errors: np.ndarray | None = None,
    flat: np.ndarray | None = None,
    fraction: float = 0.0,
    width: int = 1,
    previous: np.ndarray | None = None,
) -> PixelMap:
    """Return the map of hot and dead pixels.

    Parameters
    ----------
    dark, err : (ny, nx) arrays
        Dark and the error of each pixel [e-]; NaN where a pixel has no value.
    deviations : float
        A hot pixel exceeds the median of its region by more than this many standard deviations
        (from the MAD).
    significance : float
        And by more than this many of its own errors.
    limit : float
        And by more than this charge [e-].
    excess_in_errors : (ny, nx) array, optional
        Significance of each pixel's excess, where it is known better than from its error: few
        counts are not normally distributed.
    flat : (ny, nx) array, optional
        Flat field; pixels without a value in it are no neighbours of others.
    fraction, width
        As in `peer.peer_map`.
    previous : (ny, nx) array, optional
        Earlier map, whose dead pixels are carried when there is no flat.

    Returns
    -------
    PixelMap
        A pixel without a value in the dark is bad (`HOT`: the format has no other bit for it).
    """
    dark, err = np.asarray(dark, np.float64), np.asarray(err, np.float64)
    middle, spread = _regions(dark)
    excess = dark - middle
    with np.errstate(invalid="ignore", divide="ignore"):
        found = excess / err if excess_in_errors is None else np.asarray(excess_in_errors)
        least = np.maximum(deviations * spread, limit)
        hot = (excess > least) & (found > significance)
    lost = ~np.isfinite(dark)
    reasons = np.where(hot, REASONS["hot"], 0) | np.where(lost, REASONS["no_value"], 0)
    if flat is not None:
        flat = np.asarray(flat, np.float64)
        known = np.isfinite(flat)
        near = box_means(np.where(known, flat, 0.0), width)
        near /= np.maximum(box_means(known.astype(np.float64), width), 1 / width**2)
        reasons |= np.where(~known | (flat < fraction * near), REASONS["dead"], 0)
    elif previous is not None:
        reasons |= np.where(np.asarray(previous) & DEAD, REASONS["carried"], 0)
    dead = reasons & (REASONS["dead"] | REASONS["carried"])
    data = np.where(reasons & (REASONS["hot"] | REASONS["no_value"]), HOT, 0)
    data |= np.where(dead, DEAD, 0)
    return PixelMap(data.astype(np.uint8), reasons.astype(np.uint8), found, least)


def _regions(dark):
    """Return median and robust scatter of the region of each pixel."""
    middle, spread = np.empty(dark.shape), np.empty(dark.shape)
    steps = [_slices(length) for length in dark.shape]
    for rows in steps[0]:
        for columns in steps[1]:
            part = dark[rows, columns]
            values = part[np.isfinite(part)]
            centre = np.median(values) if values.size else np.nan
            middle[rows, columns] = centre
            spread[rows, columns] = (
                _MAD * np.median(np.abs(values - centre)) if values.size else np.nan
            )
    return middle, spread


def _slices(length):
    number = max(1, round(length / REGION))
    edges = [k * length // number for k in range(number + 1)]
    return [slice(a, b) for a, b in pairwise(edges)]


def completeness(
    err: np.ndarray,
    found: PixelMap,
    *,
    sizes: list[float],
    significance: float,
    growth: float = 0.0,
) -> list[tuple[float, float]]:
    """Return the share of pixels of some excess that a map finds, for normal errors.

    Parameters
    ----------
    err : (ny, nx) array
        Errors of the dark that the map was made of [e-].
    found : PixelMap
        The map.
    sizes : list of float
        True excess of a pixel over those around it [e-].
    significance : float
        As given to `robust_map`.
    growth : float
        Variance that a pixel has more for each electron of excess [e-].

    Returns
    -------
    list of (float, float)
        Excess, and share that is found of pixels of this excess, over all normal pixels.
    """
    err = np.asarray(err, np.float64)
    normal = (found.data == 0) & np.isfinite(err) & (err > 0)
    sigma, least = err[normal], found.least[normal]
    rows = []
    for size in sizes:
        needed = np.maximum(least, significance * sigma)
        share = stats.norm.cdf((size - needed) / np.sqrt(sigma**2 + growth * size))
        rows.append((size, float(share.mean()) if share.size else np.nan))
    return rows
