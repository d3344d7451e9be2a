"""Figures of a superbias."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from darkroom.nircam.figures import panels
from darkroom.nircam.figures.inputs import flag_bits
from darkroom.plot import histograms, images, style
from darkroom.plot.book import Panel
from darkroom.words import counted, number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from darkroom.nircam.figures.inputs import Product
    from darkroom.nircam.ramps.classes import Classes
    from darkroom.plot.book import FigureBook

#: Section of the figures.
SECTION = "Superbias"
#: Limits of the image in the notebook, DN.
LIMITS = (0.0, 5000.0)
# Flags shown: of the product with details of the aligned superbias, or of the reference file.
_REASONS = ("DO_NOT_USE", "HOT", "DRIFT", "FEW", "NOISY")
_FLAGS = ("DO_NOT_USE", "UNRELIABLE_BIAS", "HOT")


def draw_figures(
    book: FigureBook,
    reference: Product,
    details: Product,
    classes: Classes,
    *,
    pixel: tuple[int, int] | None = None,
    other: tuple[Product, Product] | None = None,
) -> None:
    """Add every figure of a superbias.

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
    mean = reference.image("SCI")
    median = float(np.nanmedian(mean))
    panels.show_map(
        book, SECTION, "superbias", "Superbias", mean,
        limits=LIMITS, unit="superbias [DN]", pixel=pixel,
        caption=f"Median {number(median, 6)} DN, method {details.header['METHOD']}.",
    )  # fmt: skip
    _show_error(book, reference, details)
    if "STD" in details:
        panels.show_by_amplifier(
            book, SECTION, "superbias_scatter", "Scatter of one sample",
            details.image("STD"), classes.usable, classes.amplifier,
            unit="standard deviation in time [DN]",
            caption="kTC and read noise of the active pixels; offsets of ramps are subtracted.",
        )  # fmt: skip
        dq, bits, names = details.image("DQ"), flag_bits(details), _REASONS
    else:
        dq, bits, names = reference.image("DQ"), flag_bits(reference), _FLAGS
    panels.show_flags(book, SECTION, dq, bits, names)
    _show_offsets(book, details.table("OFFSETS"))
    if "DIFF" in details:
        table = details.table("COMPARE")
        panels.show_change(book, SECTION, details.image("DIFF"), table, details)
    if other is not None:
        _show_methods(book, reference, other, details, classes)


def _show_error(book, reference, details):
    """Add the error image and its histogram, with the threshold if there is one."""
    error = reference.image("ERR")
    peer = details.header["METHOD"] == "reffiles"
    unit = "scatter of one read [DN]" if peer else "error of the mean [DN]"
    good = error[np.isfinite(error)]
    threshold = details.header.get("THRESH")
    top = 3 * threshold if threshold else 4 * float(np.median(good))
    marks = [("threshold", threshold)] if threshold else _median_and_noisy(good, details)
    shown = images.percentile(error)
    pictures = [
        Panel(
            "image",
            images.draw_image(error, shown, unit=unit, title=shown.words),
            "error image of the superbias",
        ),
        Panel("histogram", error_histogram(error, top, unit, marks), "histogram of the errors"),
    ]
    above = int((good > top).sum())
    words = (
        "Standard deviation of the reads of a pixel, including the offsets of ramps; it is not the "
        f"error of the superbias. Pixels above the threshold {number(threshold, 4)} DN are flagged."
        if peer
        else "Standard error of the mean: scatter over the root of the number of samples. The "
        f"error common to all pixels of an amplifier, {number(details.header['LEVELERR'], 3)} DN, "
        "is not included."
    )
    caption = f"{words} {counted(above, 'pixel')} beyond the axis of the histogram."
    book.add(SECTION, "superbias_error", "Error of the superbias", caption, pictures)


def _median_and_noisy(error, details):
    """Return the marks of the histogram of errors: median, and threshold of the flag NOISY."""
    usual = float(np.median(error))
    noisy = details.header["NOISYABV"] / np.sqrt(np.median(details.image("COUNT")))
    return [("median", usual), ("NOISY, active", float(noisy))]


def error_histogram(
    error: np.ndarray, top: float, unit: str, marks: list[tuple[str, float]]
) -> Figure:
    """Draw the histogram of an error image.

    Parameters
    ----------
    error : array
        Errors; NaN is left out.
    top : float
        Largest value shown.
    unit : str
        Label of the axis.
    marks : list of (str, float)
        Labels and positions of vertical lines.
    """
    good = error[np.isfinite(error)]
    return histograms.draw_histogram(
        good[good <= top], unit=unit, title="errors, log", log=True, bins=80, marks=marks
    )


def _show_offsets(book, table):
    """Add the offsets of ramps against time: mean of the amplifiers, and each about it."""
    if not table or not np.isfinite(table["MJD"]).all():
        return
    namplifiers = int(table["AMPLIFIER"].max()) + 1
    shape = (-1, namplifiers, 2)
    days = table["MJD"].reshape(shape)[:, 0, 0]
    offsets, errors = (table[name].reshape(shape).mean(axis=2) for name in ("OFFSET", "ERROR"))
    days, common = days - days.min(), offsets.mean(axis=1)
    caption = (
        "Offset of each ramp after the reset, common to all amplifiers; the mean over ramps is "
        f"zero. Standard deviation {number(float(common.std(ddof=1)), 3)} DN. It is not part of "
        "the superbias; the reference-pixel correction removes it later."
    )
    panels.show_series(
        book, SECTION, "superbias_offsets", "Offsets of ramps, all amplifiers",
        [("mean of the amplifiers", style.MODEL, days, common, None)],
        ylabel="offset [DN]", caption=caption,
    )  # fmt: skip
    if namplifiers == 1:
        return
    lines = [
        (f"amplifier {a}", panels.AMPLIFIERS[a], days, offsets[:, a] - common, errors[:, a])
        for a in range(namplifiers)
    ]
    panels.show_series(
        book, SECTION, "superbias_offsets_apart", "Offsets of ramps, amplifiers apart", lines,
        ylabel="offset − mean of the amplifiers [DN]",
        caption="With the common pedestal subtracted, a drift of a single amplifier is visible.",
    )  # fmt: skip


def _show_methods(book, reference, other, details, classes):
    """Add a comparison of the two methods."""
    sets = []
    for (product, beside), colour in (
        ((reference, details), style.BIAS),
        (other, style.DARK),
    ):
        error, label = product.image("ERR"), "aligned, ERR"
        if beside.header["METHOD"] == "reffiles":
            label = "reffiles, ERR / √n"
            error = error / np.sqrt(np.maximum(beside.image("COUNT"), 1), dtype=np.float32)
        sets.append((label, colour, error[classes.usable]))
    difference = reference.image("SCI") - other[0].image("SCI")
    for k in range(len(classes)):
        columns = classes.column == k
        difference[:, columns] -= np.nanmedian(difference[:, columns][classes.usable[:, columns]])
    shown = images.percentile(difference)
    pictures = [
        Panel(
            "errors",
            histograms.draw_overlaid(sets, unit="error of the mean [DN]", title="two methods"),
            "errors of the two methods",
        ),
        Panel(
            "difference",
            images.draw_image(
                difference, shown, unit="difference [DN]", title=shown.words, cmap="RdBu_r"
            ),
            "difference of the two methods' superbias",
        ),
    ]
    caption = (
        f"{reference.name} and {other[0].name}, from the same exposures. Errors of the mean: "
        "reffiles uses the first integration of each file and its errors include the offsets of "
        "ramps; aligned uses every integration, without these offsets. Map: difference of the "
        "images, with the median of each amplifier and column parity subtracted."
    )
    book.add(SECTION, "superbias_methods", "Two methods side by side", caption, pictures)
