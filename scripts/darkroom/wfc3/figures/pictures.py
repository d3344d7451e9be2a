"""Pairs of final images side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from astropy.visualization import ZScaleInterval
from matplotlib.figure import Figure

from darkroom.plot import images, style

if TYPE_CHECKING:
    from collections.abc import Sequence

_SIDE = 420  # pixels a side that an image is reduced to, about


def zscale(image: np.ndarray) -> tuple[float, float]:
    """Return the zscale limits of the finite pixels of an image."""
    values = np.asarray(image)[np.isfinite(image)]
    if values.size == 0 or np.ptp(values) == 0:
        return 0.0, 1.0
    low, high = ZScaleInterval().get_limits(values)
    return float(low), float(high)


@style.drawn
def draw_pair(
    first: np.ndarray,
    second: np.ndarray,
    titles: tuple[str, str],
    limits: Sequence[tuple[float, float]],
    units: str | tuple[str, str],
    cmap: str = "Greys_r",
) -> Figure:
    """Draw two images side by side.

    Parameters
    ----------
    first, second : (ny, nx) arrays
        The images; NaN is drawn grey.
    titles : pair of str
        Titles of the two panels.
    limits : sequence of (low, high)
        Range of the colours: one pair for both images, or one for each.
    units : str or pair of str
        Labels of the colour bars.
    cmap : str
        Name of the colour map.

    Returns
    -------
    matplotlib Figure
    """
    figure = Figure(figsize=(7.6, 3.2), layout="constrained")
    panels = figure.subplots(1, 2)
    shared = len(limits) == 1
    limits = list(limits) * (2 if shared else 1)
    units = (units, units) if isinstance(units, str) else units
    for axes, image, title, unit, (low, high) in zip(
        panels, (first, second), titles, units, limits, strict=True
    ):
        image = np.asarray(image, float)
        small = images.reduce_blocks(image, max(1, max(image.shape) // _SIDE))
        ny, nx = image.shape
        shown = axes.imshow(
            small, cmap=style.colour_map(cmap), vmin=low, vmax=high,
            extent=(-0.5, nx - 0.5, -0.5, ny - 0.5),
        )  # fmt: skip
        axes.grid(visible=False)
        axes.set(xlabel="x [pixel]", ylabel="y [pixel]", title=title)
        if not shared:
            figure.colorbar(shown, ax=axes, label=unit, shrink=0.75, extend="both")
    if shared:
        figure.colorbar(shown, ax=panels, label=units[0], shrink=0.75, extend="both")
    return figure
