"""Figures of stacks: mean, noise, single pixels in time, column and row profiles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from darkroom import order
from darkroom.plot import histograms, images, measures, series
from darkroom.plot.book import Panel
from darkroom.words import counted, number, share

if TYPE_CHECKING:
    from darkroom.ccd.figures.planes import Planes
    from darkroom.plot.book import FigureBook

# The notebook's upper percentile of noise images: above it hot pixels would set the scale.
_TOP_PERCENT = 99.95


def show_pixel_series(
    book: FigureBook,
    section: str,
    key: str,
    role: str,
    series_by_pixel: Sequence[tuple[str, tuple[int, int], np.ndarray]],
    unit: str,
    colour: str,
) -> None:
    """Add the time series of single pixels with mean and ± one standard deviation.

    Parameters
    ----------
    book : FigureBook
    section, key : str
        Heading in the report, and file name.
    role : str
        ``"bias"`` or ``"dark"``: kind of the frames.
    series_by_pixel : sequence of (name, (y, x), (n,) array)
        Values of each pixel in every frame.
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


def show_mean(
    book: FigureBook,
    section: str,
    key: str,
    name: str,
    master: Planes,
    unit: str,
    colour: str,
) -> None:
    """Add the mean image of a stack, its histogram with mean and median, and its uncertainty.

    Parameters
    ----------
    book : FigureBook
    section, key, name : str
        Heading in the report, file name, title.
    master : Planes
        SCI (mean) and ERR (its uncertainty), in `unit`; header with the cards NFRAMES, NCLIPPED
        and CMERR.
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
    middle, average = float(order.median(flat)), np.nan
    if flat.size:
        average = float(flat.mean(dtype=float))
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
    typical = float(order.median(measures.finite(error))) if measures.finite(error).size else np.nan
    caption = (
        f"Mean of {counted(nframes, 'frame')} after rejection of outliers. Over the image: "
        f"median {number(middle, 6)} (dashed), mean {number(average, 6)} {unit} (dotted); "
        f"typical uncertainty of a pixel {number(typical, 3)} {unit}, and "
        f"{number(header.get('CMERR'), 2)} {unit} common to all pixels, from the scatter of the "
        f"frame offsets. {counted(rejected, 'sample')} rejected "
        f"({share(rejected, nframes * mean.size)}). The histogram leaves out "
        f"{counted(flat.size - below.size, 'pixel')} above its range."
    )
    book.add(section, key, name, caption, panels)


def _top(flat):
    """Return the upper end of a histogram: 40 robust sigma above the median."""
    if not flat.size:
        return np.inf
    return float(order.median(flat)) + max(40 * measures.spread(flat), 1e-9)


def show_noise(
    book: FigureBook,
    section: str,
    key: str,
    name: str,
    noise: np.ndarray,
    nframes: int,
    unit: str,
    colour: str,
) -> None:
    """Add a noise image (standard deviation in time) in two stretches, and its histogram.

    Parameters
    ----------
    book : FigureBook
    section, key, name : str
        Heading in the report, file name, title.
    noise : (ny, nx) array
        Standard deviation of every pixel over the frames, in `unit`.
    nframes : int
        Number of frames.
    unit, colour : str
    """
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
    median, mean = float(order.median(flat)), float(flat.mean(dtype=float))
    top = float(order.quantiles(flat, [_TOP_PERCENT / 100])[0])
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
        f"Standard deviation of every pixel over {counted(nframes, 'frame')} (n − 1 in the "
        f"denominator). Median {number(median, 6)} (dashed), mean {number(mean, 6)} {unit} "
        "(dotted). "
        f"The cut at the {_TOP_PERCENT} percentile ({number(top)} {unit}) leaves out "
        f"{counted(int((flat > top).sum()), 'pixel')} that would set the scale."
    )
    book.add(section, key, name, caption, panels)


def show_noise_comparison(
    book: FigureBook, section: str, sets: Sequence[tuple[str, str, np.ndarray, int]], unit: str
) -> None:
    """Add the histograms of several noise images in one panel.

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
                f"{label} (n = {n}): median {number(float(order.median(flat)), 5)}, "
                f"mean {number(float(flat.mean(dtype=float)), 5)} {unit}"
            )
    caption = (
        f"{'; '.join(words)}. Dashed lines are medians, dotted ones means. A standard deviation "
        "from few frames is uncertain, and too small on average: with more frames the histogram is "
        "narrower and lies further right even when the noise is the same. The table of quantities "
        "gives the noise added by the dark current without that effect."
    )
    title = "Read noise and dark noise"
    alt = "histograms of read noise and dark noise in one panel, with median and mean lines"
    book.add(section, "noise_comparison", title, caption, [Panel("", figure, alt)])


def show_profiles(
    book: FigureBook,
    section: str,
    key: str,
    title: str,
    profiles: Sequence[tuple[str, str, np.ndarray]],
    unit: str,
) -> None:
    """Add column and row profiles: medians of columns and rows minus that of the image.

    Parameters
    ----------
    book : FigureBook
    section, key, title : str
        Heading in the report, file name, title.
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
            f"{label}, {across}s: {number(_fall(values), 3)} {unit}" for label, _, values in lines
        ]
    caption = (
        "Median of every column, and of every row, minus the median of the whole image. "
        f"Mean of the first tenth minus that of the last: {'; '.join(words)}."
    )
    book.add(section, key, title, caption, panels)


def _profile(image, axis):
    """Return the median along an axis minus that of the image (see `measures.quantiles`)."""
    lines = image.T if axis == 0 else image
    return measures.row_medians(lines) - measures.quantiles(image, 0.5)


def _fall(values):
    """Return the mean of the first tenth of a profile minus that of the last."""
    tenth = max(1, len(values) // 10)
    first, last = (measures.finite(part) for part in (values[:tenth], values[-tenth:]))
    return float(first.mean() - last.mean()) if first.size and last.size else float("nan")
