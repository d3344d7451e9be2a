"""Figures of a read noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from darkroom.nircam.figures import panels
from darkroom.nircam.figures.inputs import flag_bits
from darkroom.plot import histograms, images, style
from darkroom.plot.book import Panel
from darkroom.words import number

if TYPE_CHECKING:
    from darkroom.nircam.figures.inputs import Product
    from darkroom.nircam.ramps.classes import Classes
    from darkroom.plot.book import FigureBook

#: Section of the figures.
SECTION = "Read noise"
#: Limits of the image in the notebook, DN.
LIMITS = (5.0, 100.0)
_FLAGS = ("FEW", "NOISY", "TELEGRAPH", "NO_VALUE")


def draw_figures(
    book: FigureBook,
    reference: Product,
    details: Product,
    classes: Classes,
    *,
    pixel: tuple[int, int] | None = None,
    other: tuple[Product, Product] | None = None,
) -> None:
    """Add every figure of a read noise.

    Parameters
    ----------
    book : FigureBook
        Book of figures to add to.
    reference : Product
        Reference file.
    details : Product
        Product with its details.
    classes : darkroom.nircam.ramps.classes.Classes
        Active and reference pixels, amplifiers and column parities.
    pixel : (int, int), optional
        Column and row of a pixel to mark.
    other : (Product, Product), optional
        Reference file and details of another method, made from the same exposures.
    """
    cds = reference.image("SCI")
    method = details.header["METHOD"]
    panels.show_map(
        book, SECTION, "readnoise", "Read noise", cds,
        limits=LIMITS, unit="CDS noise [DN]", pixel=pixel,
        caption="Noise of the difference of two frames (CDS), median "
        f"{number(float(np.nanmedian(cds)))} DN, method {method}.",
    )  # fmt: skip
    panels.show_by_amplifier(
        book, SECTION, "readnoise_active", "Read noise of active pixels",
        cds, classes.usable, classes.amplifier, unit="CDS noise [DN]",
        caption="By amplifier; the axis ends near the 99.5th percentile of the pixels.",
    )  # fmt: skip
    if classes.reference.any():
        _show_reference(book, cds, classes)
    if "DQ" in details:
        panels.show_flags(book, SECTION, details.image("DQ"), flag_bits(details), _FLAGS)
    _show_stability(book, details.table("STABILITY"))
    if "BOXES" in details:
        _show_boxes(book, details)
    if "DIFF" in details:
        table = details.table("COMPARE")
        panels.show_change(book, SECTION, details.image("DIFF"), table, details)
    if other is not None:
        _show_methods(book, reference, other, method, classes)


def _show_reference(book, cds, classes):
    sets = [
        ("active", style.BIAS, cds[classes.usable]),
        ("reference", style.REFERENCE, cds[classes.reference]),
    ]
    medians = [float(np.nanmedian(values)) for *_, values in sets]
    figure = histograms.draw_overlaid(sets, unit="CDS noise [DN]", title="active and reference")
    caption = (
        f"Medians {number(medians[0])} and {number(medians[1])} DN, ratio "
        f"{number(medians[1] / medians[0], 3)}."
    )
    book.add(
        SECTION, "readnoise_reference", "Active and reference pixels", caption,
        [Panel("", figure, "histograms of the noise of active and reference pixels")],
    )  # fmt: skip


def _show_stability(book, table):
    if not table or not np.isfinite(table["MJD"]).all():
        return
    active, lines = table["KIND"] == "active", []
    start = table["MJD"].min()
    for a in np.unique(table["AMPLIFIER"]):
        mine = active & (table["AMPLIFIER"] == a)
        days, noise, error = (table[name][mine] for name in ("MJD", "NOISE", "ERROR"))
        lines.append((f"amplifier {a}", panels.AMPLIFIERS[a % 4], days - start, noise, error))
    panels.show_series(
        book, SECTION, "readnoise_time", "Read noise ramp by ramp", lines,
        ylabel="noise of one read [DN]",
        caption="Root of the mean variance of the quiet active pixels of each integration.",
    )  # fmt: skip


def _show_boxes(book, details):
    boxes, table = details.image("BOXES"), details.table("SPATIAL")
    shown = images.linear(boxes)
    figure = images.draw_image(boxes, shown, unit="noise of one read [DN]", title="boxes of 128")
    figure.axes[0].set(xlabel="x [box]", ylabel="y [box]")
    for axis in (figure.axes[0].xaxis, figure.axes[0].yaxis):
        axis.get_major_locator().set_params(integer=True)
    words = "; ".join(
        f"amplifier {a}: {number(over)} over pixels ({number(plain)} including rows), "
        f"{number(time)} in time"
        for a, plain, over, time in zip(
            *(table[n] for n in ("AMPLIFIER", "SPATIAL", "WITHOUT_ROWS", "TEMPORAL")), strict=True
        )
    )
    caption = (
        "Scatter over the pixels of boxes of 128 × 128, of differences of frames over √2, with the "
        f"means of rows subtracted. {words}, DN."
    )
    book.add(
        SECTION, "readnoise_boxes", "Scatter over pixels", caption,
        [Panel("", figure, "map of the scatter over pixels, by box")],
    )  # fmt: skip


def _show_methods(book, reference, other, method, classes):
    """Add a comparison of two methods."""
    other, beside = other
    first, second = (product.image("SCI")[classes.usable] for product in (reference, other))
    sets = [
        (f"{method} ({reference.name})", style.BIAS, first),
        (f"{beside.header['METHOD']} ({other.name})", style.DARK, second),
    ]
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = other.image("SCI") / reference.image("SCI")
    shown = images.percentile(ratio)
    pictures = [
        Panel(
            "histograms",
            histograms.draw_overlaid(sets, unit="CDS noise [DN]", title="two methods"),
            "read noise by two methods",
        ),
        Panel(
            "ratio",
            images.draw_image(
                ratio, shown, unit=f"{beside.header['METHOD']} / {method}", title=shown.words
            ),
            "ratio of two methods' read noise",
        ),
    ]
    caption = (
        f"Median ratio {number(float(np.nanmedian(second / first)), 4)}. The values of "
        "jwst_reffiles are too small because of its clipping and its divisor; the quantities list "
        "corrected values."
    )
    book.add(SECTION, "readnoise_methods", "Two methods side by side", caption, pictures)
