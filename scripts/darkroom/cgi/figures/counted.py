"""Photon-counted darks and bad-pixel maps in the report of a CGI item."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits

from darkroom.cgi.counting.product import read_dark
from darkroom.cgi.figures.said import warnings_in
from darkroom.cgi.pixels.peer import DEAD, HOT
from darkroom.plot import histograms, images, measures, style
from darkroom.plot.book import Panel
from darkroom.report.item import inside
from darkroom.words import counted, number, share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from darkroom.hints import StrPath
    from darkroom.plot.book import FigureBook


def draw_counted(book: FigureBook, darks: Sequence[StrPath], maps: Sequence[StrPath]) -> None:
    """Draw photon-counted darks and bad-pixel maps into a book.

    Parameters
    ----------
    book : darkroom.plot.book.FigureBook
    darks, maps : sequence of path-like
        Files of `darkroom.cgi.counting.product` and `darkroom.cgi.pixels.product`.
    """
    for path in darks:
        _draw_dark(book, path)
    for path in maps:
        _draw_map(book, path)


def _name(header):
    return f"EM gain {header['EMGAIN_C']:g}, {header['EXPTIME']:g} s"


def _draw_dark(book, path):
    data, err, _, header = read_dark(path)
    with fits.open(path, memmap=False) as hdus:
        counts = np.array(hdus["COUNT"].data)
        significance = np.array(hdus["SIGNIF"].data) if "SIGNIF" in hdus else None
    display = images.percentile(data)
    panels = [
        Panel(
            "map",
            images.draw_image(data, display, unit="charge [e⁻/frame]", title="counted"),
            f"photon-counted dark: image, {display.words} e⁻",
        ),
        Panel(
            "histogram",
            histograms.draw_histogram(
                counts.ravel().astype(float), unit="counts of a pixel", log=True,
                title="counts above the threshold", colour=style.DARK,
            ),
            "histogram of the counts of pixels, log numbers",
        ),
    ]  # fmt: skip
    if significance is not None:
        panels.append(
            Panel(
                "significance",
                histograms.draw_histogram(
                    measures.finite(significance), unit="significance of the charge [σ]", log=True,
                    title="hot pixels", marks=(("hot", 4.75),), colour=style.FLAG,
                ),
                "histogram of the significance of each pixel's charge over that of others",
            )
        )  # fmt: skip
    zero = int((counts == 0).sum())
    caption = (
        f"Electrons counted above {header['PCTHRESH']:g} e⁻ in "
        f"{counted(int(header['NUM_FR']), 'frame')}; typical error of a pixel "
        f"{number(float(np.nanmedian(err)), 3)} e⁻. {share(zero, counts.size)} of the pixels have "
        "no count: "
        + (
            "their error is that of the pixels around them, and the plane UPPER holds a limit (95 "
            "%)."
            if significance is not None
            else "their error is 0, as corgidrp gives it."
        )
    )
    book.add(
        "Darks", f"counted_{Path(path).stem}", f"Photon-counted dark, {_name(header)}", caption,
        panels,
    )  # fmt: skip


def _draw_map(book, path):
    with fits.open(path, memmap=False) as hdus:
        found, header = np.array(hdus[1].data), hdus[1].header.copy()
    codes = np.where(found & HOT, 1, 0) + np.where((found & DEAD) > 0, 2, 0)
    figure = images.draw_flags(
        codes.astype(np.uint8), ("warm or hot", "dead", "both"), title="bad pixels"
    )
    shares = [header[f"BPFOUND{k}"] for k in range(1, 5) if f"BPFOUND{k}" in header]
    caption = (
        f"{counted(int(header['NHOT']), 'warm or hot pixel')} and "
        f"{counted(int(header['NDEAD']), 'dead pixel')} of {found.size}. "
        + (
            f"Found are {', '.join(f'{100 * each:.0f} %' for each in shares)} of pixels with 0.01, "
            "0.03, 0.1 and 0.3 e⁻ per frame more than others, if errors are normal. "
            if len(shares) == 4
            else ""
        )
        + ("" if header["FLATPIX"] else "Darks do not show dead pixels.")
    )
    book.add(
        "Bad pixels", f"pixels_{Path(path).stem}", f"Bad pixels of {Path(path).stem}", caption,
        [Panel("map", figure, "map of bad pixels")],
    )  # fmt: skip


def describe_counted(
    darks: Sequence[StrPath], maps: Sequence[StrPath], folder: StrPath
) -> dict[str, list[Any]]:
    """Return what photon-counted darks and bad-pixel maps add to an item's ``item.json``.

    Parameters
    ----------
    darks, maps : sequence of path-like
    folder : path-like
        Folder of the item.

    Returns
    -------
    dict
        ``warnings``, ``key_numbers``, ``tables`` and ``products`` to append.
    """
    added: dict[str, list[Any]] = {"warnings": [], "key_numbers": [], "tables": [], "products": []}
    rows = []
    for path in darks:
        header = fits.getheader(path, 1)
        added["warnings"] += warnings_of(header, f"photon-counted dark, {_name(header)}")
        added["products"].append(
            {
                "file": inside(path, folder),
                "what": f"photon-counted dark, {_name(header)}: data, error, flags, upper limits, "
                "counters",
            }
        )
        rows.append(_row(header))
        if "PCLEVEL" in header:
            added["key_numbers"].append(
                {
                    "label": f"Counted charge, {_name(header)}",
                    "value": float(header["PCLEVEL"]),
                    "error": float(header["PCLEVERR"]),
                    "unit": "e⁻",
                    "note": "normal pixels of the image area, per frame, of their pooled counts",
                }
            )
    if rows:
        added["tables"].append(
            {
                "title": "Photon-counted darks",
                "columns": [
                    "EM gain", "time [s]", "frames", "threshold [e⁻]", "counted [e⁻]",
                    "error [e⁻]", "from noise maps [e⁻]", "pull", "gain of the counts", "its error",
                    "χ² of halves", "drift [σ]",
                ],
                "rows": rows,
                "note": "Counted: normal pixels, of their pooled counts. From noise maps: C + t D "
                "of the same pixels. Gain: from counts above one, two and four thresholds.",
            }
        )  # fmt: skip
    for path in maps:
        header = fits.getheader(path, 1)
        added["warnings"] += warnings_of(header, f"bad-pixel map of {Path(path).stem}")
        added["products"].append(
            {"file": inside(path, folder), "what": f"bad-pixel map of {Path(path).stem}"}
        )
    return added


def _row(header):
    def shown(card, digits=3):
        """Return the number of a card as text; a dash where there is none."""
        return number(float(header[card]), digits) if card in header else "–"

    return [
        number(float(header["EMGAIN_C"])), number(float(header["EXPTIME"])),
        str(int(header["NUM_FR"])), shown("PCTHRESH", 4), shown("PCLEVEL", 4),
        shown("PCLEVERR", 2), shown("PCSYNTH", 4), shown("PCSYNPUL", 2), shown("PCGAIN", 4),
        shown("PCGAINER", 2), shown("PCCHI2", 4), shown("PCDRIFT", 2),
    ]  # fmt: skip


def warnings_of(header: fits.Header, what: str) -> list[str]:
    """Return the warnings in the HISTORY of a product, each with what it is about.

    Parameters
    ----------
    header : astropy.io.fits.Header
        Of the image.
    what : str
        Name of the product.
    """
    return [f"{what[:1].upper()}{what[1:]}: {each}." for each in warnings_in(header)]
