"""Figures of the drift of level and temperature during a series, and its effect on the dark rate.

Where exposure time and temperature change together, the frames cannot separate their effects. The
caption then gives the correlation. The fits are those of the dark-rate product.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from darkroom.plot import series, style
from darkroom.plot.book import Panel
from darkroom.words import counted, measured, number

if TYPE_CHECKING:
    from darkroom.plot.book import FigureBook

_SECTION = "Drift of level and temperature"
# Differences of temperature below this are noise of the sensor, degrees Celsius.
_SAME_C = 0.05
_ROLES = (("bias", "s", style.BIAS), ("dark", "o", style.DARK))


@dataclass(frozen=True)
class FrameLevels:
    """Level, spread, exposure time and temperature of every frame, in order of time.

    Attributes
    ----------
    role : (n,) array of str
        ``"bias"`` or ``"dark"``.
    exptime, temperature, level, spread : (n,) float arrays
        Seconds; degrees Celsius (NaN if unknown); median and robust standard deviation of the
        frame, in the unit of the figures.
    """

    role: np.ndarray
    exptime: np.ndarray
    temperature: np.ndarray
    level: np.ndarray
    spread: np.ndarray

    def pick(self, role: str) -> np.ndarray:
        """Return the indices of the frames of one role."""
        return np.flatnonzero(self.role == role)


def show_drift(
    book: FigureBook, levels: FrameLevels, fits: dict[str, np.ndarray] | None, unit: str
) -> list[str]:
    """Add level and temperature against frame number, exposure time and each other.

    Parameters
    ----------
    book : FigureBook
    levels : FrameLevels
    fits : dict or None
        Columns of the table LEVELFIT of the dark rate: level against time, without and with
        temperature.
    unit : str

    Returns
    -------
    list of str
        A warning for the report when the temperature drifts, else none.
    """
    panels = [_against_frame(levels, levels.level, f"median level [{unit}]", "level")]
    known = np.isfinite(levels.temperature)
    # What does not change has no picture: the caption says so.
    varied = known.any() and np.ptp(levels.temperature[known]) >= _SAME_C
    if varied:
        panels.append(_against_frame(levels, levels.temperature, "temperature [°C]", "temperature"))
    caption = " ".join((_order_words(levels, unit), _temperature_words(levels)))
    book.add(_SECTION, "drift_frames", "Level and temperature, frame by frame", caption, panels)
    if np.unique(levels.exptime).size > 1:
        _show_exposure(book, levels, unit)
    if not varied:
        return []
    _show_temperature(book, levels, fits, unit)
    return _warnings(levels)


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
        return "No frame states its temperature."
    if np.ptp(known) < _SAME_C:
        return f"The temperature was constant at {number(float(known.mean()), 4)} °C."
    return (
        f"The temperature changed from {number(float(known[0]), 4)} °C in the first to "
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
        "Each point is a frame, coloured by temperature. Dark current raises the level; its "
        "non-uniformity and shot noise widen the distribution of pixels. "
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


def _show_temperature(book, levels, fits, unit):
    """Add level against temperature, and the rate fitted with and without temperature."""
    darks = levels.pick("dark")
    groups, xs = [], []
    bias = levels.pick("bias")
    if bias.size:
        groups.append(("bias", "s", style.BIAS, levels.level[bias], None))
        xs.append(levels.temperature[bias])
    for index, exptime in enumerate(np.unique(levels.exptime[darks])):
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
    title = "Level against temperature, and its effect on the dark rate"
    caption = f"{_drift_words(levels)} {_effect(levels, fits, unit, panels)}"
    book.add(_SECTION, "drift_temperature", title, caption, panels)


def _range(levels):
    """Return the lowest and highest temperature of the darks; NaN where unknown."""
    known = levels.temperature[levels.pick("dark")]
    known = known[np.isfinite(known)]
    return (float(known.min()), float(known.max())) if known.size else (np.nan, np.nan)


def _drift_words(levels):
    low, high = _range(levels)
    if not high - low >= _SAME_C:
        return "The darks share one temperature."
    return (
        f"The temperature of the darks ranges over {number(high - low, 3)} °C "
        f"({number(low, 4)} to {number(high, 4)} °C)."
    )


def _warnings(levels):
    low, high = _range(levels)
    if not high - low >= _SAME_C:
        return []
    exptime, temperature = (
        values[levels.pick("dark")] for values in (levels.exptime, levels.temperature)
    )
    sentence = _drift_words(levels)
    shortest = temperature[exptime == exptime.min()].mean()
    longest = temperature[exptime == exptime.max()].mean()
    if abs(shortest - longest) >= _SAME_C:
        sentence += (
            f" It was {number(float(shortest), 4)} °C on average in the shortest and "
            f"{number(float(longest), 4)} °C in the longest darks, so effects of exposure time and "
            "temperature are mixed in the dark rate; see the figures on drift."
        )
    else:
        sentence += " The dark rate is measured for each temperature group."
    return [sentence]


def _effect(levels, fits, unit, panels):
    """Return a description of the rates fitted without and with temperature; add their panel."""
    pair = _pair(fits)
    if pair is None:
        return "These frames do not allow a fit of the level to both time and temperature."
    alone, both = pair
    rate = f"{unit}/s"
    panels.append(_rate_panel(levels, alone, both, unit))
    return (
        f"The rate fitted to the levels of the {alone['frames']} is "
        f"{measured(alone['rate'], alone['rateerr'], rate)} when temperature is ignored, and "
        f"{measured(both['rate'], both['rateerr'], rate)} when a linear dependence on temperature "
        f"is fitted as well, which is {measured(both['slope'], both['slopeerr'], unit)} per °C. "
        f"Temperature and exposure time are correlated by {number(both['corr'], 2)}: the closer to "
        "±1, the less these frames can separate the two effects. No product is corrected by this "
        "fit; it shows how reliable the dark rate is."
    )


def _pair(fits):
    """Return the fits without and with temperature to the same frames, if possible the darks."""
    if fits is None:
        return None
    rows = [
        {name: column[index] for name, column in fits.items()}
        for index in range(len(fits["frames"]))
    ]
    for frames in dict.fromkeys(row["frames"] for row in rows):
        alone = [r for r in rows if r["frames"] == frames and not np.isfinite(r["slope"])]
        both = [r for r in rows if r["frames"] == frames and np.isfinite(r["slope"])]
        if alone and both:
            return alone[0], both[0]
    return None


def _rate_panel(levels, alone, both, unit):
    """Draw the levels against time, as taken and corrected to one temperature."""
    use = np.isfinite(levels.temperature)
    if alone["frames"] == "darks":
        use &= levels.role == "dark"
    exptime, taken = levels.exptime[use], levels.level[use]
    reference = float(levels.temperature[use].max())
    shifted = taken - both["slope"] * (levels.temperature[use] - reference)
    groups, lines = [], []
    for label, marker, colour, values, fit in (
        ("as taken", "o", style.REFERENCE, taken, alone),
        (f"corrected to {number(reference, 4)} °C", "D", style.DARK, shifted, both),
    ):
        text = f"{label}: {measured(fit['rate'], fit['rateerr'], f'{unit}/s')}"
        groups.append((text, marker, colour, values, None))
        lines.append((fit["rate"], float(values.mean() - fit["rate"] * exptime.mean())))
    figure = series.draw_against(
        [exptime, exptime],
        groups,
        xlabel="exposure time [s]",
        ylabel=f"median level [{unit}]",
        title="with and without temperature",
        lines=lines,
    )
    return Panel("rate", figure, "median levels against exposure time with two straight lines")
