"""Pictures that superbias and read noise share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy.visualization import ImageNormalize, LogStretch

from darkroom.nircam.figures.inputs import codes_of
from darkroom.plot import histograms, images, series, style
from darkroom.plot.book import Panel
from darkroom.words import counted, number

AMPLIFIERS = style.SERIES[:4]
# Of a time axis: name, days, the longest first that fits.
_UNITS = (("days", 1.0), ("hours", 1 / 24), ("minutes", 1 / 1440))


@dataclass(frozen=True)
class LogDisplay:
    """Fixed limits and a logarithmic stretch, as the notebooks show their images.

    Attributes
    ----------
    low, high : float
    """

    low: float
    high: float

    @property
    def words(self):
        """Say the stretch and its range."""
        return f"log, {number(self.low)} to {number(self.high)}"

    def norm(self):
        """Return the matplotlib norm."""
        return ImageNormalize(vmin=self.low, vmax=self.high, stretch=LogStretch(), clip=False)


def show_map(book, section, key, title, image, *, limits, unit, pixel=None, caption=""):
    """Add an image twice: the notebook's limits and stretch, and a stretch that fits the values.

    Parameters
    ----------
    book : FigureBook
    section, key, title : str
    image : (ny, nx) array
    limits : (float, float)
        The notebook's.
    unit : str
    pixel : (int, int), optional
        Column and row of a pixel to mark.
    caption : str
        Put before the words on what lies outside the limits.
    """
    log, fitting = LogDisplay(*limits), images.percentile(image)
    panels = []
    for name, display in (("log", log), ("percentile", fitting)):
        figure = images.draw_image(image, display, unit=unit, title=display.words)
        mark(figure, pixel)
        panels.append(Panel(name, figure, f"{title}, {display.words}"))
    if pixel is not None:
        x, y = pixel
        figure = images.draw_zoom(image, y, x, unit=unit, title=f"around x {x}, y {y}")
        panels.append(Panel("pixel", figure, f"{title}: the surroundings of the chosen pixel"))
    finite = image[np.isfinite(image)]
    outside = int(((finite < limits[0]) | (finite > limits[1])).sum())
    words = (
        f"{caption} Left: the notebook's stretch with its limits, outside which "
        f"{counted(outside, 'pixel')} of {finite.size:,} lie. Right: limits that fit the values."
    )
    book.add(section, key, title, words.strip(), panels)


@style.drawn
def mark(figure, pixel):
    """Mark a pixel (column, row) in an image, as the notebook does: a red dot."""
    if pixel is not None:
        axes = figure.axes[0]
        axes.plot(*pixel, "o", color="red", ms=4, mec="white", mew=0.6, label="chosen pixel")
        axes.legend(loc="upper right")


def show_by_amplifier(book, section, key, title, image, where, amplifier, *, unit, caption):
    """Add the distribution of an image's values by amplifier.

    Parameters
    ----------
    book : FigureBook
    section, key, title : str
    image : (ny, nx) array
    where : (ny, nx) bool array
        Pixels that count.
    amplifier : (nx,) int array
        Amplifier of every column.
    unit, caption : str
    """
    sets = [
        (f"amplifier {a}", AMPLIFIERS[a % 4], image[:, amplifier == a][where[:, amplifier == a]])
        for a in np.unique(amplifier)
    ]
    pooled = np.concatenate([values[np.isfinite(values)] for *_, values in sets])
    low, high = np.percentile(pooled, [0.1, 99.5]) if pooled.size else (0.0, 1.0)
    reach = 0.1 * (high - low) or 0.5
    figure = histograms.draw_overlaid(
        sets, unit=unit, title=title, limits=(max(0.0, low - reach), high + reach)
    )
    book.add(section, key, title, caption, [Panel("", figure, f"{title}: histograms")])


def show_flags(book, section, dq, bits, names):
    """Add a map of flagged pixels, and how many there are of each kind.

    Parameters
    ----------
    book : FigureBook
    section : str
    dq : (ny, nx) int array
    bits : dict
        ``{name: value}`` of its bits.
    names : sequence of str
        Flags shown; where several meet, the last one. Those that `bits` lacks are left out.
    """
    names = [name for name in names if name in bits]
    figure = images.draw_flags(codes_of(dq, bits, names), names, title="flagged pixels")
    counts = "; ".join(f"{name} {int((dq & bits[name] > 0).sum()):,}" for name in names)
    caption = (
        f"Pixels with each flag: {counts}. A pixel with several is drawn with the one that stands "
        "last in this list."
    )
    key = f"{section.lower().replace(' ', '_')}_flags"
    panel = Panel("", figure, "map of flagged pixels")
    book.add(section, key, "Flagged pixels", caption, [panel])


def show_change(book, section, difference, table, details):
    """Add the difference to a previous file, as map and histogram.

    Parameters
    ----------
    book : FigureBook
    section : str
    difference : (ny, nx) array
        New - previous, medians of amplifiers and parities taken off, DN.
    table : dict
        Columns of the product's COMPARE.
    details : Product
        Its card PREVIOUS names the previous file.
    """
    unit = "new − previous [DN]"
    spread = float(np.median(table["SCATTER"]))
    display = images.fixed(-5 * spread, 5 * spread) if spread > 0 else images.percentile(difference)
    panels = [
        Panel(
            "map",
            images.draw_image(difference, display, unit=unit, title=display.words, cmap="RdBu_r"),
            "map of the difference to the previous file",
        ),
        Panel(
            "histogram",
            histograms.draw_histogram(
                np.clip(difference[np.isfinite(difference)], display.low, display.high),
                unit=unit,
                title="difference, log",
                log=True,
            ),
            "histogram of the difference to the previous file",
        ),
    ]
    words = "; ".join(
        f"amplifier {a}: shift {number(shift, 4)}, scatter {number(scatter, 3)} DN"
        + (f" where the errors predict {number(predicted, 3)}" if np.isfinite(predicted) else "")
        for a, shift, scatter, predicted in zip(
            *(table[name] for name in ("AMPLIFIER", "SHIFT", "SCATTER", "PREDICTED")), strict=True
        )
    )
    caption = (
        f"New minus previous ({details.header['PREVIOUS']}), the median of each amplifier and "
        f"column parity taken off. {words}. Values beyond the limits are drawn at them."
    )
    key = f"{section.lower().replace(' ', '_')}_change"
    book.add(section, key, "Change since the previous file", caption, panels)


def show_series(book, section, key, title, lines, *, ylabel, caption):
    """Add values against time, one colour an amplifier.

    Parameters
    ----------
    book : FigureBook
    section, key, title : str
    lines : sequence of (label, colour, days, values, errors or None)
    ylabel, caption : str
    """
    longest = max(np.ptp(days) for _, _, days, _, _ in lines)
    unit, size = next((u for u in _UNITS if longest >= u[1]), _UNITS[-1])
    figure = series.draw_against(
        [days / size for _, _, days, _, _ in lines],
        [(label, "o", colour, values, errors) for label, colour, _, values, errors in lines],
        xlabel=f"time since the first ramp [{unit}]",
        ylabel=ylabel,
        title=title,
    )
    book.add(section, key, title, caption, [Panel("", figure, f"{title}, against time")])
