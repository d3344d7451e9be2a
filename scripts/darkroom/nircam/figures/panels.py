"""Figures that superbias and read noise have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from astropy.visualization import ImageNormalize, LogStretch

from darkroom.nircam.figures.inputs import flag_codes
from darkroom.plot import histograms, images, series, style
from darkroom.plot.book import Panel
from darkroom.words import counted, number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from darkroom.nircam.figures.inputs import Product
    from darkroom.plot.book import FigureBook

#: Colours of the amplifiers.
AMPLIFIERS = style.SERIES[:4]
# Units of a time axis and their length in days; the first that is not longer than the data is used.
_UNITS = (("days", 1.0), ("hours", 1 / 24), ("minutes", 1 / 1440))


@dataclass(frozen=True)
class LogDisplay:
    """Fixed limits and a logarithmic stretch, as in the notebooks.

    Attributes
    ----------
    low, high : float
        Limits, in the unit of the image.
    """

    low: float
    high: float

    @property
    def words(self) -> str:
        """Stretch and limits in words."""
        return f"log, {number(self.low)} to {number(self.high)}"

    def norm(self) -> ImageNormalize:
        """Return the matplotlib norm."""
        return ImageNormalize(vmin=self.low, vmax=self.high, stretch=LogStretch(), clip=False)


def show_map(
    book: FigureBook,
    section: str,
    key: str,
    title: str,
    image: np.ndarray,
    *,
    limits: tuple[float, float],
    unit: str,
    pixel: tuple[int, int] | None = None,
    caption: str = "",
) -> None:
    """Add an image twice: with the notebook's limits and stretch, and scaled to its values.

    Parameters
    ----------
    book : FigureBook
        Book of figures to add to.
    section, key, title : str
        Section, key and title of the figure.
    image : (ny, nx) array
        The image.
    limits : (float, float)
        Limits of the notebook.
    unit : str
        Label of the colour bar.
    pixel : (int, int), optional
        Column and row of a pixel to mark.
    caption : str
        First part of the caption.
    """
    log, percentile = LogDisplay(*limits), images.percentile(image)
    panels = []
    for name, display in (("log", log), ("percentile", percentile)):
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
        f"{caption} Left: stretch and limits of the notebook; {counted(outside, 'pixel')} of "
        f"{finite.size:,} are outside. Right: limits from percentiles of the values."
    )
    book.add(section, key, title, words.strip(), panels)


@style.drawn
def mark(figure: Figure, pixel: tuple[int, int] | None) -> None:
    """Mark a pixel (column, row) in an image with a red dot, as the notebook does."""
    if pixel is not None:
        axes = figure.axes[0]
        axes.plot(*pixel, "o", color="red", ms=4, mec="white", mew=0.6, label="chosen pixel")
        axes.legend(loc="upper right")


def show_by_amplifier(
    book: FigureBook,
    section: str,
    key: str,
    title: str,
    image: np.ndarray,
    where: np.ndarray,
    amplifier: np.ndarray,
    *,
    unit: str,
    caption: str,
) -> None:
    """Add histograms of the values of an image by amplifier.

    Parameters
    ----------
    book : FigureBook
        Book of figures to add to.
    section, key, title : str
        Section, key and title of the figure.
    image : (ny, nx) array
        The image.
    where : (ny, nx) bool array
        Pixels to show.
    amplifier : (nx,) int array
        Amplifier of every column.
    unit : str
        Label of the axis.
    caption : str
        Caption of the figure.
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


def show_flags(
    book: FigureBook, section: str, dq: np.ndarray, bits: dict[str, int], names: Sequence[str]
) -> None:
    """Add a map of flagged pixels, with the number of pixels of each flag.

    Parameters
    ----------
    book : FigureBook
        Book of figures to add to.
    section : str
        Section of the figure.
    dq : (ny, nx) int array
        Flags as bits.
    bits : dict
        ``{name: value}`` of the flags.
    names : sequence of str
        Flags to show, the last one where several are set; those not in `bits` are left out.
    """
    names = [name for name in names if name in bits]
    figure = images.draw_flags(flag_codes(dq, bits, names), names, title="flagged pixels")
    counts = "; ".join(f"{name} {int((dq & bits[name] > 0).sum()):,}" for name in names)
    caption = (
        f"Pixels with each flag: {counts}. A pixel with several flags is drawn with the last one "
        "of this list."
    )
    key = f"{section.lower().replace(' ', '_')}_flags"
    panel = Panel("", figure, "map of flagged pixels")
    book.add(section, key, "Flagged pixels", caption, [panel])


def show_change(
    book: FigureBook,
    section: str,
    difference: np.ndarray,
    table: dict[str, np.ndarray],
    details: Product,
) -> None:
    """Add the difference from a previous file, as map and histogram.

    Parameters
    ----------
    book : FigureBook
        Book of figures to add to.
    section : str
        Section of the figure.
    difference : (ny, nx) array
        New - previous, with the median of each amplifier and column parity subtracted, DN.
    table : dict
        Table COMPARE of the product.
    details : Product
        The product; its card PREVIOUS is the name of the previous file.
    """
    unit = "new − previous [DN]"
    spread = float(np.median(table["SCATTER"]))
    display = images.fixed(-5 * spread, 5 * spread) if spread > 0 else images.percentile(difference)
    panels = [
        Panel(
            "map",
            images.draw_image(difference, display, unit=unit, title=display.words, cmap="RdBu_r"),
            "map of the difference from the previous file",
        ),
        Panel(
            "histogram",
            histograms.draw_histogram(
                np.clip(difference[np.isfinite(difference)], display.low, display.high),
                unit=unit,
                title="difference, log",
                log=True,
            ),
            "histogram of the difference from the previous file",
        ),
    ]
    words = "; ".join(
        f"amplifier {a}: shift {number(shift, 4)}, scatter {number(scatter, 3)} DN"
        + (f" ({number(predicted, 3)} expected from the errors)" if np.isfinite(predicted) else "")
        for a, shift, scatter, predicted in zip(
            *(table[name] for name in ("AMPLIFIER", "SHIFT", "SCATTER", "PREDICTED")), strict=True
        )
    )
    caption = (
        f"New minus previous ({details.header['PREVIOUS']}), with the median of each amplifier and "
        f"column parity subtracted. {words}. Values outside the limits are drawn at the limits."
    )
    key = f"{section.lower().replace(' ', '_')}_change"
    book.add(section, key, "Change since the previous file", caption, panels)


def show_series(
    book: FigureBook,
    section: str,
    key: str,
    title: str,
    lines: Sequence[tuple[str, str, np.ndarray, np.ndarray, np.ndarray | None]],
    *,
    ylabel: str,
    caption: str,
) -> None:
    """Add values against time.

    Parameters
    ----------
    book : FigureBook
        Book of figures to add to.
    section, key, title : str
        Section, key and title of the figure.
    lines : sequence of (label, colour, days, values, errors or None)
        The series; times in days since the first ramp.
    ylabel : str
        Label of the vertical axis.
    caption : str
        Caption of the figure.
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
