"""Figures of one frame: display stretches, brightest pixel, histograms without outliers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from darkroom import order
from darkroom.plot import histograms, images, measures
from darkroom.plot.book import Panel
from darkroom.plot.reduction import block_factor
from darkroom.words import counted, number, share

if TYPE_CHECKING:
    from darkroom.plot.book import FigureBook

# An outlier lies more than this many robust sigma above the median.
_OUTLIER = 15.0
# The far cut lies at this fraction of the way from the median to the maximum.
_FAR = 0.9
# The Gaussian is shown over this many sigma to each side.
_CORE_RANGE = 8.0
# Fraction of a normal distribution above its centre + 3 sigma.
_TAIL = 0.00135


def brightest(image: np.ndarray) -> tuple[int, int]:
    """Return (y, x) of the largest finite value of an image, the first of equal ones.

    (0, 0) when no value is finite.
    """
    values = np.where(np.isfinite(image), image, -np.inf)
    y, x = np.unravel_index(int(np.argmax(values)), values.shape)
    return int(y), int(x)


def outlier_cuts(image: np.ndarray) -> list[float]:
    """Return up to two levels above which a histogram leaves out outliers, the far one first.

    The far cut, 90 % of the way from median to maximum, leaves out the few brightest pixels; the
    near one, 15 robust sigma above the median, all outliers. Only the near one is returned when
    both leave out the same pixels, and none without outliers.
    """
    flat = measures.finite(image)
    if not flat.size:
        return []
    median, sigma, top = float(order.median(flat)), measures.spread(flat), float(flat.max())
    near = median + _OUTLIER * sigma
    far = median + _FAR * (top - median)
    if sigma <= 0 or top <= near:
        return []
    differ = np.count_nonzero(flat >= far) < np.count_nonzero(flat >= near)
    return [_rounded(far), _rounded(near)] if differ else [_rounded(near)]


def _rounded(value):
    """Round up to four significant digits."""
    step = 10.0 ** (np.floor(np.log10(abs(value))) - 3) if value else 1.0
    return float(f"{np.ceil(value / step) * step:.6g}")


@dataclass(frozen=True)
class FrameSection:
    """Labels of the figures of one frame.

    Attributes
    ----------
    section, key : str
        Heading in the report, and beginning of the file names.
    name : str
        Name of the frame, e.g. ``"bias_001"``.
    quantity : str
        Axis label with unit, e.g. ``"bias signal [ADU]"``.
    unit : str
    colour : str
        Of the histograms.
    """

    section: str
    key: str
    name: str
    quantity: str
    unit: str
    colour: str


def show_image(
    book: FigureBook,
    shown: FrameSection,
    image: np.ndarray,
    displays: Sequence[images.Display],
) -> None:
    """Add a figure with the image in several stretches.

    Parameters
    ----------
    book : FigureBook
    shown : FrameSection
    image : (ny, nx) array
    displays : sequence of Display
        A panel is drawn for each.
    """
    factor, _ = block_factor(image.shape)
    panels = [
        Panel(
            _slug(display.name),
            images.draw_image(image, display, unit=shown.quantity, title=display.words),
            f"{shown.name}: image, {display.words} {shown.unit}",
        )
        for display in displays
    ]
    flat = measures.finite(image)
    caption = (
        f"{shown.name}, {image.shape[1]} × {image.shape[0]} pixels. "
        f"Median {number(float(order.median(flat)), 6)}, mean {number(float(flat.mean()), 6)}, "
        f"minimum {number(float(flat.min()), 6)}, maximum {number(float(flat.max()), 6)} "
        f"{shown.unit}; standard deviation over the image {number(float(flat.std()), 5)}, "
        f"robust {number(measures.spread(flat), 4)}."
        if flat.size
        else f"{shown.name} has no finite value."
    )
    caption += _reduced(factor) + _missing(image)
    book.add(shown.section, shown.key, f"{shown.name} in different stretches", caption, panels)


def _slug(words):
    return "".join(c if c.isalnum() else "_" for c in words.split(",")[0]).strip("_")


def _reduced(factor):
    if factor == 1:
        return ""
    return (
        f" Each dot shows the mean of {factor} × {factor} pixels, or the pixel among them that "
        "deviates by more than 8 robust σ from the median of the image (where there are many, an "
        "even selection of them)."
    )


def _missing(image):
    count = image.size - measures.finite(image).size
    return f" {counted(count, 'pixel')} without a value (grey)." if count else ""


def show_hot_pixel(book: FigureBook, shown: FrameSection, image: np.ndarray) -> None:
    """Add the surroundings of the brightest pixel, with its height above the median.

    Parameters
    ----------
    book : FigureBook
    shown : FrameSection
    image : (ny, nx) array
    """
    y, x = brightest(image)
    value, (median, sigma) = float(image[y, x]), measures.level_and_spread(image)
    words = f"pixel (y {y}, x {x})"
    caption = (
        f"The brightest {words}, number {y * image.shape[1] + x:,} in the flattened array "
        f"(both counted from 0), holds {number(value, 6)} {shown.unit}: "
        f"{number(value - median)} {shown.unit} above the median"
    )
    caption += f", {number((value - median) / sigma, 3)} robust σ." if sigma > 0 else "."
    figure = images.draw_zoom(image, y, x, unit=shown.quantity, title=f"around (y {y}, x {x})")
    alt = f"{shown.name}: 16 × 16 pixels around the brightest one at y {y}, x {x}"
    book.add(
        shown.section,
        f"{shown.key}_hot_pixel",
        f"Zoom on the brightest pixel of {shown.name}",
        caption,
        [Panel("", figure, alt)],
    )


def show_histograms(
    book: FigureBook,
    shown: FrameSection,
    image: np.ndarray,
    cuts: Sequence[float] | None = None,
) -> None:
    """Add histograms of all pixels and of those below each cut, the last with a Gaussian.

    Parameters
    ----------
    book : FigureBook
    shown : FrameSection
    image : (ny, nx) array
    cuts : sequence of float, optional
        Pixels at or above a cut are left out; by default `outlier_cuts`.
    """
    cuts = outlier_cuts(image) if cuts is None else list(cuts)
    flat = measures.finite(image)
    keywords = {"unit": shown.quantity, "colour": shown.colour}
    panels = [
        Panel(
            f"all_{scale}",
            histograms.draw_histogram(
                flat, title=f"all pixels, {scale}", log=scale == "log", **keywords
            ),
            f"{shown.name}: histogram of all pixels, {scale} counts",
        )
        for scale in ("linear", "log")
    ]
    for index, cut in enumerate(cuts):
        figure = histograms.draw_histogram(
            flat[flat < cut],
            title=f"below {number(cut, 6)} {shown.unit}, log",
            log=True,
            **keywords,
        )
        alt = f"{shown.name}: histogram of the pixels below {number(cut, 6)}, log counts"
        panels.append(Panel(f"below_{index + 1}_log", figure, alt))
    bulk = flat[flat < cuts[-1]] if cuts else flat
    gaussian = measures.fit_core(bulk)
    panels.append(_bulk_panel(shown, bulk, gaussian, cuts))
    if cuts:
        panels.append(_mask_panel(shown, image, cuts[-1]))
    caption = _cut_words(shown, flat, cuts) + _tail_words(shown, flat, gaussian)
    title = f"Histogram of {shown.name}, with and without outliers"
    book.add(shown.section, f"{shown.key}_histogram", title, caption, panels)


def _bulk_panel(shown, bulk, gaussian, cuts):
    what = f"below {number(cuts[-1], 6)} {shown.unit}" if cuts else "all pixels"
    if gaussian is not None:
        near = np.abs(bulk - gaussian.centre) <= _CORE_RANGE * gaussian.sigma
        bulk, what = bulk[near], f"the core, ± {_CORE_RANGE:g} σ"
    figure = histograms.draw_histogram(
        bulk,
        unit=shown.quantity,
        colour=shown.colour,
        gaussian=gaussian,
        title=f"{what}, with a Gaussian",
    )
    return Panel("gaussian", figure, f"{shown.name}: histogram, {what}, Gaussian drawn over it")


def _mask_panel(shown, image, cut):
    mask = np.isfinite(image) & (image >= cut)
    label = f"≥ {number(cut, 6)}\n{np.count_nonzero(mask):,}"
    figure = images.draw_flags(
        mask.astype(np.uint8), [label], title=f"pixels left out [{shown.unit}]"
    )
    return Panel("mask", figure, f"{shown.name}: map of the pixels left out of the histogram")


def _cut_words(shown, flat, cuts):
    if not cuts:
        return f"No pixel lies more than {_OUTLIER:g} robust σ above the median; none is left out. "
    parts = [
        f"{counted(int((flat >= cut).sum()), 'pixel')} at or above {number(cut, 6)} {shown.unit}"
        for cut in cuts
    ]
    return f"Left out: {'; then '.join(parts)}. "


def _tail_words(shown, flat, gaussian):
    if gaussian is None:
        return "The values have too few digital levels for the fit of a Gaussian."
    above = int((flat > gaussian.centre + 3 * gaussian.sigma).sum())
    expected = _TAIL * flat.size
    return (
        f"The Gaussian, fitted to the core only, has centre {number(gaussian.centre, 6)} and "
        f"σ {number(gaussian.sigma)} {shown.unit}. More than 3 σ above its centre lie "
        f"{counted(above, 'pixel')} ({share(above, flat.size)}; {number(expected, 3)} are expected "
        "for a Gaussian)."
    )
