"""Whether the exposures of a visit point where their WCS says: positions of stars compared.

An exposure that lost its guide stars drifts or points elsewhere, and neither its header nor its WCS
need say so: combined, its stars are smeared or doubled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import maximum_filter

from darkroom import order
from darkroom.compiled import load_kernel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from astropy.wcs import WCS

#: Offsets (pixels) above which an exposure is warned about, and refused. Exposures of one visit
#: agree to 0.1 pixel; one that is a pixel off widens the stars of the combined image by half.
WARN_PIXELS, REFUSE_PIXELS = 0.4, 1.0
# Detection limit (sigma of the sky), largest number of sources, farthest offset that is looked
# for, radius of a peak of offsets (pixels), and smallest number of sources that must agree.
_SIGMAS, _MOST, _REACH, _RADIUS, _FEWEST = 8.0, 300, 15.0, 0.75, 5
# Fraction of the sources in common that must agree, and how many times those that agree by chance.
_SHARE, _OVER_CHANCE = 0.3, 3.0
_BOX = 7


@dataclass(frozen=True)
class Sources:
    """Point sources of an image.

    Parameters
    ----------
    x, y : (n,) arrays
        Pixels counted from 0.
    wcs : astropy.wcs.WCS
        Of the image.
    shape : tuple of int
        (ny, nx).
    """

    x: np.ndarray
    y: np.ndarray
    wcs: WCS
    shape: tuple[int, int]


def find_sources(sci: np.ndarray, dq: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the brightest point sources of an image.

    Parameters
    ----------
    sci, dq : (ny, nx) arrays
        Rates, of single precision, and flags; nothing is found where a pixel within one of it is
        flagged.

    Returns
    -------
    x, y : (n,) arrays
        Pixels counted from 0.
    """
    good = np.isfinite(sci) & (dq == 0)
    values = np.float32(sci)
    image = np.where(good, values, np.float32(order.median(values[good]) if good.any() else 0.0))
    image = image.astype(float) - _running_median(image)
    scatter = 1.4826 * order.median_distance(image[good], 0.0) if good.any() else np.inf
    peak = (image == maximum_filter(image, 5)) & (image > _SIGMAS * scatter)
    peak[:2], peak[-2:], peak[:, :2], peak[:, -2:] = False, False, False, False
    found = []
    for y, x in np.argwhere(peak):
        box = slice(y - 1, y + 2), slice(x - 1, x + 2)
        values = np.clip(image[box], 0, None)
        # A single pixel is no star: the PSF is wider than one.
        spread = values[1, [0, 2]].sum() + values[[0, 2], 1].sum()
        if good[box].all() and spread > 0.15 * values[1, 1]:
            weight = values.sum()
            found.append((weight, x + (values[:, 2] - values[:, 0]).sum() / weight,
                          y + (values[2] - values[0]).sum() / weight))  # fmt: skip
    found.sort(reverse=True)
    table = np.array(found[:_MOST], float).reshape(-1, 3)
    return table[:, 1], table[:, 2]


def _running_median(image):
    """Return the median of the square around each pixel, as `scipy.ndimage.median_filter` does."""
    padded, out = np.pad(image, _BOX // 2, mode="symmetric"), np.empty_like(image)
    load_kernel("darkroom.wfc3.visit.median_kernel").median_filter(padded, _BOX, out)
    return out


def offset_between(one: Sources, other: Sources) -> tuple[float, float] | None:
    """Return by how much the sources of an image lie beside those of another.

    Parameters
    ----------
    one, other : Sources
        Two images of the same sky.

    Returns
    -------
    dx, dy : float
        In pixels of the first image; None when too few sources are common to both.
    """
    if min(one.x.size, other.x.size) < _FEWEST:
        return None
    sky = other.wcs.all_pix2world(other.x, other.y, 0)
    x, y = one.wcs.all_world2pix(*sky, 0, quiet=True)
    ny, nx = one.shape
    inside = (x > 0) & (x < nx - 1) & (y > 0) & (y < ny - 1)
    x, y = x[inside], y[inside]
    dx, dy = one.x[:, None] - x, one.y[:, None] - y
    near = np.hypot(dx, dy) < _REACH
    dx, dy = dx[near], dy[near]
    if dx.size < _FEWEST:
        return None
    # The offset at which most pairs agree.
    votes = (np.hypot(dx[:, None] - dx, dy[:, None] - dy) < _RADIUS).sum(axis=1)
    best = votes.argmax()
    most = int(votes[best])
    chance = dx.size * (_RADIUS / _REACH) ** 2
    common = min(x.size, one.x.size)
    if most < max(_FEWEST, _SHARE * common, _OVER_CHANCE * chance):
        return None
    # What stays at its pixel (a hot one without a flag) follows the dither, while stars do not.
    at_rest = np.hypot(dx, dy) < _RADIUS
    agree = np.hypot(dx - dx[best], dy - dy[best]) < _RADIUS
    agree = at_rest if 2 * at_rest.sum() >= most else agree
    return float(np.median(dx[agree])), float(np.median(dy[agree]))


def offsets(images: Sequence[Sources]) -> list[tuple[float, int] | None]:
    """Return how far each image lies from most others.

    Returns
    -------
    list of (pixels, number of images compared) or None
        None for an image that cannot be compared. Of two images alone the second is the odd one.
    """
    count = len(images)
    table: dict[tuple[int, int], np.ndarray] = {}
    for i in range(count):
        for j in range(i):
            found = offset_between(images[i], images[j])
            if found is not None:
                table[i, j], table[j, i] = np.array(found), -np.array(found)
    usual = _usual(table, count)
    result: list[tuple[float, int] | None] = []
    for i in range(count):
        compared = [table[i, j] for j in sorted(usual - {i}) if (i, j) in table]
        if not compared:
            result.append(None)
            continue
        result.append((float(np.hypot(*np.median(compared, axis=0))), len(compared)))
    return result


def _usual(table, count):
    """Return the largest set of images that agree with one of them."""
    groups = [
        {i} | {j for j in range(count)
               if (i, j) in table and np.hypot(*table[i, j]) <= REFUSE_PIXELS}
        for i in range(count)
    ]  # fmt: skip
    return max(groups, key=len, default=set())
