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
# Inches: width and height of a cell, side of its image at most, and room above it for a line.
_CELL, _IMAGE, _ABOVE = (1.9, 2.5), 1.8, 0.3
# Levels of grey, which make the file of images that are mostly noise small.
_GREYS = 16


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
    width, height = _CELL[0] * columns + 0.2, _CELL[1] * rows + 0.4
    figure = Figure(figsize=(width, height))
    figure.text(0.1 / width, 1 - 0.15 / height, title, va="top", fontsize=9.5, fontweight="bold")
    # One axes in inches for all images: each axes of its own takes longer than all that is in it.
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(0, height))
    axes.set_axis_off()
    high = _limit(differences, intervals)
    inside = slice(BORDER, -BORDER)
    factor = -(-cube.shape[0] // _SIDE)
    colours = style.colour_map("Greys_r", _GREYS)
    # A block of pixels has the same whole number of dots everywhere: that makes the file smaller.
    blocks = -(-(max(cube.shape) - 2 * BORDER) // factor)
    side = max(1, int(_IMAGE * style.DPI) // blocks) * blocks / style.DPI
    for place, j in enumerate(intervals):
        image = np.abs(difference(cube, j, differences.method))[inside, inside]
        small = images.reduce_blocks(np.where(np.isfinite(image), image, np.nan), factor)
        left = 0.1 + _CELL[0] * (place % columns)
        bottom = height - 0.4 - _CELL[1] * (place // columns) - _ABOVE - side
        axes.imshow(
            small, cmap=colours, vmin=0, vmax=high, aspect="auto",
            extent=(left, left + side, bottom, bottom + side),
        )  # fmt: skip
        frame = left, bottom, side
        _annotate(axes, frame, differences, j, extver_of(j, cube.nsamp) in set(reads))
        _boxes(axes, frame, cube.shape, differences)
    axes.set(xlim=(0, width), ylim=(0, height))
    return figure


def _limit(differences, intervals):
    """Return the upper limit of the stretch: brightest sky plus three times the scatter."""
    sky = differences.full.median[[j - 1 for j in intervals]]
    scatter = differences.full.sigma[[j - 1 for j in intervals]]
    high = float(np.nanmax(np.abs(sky)) + 3 * np.nanmedian(scatter))
    return high if np.isfinite(high) and high > 0 else 1.0


def _annotate(axes, frame, differences, j, bad):
    """Write the statistics of a difference above, in and below its image."""
    i, (left, bottom, side) = j - 1, frame
    colour = BAD_READ if bad else "#1A1A1A"
    full = differences.full
    axes.text(
        left, bottom + side + 0.06, fontsize=8.5, color=colour, va="bottom",
        s=f"EXTVER {differences.extvers[i]}: {full.median[i]:.3f} ± {full.std[i]:.2f}",
        fontweight="bold" if bad else "normal",
    )  # fmt: skip
    for x, align, region in ((0.03, "left", differences.left), (0.97, "right", differences.right)):
        axes.text(
            left + x * side, bottom + side / 2, fontsize=7.5, ha=align, va="center",
            s=f"{region.median[i]:.3f}\n± {region.std[i]:.2f}", color="white",
            bbox={"facecolor": "black", "alpha": 0.45, "lw": 0, "pad": 1.0},
        )  # fmt: skip
    axes.text(
        left + side / 2, bottom - 0.06, fontsize=8, ha="center", va="top",
        s=f"L/R {differences.ratio[i]:.3f}   L−R {differences.delta[i]:.3f}\n"
        f"Δt {differences.steps[i]:.1f} s".replace("-", "−"),
    )  # fmt: skip
    line = 2.2 if bad else 0.6
    axes.add_patch(Rectangle((left, bottom), side, side, fill=False, ec=colour, lw=line))


def _boxes(axes, frame, shape, differences):
    """Draw the two regions in an image."""
    left, bottom, side = frame
    ny, nx = (side / (size - 2 * BORDER) for size in shape)
    for name, colour in (("left", LEFT), ("right", RIGHT)):
        x0, x1, y0, y1 = differences.boxes[name]
        place = left + (x0 - BORDER) * nx, bottom + (y0 - BORDER) * ny
        size = (x1 - x0) * nx, (y1 - y0) * ny
        axes.add_patch(Rectangle(place, *size, fill=False, ec=colour, lw=0.7))
