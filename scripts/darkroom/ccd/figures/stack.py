"""Figures of stacks: mean, noise, one pixel in time, and where the gradient is."""

from __future__ import annotations

import numpy as np

from darkroom.plot import histograms, images, measures, series
from darkroom.plot.book import Panel
from darkroom.words import counted, number, share

# The notebook's cut against the hot pixel in noise images.
_TOP_PERCENT = 99.95


def show_pixel_series(book, section, key, role, series_by_pixel, unit, colour):
    """Add the time series of single pixels with mean and ± one standard deviation.

    Parameters
    ----------
    book : FigureBook
    section, key : str
    role : str
        ``"bias"`` or ``"dark"``; what kind of frames, for the words.
    series_by_pixel : sequence of (name, (y, x), (n,) array)
    unit, colour : str
    """
    panels, words = [], []
    for name, (y, x), values in series_by_pixel:
        title = f"{name}: y {y}, x {x}"
        figure = series.draw_pixel_series(
            values, unit=f"pixel value [{unit}]", title=title, colour=colour
        )
        panels.append(Panel(f"y{y}_x{x}", figure, f"value of pixel y {y}, x {x} in every {role}"))
        good = np.asarray(values, float)[np.isfinite(values)]
        spread = number(good.std(ddof=1), 6) if good.size > 1 else "not defined for one frame"
        mean = number(good.mean(), 6) if good.size else "–"
        words.append(f"{name} (y {y}, x {x}): mean {mean}, standard deviation {spread} {unit}")
    n = len(series_by_pixel[0][2])
    caption = f"Over {counted(n, f'{role} frame')} of one exposure time: {'; '.join(words)}."
    book.add(section, key, f"One pixel in every {role} frame", caption, panels)


def show_mean(book, section, key, name, master, unit, colour):
    """Add the mean image of a stack, its histogram with mean and median, and its uncertainty.

    Parameters
    ----------
    book : FigureBook
    section, key, name : str
    master : Planes
        SCI (mean) and ERR (its uncertainty), in `unit`; the header with the cards NFRAMES,
        NCLIPPED and CMERR.
    unit, colour : str
    """
    mean, error, header = master["SCI"], master["ERR"], master.header
    nframes, rejected = header["NFRAMES"], header["NCLIPPED"]
    quantity = f"mean signal [{unit}]"
    panels = [
        Panel(
            label,
            images.draw_image(mean, display, unit=quantity, title=display.words),
            f"{name}: mean image, {display.words} {unit}",
        )
        for label, display in (("asinh", images.asinh(mean)), ("cut", images.percentile(mean)))
    ]
    flat = measures.finite(mean)
    middle, average = (
        (float(np.median(flat)), float(flat.mean(dtype=float))) if flat.size else (np.nan, np.nan)
    )
    below = flat[flat < _top(flat)]
    panels.append(
        Panel(
            "histogram",
            histograms.draw_histogram(
                below,
                unit=quantity,
                title="mean image, log",
                log=True,
                colour=colour,
                marks=(("median", middle), ("mean", average)),
            ),
            f"{name}: histogram of the mean image with lines at median and mean",
        )
    )
    shown = images.percentile(error)
    panels.append(
        Panel(
            "error",
            images.draw_image(error, shown, unit=f"1 σ of the mean [{unit}]", title="uncertainty"),
            f"{name}: image of the uncertainty of the mean",
        )
    )
    typical = float(np.median(measures.finite(error))) if measures.finite(error).size else np.nan
    caption = (
        f"Mean of {counted(nframes, 'frame')} after rejection of outliers. Over the image: "
        f"median {number(middle, 6)} (dashed), mean {number(average, 6)} {unit} (dotted); "
        f"typical uncertainty of a pixel {number(typical, 3)} {unit}, and "
        f"{number(header.get('CMERR'), 2)} {unit} common to all pixels, whose offsets wander. "
        f"{counted(rejected, 'sample')} rejected ({share(rejected, nframes * mean.size)}). "
        f"The histogram leaves out {counted(flat.size - below.size, 'pixel')} above it."
    )
    book.add(section, key, name, caption, panels)


def _top(flat):
    """Return the level above which a histogram would only show how far the hottest pixel is."""
    if not flat.size:
        return np.inf
    return float(np.median(flat)) + max(40 * measures.spread(flat), 1e-9)


def show_noise(book, section, key, name, noise, nframes, unit, colour):
    """Add a noise image (standard deviation in time), its cut version and its histogram."""
    quantity = f"standard deviation [{unit}]"
    cut = images.percentile(noise, 0, _TOP_PERCENT, with_asinh=True)
    panels = [
        Panel(
            label,
            images.draw_image(noise, display, unit=quantity, title=display.words),
            f"{name}: image, {display.words} {unit}",
        )
        for label, display in (("asinh", images.asinh(noise)), ("cut", cut))
    ]
    flat = measures.finite(noise)
    if not flat.size:
        return
    median, mean = float(np.median(flat)), float(flat.mean(dtype=float))
    top = float(np.percentile(flat, _TOP_PERCENT))
    figure = histograms.draw_histogram(
        flat[flat <= top],
        unit=quantity,
        title=f"up to the {_TOP_PERCENT} percentile, log",
        log=True,
        colour=colour,
        marks=(("median", median), ("mean", mean)),
    )
    panels.append(Panel("histogram", figure, f"{name}: histogram, lines at median and mean"))
    caption = (
        f"Standard deviation of every pixel over {counted(nframes, 'frame')} (divisor n − 1). "
        f"Median {number(median, 6)} (dashed), mean {number(mean, 6)} {unit} (dotted). "
        f"The cut at the {_TOP_PERCENT} percentile ({number(top)} {unit}) keeps "
        f"{counted(int((flat > top).sum()), 'pixel')} from setting the scale."
    )
    book.add(section, key, name, caption, panels)


def show_noise_comparison(book, section, sets, unit):
    """Add the histograms of several noise images over each other.

    Parameters
    ----------
    book : FigureBook
    section : str
    sets : sequence of (label, colour, noise image, number of frames)
    unit : str
    """
    labelled = [(f"{label}, n = {n}", colour, noise) for label, colour, noise, n in sets]
    figure = histograms.draw_overlaid(
        labelled, unit=f"standard deviation [{unit}]", title="noise in time, per pixel"
    )
    words = []
    for label, _, noise, n in sets:
        flat = measures.finite(noise)
        if flat.size:
            words.append(
                f"{label} (n = {n}): median {number(float(np.median(flat)), 5)}, "
                f"mean {number(float(flat.mean(dtype=float)), 5)} {unit}"
            )
    caption = (
        f"{'; '.join(words)}. Dashed lines are medians, dotted ones means. A standard deviation "
        "from few frames is itself uncertain and on average too small: more frames make the "
        "histogram narrower and move it right even when the noise is the same. The table of "
        "quantities gives the noise added by the dark current with that effect removed."
    )
    title = "Read noise and dark noise"
    alt = "histograms of read noise and dark noise over each other with median and mean lines"
    book.add(section, "noise_comparison", title, caption, [Panel("", figure, alt)])


def show_profiles(book, section, key, title, profiles, unit):
    """Add column and row profiles: medians along y and along x, minus each image's median.

    Parameters
    ----------
    book : FigureBook
    section, key, title : str
    profiles : sequence of (label, colour, (ny, nx) image)
    unit : str
    """
    panels, words = [], []
    for axis, along, across in ((0, "x", "column"), (1, "y", "row")):
        lines = [(label, colour, _profile(image, axis)) for label, colour, image in profiles]
        figure = series.draw_profiles(
            lines,
            xlabel=f"{along} [pixel]",
            ylabel=f"{across} median − image median [{unit}]",
            title=f"{across}s",
        )
        panels.append(Panel(f"{across}s", figure, f"{title}: median of every {across}"))
        words += [
            f"{label}, {across}s: {number(_swing(values), 3)} {unit}" for label, _, values in lines
        ]
    caption = (
        "Median of every column, and of every row, minus the median of the whole image. "
        f"Difference between the first and the last tenth: {'; '.join(words)}."
    )
    book.add(section, key, title, caption, panels)


def _profile(image, axis):
    """Return the median along an axis minus that of the image, digital levels spread evenly."""
    lines = image.T if axis == 0 else image
    middle = measures.quantiles(image, 0.5)
    return np.array([measures.quantiles(line, 0.5) for line in lines]) - middle


def _swing(values):
    tenth = max(1, len(values) // 10)
    first, last = (measures.finite(part) for part in (values[:tenth], values[-tenth:]))
    return float(first.mean() - last.mean()) if first.size and last.size else float("nan")
