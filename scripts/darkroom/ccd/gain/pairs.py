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
        Mean of the two flats above bias and dark.
    variance, error : (n,) arrays
        Variance of one pixel of one flat of that signal, and its standard error.
    read : (n,) array
        Weight of the variance of the read noise in `variance`; 1 for equal flats.
    level : float
        Mean signal of the pair.
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
    block : int
        Side of a block, pixels.

    Returns
    -------
    PairBlocks
        For D = F1 - r F2 with r = S1 / S2, the variance is (1 + r²) R² + (S1 + r² S2) / g. Divided
        by 1 + r it is that of signal r S2 = S1: ``read`` R² + S1 / g, with ``read`` = (1 + r²) /
        (1 + r).
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
            one, two = first[cut][use].astype(float), second[cut][use].astype(float)
            ratio = one.mean() / two.mean() if two.mean() > 0 else np.nan
            if not 1 / _RATIO <= ratio <= _RATIO:
                continue
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
                continue
            variance = (left[kept] ** 2).sum() / freedom / (1 + ratio)
            signal = one[kept].mean()
            rows.append(
                (signal, variance, variance * np.sqrt(2 / freedom), (1 + ratio**2) / (1 + ratio))
            )
    values = np.array(rows).reshape(-1, 4).T
    one, two = first[good], second[good]
    mean = float(np.mean(one)) if one.size else np.nan
    other = float(np.mean(two)) if two.size else np.nan
    return PairBlocks(*values, (mean + other) / 2, mean / other if other > 0 else np.nan, exptime)
