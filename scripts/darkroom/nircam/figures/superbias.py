"""Figures of a superbias."""

from __future__ import annotations

import numpy as np

from darkroom.nircam.figures import panels
from darkroom.nircam.figures.inputs import flag_bits
from darkroom.plot import histograms, images, style
from darkroom.plot.book import Panel
from darkroom.words import counted, number

SECTION = "Superbias"
#: Limits of the notebook's image, DN.
LIMITS = (0.0, 5000.0)
# Of the product beside the aligned superbias, or of the reference file.
_REASONS = ("DO_NOT_USE", "HOT", "DRIFT", "FEW", "NOISY")
_FLAGS = ("DO_NOT_USE", "UNRELIABLE_BIAS", "HOT")


def draw_figures(book, reference, details, classes, *, pixel=None, other=None):
    """Add every figure of a superbias.

    Parameters
    ----------
    book : FigureBook
    reference, details : Product
        Reference file and the product beside it.
    classes : darkroom.nircam.ramps.classes.Classes
    pixel : (int, int), optional
        Column and row of a pixel to mark.
    other : Product, optional
        Reference file of the other method, made of the same exposures.
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
            caption="kTC and read noise of the active pixels, offsets of ramps taken off.",
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
    """Add the error image and its histogram, with the threshold where there is one."""
    error = reference.image("ERR")
    peer = details.header["METHOD"] == "reffiles"
    unit = "scatter of one read [DN]" if peer else "error of the mean [DN]"
    good = error[np.isfinite(error)]
    threshold = details.header.get("THRESH")
    top = 3 * threshold if threshold else 4 * float(np.median(good))
    marks = [("threshold", threshold)] if threshold else _usual_and_noisy(good, details)
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
        "The standard deviation of the reads of a pixel, offsets of ramps included: not the error "
        f"of the superbias. Pixels above the threshold {number(threshold, 4)} DN are flagged."
        if peer
        else "The standard error of the mean: scatter over the root of the number of samples. "
        f"What all pixels of an amplifier share, {number(details.header['LEVELERR'], 3)} DN, is "
        "not part of it."
    )
    caption = f"{words} The histogram leaves out {counted(above, 'pixel')} above it."
    book.add(SECTION, "superbias_error", "Error of the superbias", caption, pictures)


def _usual_and_noisy(error, details):
    """Return the lines of the aligned errors' histogram: median, and where NOISY begins."""
    usual = float(np.median(error))
    noisy = details.header["NOISYABV"] / np.sqrt(np.median(details.image("COUNT")))
    return [("median", usual), ("NOISY, active", float(noisy))]


def error_histogram(error, top, unit, marks):
    """Draw the distribution of an error image up to `top`, with lines at `marks`."""
    good = error[np.isfinite(error)]
    return histograms.draw_histogram(
        good[good <= top], unit=unit, title="errors, log", log=True, bins=80, marks=marks
    )


def _show_offsets(book, table):
    """Add the offsets of ramps against time: what all share, and each amplifier's own."""
    if not table or not np.isfinite(table["MJD"]).all():
        return
    namplifiers = int(table["AMPLIFIER"].max()) + 1
    shape = (-1, namplifiers, 2)
    days = table["MJD"].reshape(shape)[:, 0, 0]
    offsets, errors = (table[name].reshape(shape).mean(axis=2) for name in ("OFFSET", "ERROR"))
    days, common = days - days.min(), offsets.mean(axis=1)
    caption = (
        "What the reset left on all amplifiers alike, ramp by ramp; the mean over ramps is zero. "
        f"Standard deviation {number(float(common.std(ddof=1)), 3)} DN. Reference pixels take it "
        "off later; it is no part of the superbias."
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
        caption="A drift of one amplifier shows here, the common pedestal being gone.",
    )  # fmt: skip


def _show_methods(book, reference, other, details, classes):
    """Add the two methods side by side."""
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
        f"{reference.name} and {other[0].name} of the same exposures. Errors of the mean: reffiles "
        "counts the first integration of each file, and the offsets of ramps are in its errors; "
        "aligned counts every integration, and they are not. The map is the difference of the "
        "images, medians of amplifiers and parities taken off."
    )
    book.add(SECTION, "superbias_methods", "Two methods side by side", caption, pictures)
