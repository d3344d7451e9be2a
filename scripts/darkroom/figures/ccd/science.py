"""Figures of an on-sky frame before and after the dark is subtracted."""

from __future__ import annotations

import numpy as np

from darkroom.figures import histograms, images, measures, style
from darkroom.figures.book import Panel
from darkroom.figures.ccd.stack import show_profiles
from darkroom.figures.words import counted, number


def neighbour_excess(image, mask):
    """Return how far flagged pixels stand above the median of their eight neighbours.

    Parameters
    ----------
    image : (ny, nx) array
    mask : (ny, nx) bool array
        Pixels to look at; flagged neighbours are left out of the median.

    Returns
    -------
    (n,) float array
        In the order of `numpy.nonzero(mask)`; NaN where no neighbour is good.
    """
    padded = np.pad(np.where(mask, np.nan, image).astype(float), 1, constant_values=np.nan)
    ys, xs = np.nonzero(mask)
    around = np.array(
        [
            padded[ys + 1 + dy, xs + 1 + dx]
            for dy in (-1, 0, 1)
            for dx in (-1, 0, 1)
            if (dy, dx) != (0, 0)
        ]
    )
    good = np.isfinite(around).any(axis=0) if len(ys) else np.zeros(0, bool)
    excess = np.full(len(ys), np.nan)
    if good.any():
        excess[good] = image[ys[good], xs[good]] - np.nanmedian(around[:, good], axis=0)
    return excess


def show_science(book, section, name, before, after, hot, unit):
    """Add a frame before and after dark subtraction: images, histograms and profiles.

    Parameters
    ----------
    book : FigureBook
    section, name : str
    before, after : (ny, nx) arrays
    hot : (ny, nx) bool array
        Pixels flagged hot by the darks.
    unit : str
    """
    panels = []
    for label, image in (("before", before), ("after", after)):
        display = images.percentile(image, 0.5, 99.5, with_asinh=True)
        figure = images.draw_image(
            image, display, unit=f"signal [{unit}]", title=f"{label} dark subtraction"
        )
        panels.append(Panel(label, figure, f"{name}: image {label} dark subtraction"))
    for label, image, colour in (
        ("before", before, style.REFERENCE),
        ("after", after, style.SCIENCE),
    ):
        flat = measures.finite(image)
        top = np.percentile(flat, 99.9) if flat.size else 0
        figure = histograms.draw_histogram(
            flat[flat <= top],
            unit=f"signal [{unit}]",
            colour=colour,
            log=True,
            title=f"{label}, up to the 99.9 percentile",
        )
        panels.append(Panel(f"histogram_{label}", figure, f"{name}: histogram {label}"))
    caption = (
        f"{name}: median {_median(before)} {unit} before, {_median(after)} {unit} after. "
        f"{_hot_words(before, after, hot, unit)}"
    )
    title = f"{name} before and after dark subtraction"
    book.add(section, f"science_{name}", title, caption, panels)
    show_profiles(
        book,
        section,
        f"science_{name}_profiles",
        f"Profiles of {name} before and after",
        [("before", style.REFERENCE, before), ("after", style.SCIENCE, after)],
        unit,
    )


def _median(image):
    return number(float(measures.quantiles(image, 0.5)), 6)


def _hot_words(before, after, hot, unit):
    if not hot.any():
        return "No hot pixel is flagged."
    excess = [np.abs(neighbour_excess(image, hot)) for image in (before, after)]
    excess = [values[np.isfinite(values)] for values in excess]
    if not excess[0].size:
        return "The flagged pixels have no good neighbour to compare with."
    first, last = (float(np.median(values)) for values in excess)
    return (
        f"The {counted(int(hot.sum()), 'hot pixel')} differ from their neighbours by "
        f"{number(first)} {unit} (median of the absolute difference) before and "
        f"{number(last)} {unit} after."
    )
