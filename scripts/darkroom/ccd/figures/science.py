"""Figures of an on-sky frame before and after the dark is subtracted."""

from __future__ import annotations

from darkroom.ccd.figures.stack import show_profiles
from darkroom.plot import histograms, images, measures, style
from darkroom.plot.book import Panel
from darkroom.words import number

_SECTION = "Science frames"
# Histograms end here: stars would stretch the axis.
_TOP_QUANTILE = 0.999
# Cards of the subtracted frame that are told: beginning of the keyword, words.
_TOLD = (
    ("BKG", "background"),
    ("FIN", "noise from pixel to pixel"),
    ("SPR", "spread over the image"),
    ("HOT", "residual of the hot pixels"),
    ("GRX", "difference between last and first column"),
)


def show_science(book, name, before, after, header, unit):
    """Add a frame before and after dark subtraction: images, histograms and profiles.

    Parameters
    ----------
    book : FigureBook
    name : str
    before, after : (ny, nx) arrays
    header : astropy.io.fits.Header
        Of the subtracted frame: cards that compare before (``…BEF``) and after (``…AFT``).
    unit : str
    """
    sides = (("before", before, style.REFERENCE), ("after", after, style.SCIENCE))
    quantity = f"signal [{unit}]"
    panels = []
    for label, image, _ in sides:
        display = images.percentile(image, 0.5, 99.5, with_asinh=True)
        figure = images.draw_image(image, display, unit=quantity, title=f"{label} dark subtraction")
        alt = f"{name}: image {label} dark subtraction, {display.words} {unit}"
        panels.append(Panel(label, figure, alt))
    for label, image, colour in sides:
        flat = measures.finite(image)
        figure = histograms.draw_histogram(
            flat[flat <= measures.quantiles(flat, _TOP_QUANTILE)],
            unit=quantity, colour=colour, log=True, title=f"{label}, up to the 99.9 percentile",
        )  # fmt: skip
        alt = f"{name}: histogram {label} dark subtraction"
        panels.append(Panel(f"histogram_{label}", figure, alt))
    title = f"{name} before and after dark subtraction"
    book.add(_SECTION, f"science_{name}", title, _caption(name, header, unit), panels)
    show_profiles(
        book,
        _SECTION,
        f"science_{name}_profiles",
        f"Profiles of {name} before and after",
        [(label, colour, image) for label, image, colour in sides],
        unit,
    )


def _caption(name, header, unit):
    words = [
        f"{what} {number(header[f'{key}BEF'])} before, {number(header[f'{key}AFT'])} {unit} after"
        for key, what in _TOLD
        if header.get(f"{key}BEF") is not None and header.get(f"{key}AFT") is not None
    ]
    how = {
        "matched": "a master dark of the same exposure time",
        "scaled": "bias + dark rate × exposure time",
    }[header["DARKHOW"]]
    return (
        f"{name}, {number(float(header['EXPTIME']))} s; subtracted was {how}. {'; '.join(words)}."
    )
