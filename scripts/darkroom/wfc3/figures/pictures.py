"""Final images side by side on stretches that can be compared."""

from __future__ import annotations

import numpy as np
from astropy.visualization import ZScaleInterval
from matplotlib.figure import Figure

from darkroom.plot import images, style

_SIDE = 420


def zscale(image):
    """Return the zscale limits of the finite pixels of an image."""
    values = np.asarray(image)[np.isfinite(image)]
    if values.size == 0 or np.ptp(values) == 0:
        return 0.0, 1.0
    low, high = ZScaleInterval().get_limits(values)
    return float(low), float(high)


@style.drawn
def draw_pair(first, second, titles, limits, units, cmap="Greys_r"):
    """Draw two images of one size beside each other.

    Parameters
    ----------
    first, second : (ny, nx) arrays
        NaN are grey.
    titles : pair of str
    limits : sequence of (low, high)
        One pair for both images, or one for each.
    units : str or pair of str
        Of the colour bars.
    cmap : str

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
