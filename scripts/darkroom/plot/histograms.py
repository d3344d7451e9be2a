"""Histograms of pixel values, alone with a Gaussian or several on common bins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import EngFormatter

from darkroom import order
from darkroom.plot import measures, style, ticks
from darkroom.words import number

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@style.drawn
def draw_histogram(
    values: np.ndarray,
    *,
    unit: str,
    title: str = "",
    log: bool = False,
    gaussian: measures.Gaussian | None = None,
    marks: Sequence[tuple[str, float]] = (),
    bins: int = 50,
    colour: str = style.BIAS,
) -> Figure:
    """Draw the distribution of pixel values.

    Parameters
    ----------
    values : array
        Values that are not finite are left out; the legend gives the number of the others.
    unit : str
        Quantity and unit of the horizontal axis, e.g. ``"signal [ADU]"``.
    title : str
    log : bool
        Logarithmic counts, from 0.5 up, so that bins of one pixel are visible.
    gaussian : darkroom.plot.measures.Gaussian, optional
        Drawn over the histogram, its parameters in the legend.
    marks : sequence of (label, value)
        At most two vertical lines, the first dashed, the second dotted.
    bins : int
        Number of bins wanted (see `darkroom.plot.measures.bin_edges`).
    colour : str

    Returns
    -------
    matplotlib Figure
    """
    figure, axes = style.panel()
    flat = measures.finite(values)
    edges = measures.bin_edges(flat, bins)
    axes.yaxis.set_major_formatter(EngFormatter(sep=""))
    axes.set(xlabel=unit, ylabel="pixels per bin", title=title)
    if edges is None:
        axes.text(0.5, 0.5, "no finite value", transform=axes.transAxes, ha="center")
        return figure
    counts = order.histogram(flat, edges)
    axes.stairs(counts, edges, fill=True, color=colour, alpha=0.75, label=f"{flat.size:,} pixels")
    highest = counts.max()
    if gaussian is not None:
        highest = max(highest, _overlay(axes, gaussian, edges, log))
    for (label, value), line in zip(marks, ("--", ":"), strict=False):
        axes.axvline(value, color=style.MODEL, ls=line, lw=1.2, label=f"{label} {number(value, 6)}")
    if log:
        axes.set_yscale("log")
        ticks.write_powers(axes.yaxis)
        axes.set_ylim(0.5, 4 * highest)
    else:
        axes.set_ylim(0, 1.08 * highest)
    axes.legend(loc="upper right")
    return figure


def _overlay(axes, gaussian, edges, log):
    """Draw the Gaussian, with log counts only where it exceeds 0.5; return its maximum."""
    x = np.linspace(edges[0], edges[-1], 1200)
    y = gaussian.counts(x, edges[1] - edges[0])
    label = f"Gaussian {number(gaussian.centre, 6)} ± {number(gaussian.sigma, 4)}"
    shown = y > 0.5 if log else np.ones(y.size, bool)
    axes.plot(x[shown], y[shown], color=style.MODEL, lw=1.3, label=label)
    return float(y.max())


@style.drawn
def draw_overlaid(
    sets: Sequence[tuple[str, str, np.ndarray]],
    *,
    unit: str,
    title: str = "",
    bins: int = 50,
    limits: tuple[float, float] | None = None,
    log: bool = False,
) -> Figure:
    """Draw several distributions on common bins, each as fractions of its own pixels.

    Parameters
    ----------
    sets : sequence of (label, colour, values)
        For each a dashed line marks the median and a dotted one the mean.
    unit : str
        Quantity and unit of the horizontal axis.
    title : str
    bins : int
    limits : (float, float), optional
        Range of the axis; default from 0 to 1.3 times the highest 99 % quantile.
    log : bool
        Logarithmic fractions.

    Returns
    -------
    matplotlib Figure
    """
    figure, axes = style.panel()
    axes.set(xlabel=unit, ylabel="fraction of pixels per bin", title=title)
    flats = [measures.finite(values) for _, _, values in sets]
    if limits is None:
        tops = [float(order.quantiles(flat, [0.99])[0]) for flat in flats if flat.size]
        limits = (0.0, 1.3 * max(tops, default=1.0) or 1.0)
    edges = np.linspace(*limits, bins + 1)
    for (label, colour, _), flat in zip(sets, flats, strict=True):
        if not flat.size:
            continue
        counts = order.histogram(flat, edges)
        fraction = counts / flat.size
        axes.stairs(fraction, edges, fill=True, color=colour, alpha=0.35)
        axes.stairs(fraction, edges, color=colour, lw=1.4, label=label)
        median, mean = float(order.median(flat)), float(flat.mean(dtype=float))
        for value, line, what in ((median, "--", "median"), (mean, ":", "mean")):
            text = f"{what} {number(value, 5)}"
            axes.axvline(value, color=colour, ls=line, lw=1.2, label=text)
    if log:
        axes.set_yscale("log")
        ticks.write_powers(axes.yaxis)
    axes.set_xlim(*limits)
    if any(flat.size for flat in flats):
        axes.legend(loc="best")
    return figure
