"""Figures of what wanders while a series is taken: offset, temperature, and the dark rate's share.

Shown, not explained away: where exposure time and temperature change together, frames alone cannot
tell their effects apart, and the caption says so with the correlation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from darkroom.figures import series, style
from darkroom.figures.book import Panel
from darkroom.figures.ccd.trend import correlation, fit_slope, slope_within
from darkroom.figures.words import counted, measured, number

_SECTION = "Drift of level and temperature"
# Temperatures that differ by less are one reading of a sensor that jitters.
_SAME_C = 0.05
_ROLES = (("bias", "s", style.BIAS), ("dark", "o", style.DARK))


@dataclass(frozen=True)
class Levels:
    """One number a frame, in the order the frames were taken.

    Attributes
    ----------
    role : (n,) array of str
        ``"bias"`` or ``"dark"``.
    exptime, temperature, level, spread : (n,) float arrays
        Seconds, degrees Celsius (NaN if unknown), median and robust standard deviation of the
        frame in the unit of the figures.
    """

    role: np.ndarray
    exptime: np.ndarray
    temperature: np.ndarray
    level: np.ndarray
    spread: np.ndarray

    def pick(self, role):
        """Return the indices of the frames of one role."""
        return np.flatnonzero(self.role == role)


def show_drift(book, levels, unit):
    """Add level and temperature against frame number, exposure time and each other.

    Returns
    -------
    list of str
        Warnings in plain words for the head of the report; empty when nothing drifts.
    """
    panels = [_against_frame(levels, levels.level, f"median level [{unit}]", "level")]
    known = np.isfinite(levels.temperature)
    if known.any():
        panels.append(_against_frame(levels, levels.temperature, "temperature [°C]", "temperature"))
    caption = " ".join((_order_words(levels, unit), _temperature_words(levels)))
    book.add(_SECTION, "drift_frames", "Level and temperature, frame by frame", caption, panels)
    _show_exposure(book, levels, unit)
    return _show_temperature(book, levels, unit) if known.any() else []


def _against_frame(levels, values, ylabel, name):
    frames = np.arange(1, len(values) + 1)
    groups, xs = [], []
    for role, marker, colour in _ROLES:
        chosen = levels.pick(role)
        if chosen.size:
            label = f"{role}, {chosen.size} frames"
            groups.append((label, marker, colour, values[chosen], None))
            xs.append(frames[chosen])
    figure = series.draw_against(
        xs, groups, xlabel="frame number, in order of time", ylabel=ylabel, title=name
    )
    return Panel(name, figure, f"{name} of every bias and dark frame in order of time")


def _order_words(levels, unit):
    words = []
    for role, _, _ in _ROLES:
        chosen = levels.pick(role)
        if not chosen.size:
            continue
        values = levels.level[chosen]
        text = f"{counted(chosen.size, f'{role} frame')}: median level"
        if chosen.size > 1:
            text += (
                f" {number(float(values.min()), 6)} to {number(float(values.max()), 6)} {unit}, "
                f"standard deviation {number(float(values.std(ddof=1)), 3)}"
            )
        else:
            text += f" {number(float(values[0]), 6)} {unit}"
        words.append(text)
    return "; ".join(words) + "."


def _temperature_words(levels):
    known = levels.temperature[np.isfinite(levels.temperature)]
    if not known.size:
        return "No frame tells its temperature."
    if np.ptp(known) < _SAME_C:
        return f"The temperature stayed at {number(float(known.mean()), 4)} °C."
    return (
        f"The temperature ran from {number(float(known[0]), 4)} °C in the first to "
        f"{number(float(known[-1]), 4)} °C in the last frame "
        f"({number(float(known.min()), 4)} to {number(float(known.max()), 4)} °C)."
    )


def _show_exposure(book, levels, unit):
    """Add level and spread against exposure time, coloured by temperature."""
    panels = []
    for values, ylabel, name in (
        (levels.level, f"median level [{unit}]", "level"),
        (levels.spread, f"robust σ over the image [{unit}]", "spread"),
    ):
        groups, xs, shades = [], [], []
        for role, marker, colour in _ROLES:
            chosen = levels.pick(role)
            if chosen.size:
                groups.append((role, marker, colour, values[chosen], None))
                xs.append(levels.exptime[chosen])
                shades.append(levels.temperature[chosen])
        coloured = any(np.isfinite(part).any() for part in shades)
        figure = series.draw_against(
            xs,
            groups,
            xlabel="exposure time [s]",
            ylabel=ylabel,
            title=f"{name} and exposure time",
            colour_values=shades if coloured else None,
            colour_label="temperature [°C]",
            xlog=True,
        )
        panels.append(Panel(name, figure, f"{name} of every frame against exposure time"))
    caption = (
        "Each point is a frame, its colour the temperature. Dark current raises the level, and "
        "its unevenness and shot noise widen the distribution of pixels. "
        f"{_exposure_words(levels, unit)}"
    )
    book.add(_SECTION, "drift_exposure", "Level against exposure time", caption, panels)


def _exposure_words(levels, unit):
    darks = levels.pick("dark")
    words = []
    for exptime in np.unique(levels.exptime[darks]):
        chosen = darks[levels.exptime[darks] == exptime]
        words.append(f"{number(float(exptime))} s: {number(float(levels.level[chosen].mean()), 6)}")
    bias = levels.pick("bias")
    start = f"Bias {number(float(levels.level[bias].mean()), 6)} {unit}" if bias.size else "Darks"
    return f"{start}; darks of {', '.join(words)} {unit}." if words else f"{start}."


def _show_temperature(book, levels, unit):
    """Add level against temperature, and what its slope does to the rate; return warnings."""
    darks = levels.pick("dark")
    groups, xs = [], []
    bias = levels.pick("bias")
    if bias.size:
        groups.append(("bias", "s", style.BIAS, levels.level[bias], None))
        xs.append(levels.temperature[bias])
    times = np.unique(levels.exptime[darks])
    for index, exptime in enumerate(times):
        chosen = darks[levels.exptime[darks] == exptime]
        colour = style.SERIES[index % len(style.SERIES)]
        label = f"dark {number(float(exptime))} s"
        groups.append((label, "o^Dv<>"[index % 6], colour, levels.level[chosen], None))
        xs.append(levels.temperature[chosen])
    figure = series.draw_against(
        xs,
        groups,
        xlabel="temperature [°C]",
        ylabel=f"median level [{unit}]",
        title="level and temperature",
    )
    panels = [Panel("level", figure, "median level of every frame against temperature")]
    slope = slope_within(levels.exptime[darks], levels.temperature[darks], levels.level[darks])
    caption, warnings = _temperature_effect(levels, darks, slope, unit, panels)
    title = "Level against temperature, and its effect on the dark rate"
    book.add(_SECTION, "drift_temperature", title, caption, panels)
    return warnings


def _temperature_effect(levels, darks, slope, unit, panels):
    """Fit the level of the darks against time, with and without the temperature slope."""
    exptime, temperature = levels.exptime[darks], levels.temperature[darks]
    drift = np.ptp(temperature[np.isfinite(temperature)]) if darks.size else 0
    if not drift >= _SAME_C:
        return "The darks share one temperature: it has no part in the dark rate.", []
    words = [
        f"The darks' temperatures range over {number(float(drift), 3)} °C.",
    ]
    warnings = [
        f"The temperature of the darks ranges over {number(float(drift), 3)} °C "
        f"({number(float(np.nanmin(temperature)), 4)} to "
        f"{number(float(np.nanmax(temperature)), 4)} °C)."
    ]
    if slope is None:
        words.append(
            "It does not vary among darks of equal exposure time, so its effect on the level "
            "cannot be told from that of exposure time."
        )
        return " ".join(words), warnings
    words.append(
        "Among darks of equal exposure time the level changes by "
        f"{measured(slope.value, slope.error, f'{unit}/°C')} ({slope.n} frames)."
    )
    raw = fit_slope(exptime, levels.level[darks])
    reference = float(np.nanmax(temperature))
    shifted = levels.level[darks] - slope.value * (temperature - reference)
    corrected = _corrected(exptime, temperature, shifted, slope)
    if raw is None or corrected is None:
        return " ".join(words), warnings
    panels.append(_rate_panel(exptime, levels.level[darks], shifted, raw, corrected, unit))
    rate = f"{unit}/s"
    link = correlation(temperature, exptime)
    words.append(
        f"A straight line through the darks' levels rises by "
        f"{measured(raw.value, raw.error, rate)} as taken, and by "
        f"{measured(corrected.value, corrected.error, rate)} after that slope is taken out to "
        f"{number(reference, 4)} °C. Temperature and exposure time are correlated by "
        f"{number(link, 2)}: the closer to ±1, the less these frames can tell the two apart. "
        "This is a diagnosis; no product is corrected by it."
    )
    warnings.append(
        f"A rate fitted to the median level is {measured(raw.value, raw.error, rate)} as taken "
        f"and {measured(corrected.value, corrected.error, rate)} with the level's temperature "
        "slope taken out."
    )
    if raw.value < 0:
        warnings.append(
            "The median level falls with exposure time: the camera's offset moved by more than "
            "the dark current of a normal pixel, so a rate from these levels is no dark current."
        )
    return " ".join(words), warnings


def _corrected(exptime, temperature, shifted, slope):
    """Fit the shifted levels; the error of the temperature slope goes into that of the fit."""
    fit, course = fit_slope(exptime, shifted), fit_slope(exptime, temperature)
    if fit is None or course is None:
        return None
    return replace(fit, error=float(np.hypot(fit.error, slope.error * course.value)))


def _rate_panel(exptime, levels, shifted, raw, corrected, unit):
    """Draw the darks' levels against time, as taken and with the temperature slope taken out."""
    groups = []
    for label, marker, colour, values, fit in (
        ("as taken", "o", style.REFERENCE, levels, raw),
        ("temperature slope out", "D", style.DARK, shifted, corrected),
    ):
        text = f"{label}: {measured(fit.value, fit.error, f'{unit}/s')}"
        groups.append((text, marker, colour, values, None))
    figure = series.draw_against(
        [exptime, exptime],
        groups,
        xlabel="exposure time [s]",
        ylabel=f"median level [{unit}]",
        title="straight lines through the darks",
        lines=[(fit.value, fit.intercept) for fit in (raw, corrected)],
    )
    return Panel("rate", figure, "median level of the darks against exposure time with two fits")
