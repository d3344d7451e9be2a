"""Signal and variance of pairs of flats, block by block."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from darkroom.ccd.robust import robust_std

# Pixels beyond this many robust standard deviations of their block are left out.
_OUTLIER = 5.0
# Side of a block, and the smallest share of its pixels that must be usable.
_BLOCK = 32
_SHARE = 0.25
# Flats whose levels differ by more than this factor are no pair, or hold no light.
_RATIO = 2.0


@dataclass(frozen=True)
class PairBlocks:
    """Blocks of a pair of flats of one exposure time, ADU.

    Attributes
    ----------
    signal : (n,) array
        Mean counts whose shot noise is in `variance`: light, and dark current.
    variance, error : (n,) arrays
        Variance of one pixel of one flat of that signal, and its standard error.
    read : (n,) array
        Weight of the variance of the read noise in `variance`; 1 for equal flats.
    level : float
        Mean light of the pair.
    ratio : float
        Level of the first over that of the second.
    exptime : float
        Seconds.
    """

    signal: np.ndarray
    variance: np.ndarray
    error: np.ndarray
    read: np.ndarray
    level: float
    ratio: float
    exptime: float


def measure_pair(
    first: np.ndarray,
    second: np.ndarray,
    good: np.ndarray,
    exptime: float,
    dark: np.ndarray | None = None,
    block: int = _BLOCK,
) -> PairBlocks:
    """Measure the variance of a pair of flats from its difference.

    The second is scaled to the level of the first in every block, so that neither a drift of the
    lamp nor the response of the pixels is left in the difference.

    Parameters
    ----------
    first, second : (ny, nx) arrays
        Flats without bias and dark, ADU.
    good : (ny, nx) bool array
        Pixels to use.
    exptime : float
        Exposure time of both, s.
    dark : (ny, nx) array, optional
        Dark counts that were subtracted from each flat, ADU: their shot noise is still there.
    block : int
        Side of a block, pixels.

    Returns
    -------
    PairBlocks
        For D = F1 - r F2 with r = S1 / S2 and dark counts d, the variance is (1 + r²) (R² + d / g)
        + (S1 + r² S2) / g. Divided by 1 + r it is that of r S2 = S1: ``read`` (R² + d / g) + S1 /
        g, with ``read`` = (1 + r²) / (1 + r). ``signal`` is S1 + ``read`` d.
    """
    ny, nx = first.shape
    rows = []
    good = good & np.isfinite(first) & np.isfinite(second)
    for y in range(0, ny, block):
        for x in range(0, nx, block):
            cut = slice(y, min(y + block, ny)), slice(x, min(x + block, nx))
            use = good[cut]
            if use.sum() < max(_SHARE * block**2, 32) and use.sum() < _SHARE * ny * nx:
                continue
            counts = None if dark is None else dark[cut][use]
            found = _measure_block(first[cut][use], second[cut][use], use, block, counts)
            if found is not None:
                rows.append(found)
    values = np.array(rows).reshape(-1, 4).T
    one, two = first[good], second[good]
    mean = float(np.mean(one)) if one.size else np.nan
    other = float(np.mean(two)) if two.size else np.nan
    return PairBlocks(*values, (mean + other) / 2, mean / other if other > 0 else np.nan, exptime)


def _measure_block(one, two, use, block, dark):
    """Return signal, variance, its error and `read` of a block; None where they are no pair."""
    one, two = one.astype(float), two.astype(float)
    ratio = one.mean() / two.mean() if two.mean() > 0 else np.nan
    if not 1 / _RATIO <= ratio <= _RATIO:
        return None
    # Lines of the block that drift apart are no noise of pixels: a plane is taken off.
    places = np.argwhere(use) / block - 0.5
    basis = np.column_stack([np.ones(len(places)), places])
    difference = one - ratio * two
    kept = np.ones(len(difference), bool)
    for _ in range(3):
        plane = np.linalg.lstsq(basis[kept], difference[kept], rcond=None)[0]
        left = difference - basis @ plane
        scale = robust_std(left[kept]) or left[kept].std()
        kept = np.abs(left) <= _OUTLIER * max(scale, 1e-9)
    freedom = int(kept.sum()) - 3
    if freedom < 16:
        return None
    variance = (left[kept] ** 2).sum() / freedom / (1 + ratio)
    read = (1 + ratio**2) / (1 + ratio)
    signal = one[kept].mean() + (0.0 if dark is None else read * dark[kept].mean())
    return signal, variance, variance * np.sqrt(2 / freedom), read
