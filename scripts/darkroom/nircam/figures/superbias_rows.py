"""Figures of what a superbias can be wrong by: bands of rows, and a bias that cycles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.nircam.figures.superbias import SECTION
from darkroom.nircam.superbias.bands import Band, band_words
from darkroom.plot import style
from darkroom.plot.book import Panel
from darkroom.report.item import inside

if TYPE_CHECKING:
    from darkroom.hints import StrPath
    from darkroom.nircam.figures.inputs import Product
    from darkroom.plot.book import FigureBook


def draw_figures(book: FigureBook, details: Product | None, bands: Product | None) -> None:
    """Add the figures.

    Parameters
    ----------
    book : FigureBook
        Book of figures to add to.
    details : Product or None
        Details of a superbias; it has a figure where the bias depends on the integration.
    bands : Product or None
        Comparison of rows, written by ``superbias_bands.py``.
    """
    if details is not None and (phases := details.table("PHASES")):
        _cycle(book, phases, int(details.header["PERIOD"]))
    if bands is not None:
        _bands(book, bands)


def add(described: dict[str, Any], folder: StrPath, bands: Product | None) -> dict[str, Any]:
    """Add the comparison of rows to the content of an item's ``item.json``."""
    if bands is not None:
        what = "rows with and without side reference pixels"
        described["products"].append({"file": inside(bands.path, folder), "what": what})
        if table := bands.table("BANDS"):
            found = [Band(*row) for row in zip(*table.values(), strict=True)]
            described["warnings"].append(band_words(found))
    return described


@style.drawn
def _bands(book, product):
    table, found = product.table("ROWS"), product.table("BANDS")
    figure, axes = style.panel(style.WIDE)
    rows, difference, error = (table[name] for name in ("ROW", "DIFFERENCE", "ERROR"))
    axes.fill_between(
        rows, -5 * error, 5 * error, color=style.REFERENCE, alpha=0.3, lw=0, label="5 errors"
    )
    axes.plot(rows, difference, color=style.BIAS, lw=1, label="difference")
    for first, last in zip(found.get("FIRST", ()), found.get("LAST", ()), strict=True):
        axes.axvspan(first - 0.5, last + 0.5, color=style.DARK, alpha=0.2, lw=0)
    axes.set(xlabel="row", ylabel="with side - without [DN]")
    axes.legend()
    caption = (
        "Medians of rows of group 0, corrected with side reference pixels minus without, mean of "
        f"{product.header['NRAMPS']} ramps. Superbias, kTC and read noise cancel. Shaded: bands of "
        f"16 rows or more beyond 5 standard errors ({product.header['NBANDS']} found)."
    )
    panel = Panel("", figure, "Difference of rows with and without side reference pixels")
    book.add(SECTION, "superbias_bands", "Rows and side reference pixels", caption, [panel])


@style.drawn
def _cycle(book, table, period):
    figure, axes = style.panel(style.WIDE)
    names = list(dict.fromkeys(table["NAME"]))
    for name, colour in zip(names, style.SERIES * 2, strict=False):
        here = table["NAME"] == name
        axes.errorbar(
            table["PHASE"][here], table["LEVEL"][here], table["ERROR"][here], color=colour,
            marker="o", lw=1, label=str(name),
        )  # fmt: skip
    axes.set(xlabel="integration of the cycle", ylabel="level above the mean [DN]")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend(ncols=2)
    words = (
        f"The bias repeats every {period} integrations"
        if period
        else "The bias depends on the number of the integration"
    )
    caption = (
        f"{words}: level of each class of pixels in the integrations of the cycle, above that of "
        f"all ramps ({int(np.sum(table['RAMPS'][table['NAME'] == names[0]]))}). The superbias is "
        "their mean; the details hold one for each."
    )
    panel = Panel("", figure, "Level of the bias by integration of the cycle")
    book.add(SECTION, "superbias_cycle", "Bias by integration", caption, [panel])
