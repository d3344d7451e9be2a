"""Figures of a science frame before and after dark subtraction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from darkroom.ccd.figures.stack import show_profiles
from darkroom.plot import histograms, images, measures, style
from darkroom.plot.book import Panel
from darkroom.words import number

if TYPE_CHECKING:
    import numpy as np
    from astropy.io import fits

    from darkroom.plot.book import FigureBook

_SECTION = "Science frames"
# Histograms end at this quantile: stars would stretch the axis.
_TOP_QUANTILE = 0.999
# Header cards of the subtracted frame for the caption: beginning of the keyword, description.
_CAPTION_CARDS = (
    ("BKG", "background"),
    ("FIN", "noise from pixel to pixel"),
    ("SPR", "spread over the image"),
    ("HOT", "residual of the hot pixels"),
    ("GRX", "difference between last and first column"),
)


def show_science(
    book: FigureBook,
    name: str,
    before: np.ndarray,
    after: np.ndarray,
    header: fits.Header,
    unit: str,
) -> None:
    """Add a frame before and after dark subtraction: images, histograms and profiles.

    Parameters
    ----------
    book : FigureBook
    name : str
        Of the exposure.
    before, after : (ny, nx) arrays
        In `unit`.
    header : astropy.io.fits.Header
        Of the subtracted frame, with cards for before (``…BEF``) and after (``…AFT``).
    unit : str
        ``"ADU"`` or ``"e⁻"``.
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
        for key, what in _CAPTION_CARDS
        if header.get(f"{key}BEF") is not None and header.get(f"{key}AFT") is not None
    ]
    how = {
        "matched": "a master dark of the same exposure time",
        "scaled": "bias + dark rate × exposure time",
    }[header["DARKHOW"]]
    return f"{name}, {number(float(header['EXPTIME']))} s, minus {how}. {'; '.join(words)}."
