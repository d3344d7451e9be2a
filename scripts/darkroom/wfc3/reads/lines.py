"""Pixels on a straight line across the field: the trail of a satellite, and not cosmic rays."""

from __future__ import annotations

import numpy as np

from darkroom.compiled import load_kernel

# Width of the band that is searched (pixels, and fraction of the side: trails are out of focus),
# step of its angle, and the fraction of its length that must hold bright pixels.
_WIDTH, _WIDTH_SHARE, _ANGLES, _FILLED = 12.0, 1 / 32, 180, 0.6
_PARTS = 10
# Fewer bright pixels are no line; of more, so many are looked at.
_FEWEST, _MOST = 20, 20_000


def line_excess(bright: np.ndarray) -> float:
    """Count the pixels that lie on one straight band, in excess of the density elsewhere.

    Parameters
    ----------
    bright : (ny, nx) bool array
        The pixels.

    Returns
    -------
    float
        0 when no band is filled along its length.
    """
    ny, nx = bright.shape
    y, x = np.nonzero(bright)
    if y.size < _FEWEST:
        return 0.0
    scale = max(1.0, y.size / _MOST)
    chosen = np.linspace(0, y.size - 1, min(y.size, _MOST)).astype(int)
    y, x = y[chosen] - (ny - 1) / 2, x[chosen] - (nx - 1) / 2
    half = max(_WIDTH, _WIDTH_SHARE * max(ny, nx)) / 2
    kernel = load_kernel("darkroom.wfc3.reads.statistics_kernel")
    angles = np.pi / _ANGLES * np.arange(_ANGLES)
    inside, best, first = kernel.fullest_band(
        x, y, np.cos(angles), np.sin(angles), half, np.empty(x.size)
    )
    angle = float(angles[best])
    across = x * np.cos(angle) + y * np.sin(angle)
    centre = across.min() + (first + 1) * half
    in_band = np.abs(across - centre) <= half
    area, length, low = _band(kernel, centre, angle, half, (ny, nx))
    along = (y * np.cos(angle) - x * np.sin(angle))[in_band]
    part = np.clip(((along - low) / max(length, 1.0) * _PARTS).astype(int), 0, _PARTS - 1)
    share = area / (ny * nx)
    elsewhere = (y.size - inside) * share / max(1 - share, 0.1)
    # A part holds its line when more than half of the excess expected in it is there.
    needed = elsewhere / _PARTS + 0.25 * (inside - elsewhere) / _PARTS
    filled = (np.bincount(part, minlength=_PARTS) > needed).mean()
    if inside <= elsewhere or filled < _FILLED:
        return 0.0
    return float((inside - elsewhere) * scale)


def _band(kernel, centre, angle, half, shape):
    """Return area, length and lower end of a band inside the field, pixels."""
    count, low, high = kernel.band_inside(*shape, np.cos(angle), np.sin(angle), centre, half)
    return (4.0 * count, high - low + 2, low) if count else (1.0, 1.0, 0.0)
