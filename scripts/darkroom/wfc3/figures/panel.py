"""All read differences of an exposure on one sheet, bad reads marked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from darkroom.plot import images, style
from darkroom.wfc3.figures.ramp import BAD_READ, LEFT, RIGHT
from darkroom.wfc3.files.imsets import extver_of
from darkroom.wfc3.files.reads import BORDER, difference

if TYPE_CHECKING:
    from collections.abc import Iterable

    from darkroom.wfc3.files.reads import Cube
    from darkroom.wfc3.reads.diagnose import Differences

# Images in a row, and most pixels a side that an image is reduced to.
_COLUMNS, _SIDE = 4, 110


@style.drawn
def draw_panel(cube: Cube, differences: Differences, reads: Iterable[int], title: str) -> Figure:
    """Draw the absolute difference of every pair of reads, all on the same stretch.

    As in the notebook the first interval, 2.9 s long, is left out. Above each image stand median
    and standard deviation of its pixels; in it those of the left and right regions; below it left /
    right, left − right and the length of the interval.

    Parameters
    ----------
    cube : darkroom.wfc3.files.reads.Cube
        The calibrated reads.
    differences : darkroom.wfc3.reads.diagnose.Differences
        The sky in every interval.
    reads : iterable of int
        EXTVERs chosen as bad.
    title : str
        Title of the sheet.

    Returns
    -------
    matplotlib Figure
    """
    intervals = list(range(2, cube.nsamp)) or [1]
    rows = -(-len(intervals) // _COLUMNS)
    columns = min(_COLUMNS, len(intervals))
    figure = Figure(figsize=(1.9 * columns + 0.2, 2.5 * rows + 0.4), layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", fontsize=9.5, fontweight="bold")
    high = _limit(differences, intervals)
    (ny, nx), inside = cube.shape, slice(BORDER, -BORDER)
    factor = -(-ny // _SIDE)
    for place, j in enumerate(intervals):
        axes = figure.add_subplot(rows, columns, place + 1)
        image = np.abs(difference(cube, j, differences.method))[inside, inside]
        small = images.reduce_blocks(np.where(np.isfinite(image), image, np.nan), factor)
        extent = (BORDER - 0.5, nx - BORDER - 0.5, BORDER - 0.5, ny - BORDER - 0.5)
        axes.imshow(small, cmap=style.colour_map("Greys_r"), vmin=0, vmax=high, extent=extent)
        axes.set(xticks=[], yticks=[])
        axes.grid(visible=False)
        _annotate(axes, differences, j, extver_of(j, cube.nsamp) in set(reads))
        _boxes(axes, differences)
    return figure


def _limit(differences, intervals):
    """Return the upper limit of the stretch: brightest sky plus three times the scatter."""
    sky = differences.full.median[[j - 1 for j in intervals]]
    scatter = differences.full.sigma[[j - 1 for j in intervals]]
    high = float(np.nanmax(np.abs(sky)) + 3 * np.nanmedian(scatter))
    return high if np.isfinite(high) and high > 0 else 1.0


def _annotate(axes, differences, j, bad):
    i = j - 1
    full, left, right = differences.full, differences.left, differences.right
    colour = BAD_READ if bad else "#1A1A1A"
    axes.set_title(
        f"EXTVER {differences.extvers[i]}: {full.median[i]:.3f} ± {full.std[i]:.2f}", fontsize=8.5,
        fontweight="bold" if bad else "normal", color=colour,
    )  # fmt: skip
    for x, region in ((0.03, left), (0.97, right)):
        axes.text(
            x, 0.5, f"{region.median[i]:.3f}\n± {region.std[i]:.2f}", transform=axes.transAxes,
            fontsize=7.5, ha="left" if x < 0.5 else "right", va="center", color="white",
            bbox={"facecolor": "black", "alpha": 0.45, "lw": 0, "pad": 1.0},
        )  # fmt: skip
    axes.set_xlabel(
        f"L/R {differences.ratio[i]:.3f}   L−R {differences.delta[i]:.3f}\n"
        f"Δt {differences.steps[i]:.1f} s".replace("-", "−"),
        fontsize=8,
    )
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set(color=colour, linewidth=2.2 if bad else 0.6)


def _boxes(axes, differences):
    for name, colour in (("left", LEFT), ("right", RIGHT)):
        x0, x1, y0, y1 = differences.boxes[name]
        axes.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, ec=colour, lw=0.7))
