"""Pixels on a straight line across the field: the trail of a satellite, and not cosmic rays."""

from __future__ import annotations

import numpy as np

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
    best = (0, 0.0, 0)
    for angle in np.pi / _ANGLES * np.arange(_ANGLES):
        across = x * np.cos(angle) + y * np.sin(angle)
        cell = np.floor((across - across.min()) / half).astype(int)
        count = np.bincount(cell, minlength=cell.max() + 2)
        pairs = count[:-1] + count[1:]
        first = int(pairs.argmax())
        if pairs[first] > best[0]:
            best = int(pairs[first]), float(angle), first
    inside, angle, first = best
    across = x * np.cos(angle) + y * np.sin(angle)
    centre = across.min() + (first + 1) * half
    in_band = np.abs(across - centre) <= half
    area, length, low = _band(centre, angle, half, (ny, nx))
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


def _band(centre, angle, half, shape):
    """Return area, length and lower end of a band inside the field, pixels."""
    ny, nx = shape
    y, x = np.mgrid[0:ny:2, 0:nx:2] - np.array([(ny - 1) / 2, (nx - 1) / 2])[:, None, None]
    inside = np.abs(x * np.cos(angle) + y * np.sin(angle) - centre) <= half
    if not inside.any():
        return 1.0, 1.0, 0.0
    along = (y * np.cos(angle) - x * np.sin(angle))[inside]
    return 4.0 * inside.sum(), float(np.ptp(along)) + 2, float(along.min())
