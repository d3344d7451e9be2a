"""All figures of a CCD item, in the order of the report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.ccd.figures import drift, frame, rate, science, stack
from darkroom.ccd.figures.planes import Planes
from darkroom.plot import images, style
from darkroom.words import number

if TYPE_CHECKING:
    from darkroom.plot.book import FigureBook


@dataclass(frozen=True)
class Story:
    """All that the figures of a CCD item are drawn from.

    Attributes
    ----------
    unit : str
        ``"ADU"`` or ``"e⁻"``.
    first : dict
        ``{role: (exposure name, (ny, nx) image)}`` of the first frame.
    series : dict
        ``{role: [(description, (y, x), (n,) values)]}``: single pixels in time.
    levels : darkroom.ccd.figures.drift.FrameLevels
    bias, read_noise : Planes or None
        None where the item has no such product.
    dark_noise : (std, frames, exptime) or None
        As from `darkroom.ccd.figures.inputs.noise_in_time`; None without darks.
    darks : list of Planes
        Every master dark.
    rates : list of Planes
        The dark rate of every temperature group; none where it was not measured.
    offsets : dict or None
        Columns of the OFFSETS table of the dark rate.
    level_fits : dict or None
        Columns of the LEVELFIT table of the dark rate.
    flags : (ny, nx) int array or None
        DQ of the hot-pixel product.
    flag_names : sequence of (value, name, meaning)
        Its bits.
    sciences : sequence of (name, read)
        ``read()`` returns the frame before and after subtraction, and the header after.
    display_range : (float, float)
        Range of bias-subtracted images, in `unit`.
    amplifier : str
        Its name; empty for the only one.
    """

    unit: str
    first: dict[str, tuple[str, np.ndarray]]
    series: dict[str, list[tuple[Any, ...]]]
    levels: drift.FrameLevels
    bias: Planes | None
    read_noise: Planes | None
    dark_noise: tuple[np.ndarray, int, float] | None
    darks: list[Planes]
    rates: list[Planes]
    offsets: dict[str, np.ndarray] | None
    level_fits: dict[str, np.ndarray] | None
    flags: np.ndarray | None = None
    flag_names: Sequence[tuple[int, str, str]] = ()
    sciences: Sequence[tuple[str, Callable[[], tuple[Any, ...]]]] = field(default=())
    display_range: Sequence[float] = (-30.0, 50.0)
    amplifier: str = ""

    @property
    def best_rate(self) -> Planes:
        """The dark rate of the temperature group with the smallest median error."""
        return min(self.rates, key=lambda planes: _known(planes.header.get("RATEERR")))


def draw_figures(book: FigureBook, story: Story) -> list[str]:
    """Add every figure of a CCD item to a book.

    Returns
    -------
    list of str
        Warnings for the report.
    """
    if story.bias:
        _one_bias(book, story)
        _bias_stack(book, story)
    if story.darks:
        _one_dark(book, story)
        _dark_stack(book, story)
    warnings = drift.show_drift(book, story.levels, story.level_fits, story.unit)
    if story.rates:
        _rates(book, story)
    for name, read in story.sciences:
        science.show_science(book, name, *read(), story.unit)
    return warnings


def _one_bias(book, story):
    name, image = story.first["bias"]
    quantity = f"bias signal [{story.unit}]"
    shown = frame.FrameSection("One bias frame", "bias", name, quantity, story.unit, style.BIAS)
    displays = (images.linear(image), images.asinh(image), images.percentile(image))
    frame.show_image(book, shown, image, displays)
    frame.show_hot_pixel(book, shown, image)
    frame.show_histograms(book, shown, image)


def _bias_stack(book, story):
    section, unit = "The bias stack", story.unit
    bias, noise = story.bias, story.read_noise
    nframes = len(story.levels.pick("bias"))
    stack.show_pixel_series(
        book, section, "bias_series", "bias", story.series["bias"], unit, style.BIAS
    )
    stack.show_mean(book, section, "master_bias", "Master bias", bias, unit, style.BIAS)
    if noise:
        stack.show_noise(
            book, section, "read_noise", "Read noise", noise["SCI"], nframes, unit, style.BIAS
        )


def _one_dark(book, story):
    section, unit = "One dark frame", story.unit
    name, image = story.first["dark"]
    quantity = f"dark signal [{unit}]"
    shown = frame.FrameSection(section, "dark", name, quantity, unit, style.DARK)
    frame.show_image(book, shown, image, (images.linear(image), images.asinh(image)))
    frame.show_hot_pixel(book, shown, image)
    if not story.bias:
        return
    difference = image - story.bias["SCI"]
    name, quantity = f"{name} minus bias", f"dark − bias [{unit}]"
    shown = frame.FrameSection(section, "dark_minus_bias", name, quantity, unit, style.DARK)
    low, high = story.display_range
    inside = np.count_nonzero((difference >= low) & (difference <= high))
    # A camera whose darks lie elsewhere would be shown in one colour.
    ranged = (
        images.fixed(low, high) if inside > difference.size / 2 else images.percentile(difference)
    )
    displays = (images.asinh(difference), ranged)
    frame.show_image(book, shown, difference, displays)
    frame.show_histograms(book, shown, difference)


def _dark_stack(book, story):
    section, unit = "The dark stack", story.unit
    stack.show_pixel_series(
        book, section, "dark_series", "dark", story.series["dark"], unit, style.DARK
    )
    noise, nframes, exptime = story.dark_noise
    chosen = max(
        (p for p in story.darks if np.isclose(p.header["EXPTIME"], exptime, rtol=1e-3)),
        key=lambda planes: planes.header["NFRAMES"],
    )
    words = _set_words(chosen)
    stack.show_mean(book, section, "master_dark", f"Master dark, {words}", chosen, unit, style.DARK)
    every = f"{number(exptime)} s"
    stack.show_noise(
        book, section, "dark_noise", f"Dark noise, {every}", noise, nframes, unit, style.DARK
    )
    if not (story.bias and story.read_noise):
        return
    sets = [
        (f"dark {every}", style.DARK, noise, nframes),
        ("bias", style.BIAS, story.read_noise["SCI"], len(story.levels.pick("bias"))),
    ]
    stack.show_noise_comparison(book, section, sets, unit)
    profiles = [
        ("master bias", style.BIAS, story.bias["SCI"]),
        (f"master dark ({words}) − bias", style.DARK, chosen["SCI"] - story.bias["SCI"]),
    ]
    title = "Is the gradient in the bias or in the dark?"
    stack.show_profiles(book, section, "profiles", title, profiles, unit)


def _set_words(planes):
    header = planes.header
    words = f"{number(float(header['EXPTIME']))} s"
    temperature = header.get("CCD-TEMP")
    return words if temperature is None else f"{words} at {number(float(temperature), 3)} °C"


def _rates(book, story):
    unit = story.unit
    labels = [_group_words(planes, len(story.rates)) for planes in story.rates]
    planes = story.best_rate
    best = story.rates.index(planes)
    common = planes.header.get("RATESYS")
    rate.show_rate(book, labels[best], planes["SCI"], planes["ERR"], common, unit)
    others = [
        (other.header["TGROUP"], label, other)
        for index, (other, label) in enumerate(zip(story.rates, labels, strict=True))
        if index != best
    ]
    if others:
        rate.show_maps(book, others, unit)
        _rate_and_temperature(book, story, labels)
    if story.offsets is not None:
        _offsets(book, story)
    if story.flags is not None:
        rate.show_flags(book, story.flags, story.flag_names, planes["SCI"], unit)


def _group_words(planes, ngroups):
    temperature = planes.header.get("CCD-TEMP")
    words = "all darks" if ngroups == 1 else f"group {planes.header['TGROUP']}"
    if temperature is None:
        return words
    return f"{words} ({temperature:.2f} °C)".replace("-", "−")


def _rate_and_temperature(book, story, labels):
    headers = [planes.header for planes in story.rates]
    temperatures = np.array([_float(header.get("CCD-TEMP")) for header in headers])
    if np.isfinite(temperatures).all():
        medians = np.array([_float(header.get("RATEMED")) for header in headers])
        errors = np.array([_float(header.get("RATESYS")) for header in headers])
        rate.show_group_rates(book, temperatures, medians, errors, labels, story.unit)


def _known(error):
    return np.inf if error is None else error


def _float(value):
    return float("nan") if value is None else float(value)


def _offsets(book, story):
    table = story.offsets
    order = np.argsort(table["mjd"], kind="stable")
    rate.show_offsets(
        book,
        np.array([str(role) for role in table["role"]])[order],
        table["offset"][order],
        table["offerr"][order],
        table["temp"][order],
        story.unit,
    )
