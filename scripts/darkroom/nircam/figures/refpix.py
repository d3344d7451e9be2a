"""Figures of the reference pixels: levels, instability, rows, coherence, SIRS, corrections."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import LogFormatter

from darkroom.nircam.refpix.sirs import SIDES, smoothed
from darkroom.plot import style
from darkroom.plot.book import Panel

if TYPE_CHECKING:
    from darkroom.nircam.figures.inputs import Product
    from darkroom.plot.book import FigureBook

_SECTION = "Reference pixels"


def draw_figures(book: FigureBook, product: Product, corrections: Product | None = None) -> None:
    """Add the figures of a reference-pixel product.

    Parameters
    ----------
    book : darkroom.plot.book.FigureBook
        Book of figures to add to.
    product : darkroom.nircam.figures.inputs.Product
        Reference-pixel product, written by ``reference_pixels.py``.
    corrections : Product, optional
        Comparison of corrections, written by ``compare_corrections.py``.
    """
    for name, draw in (
        ("LEVELS", _levels),
        ("INSTABILITY", _instability),
        ("ROWS", _rows),
        ("COHERENCE", _coherence),
        ("SIRS_KERNEL", _kernels),
        ("RAMPS", _ramps),
    ):
        table = product.table(name)
        if table:
            draw(book, table)
    if corrections is not None:
        _corrections(book, corrections.table("CORRECTIONS"))


@style.drawn
def _levels(book, table):
    first = table["RAMP"] == table["RAMP"][0]
    time = np.unique(table["TIME"][first])
    figure, axes = style.panel(style.WIDE)
    for amplifier, colour in zip(np.unique(table["AMPLIFIER"]), style.SERIES, strict=False):
        for active, look in ((True, "-"), (False, "o")):
            here = first & (table["AMPLIFIER"] == amplifier)
            here &= (table["REGION"] == "active") == active
            if not here.any():
                continue
            means = [np.mean(table["MEAN"][here & (table["TIME"] == t)]) for t in time]
            label = f"amplifier {amplifier}" if active else None
            axes.plot(time, means, look, color=colour, lw=1, label=label)
    axes.set(xlabel="time since the first group [s]", ylabel="level above the first group [DN]")
    _legend_above(axes, 0.3)
    caption = (
        "Level of every group of the first ramp: active pixels (lines), and mean of the reference "
        "pixels of all edges of the same amplifier (points), which should follow them."
    )
    panel = Panel("", figure, "Levels of frames, active and reference pixels by amplifier")
    book.add(_SECTION, "refpix_levels", "From frame to frame", caption, [panel])


def _legend_above(axes, share, ncols=2):
    """Extend the axis above the data by a fraction of its height, and put the legend there."""
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + share * (high - low))
    axes.legend(loc="upper center", ncols=ncols)


@style.drawn
def _kernels(book, table):
    figure = style.panel(style.WIDE)[0]
    figure.clear()
    both = figure.subplots(1, 2, sharey=True)
    for axes, side in zip(both, SIDES, strict=True):
        for amplifier, colour in zip(np.unique(table["AMPLIFIER"]), style.SERIES, strict=False):
            here = (table["SIDE"] == side) & (table["AMPLIFIER"] == amplifier)
            before, weight = table["ROWS_BEFORE"][here], smoothed(table["WEIGHT"][here])
            label = f"amplifier {amplifier}: {weight.sum():.2f}"
            axes.plot(-before, weight, color=colour, lw=1, label=label)
        axes.set(xlabel="rows after the corrected one", title=f"{side} pixels")
    # The panels share their vertical axis: it is extended once.
    _legend_above(both[0], 0.7, ncols=1)
    both[1].legend(loc="upper center")
    both[0].set_ylabel("weight of a row")
    caption = (
        "SIRS weights: how much the side reference pixels of a row contribute to the correction of "
        "the rows around it, for the least row noise and as the pipeline applies them. Legend: sum "
        "of the weights, the fraction of a slow change that is subtracted."
    )
    panel = Panel("", figure, "SIRS weights of left and right reference pixels by amplifier")
    book.add(_SECTION, "refpix_sirs", "SIRS kernels", caption, [panel])


@style.drawn
def _instability(book, table):
    figure, axes = style.panel()
    place = np.arange(len(table["AMPLIFIER"]))
    axes.bar(place, table["VALUE"], yerr=table["ERROR"], color=style.BIAS, label="measured")
    predicted, unsure = table["PREDICTED"], table["PREDICTED_ERROR"]
    for x, value, error in zip(place, predicted, unsure, strict=True):
        axes.fill_between(
            [x - 0.4, x + 0.4], value - error, value + error, color=style.DARK, alpha=0.3
        )
    judged = table["JUDGED"].all()
    known, line = ("predicted", "-") if judged else ("predicted, without < 8 Hz", ":")
    axes.hlines(
        predicted, place - 0.4, place + 0.4, color=style.DARK, lw=2, linestyle=line, label=known
    )
    axes.set_xticks(place, [str(a) for a in table["AMPLIFIER"]])
    top = max(table["VALUE"].max(), (predicted + unsure).max())
    axes.set(xlabel="amplifier", ylabel="instability [DN]", ylim=(0, 1.5 * top))
    axes.legend()
    flagged = [str(a) for a, f in zip(table["AMPLIFIER"], table["FLAGGED"], strict=True) if f]
    over = f"amplifiers {', '.join(flagged)}" if flagged else "none"
    caption = (
        "Standard deviation of the difference active - reference pixels from frame to frame, over "
        "√2. Line and band: prediction from the noise spectrum for perfect reference pixels, and "
        "its error. It is not zero, since 1/f noise at the edges of a frame differs from its mean; "
        "only an excess over it is due to the reference pixels. "
    )
    if judged:
        caption += f"Above the prediction with a probability below 1 in 1000 by chance: {over}."
    else:
        caption += (
            "Here the excess is undetermined: the spectrum does not tell the noise below 8 Hz, "
            "which is steeper in these detectors, and the prediction may be too low."
        )
    panel = Panel("", figure, "Instability by amplifier, measured and predicted")
    book.add(_SECTION, "refpix_instability", "Stability of the reference pixels", caption, [panel])


@style.drawn
def _rows(book, table):
    figure, axes = style.panel()
    for amplifier, colour in zip(np.unique(table["AMPLIFIER"]), style.SERIES, strict=False):
        here = table["AMPLIFIER"] == amplifier
        rows = table["ROWS"][here]
        axes.plot(rows, table["R"][here], "o", color=colour, label=f"amplifier {amplifier}")
        axes.plot(rows, table["PREDICTED_R"][here], color=colour, lw=1)
    axes.plot([], [], color=style.REFERENCE, lw=1, label="predicted")
    axes.set(xscale="log", xlabel="smoothing [rows]", ylabel="correlation", ylim=(0, 1.02))
    widths = np.unique(table["ROWS"])
    axes.set_xticks(widths, [str(width) for width in widths], minor=False)
    axes.set_xticks([], minor=True)
    axes.legend()
    caption = (
        "Correlation of the mean of the side reference pixels with that of the active pixels of "
        "the same rows, against the number of rows smoothed over: points measured, lines predicted "
        "from the noise spectrum. With few rows the white noise of the side pixels dominates; with "
        "many rows the 1/f noise is smoothed away."
    )
    panel = Panel("", figure, "Correlation of side pixels with row means against smoothing")
    book.add(_SECTION, "refpix_rows", "Side pixels and row means", caption, [panel])


def _coherence(book, table):
    panels = [_pair(table, pair) for pair in dict.fromkeys(table["PAIR"])]
    caption = (
        "Fraction of the power that reference pixels have in common: left and right from row to "
        "row, sides and edges (bottom and top) from frame to frame. Where it falls to the value "
        "expected by chance, a correction of one by the other is not possible."
    )
    book.add(_SECTION, "refpix_coherence", "Coherence of reference pixels", caption, panels)


@style.drawn
def _pair(table, pair):
    figure, axes = style.panel()
    here = table["PAIR"] == pair
    frequency = table["FREQUENCY"][here]
    axes.plot(frequency, table["COHERENCE"][here], "o-", color=style.BIAS, label="measured")
    chance = table["BY_CHANCE"][here]
    axes.plot(frequency, chance, ".--", color=style.DARK, label="by chance")
    axes.set(xlabel="frequency [Hz]", ylabel="coherence", ylim=(0, 1.05), title=pair)
    if frequency.max() > 10 * frequency.min():
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter(LogFormatter(minor_thresholds=(2, 0.5)))
    axes.legend()
    alt = f"Coherence of {pair} against frequency"
    return Panel(str(pair).replace(" ", "_"), figure, alt)


@style.drawn
def _ramps(book, table):
    if np.unique(table["RAMP"]).size < 2:
        return
    figure, axes = style.panel()
    for amplifier, colour in zip(np.unique(table["AMPLIFIER"]), style.SERIES, strict=False):
        here = table["AMPLIFIER"] == amplifier
        ramp, active, reference = (table[k][here] for k in ("RAMP", "ACTIVE", "REFERENCE"))
        axes.plot(ramp, active, color=colour, lw=1, label=f"amplifier {amplifier}")
        axes.plot(ramp, reference, "o", color=colour)
    axes.set(xlabel="ramp", ylabel="level above the first ramp [DN]")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend()
    caption = (
        "Level of the first group of each ramp above that of the first ramp: active pixels "
        "(lines) and reference pixels (points). A difference between them is bias drift that the "
        "reference-pixel correction cannot remove."
    )
    panel = Panel("", figure, "Levels of ramps, active and reference pixels by amplifier")
    book.add(_SECTION, "refpix_ramps", "From ramp to ramp", caption, [panel])


@style.drawn
def _corrections(book, table):
    figure, axes = style.panel()
    names = list(dict.fromkeys(table["CORRECTION"]))
    for k, (name, colour) in enumerate(zip(names, style.SERIES, strict=False)):
        here = table["CORRECTION"] == name
        place = table["AMPLIFIER"][here] + (k - (len(names) - 1) / 2) * 0.8 / len(names)
        axes.bar(place, table["ROW_NOISE"][here], 0.8 / len(names), color=colour, label=name)
    floor = table["ROW_FLOOR"][table["CORRECTION"] == names[0]]
    place = np.arange(floor.size)
    axes.hlines(
        floor, place - 0.45, place + 0.45, color=style.MODEL, lw=2, label="white noise alone"
    )
    axes.set_xticks(place)
    top = 1.6 * table["ROW_NOISE"].max()
    axes.set(xlabel="amplifier", ylabel="row noise [DN]", ylim=(0, top))
    axes.legend(ncols=2)
    caption = (
        "Scatter of row means in differences of two groups, before and after reference-pixel "
        "corrections. Lines: scatter from white noise alone."
    )
    panel = Panel("", figure, "Row noise by amplifier and correction")
    book.add(_SECTION, "refpix_corrections", "Row noise before and after", caption, [panel])
