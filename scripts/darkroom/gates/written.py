"""The file as it is written, compared with exposures: slopes of pixels on the image of the file.

A wrong half, exchanged amplifiers, a mirrored image, a factor on the unit: each leaves the numbers
plausible and the pixels wrong. The slope of an exposure on the image is 1 when they belong together
and 0 when they do not, however noisy one exposure is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# Pixels farther than this from the median of their part, in robust deviations, are left out.
_REACH = 6.0
_MAD = 1.4826


def slope_of(
    values: np.ndarray,
    image: np.ndarray,
    groups: np.ndarray | None = None,
    reach: float = _REACH,
) -> float:
    """Return the slope of an exposure on an image; NaN where it is not determined.

    Parameters
    ----------
    values, image : (n,) arrays
        Pixels of the exposure, and of the image.
    groups : (n,) int array, optional
        Classes of pixels whose levels are not compared (column parity).
    reach : float
        Pixels farther than this from the median, in robust deviations, are left out.
    """
    good = np.isfinite(values) & np.isfinite(image)
    if groups is not None:
        groups = groups[good]
    values, image = np.asarray(values, float)[good], np.asarray(image, float)[good]
    if values.size < 16:
        return np.nan
    good = _near(values, groups, reach) & _near(image, groups, reach)
    values, image = values[good], image[good]
    values = _centred(values, None if groups is None else groups[good])
    image = _centred(image, None if groups is None else groups[good])
    below = (image**2).sum()
    return float((values * image).sum() / below) if below > 0 else np.nan


def _near(values, groups, reach):
    kept = np.ones(values.size, bool)
    for where in _parts(groups):
        part = values[where]
        middle = np.median(part)
        spread = _MAD * np.median(np.abs(part - middle))
        kept[where] = np.abs(part - middle) <= reach * spread if spread > 0 else True
    return kept


def _centred(values, groups):
    values = values.copy()
    for where in _parts(groups):
        values[where] -= values[where].mean()
    return values


def _parts(groups):
    if groups is None:
        return [slice(None)]
    return [groups == number for number in np.unique(groups)]


def variance_slope(squares: np.ndarray, variance: np.ndarray) -> float:
    """Return the slope of squared differences on a map of their variance.

    Parameters
    ----------
    squares : (n,) array
        Squared differences of two reads, one each pixel.
    variance : (n,) array
        What the map says of their variance.

    Returns
    -------
    float
        1 when the map belongs to the pixels; 0 when it is that of others.
    """
    good = np.isfinite(squares) & np.isfinite(variance) & (variance > 0)
    squares, variance = np.asarray(squares, float)[good], np.asarray(variance, float)[good]
    if squares.size < 64:
        return np.nan
    typical = np.median(variance)
    # A cosmic ray is no noise; a pixel of large variance would be all that counts.
    good = (variance < 4 * typical) & (squares < 25 * variance)
    squares, variance = squares[good], variance[good]
    # Weighted as χ²: a square scatters by √2 times its variance.
    weight = 1 / variance**2
    centre = np.average(variance, weights=weight)
    base = np.average(squares, weights=weight)
    below = (weight * (variance - centre) ** 2).sum()
    above = (weight * (variance - centre) * (squares - base)).sum()
    return float(above / below) if below > 0 else np.nan


def parts_of(
    amplifier: np.ndarray, ny: int
) -> tuple[list[str], Sequence[tuple[slice, np.ndarray]]]:
    """Return the parts of an image that are compared one by one: amplifiers, and halves of rows.

    Parameters
    ----------
    amplifier : (nx,) int array
        Amplifier of each column.
    ny : int
        Rows.

    Returns
    -------
    names : list of str
    parts : sequence of (slice, (nx,) bool array)
        Rows and columns.
    """
    names, parts = [], []
    numbers = np.unique(amplifier)
    for number in numbers:
        for half, rows in (("lower", slice(0, ny // 2)), ("upper", slice(ny // 2, ny))):
            which = f"amplifier {number}, " if len(numbers) > 1 else ""
            names.append(f"{which}{half} half")
            parts.append((rows, amplifier == number))
    return names, parts
