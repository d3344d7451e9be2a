"""Style of all figures: colours, sizes, fonts, and PNG files that are reproducible byte by byte."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import matplotlib as mpl
import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

    from darkroom.hints import StrPath

_Result = TypeVar("_Result")

# Okabe and Ito's palette, which colour-blind readers and grey prints distinguish.
BIAS = "#0072B2"
DARK = "#D55E00"
SCIENCE = "#009E73"
FLAG = "#CC0066"
MODEL = "#1A1A1A"
REFERENCE = "#8A8A8A"
# Sets of darks of different exposure times.
SERIES = (DARK, SCIENCE, "#CC79A7", "#56B4E9", "#E69F00", MODEL)
NO_DATA = "#D9D9D9"

LEVEL_MAP = "viridis"
ZOOM_MAP = "inferno"
TEMPERATURE_MAP = "plasma"

# A panel is shown 480 CSS pixels wide; the file has two pixels for each, for sharp screens.
DPI = 200
PANEL = (4.8, 3.3)
WIDE = (7.4, 3.4)

_STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.formatter.useoffset": False,
    "axes.formatter.limits": (-5, 7),
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.6,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "lines.linewidth": 1.4,
    "lines.markersize": 4,
    "legend.fontsize": 8,
    "legend.frameon": True,
    "legend.framealpha": 0.85,
    "legend.edgecolor": "none",
    "legend.borderpad": 0.3,
    "image.origin": "lower",
    "image.interpolation": "none",
    "figure.facecolor": "white",
    "figure.dpi": DPI,
    "path.simplify": True,
}


def drawn(function: Callable[..., _Result]) -> Callable[..., _Result]:
    """Decorate a drawing function: it uses the common style, not a user's matplotlibrc."""

    @functools.wraps(function)
    def styled(*arguments: Any, **keywords: Any) -> _Result:
        with mpl.rc_context():
            mpl.rcdefaults()
            mpl.rcParams.update(_STYLE)
            return function(*arguments, **keywords)

    return styled


def panel(size: tuple[float, float] = PANEL) -> tuple[Figure, Axes]:
    """Return a new figure (inches) with its only axes, independent of pyplot's global state."""
    figure = Figure(figsize=size, layout="constrained")
    return figure, figure.add_subplot()


@drawn
def save(figure: Figure, path: StrPath) -> None:
    """Write a figure to a PNG file whose bytes depend on its content only.

    Colours are reduced to a palette of 256. That makes pictures of noise four times smaller or
    more, and a page with fifty of them small enough for an e-mail.
    """
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    indices, palette = _palette(np.asarray(canvas.buffer_rgba()))
    reduced = Image.fromarray(indices)
    reduced.putpalette(palette.tobytes())
    reduced.save(path, format="png", dpi=(DPI, DPI), compress_level=9)


def _palette(rgba):
    """Return palette indices (ny, nx) and the palette (256, 3) of a picture, both uint8.

    The 256 most frequent colours are kept exactly, so that images show no false steps. The others,
    mostly edges of letters, are replaced by the nearest of them.
    """
    packed = rgba[..., 0].astype(np.uint32) << 16 | rgba[..., 1].astype(np.uint32) << 8
    packed |= rgba[..., 2]
    # A table over all 2^24 colours is ten times faster than sorting a million pixels.
    present = np.zeros(1 << 24, bool)
    present[packed] = True
    colours = np.flatnonzero(present)
    rank = np.empty(1 << 24, np.uint32)
    rank[colours] = np.arange(colours.size)
    where = rank[packed]
    counts = np.bincount(where.ravel())
    kept = np.sort(np.argsort(-counts, kind="stable")[:256])
    channels = np.stack([colours >> 16 & 255, colours >> 8 & 255, colours & 255], 1)
    palette = channels[kept]
    nearest = np.abs(channels[:, None, :] - palette[None]).sum(axis=2).argmin(axis=1)
    return nearest.astype(np.uint8)[where], palette.astype(np.uint8)


def colour_map(name: str) -> Colormap:
    """Return a matplotlib colour map of 200 colours, with grey for NaN.

    That leaves 56 colours of the palette for text and axes.
    """
    return colormaps[name].resampled(200).with_extremes(bad=NO_DATA)
