"""Images of a detector: display stretch, whole image, surroundings of one pixel, map of flags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from astropy.visualization import AsinhStretch, ImageNormalize, LinearStretch
from matplotlib.figure import Figure

from darkroom import order
from darkroom.plot import measures, style
from darkroom.plot.reduction import block_factor, reduce_blocks, reduce_flags
from darkroom.words import number

# Device pixels of a zoom's side.
_ZOOM_SIDE = 500
# Margins in device pixels: axis labels on the left, colour bar on the right, labels below, title
# above.
_LEFT, _RIGHT, _BOTTOM, _TOP = 120, 190, 96, 60
# A strip is drawn at least this high, its rows stretched, to make room for the colour bar's label.
_LEAST_HEIGHT = 300
# Longest name of a flag, in characters, that fits beside a map in the normal font size.
_LONG_LABEL = 9


@dataclass(frozen=True)
class Display:
    """Display range and stretch of an image.

    Attributes
    ----------
    low, high : float
        Values shown darkest and brightest.
    name : str
        Name of the stretch for the title, e.g. ``"asinh"``.
    softening : float or None
        For asinh: the value above which brightness grows logarithmically; None is linear.
    """

    low: float
    high: float
    name: str
    softening: float | None = None

    @property
    def words(self) -> str:
        """Stretch and range, for a title."""
        return f"{self.name}, {number(self.low)} to {number(self.high)}"

    def norm(self) -> ImageNormalize:
        """Return the stretch as a matplotlib norm."""
        low, high = self.low, self.high
        if not high > low:
            low, high = low - 0.5, low + 0.5
        stretch = LinearStretch()
        if self.softening is not None:
            stretch = AsinhStretch(min(1.0, max(1e-6, (self.softening - low) / (high - low))))
        return ImageNormalize(vmin=low, vmax=high, stretch=stretch, clip=False)


def linear(image: np.ndarray) -> Display:
    """Return a linear stretch from minimum to maximum."""
    low, high = _extremes(image)
    return Display(low, high, "linear, minimum to maximum")


def asinh(image: np.ndarray) -> Display:
    """Return a stretch from minimum to maximum, logarithmic above median + 3 robust sigma."""
    low, high = _extremes(image)
    median, sigma = measures.level_and_spread(image)
    soft = median + 3 * sigma
    # Without scatter, or where that is beyond the range: a tenth of the range, astropy's default.
    soft = soft if low < soft < high and sigma > 0 else low + 0.1 * (high - low)
    return Display(low, high, "asinh", soft)


def percentile(
    image: np.ndarray, low: float = 0.5, high: float = 99.5, *, with_asinh: bool = False
) -> Display:
    """Return a stretch between two percentiles.

    Parameters
    ----------
    image : array
    low, high : float
        Percentiles shown darkest and brightest; values outside saturate.
    with_asinh : bool
        An asinh stretch, softened at a tenth of the range, instead of a linear one.

    Returns
    -------
    Display
    """
    flat = measures.finite(image)
    bottom, top = order.quantiles(flat, [low / 100, high / 100]) if flat.size else (0.0, 1.0)
    name = f"{number(low)} to {number(high)} percentile"
    if not with_asinh:
        return Display(float(bottom), float(top), name)
    return Display(float(bottom), float(top), f"asinh, {name}", bottom + 0.1 * (top - bottom))


def fixed(low: float, high: float) -> Display:
    """Return a linear stretch of a given range, e.g. -30 to 50 ADU after bias subtraction."""
    return Display(float(low), float(high), "fixed range")


def _extremes(image):
    flat = measures.finite(image)
    return (float(flat.min()), float(flat.max())) if flat.size else (0.0, 1.0)


def _canvas(shape, dot, title):
    """Return figure, image axes and colour-bar axes; each dot covers whole device pixels."""
    stretch = -(-_LEAST_HEIGHT // (shape[0] * dot))
    height, width = stretch * shape[0] * dot, shape[1] * dot
    if stretch > 1:
        title = f"{title} (rows {stretch} times as high)".strip()
    full_w = max(_LEFT + width + _RIGHT, 700)
    full_h = _BOTTOM + height + _TOP
    figure = Figure(figsize=(full_w / style.DPI, full_h / style.DPI))
    axes = figure.add_axes((_LEFT / full_w, _BOTTOM / full_h, width / full_w, height / full_h))
    axes.grid(visible=False)
    axes.set_xlabel("x [pixel]")
    axes.set_ylabel("y [pixel]")
    axes.set_title(title)
    bar = figure.add_axes(
        ((_LEFT + width + 24) / full_w, _BOTTOM / full_h, 24 / full_w, height / full_h)
    )
    return figure, axes, bar


@style.drawn
def draw_image(
    image: np.ndarray,
    display: Display,
    *,
    unit: str,
    title: str = "",
    cmap: str = style.LEVEL_MAP,
) -> Figure:
    """Draw an image with its colour bar.

    Parameters
    ----------
    image : (ny, nx) array
        Large images are reduced by `reduce_blocks`. NaN are drawn grey.
    display : Display
        Range and stretch.
    unit : str
        Quantity and unit of the colour bar, e.g. ``"signal [ADU]"``.
    title : str
    cmap : str
        Name of a matplotlib colour map.

    Returns
    -------
    matplotlib Figure
    """
    image = np.asarray(image)
    factor, dot = block_factor(image.shape)
    small = reduce_blocks(image, factor)
    figure, axes, bar = _canvas(small.shape, dot, title)
    colours = style.colour_map(cmap)
    ny, nx = image.shape
    right, top = small.shape[1] * factor - 0.5, small.shape[0] * factor - 0.5
    shown = axes.imshow(
        small, cmap=colours, norm=display.norm(), extent=(-0.5, right, -0.5, top), aspect="auto"
    )
    axes.set(xlim=(-0.5, max(right, nx - 0.5)), ylim=(-0.5, max(top, ny - 0.5)))
    _colour_bar(figure, shown, bar, image, unit)
    return figure


def _colour_bar(figure, shown, bar, image, unit):
    """Add the colour bar, with an arrow at an end that values of the image exceed."""
    low, high = _extremes(image)
    norm = shown.norm
    # The tolerance is for rounding: no arrow where the range is that of the image.
    slack = 1e-9 * max(abs(norm.vmin), abs(norm.vmax), 1e-30)
    below, above = low < norm.vmin - slack, high > norm.vmax + slack
    extend = {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}[below, above]
    colour_bar = figure.colorbar(shown, cax=bar, extend=extend)
    colour_bar.set_label(unit)
    colour_bar.outline.set_linewidth(0.5)
    if not isinstance(norm.stretch, LinearStretch):
        ticks = np.asarray(norm.inverse(np.linspace(0, 1, 6)), float)
        colour_bar.set_ticks(ticks, labels=[number(tick, 3) for tick in ticks])
        colour_bar.minorticks_off()


def window(shape: tuple[int, int], y: int, x: int, half: int = 8) -> tuple[slice, slice]:
    """Return the slices of a square around a pixel, shifted where it would leave the image.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns of the image.
    y, x : int
        The pixel, from 0.
    half : int
        Half the side of the square, pixels.

    Returns
    -------
    rows, columns : slice
    """
    y0 = int(np.clip(y - half, 0, max(0, shape[0] - 2 * half)))
    x0 = int(np.clip(x - half, 0, max(0, shape[1] - 2 * half)))
    return slice(y0, min(shape[0], y0 + 2 * half)), slice(x0, min(shape[1], x0 + 2 * half))


@style.drawn
def draw_zoom(
    image: np.ndarray, y: int, x: int, *, unit: str, title: str = "", half: int = 8
) -> Figure:
    """Draw the surroundings of one pixel, enlarged, and mark it.

    Parameters
    ----------
    image : (ny, nx) array
    y, x : int
        The pixel, from 0.
    unit : str
        Quantity and unit of the colour bar.
    title : str
    half : int
        Half the side of the square shown, pixels (16 × 16 by default).

    Returns
    -------
    matplotlib Figure
    """
    image = np.asarray(image)
    rows, columns = window(image.shape, y, x, half)
    part = image[rows, columns].astype(float)
    dot = max(2, _ZOOM_SIDE // max(part.shape))
    figure, axes, bar = _canvas(part.shape, dot, title)
    edges = (columns.start - 0.5, columns.stop - 0.5, rows.start - 0.5, rows.stop - 0.5)
    colours = style.colour_map(style.ZOOM_MAP)
    norm = linear(part).norm()
    shown = axes.imshow(part, cmap=colours, norm=norm, extent=edges, aspect="auto")
    axes.plot(x, y, "s", ms=0.36 * dot + 2, mfc="none", mec="#56B4E9", mew=1.2)
    for axis in (axes.xaxis, axes.yaxis):
        axis.get_major_locator().set_params(integer=True)
    _colour_bar(figure, shown, bar, part, unit)
    return figure


@style.drawn
def draw_flags(codes: np.ndarray, labels: Sequence[str], *, title: str = "") -> Figure:
    """Draw a map of flagged pixels, with a colour and a marker for each class.

    Parameters
    ----------
    codes : (ny, nx) int array
        0 for a good pixel, k for the k-th label. Of a pixel with several flags the caller chooses
        one.
    labels : sequence of str
        Names of the classes 1, 2, ... for the legend.
    title : str

    Returns
    -------
    matplotlib Figure
        A block of a large image is marked if any of its pixels is flagged (see `reduce_flags`).
    """
    codes = np.asarray(codes)
    factor, dot = block_factor(codes.shape)
    small = reduce_flags(codes, factor)
    figure, axes, bar = _canvas(small.shape, dot, title)
    bar.set_axis_off()
    axes.set(xlim=(-0.5, small.shape[1] * factor - 0.5), ylim=(-0.5, small.shape[0] * factor - 0.5))
    axes.set_facecolor("#F7F7F7")
    colours = (style.FLAG, style.BIAS, style.DARK, style.SCIENCE, "#E69F00", style.MODEL)
    shapes = "os^Dv*"
    size = float(np.clip(60 / np.sqrt(max((small > 0).sum(), 1)), 0.8, 3.2))
    # The first class is drawn last: on top.
    for index, label in reversed(list(enumerate(labels))):
        ys, xs = np.nonzero(small == index + 1)
        axes.plot(
            (xs + 0.5) * factor - 0.5,
            (ys + 0.5) * factor - 0.5,
            shapes[index % len(shapes)],
            ms=size,
            mec="none",
            color=colours[index % len(colours)],
            label=label,
        )
    if labels:
        handles, names = axes.get_legend_handles_labels()
        axes.legend(
            handles[::-1],
            names[::-1],
            loc="upper left",
            bbox_to_anchor=(1.01, 1.0),
            borderaxespad=0,
            markerscale=5 / size,
            handletextpad=0.2,
            # The margin is that of a colour bar: long names need a smaller font.
            fontsize="x-small" if max(map(len, labels)) > _LONG_LABEL else None,
        )
    return figure
