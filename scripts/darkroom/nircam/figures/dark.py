"""Figures, key numbers and tables of a dark current and of a bad-pixel mask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.nircam.figures import panels
from darkroom.nircam.figures.inputs import flag_bits
from darkroom.nircam.figures.item import key_number
from darkroom.report.item import inside

if TYPE_CHECKING:
    from darkroom.hints import StrPath
    from darkroom.nircam.figures.inputs import Product
    from darkroom.nircam.ramps.classes import Classes
    from darkroom.plot.book import FigureBook

DARK, MASK = "Dark current", "Bad pixels"
_FLAGS = ("HOT", "WARM", "NOISY", "UNSTABLE", "FEW", "NO_VALUE")
_CLASSES = ("HOT", "WARM", "NOISY", "RTN", "UNSTABLE", "UNREL_BIAS", "STUCK")
_LIMITS = (
    "Residual noise of the reference pixels is shared by the pixels of a row: the error of the "
    "median of an amplifier includes it, that of a pixel does not.",
    "Cosmic rays that leave charge in neighbouring pixels, and persistence of an earlier exposure, "
    "are not told from dark current that changes: such pixels are flagged UNSTABLE.",
)
_MASK_LIMIT = (
    "Darks do not show pixels that do not respond to light: DEAD, LOW_QE, OPEN, ADJ_OPEN and "
    "NONLINEAR can only be carried over from a previous mask."
)


def draw_figures(
    book: FigureBook, classes: Classes, details: Product, mask: Product | None = None
) -> None:
    """Add every figure of a dark and of a mask.

    Parameters
    ----------
    book : FigureBook
        Book of figures to add to.
    classes : Classes
    details : Product
        Details of the dark.
    mask : Product, optional
        Reasons of the mask.
    """
    rate = details.image("RATE")
    finite = rate[np.isfinite(rate)]
    low, high = np.percentile(finite, [1, 99.9]) if finite.size else (0.0, 1.0)
    panels.show_map(
        book, DARK, "dark_rate", "Dark current", rate,
        limits=(float(low), float(max(high, low + 1e-6))), unit="dark current [e-/s]",
        caption="Rate of each pixel by generalised least squares.",
    )  # fmt: skip
    panels.show_by_amplifier(
        book, DARK, "dark_active", "Dark current of active pixels", rate, classes.usable,
        classes.amplifier, unit="dark current [e-/s]",
        caption="By amplifier; the axis ends near the 99.5th percentile of the pixels.",
    )  # fmt: skip
    panels.show_flags(book, DARK, details.image("DQ"), flag_bits(details), _FLAGS)
    if mask is not None:
        panels.show_flags(book, MASK, mask.image("DQ"), flag_bits(mask), _CLASSES)


def add(
    described: dict[str, Any],
    folder: StrPath,
    dark: tuple[Product, Product] | None,
    mask: tuple[Product, Product] | None,
) -> dict[str, Any]:
    """Add dark and mask to the content of an item's ``item.json``.

    Parameters
    ----------
    described : dict
        Changed in place.
    folder : path-like
        Folder of the item file.
    dark, mask : (Product, Product), optional
        Reference file, and details.

    Returns
    -------
    dict
        `described`.
    """
    if dark is not None:
        described["summary"] += " Dark current measured."
        described["products"] += _products(folder, dark, "dark current")
        levels = dark[1].table("LEVELS")
        errors = np.nanmax([levels[f"{name}ERROR"] for name in ("", "ROW_", "RAMP_")], axis=0)
        for a, median, error in zip(levels["AMPLIFIER"], levels["MEDIAN"], errors, strict=True):
            described["key_numbers"].append(
                key_number(
                    f"Dark current, amplifier {int(a)}", float(median), float(error),
                    "e-/s", "median of active pixels",
                )
            )  # fmt: skip
        described["limits"] += _LIMITS
    if mask is not None:
        described["products"] += _products(folder, mask, "bad-pixel mask")
        bad = int((mask[0].image("DQ") & 1 > 0).sum())
        described["key_numbers"].append(
            key_number("Mask, flagged DO_NOT_USE", bad, None, "pixels", "")
        )
        described["limits"].append(_MASK_LIMIT)
        if not mask[0].header["FLATPIX"]:
            described["warnings"].append(
                f"{mask[0].name}: made of darks alone, without a previous mask: pixels that do not "
                "respond to light are not in it. Set mask.previous: crds, or give a file."
            )
    return described


def _products(folder, pair, what):
    words = ("reference file for CRDS", "values, flags, tables")
    return [
        {"file": inside(product.path, folder), "what": f"{what}: {text}"}
        for product, text in zip(pair, words, strict=True)
    ]
