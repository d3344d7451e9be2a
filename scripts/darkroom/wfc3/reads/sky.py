"""Pixels of the sky: those without sources, found on the mean rate of an exposure."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import binary_dilation, gaussian_filter

from darkroom.wfc3.files.reads import BORDER, MAD_SIGMA, Cube
from darkroom.wfc3.reads.statistics import Statistics

# Source mask: smoothing (pixels), detection limit (sigma), growth of detected sources (pixels), and
# blocks a side for the fit of the sky.
_SMOOTH, _DETECT, _GROW = 1.0, 3.0, 3
_BLOCKS = 16
# Cosmic rays: parts of the exposure that are compared, smallest number of them, limit (sigma).
_PARTS, _MIN_PARTS, _RAY_LIMIT = 5, 3, 4.0


def sky_pixels(cube: Cube) -> np.ndarray:
    """Select the pixels without sources and flags.

    A second-order surface is subtracted from the mean rate of the exposure without cosmic rays, so
    that a gradient of the sky is not detected as a source. Pixels that then exceed the level by
    three sigma, after smoothing over a pixel, are excluded with their surroundings. The mask is the
    same for all reads.

    Returns
    -------
    (ny, nx) bool array
        True for sky; border included, False there.
    """
    statistics = Statistics(cube.flagged.size)
    image = _without_rays(cube, statistics)
    good = ~cube.flagged & np.isfinite(image)
    sky = good
    weight = gaussian_filter(good.astype(np.float32), _SMOOTH)
    for _ in range(2):
        residual = np.where(good, image - _surface(image, sky), 0)
        smooth = gaussian_filter(residual, _SMOOTH) / np.maximum(weight, np.float32(0.1))
        level, spread, _count = statistics.robust(smooth, sky)
        found = (smooth - level > _DETECT * spread) & good
        sky = good & ~binary_dilation(found, iterations=_GROW)
        if not sky.any():
            return good
    return sky


def _without_rays(cube, statistics):
    """Return the mean rate of an exposure; where a part has a cosmic ray, that of the others."""
    targets = np.linspace(0, cube.times[-1], _PARTS + 1)
    ends = np.unique(np.abs(cube.times[:, None] - targets).argmin(axis=0))
    image, parts = cube.rates[-1], ends.size - 1
    if parts < _MIN_PARTS:
        return image
    seconds = np.diff(cube.times[ends]).astype(np.float32)
    counts = [cube.rates[k] * np.float32(cube.times[k]) for k in ends]
    rates = np.stack(
        [(b - a) / s for a, b, s in zip(counts[:-1], counts[1:], seconds, strict=True)]
    )
    highest = rates.argmax(axis=0)
    peak = np.take_along_axis(rates, highest[None], 0)[0]
    others = (counts[-1] - peak * seconds[highest]) / (seconds.sum() - seconds[highest])
    jump = peak - others
    typical, spread, _ = statistics.robust(jump, np.ones(jump.shape, bool))
    return np.where(jump > typical + _RAY_LIMIT * spread, others, image)


def _surface(image, sky):
    """Fit a second-order surface to the medians of the sky pixels in blocks."""
    ny, nx = image.shape
    y, x = np.mgrid[-1 : 1 : ny * 1j, -1 : 1 : nx * 1j].astype(np.float32)
    edges = [np.linspace(BORDER, size - BORDER, _BLOCKS + 1).astype(int) for size in (ny, nx)]
    points = []
    for y0, y1 in zip(edges[0][:-1], edges[0][1:], strict=True):
        for x0, x1 in zip(edges[1][:-1], edges[1][1:], strict=True):
            part = slice(y0, y1), slice(x0, x1)
            values = image[part][sky[part]]
            if values.size * 4 >= sky[part].size > 0:
                points.append((y[y0, 0] + y[y1 - 1, 0], x[0, x0] + x[0, x1 - 1], np.median(values)))
    if len(points) < 12:
        return np.float32(np.median(image[sky]))
    v, u, z = np.array(points).T / np.array([[2], [2], [1]])
    keep = np.ones(z.size, bool)
    for _ in range(3):
        terms = np.stack([np.ones_like(u), u, v, u * u, u * v, v * v], 1)
        fitted, *_ = np.linalg.lstsq(terms[keep], z[keep], rcond=None)
        residual = z - terms @ fitted
        scatter = MAD_SIGMA * np.median(np.abs(residual[keep]))
        keep = np.abs(residual) <= 3 * max(scatter, 1e-6)
    c = fitted.astype(np.float32)
    return c[0] + c[1] * x + c[2] * y + c[3] * x * x + c[4] * x * y + c[5] * y * y
