"""Figures of the dark rate, its error, the offsets of the frames, and flagged pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from darkroom import order
from darkroom.ccd.figures.frame import brightest
from darkroom.plot import histograms, images, measures, series, style
from darkroom.plot.book import Panel
from darkroom.words import counted, measured, number, share

if TYPE_CHECKING:
    from darkroom.ccd.figures.planes import Planes
    from darkroom.plot.book import FigureBook

_SECTION = "Dark rate"
# Groups with more than this many times the smallest error are not drawn: they stretch the axis.
_MOST_ERROR = 10
# A flag of more than this fraction of the pixels is counted but not drawn: it would fill the map.
_MOST_DRAWN = 0.1


def show_rate(
    book: FigureBook,
    label: str,
    rate: np.ndarray,
    error: np.ndarray,
    common_error: float | None,
    unit: str,
) -> None:
    """Add the dark-rate map of one temperature group, its error and its histogram.

    Parameters
    ----------
    book : FigureBook
    label : str
        Name of the group, e.g. ``"group 1 (−4.82 °C)"``.
    rate, error : (ny, nx) arrays
        In `unit` per second; the error is that of the pixel itself, without the common error.
    common_error : float or None
        Standard error common to all pixels (offsets of the frames), in `unit` per second.
    unit : str
        ``"ADU"`` or ``"e⁻"``.
    """
    quantity = f"dark rate [{unit}/s]"
    maps = (
        ("map", rate, images.percentile(rate), quantity, "dark rate"),
        ("error", error, images.percentile(error), f"1 σ of the rate [{unit}/s]", "uncertainty"),
    )
    panels = [
        Panel(
            name,
            images.draw_image(image, display, unit=words, title=title),
            f"dark rate, {label}: image of the {title}, {display.words} {unit}/s",
        )
        for name, image, display, words, title in maps
    ]
    flat = measures.finite(rate)
    gaussian = measures.fit_core(flat)
    panels.append(
        Panel(
            "histogram_log",
            histograms.draw_histogram(
                flat, unit=quantity, title="all pixels, log", log=True, colour=style.DARK
            ),
            f"dark rate, {label}: histogram of all pixels, log counts",
        )
    )
    bulk = _bulk(flat)
    panels.append(
        Panel(
            "histogram_bulk",
            histograms.draw_histogram(
                bulk,
                unit=quantity,
                title="within 6 robust σ, with a Gaussian",
                gaussian=gaussian,
                colour=style.DARK,
            ),
            f"dark rate, {label}: histogram within 6 robust σ of the median, with a Gaussian",
        )
    )
    caption = _rate_words(label, rate, error, common_error, gaussian, unit)
    book.add(_SECTION, "dark_rate", f"Dark rate, {label}", caption, panels)


def _bulk(flat):
    if not flat.size:
        return flat
    median, sigma = float(order.median(flat)), measures.spread(flat)
    near = np.abs(flat - median) <= 6 * sigma
    return flat[near] if sigma > 0 else flat


def _rate_words(label, rate, error, common_error, gaussian, unit):
    flat, errors = measures.finite(rate), measures.finite(error)
    if not flat.size:
        return f"{label}: no pixel has a dark rate."
    typical = float(order.median(errors)) if errors.size else np.nan
    words = (
        f"{label}: median {number(float(order.median(flat)), 5)}, mean "
        f"{number(float(flat.mean(dtype=float)), 5)} {unit}/s; the uncertainty of a pixel is "
        f"typically {number(typical, 3)} {unit}/s."
    )
    if common_error is not None and np.isfinite(common_error):
        words += (
            f" All pixels share a further uncertainty of {number(common_error, 3)} {unit}/s, from "
            "the offsets of whole frames."
        )
    if gaussian is not None:
        words += f" Core of the distribution: σ {number(gaussian.sigma, 3)} {unit}/s."
    missing = rate.size - flat.size
    if missing:
        words += f" {counted(missing, 'pixel')} without a rate (grey)."
    return words


def show_maps(book: FigureBook, groups: Sequence[tuple[int, str, Planes]], unit: str) -> None:
    """Add the rate maps of the other temperature groups side by side.

    Parameters
    ----------
    book : FigureBook
    groups : sequence of (number, label, Planes)
        Images and headers of the dark-rate product.
    unit : str
    """
    panels = []
    for group, label, planes in groups:
        rate = planes["SCI"]
        figure = images.draw_image(
            rate, images.percentile(rate), unit=f"dark rate [{unit}/s]", title=label
        )
        alt = f"dark rate, {label}: image, 0.5 to 99.5 percentile"
        panels.append(Panel(str(group), figure, alt))
    words = [
        f"{label}: median {number(planes.header['RATEMED'], 4)} {unit}/s"
        for _, label, planes in groups
    ]
    title = "Dark rate of the other temperature groups"
    caption = f"Shown from the 0.5 to the 99.5 percentile. {'; '.join(words)}."
    book.add(_SECTION, "dark_rate_others", title, caption, panels)


def show_group_rates(
    book: FigureBook,
    temperatures: np.ndarray,
    rates: np.ndarray,
    errors: np.ndarray,
    labels: Sequence[str],
    unit: str,
) -> None:
    """Add the median dark rate of every temperature group against temperature.

    Parameters
    ----------
    book : FigureBook
    temperatures, rates, errors : (n,) arrays
        Degrees Celsius; `unit` per second; standard error common to all pixels, NaN if unknown.
    labels : sequence of str
        Names of the groups, for the caption.
    unit : str
    """
    bars = np.where(np.isfinite(errors), errors, 0.0)
    drawn = bars <= _MOST_ERROR * max(np.min(bars[bars > 0], initial=np.inf), 0)
    figure = series.draw_against(
        [temperatures[drawn]],
        [("median rate ± common-mode error", "o", style.DARK, rates[drawn], bars[drawn])],
        xlabel="temperature of the group [°C]",
        ylabel=f"dark rate [{unit}/s]",
        title="dark rate and temperature",
    )
    words = [
        f"{label}: {measured(rate, error, f'{unit}/s')}"
        for label, rate, error in zip(labels, rates, errors, strict=True)
    ]
    caption = (
        f"{'; '.join(words)}. Bars are the 1 σ error common to all pixels of a group. Dark current "
        "rises with temperature; a negative rate, or one that falls with temperature, shows that "
        "the camera's offset changed between exposure times."
    )
    if not drawn.all():
        caption += (
            f" Not drawn, with more than {_MOST_ERROR} times the smallest error: "
            f"{', '.join(label for label, shown in zip(labels, drawn, strict=True) if not shown)}."
        )
    title = "Dark rate against temperature"
    alt = "median dark rate of every temperature group against temperature with error bars"
    book.add(_SECTION, "dark_rate_temperature", title, caption, [Panel("", figure, alt)])


def show_offsets(
    book: FigureBook,
    roles: Sequence[str] | np.ndarray,
    offsets: np.ndarray,
    errors: np.ndarray,
    temperatures: np.ndarray,
    unit: str,
) -> None:
    """Add the fitted offset of every frame with its error, coloured by temperature.

    Parameters
    ----------
    book : FigureBook
    roles : (n,) array of str
    offsets, errors, temperatures : (n,) arrays
        In order of time; `unit`, `unit`, degrees Celsius.
    unit : str
    """
    frames = np.arange(1, len(offsets) + 1)
    groups, xs, shades = [], [], []
    for role, marker in (("bias", "s"), ("dark", "o")):
        chosen = np.flatnonzero(np.asarray(roles) == role)
        if chosen.size:
            groups.append((role, marker, style.DARK, offsets[chosen], errors[chosen]))
            xs.append(frames[chosen])
            shades.append(temperatures[chosen])
    coloured = any(np.isfinite(part).any() for part in shades)
    figure = series.draw_against(
        xs,
        groups,
        xlabel="frame number, in order of time",
        ylabel=f"offset [{unit}]",
        title="offset of every frame",
        colour_values=shades if coloured else None,
        colour_label="temperature [°C]",
    )
    good = offsets[np.isfinite(offsets)]
    caption = (
        f"Fitted offset of each of {counted(good.size, 'frame')}. Offsets sum to zero within each "
        "exposure time and temperature group, since a free offset is degenerate with the mean; "
        "their scatter gives the common-mode error of the rate."
    )
    if good.size > 1:
        caption += f" Standard deviation {number(float(good.std(ddof=1)), 3)} {unit}."
    title = "Offsets of the frames"
    alt = "offset of every frame against frame number, coloured by temperature"
    book.add(_SECTION, "offsets", title, caption, [Panel("", figure, alt)])


def show_flags(
    book: FigureBook,
    dq: np.ndarray,
    definitions: Sequence[tuple[int, str, str]],
    rate: np.ndarray,
    unit: str,
) -> None:
    """Add the map of flagged pixels, and the surroundings of the hottest pixel.

    Parameters
    ----------
    book : FigureBook
    dq : (ny, nx) int array
    definitions : sequence of (value, name, meaning)
        Bits of `dq`; of a pixel with several the first one is drawn.
    rate : (ny, nx) array
        Dark rate, `unit` per second.
    unit : str
    """
    present = [item for item in definitions if np.any(dq & item[0])]
    drawn = [item for item in present if np.count_nonzero(dq & item[0]) <= _MOST_DRAWN * dq.size]
    codes = np.zeros(dq.shape, np.uint8)
    for code, (value, _, _) in reversed(list(enumerate(drawn, 1))):
        codes[(dq & value) != 0] = code
    figure = images.draw_flags(
        codes,
        [f"{name}\n{np.count_nonzero(dq & value):,}" for value, name, _ in drawn],
        title="flagged pixels",
    )
    panels = [Panel("map", figure, "map of the flagged pixels, one colour per flag")]
    if measures.finite(rate).size:
        y, x = brightest(rate)
        zoom = images.draw_zoom(
            rate, y, x, unit=f"dark rate [{unit}/s]", title=f"hottest: y {y}, x {x}"
        )
        panels.append(Panel("hottest", zoom, f"16 × 16 pixels around the hottest, y {y}, x {x}"))
    words = [
        f"{name} ({meaning}): {int(np.count_nonzero(dq & value)):,}"
        for value, name, meaning in present
    ]
    flagged = int(np.count_nonzero(dq))
    caption = (
        f"{counted(flagged, 'pixel')} of {dq.size:,} flagged ({share(flagged, dq.size)}). "
        f"{'; '.join(words)}."
        if present
        else "No pixel is flagged."
    )
    if len(drawn) < len(present):
        names = ", ".join(item[1] for item in present if item not in drawn)
        caption += f" Not drawn because of their number: {names}."
    book.add(_SECTION, "hot_pixels", "Hot, unstable and other flagged pixels", caption, panels)
