"""Series of values: one pixel in time, one quantity against another, profiles along an axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.ticker import MaxNLocator

from darkroom.plot import style, ticks
from darkroom.words import number

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike


@style.drawn
def draw_pixel_series(
    values: ArrayLike, *, unit: str, title: str = "", colour: str = style.BIAS
) -> Figure:
    """Draw one pixel's value in every frame, with the mean and ± one standard deviation.

    Parameters
    ----------
    values : (n,) array
        In order of the frames; NaN leave a gap.
    unit : str
        Quantity and unit of the vertical axis.
    title, colour : str

    Returns
    -------
    matplotlib Figure
        With a single frame, which has no standard deviation, no band is drawn.
    """
    figure, axes = style.panel()
    values = np.asarray(values, float)
    frames = np.arange(1, values.size + 1)
    good = values[np.isfinite(values)]
    axes.plot(frames, values, "o-", color=colour, lw=0.8, label=f"{good.size} frames")
    if good.size:
        axes.axhline(good.mean(), color=style.MODEL, lw=1.1, label=f"mean {number(good.mean(), 6)}")
    if good.size > 1:
        std = good.std(ddof=1)
        axes.axhspan(
            good.mean() - std,
            good.mean() + std,
            color=colour,
            alpha=0.15,
            lw=0,
            label=f"± 1 standard deviation ({number(std)})",
        )
    axes.set(xlabel="frame number", ylabel=unit, title=title)
    _whole_numbers(axes, values.size)
    _room_for_legend(axes)
    return figure


def _whole_numbers(axes, n):
    axes.set_xlim(0.5, max(n, 1) + 0.5)
    axes.xaxis.get_major_locator().set_params(integer=True)


def _room_for_legend(axes):
    """Extend the axis above the data and put the legend there."""
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.28 * (high - low))
    axes.legend(loc="upper center", ncols=2, columnspacing=1.2)


@style.drawn
def draw_against(
    x: Sequence[ArrayLike],
    groups: Sequence[tuple[str, str, str, ArrayLike, ArrayLike | None]],
    *,
    xlabel: str,
    ylabel: str,
    title: str = "",
    colour_values: Sequence[ArrayLike] | None = None,
    colour_label: str = "",
    xlog: bool = False,
    lines: Sequence[tuple[float, float]] = (),
) -> Figure:
    """Draw one quantity against another in groups of points, optionally coloured by a third.

    Parameters
    ----------
    x : sequence of (n_i,) arrays
        Horizontal values of every group.
    groups : sequence of (label, marker, colour, y, error)
        Vertical values and their errors; None for no error bars.
    xlabel, ylabel, title : str
    colour_values : sequence of (n_i,) arrays, optional
        Third quantity: it colours all points on one scale, in place of the groups' colours.
    colour_label : str
        Quantity and unit of that scale.
    xlog : bool
        Logarithmic horizontal axis if every x is above zero.
    lines : sequence of (slope, intercept)
        A straight line for each group, in the group's colour.

    Returns
    -------
    matplotlib Figure
    """
    figure, axes = style.panel()
    norm = _norm(colour_values) if colour_values is not None else None
    cmap = colormaps[style.TEMPERATURE_MAP]
    for index, (label, marker, colour, y, error) in enumerate(groups):
        xs, ys = np.asarray(x[index], float), np.asarray(y, float)
        if error is not None:
            axes.errorbar(xs, ys, error, fmt="none", ecolor=style.REFERENCE, elinewidth=0.8)
        if norm is None:
            axes.plot(xs, ys, marker, color=colour, mec="white", mew=0.4, ms=5, label=label)
            continue
        shades = np.asarray(colour_values[index], float)
        known = np.isfinite(shades)
        paint = np.where(known[:, None], cmap(norm(np.where(known, shades, norm.vmin))), 0.6)
        axes.scatter(xs, ys, c=paint, marker=marker, s=30, ec="#333333", lw=0.4, zorder=3)
        axes.plot([], [], marker, color="#777777", mec="#333333", mew=0.4, label=label)
    for (slope, intercept), group in zip(lines, groups, strict=False):
        axes.axline((0, intercept), slope=slope, color=group[2], lw=1.1)
    if norm is not None:
        figure.colorbar(_mappable(norm, cmap), ax=axes, label=colour_label, pad=0.01)
    if xlog and all(np.all(np.asarray(part, float) > 0) for part in x if len(part)):
        axes.set_xscale("log")
        ticks.write_powers(axes.xaxis)
    elif all(np.all(np.mod(part, 1) == 0) for part in x):
        axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True, steps=[1, 2, 2.5, 5, 10]))
    axes.set(xlabel=xlabel, ylabel=ylabel, title=title)
    if any(label for label, *_ in groups):
        axes.legend(loc="best")
    return figure


def _norm(colour_values):
    every = np.concatenate([np.asarray(part, float) for part in colour_values])
    every = every[np.isfinite(every)]
    # One value for all needs no scale.
    if not every.size or every.min() == every.max():
        return None
    return Normalize(float(every.min()), float(every.max()))


def _mappable(norm, cmap):
    return ScalarMappable(norm, cmap)


@style.drawn
def draw_profiles(
    profiles: Sequence[tuple[str, str, np.ndarray]], *, xlabel: str, ylabel: str, title: str = ""
) -> Figure:
    """Draw profiles along rows or columns.

    Parameters
    ----------
    profiles : sequence of (label, colour, (n,) array)
        Drawn against the pixel number from 0: a thin line for every value, a thick one for means
        over about 50 bins.
    xlabel, ylabel, title : str

    Returns
    -------
    matplotlib Figure
    """
    figure, axes = style.panel()
    for label, colour, values in profiles:
        axes.plot(np.arange(len(values)), values, color=colour, lw=0.5, alpha=0.3)
        middles, means = _binned(np.asarray(values, float))
        axes.plot(middles, means, color=colour, lw=1.6, label=label, zorder=3)
    axes.set(xlabel=xlabel, ylabel=ylabel, title=title)
    if profiles:
        axes.set_xlim(-0.5, max(len(values) for _, _, values in profiles) - 0.5)
        _room_for_legend(axes)
    return figure


def _binned(values, bins=50):
    """Return centres and means of about `bins` runs of neighbouring values, without NaN."""
    width = max(1, -(-len(values) // bins))
    runs = np.split(values, range(width, len(values), width))
    good = [run[np.isfinite(run)] for run in runs]
    means = [run.mean() if run.size else np.nan for run in good]
    starts = np.arange(len(runs)) * width
    return starts + np.array([(len(run) - 1) / 2 for run in runs]), np.array(means)
