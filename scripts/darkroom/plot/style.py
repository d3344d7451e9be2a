"""Style of all figures: colours, sizes, fonts, and small files, reproducible byte by byte."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import matplotlib as mpl
import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from darkroom.compiled import load_kernel
from darkroom.plot import ticks

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

# A panel is shown 480 CSS pixels wide; the file has 1.7 pixels for each, for sharp screens.
DPI = 170
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


#: Largest picture, bytes; a report of hundreds of items is mailed.
LARGEST = 150_000
# Colours of a picture; a colour map has `_MAP_COLOURS` of them, text and axes the others.
_COLOURS, _MAP_COLOURS = 40, 32
# Effort of the encoder, 0 to 100: its default, 75, takes a fifth longer for 0.2 % smaller files.
_EFFORT = 50
# What a picture that is too large is reduced to, one after another: colours, and part of its side.
_SMALLER = ((24, 1.0), (24, 0.85), (24, 0.7), (16, 0.6), (16, 0.5), (16, 0.35), (8, 0.25))


@drawn
def save(figure: Figure, path: StrPath) -> None:
    """Write a figure to a WebP file of at most 150 kB whose bytes depend on its content only.

    Colours are reduced to a palette of 40, which nobody sees in a chart or a map, and makes the
    file, compressed without loss, three times smaller. A picture that is too large all the same
    gets fewer colours, then fewer pixels.
    """
    canvas = FigureCanvasAgg(figure)
    with ticks.remembered():
        canvas.draw()
    drawn_pixels = np.asarray(canvas.buffer_rgba())
    content = _webp(drawn_pixels, _COLOURS)
    for colours, part in _SMALLER:
        if len(content) <= LARGEST:
            break
        picture = Image.fromarray(np.ascontiguousarray(drawn_pixels[..., :3]))
        size = (round(picture.width * part), round(picture.height * part))
        # The mean of the pixels that become one: no hot pixel or line is lost.
        smaller = picture.resize(size, Image.Resampling.BOX).convert("RGBA")
        content = _webp(np.asarray(smaller), colours)
    Path(path).write_bytes(content)


def _webp(rgba, colours):
    """Return a picture (ny, nx, 4), reduced to so many colours, as a WebP file without loss."""
    file = io.BytesIO()
    indices, palette = _palette(rgba, colours)
    # As the encoder takes them: four bytes a pixel, the last of which it does not look at.
    packed = np.zeros((len(palette), 4), np.uint8)
    packed[:, :3] = palette
    pixels = packed.view(np.uint32)[:, 0].take(indices)
    size = indices.shape[::-1]
    Image.frombuffer("RGBX", size, pixels, "raw", "RGBX", 0, 1).save(
        file, format="webp", lossless=True, method=4, quality=_EFFORT
    )
    return file.getvalue()


def _palette(rgba, most):
    """Return palette indices (ny, nx) and a palette of at most `most` colours (n, 3), both uint8.

    One colour after another is kept exactly, the one whose pixels would be most wrong without it.
    So the colours of a map are kept as well as those of a small marker; the others, mostly edges of
    letters, are replaced by the nearest.
    """
    kernel = load_kernel("darkroom.plot.palette_kernel")
    pixels = np.ascontiguousarray(rgba).view("<u4").reshape(-1)
    indices, palette = kernel.reduce_colours(pixels, most, _colours_seen())
    return indices.reshape(rgba.shape[:2]), palette


@functools.cache
def _colours_seen():
    """Return the table of colours that the kernel leaves as it was."""
    return np.zeros(1 << 24, np.uint32)


def colour_map(name: str, colours: int = _MAP_COLOURS) -> Colormap:
    """Return a matplotlib colour map of 32 colours, or fewer, with grey for NaN.

    That leaves 8 colours of the palette for text and axes.
    """
    return colormaps[name].resampled(colours).with_extremes(bad=NO_DATA)
