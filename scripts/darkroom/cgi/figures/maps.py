"""Figures of the CGI pipeline: noise maps and errors, fit residuals, darks, recovered truth."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from darkroom.plot import histograms, images, measures, series, style
from darkroom.plot.book import Panel
from darkroom.words import counted, measured, number, share

if TYPE_CHECKING:
    from darkroom.plot.book import FigureBook

_MAPS = (
    ("fpn", "Fixed pattern", "e⁻", style.BIAS),
    ("cic", "Clock-induced charge", "e⁻", style.SCIENCE),
    ("dark", "Dark current", "e⁻/s", style.DARK),
)
_GAIN_COLOURS = style.SERIES
# Pulls beyond this are not drawn.
_PULL_RANGE = 6.0


@dataclass(frozen=True)
class Story:
    """Data that the figures of a CGI item show.

    Attributes
    ----------
    maps, errors : (3, ny, nx) arrays
        Noise maps and their errors, full frame [e-, e-, e-/s].
    imaging : tuple of slices
        Rows and columns of the imaging area.
    hot : (ny, nx) array or None
        Not zero for pixels that were fitted as hot.
    chi2 : (ny, nx) array or None
        Reduced chi-square.
    stacks : dict of arrays
        Columns of the table STACKS.
    cards : dict
        Cards of the header of the maps.
    darks : list of (str, array, array)
        Description, data and error of each dark [e-].
    truth : (3, ny, nx) array or None
        True maps of simulated frames.
    truly_hot : (ny, nx) bool array or None
        True for hot pixels of simulated frames.
    """

    maps: np.ndarray
    errors: np.ndarray
    imaging: tuple[slice, slice]
    hot: np.ndarray | None
    chi2: np.ndarray | None
    stacks: dict[str, np.ndarray]
    cards: dict[str, object]
    darks: list[tuple[str, np.ndarray, np.ndarray]] = field(default_factory=list)
    truth: np.ndarray | None = None
    truly_hot: np.ndarray | None = None


def draw_figures(book: FigureBook, story: Story) -> None:
    """Draw all figures of a CGI item into a book."""
    for k, (key, title, unit, colour) in enumerate(_MAPS):
        _show_map(book, story, k, key, title, unit, colour)
    _show_stacks(book, story)
    if story.chi2 is not None:
        _show_chi2(book, story)
    for words, data, error in story.darks:
        _show_dark(book, words, data, error)
    if story.truth is not None:
        _show_pulls(book, story)
        _show_recovered(book, story)


def _show_map(book, story, k, key, title, unit, colour):
    area, error = story.maps[k][story.imaging], story.errors[k][story.imaging]
    flat, typical = measures.finite(area), float(np.nanmedian(error))
    # Dark current is 0 outside the imaging area; in 10⁻³ e⁻/s the digits of the scale fit.
    shown, scale, small = (story.imaging, 1e3, "10⁻³ ") if k == 2 else ((...,), 1.0, "")
    panels = []
    for name, image in (("map", story.maps[k]), ("error", story.errors[k])):
        part = scale * image[shown]
        display = images.percentile(part)
        label = f"{title.lower() if name == 'map' else '1 σ'} [{small}{unit}]"
        panels.append(
            Panel(
                name,
                images.draw_image(part, display, unit=label, title=name),
                f"{title}: image of the {name}, {display.words} {small}{unit}",
            )
        )
    label = f"{title.lower()} [{small}{unit}]"
    panels += _histograms(scale * flat, scale * typical, title, label, colour, k == 0)
    words = measured(float(flat.mean()), typical / np.sqrt(max(flat.size, 1)))
    if k == 2 and story.hot is not None:
        normal = measures.finite(area[story.hot[story.imaging] == 0])
        words += f" {unit}, without hot pixels {number(float(normal.mean()), 3)}"
    caption = (
        f"Mean over the imaging area {words} {unit}, "
        f"scatter of pixels {number(float(flat.std()), 3)} {unit}, typical error of a pixel "
        f"{number(typical, 3)} {unit}. "
        + (
            "Maps are signed: noise makes some pixels negative. "
            if story.cards.get("SIGNED")
            else "Negative values of charge are set to 0, which makes means too large. "
        )
        + f"{counted(area.size - flat.size, 'pixel')} of the imaging area could not be fitted."
        + (" Dark current is zero outside the imaging area." if k == 2 else "")
    )
    book.add("Noise maps", key, title, caption, panels)


def _histograms(flat, typical, title, quantity, colour, is_gaussian):
    """Draw the bulk of a map's pixels, and all of them on a logarithmic scale.

    Only the fixed pattern is compared with a Gaussian: few amplified electrons do not follow one.
    """
    if is_gaussian:
        more = {"gaussian": measures.fit_core(flat)}
        middle, reach = measures.level_and_spread(flat)
        reach *= 6
    else:
        more = {"marks": (("mean", flat.mean()), ("median", np.median(flat)))}
        middle, reach = flat.mean(), 5 * typical
    near = np.abs(flat - middle) <= reach if reach > 0 else np.ones(flat.size, bool)
    bulk = histograms.draw_histogram(
        flat[near], unit=quantity, title="the bulk", colour=colour, **more
    )
    everything = histograms.draw_histogram(
        flat, unit=quantity, title="all pixels, log", log=True, colour=colour
    )
    return [
        Panel("histogram", bulk, f"{title}: histogram of the bulk of the imaging area"),
        Panel("histogram_log", everything, f"{title}: histogram of the imaging area, log counts"),
    ]


def _show_stacks(book, story):
    """Residual of the mean of each stack, its offset in the bias region, and its noise."""
    stacks = story.stacks
    used = stacks["USED"].astype(bool)
    panels = []
    for key, value, error, title, words in (
        ("residual", "RESIDUAL", "RESERR", "mean frame − fit", "imaging area"),
        ("offset", "OFFSET", "OFFSERR", "offset from the other stacks", "bias region"),
    ):
        known = used & np.isfinite(stacks[value]) & (stacks[error] > 0)
        if not known.any():
            continue
        x, groups = _by_gain(stacks, known, lambda n, v=value, e=error: stacks[v][n] / stacks[e][n])
        figure = series.draw_against(
            x, groups, xlabel="exposure time [s]", ylabel=f"{title} [σ]", title=words, xlog=True
        )
        panels.append(Panel(key, figure, f"{title} of every stack in units of its error, {words}"))
    known = used & np.isfinite(stacks["EXPNOISE"])
    if known.any():
        x, groups = _by_gain(stacks, known, lambda n: stacks["NOISE"][n] / stacks["EXPNOISE"][n])
        figure = series.draw_against(
            x, groups, xlabel="exposure time [s]", ylabel="noise of a sample, found / expected",
            title="imaging area", xlog=True,
        )  # fmt: skip
        panels.append(Panel("noise", figure, "noise of every stack over the expected noise"))
    corrected = int(stacks["CORRECTD"].sum())
    caption = (
        f"{counted(int(used.sum()), 'stack')} fitted, {counted(int((~used).sum()), 'stack')} left "
        f"out. Residuals test whether F + g C + g t D describes the means. "
        + (
            f"The offset of {counted(corrected, 'stack')} was significant and was subtracted. "
            if corrected
            else "No stack has a significant offset. "
        )
        + "An offset that all stacks share cannot be distinguished from the fixed pattern."
        + (
            " Expected noise: read noise, and the shot noise of normal pixels' charge with the "
            "register's excess noise."
            if known.any()
            else ""
        )
    )
    if panels:
        book.add("The fit", "stacks", "Residuals, offsets and noise of the stacks", caption, panels)


def _by_gain(stacks, chosen, values):
    """Return x and groups for `draw_against`, one group per EM gain."""
    x, groups = [], []
    for group, gain in enumerate(sorted(set(stacks["EMGAIN"][chosen]))):
        here = np.flatnonzero(chosen & (stacks["EMGAIN"] == gain))
        x.append(stacks["EXPTIME"][here])
        colour = _GAIN_COLOURS[group % len(_GAIN_COLOURS)]
        groups.append((f"EM gain {gain:g}", "o", colour, values(here), None))
    return x, groups


def _show_chi2(book, story):
    area = story.chi2[story.imaging]
    flat = measures.finite(area)
    near = flat[flat < np.quantile(flat, 0.999)] if flat.size else flat
    display = images.percentile(area, 1, 99)
    panels = [
        Panel(
            "map",
            images.draw_image(area, display, unit="reduced χ²", title="imaging area"),
            f"image of the reduced chi-square, {display.words}",
        ),
        Panel(
            "histogram",
            histograms.draw_histogram(
                near, unit="reduced χ²", title="imaging area", marks=(("mean", flat.mean()),)
            ),
            "histogram of the reduced chi-square",
        ),
    ]
    hot = 0 if story.hot is None else int((story.hot[story.imaging] > 0).sum())
    caption = (
        f"Chi-square over degrees of freedom has the mean {number(float(flat.mean()), 4)}; 1 is "
        f"expected. {counted(hot, 'pixel')} ({share(hot, area.size)}) are hot: they are fitted "
        "with their own noise, not the pooled one."
    )
    book.add("The fit", "chi2", "How well the model describes the means", caption, panels)


def _show_dark(book, words, data, error):
    panels = []
    for name, image in (("dark", data), ("error", error)):
        display = images.percentile(image)
        figure = images.draw_image(image, display, unit=f"{name} [e⁻]", title=name)
        panels.append(Panel(name, figure, f"{words}: image of the {name}, {display.words} e⁻"))
    flat, errors = measures.finite(data), measures.finite(error)
    caption = (
        f"Mean {number(float(flat.mean()), 4)} e⁻, median {number(float(np.median(flat)), 4)} e⁻, "
        f"typical error of a pixel {number(float(np.median(errors)), 3)} e⁻, in electrons before "
        "the EM register."
    )
    key = words.replace(" ", "_").replace(",", "")
    book.add("Darks", key, words[:1].upper() + words[1:], caption, panels)


def _show_pulls(book, story):
    panels, words = [], []
    for k, (key, title, _, colour) in enumerate(_MAPS):
        pull = measures.finite(
            (story.maps[k] - story.truth[k])[story.imaging] / story.errors[k][story.imaging]
        )
        inside = pull[np.abs(pull) < _PULL_RANGE]
        figure = histograms.draw_histogram(
            inside, unit="(found − truth) / error", title=title, colour=colour,
            gaussian=measures.Gaussian(0.0, 1.0, inside.size), log=True,
        )  # fmt: skip
        panels.append(Panel(key, figure, f"histogram of the pulls of the {title.lower()}"))
        words.append(f"{title.lower()} {pull.std():.3f}")
    caption = (
        f"Standard deviation of the pulls, (found − truth) / error: {', '.join(words)}; 1 is "
        "expected. The line is a Gaussian of width 1. With few electrons per pixel the "
        "distribution is not Gaussian, but its width is still that of the quoted error."
    )
    book.add("Truth recovered", "pulls", "Are the quoted errors correct?", caption, panels)


def _show_recovered(book, story):
    """Draw found against true values: normal pixels in classes of truth, hot pixels one by one."""
    panels = []
    hot = story.truly_hot[story.imaging]
    for k, (key, title, unit, colour) in enumerate(_MAPS):
        found, true = story.maps[k][story.imaging], story.truth[k][story.imaging]
        good = np.isfinite(found) & (np.ones_like(hot) if k < 2 else ~hot)
        x, y, error = _classes(true[good], found[good])
        figure = series.draw_against(
            [x], [("mean of 1/40 of the pixels", "o", colour, y, error)], lines=[(1.0, 0.0)],
            xlabel=f"truth [{unit}]", ylabel=f"found [{unit}]", title=title,
        )  # fmt: skip
        panels.append(Panel(key, figure, f"{title.lower()}: found against truth"))
    found, error = story.maps[2][story.imaging], story.errors[2][story.imaging]
    chosen = hot & np.isfinite(found)
    if chosen.any():
        x = story.truth[2][story.imaging][chosen]
        figure = series.draw_against(
            [x], [("hot pixel", "o", style.FLAG, found[chosen], error[chosen])],
            lines=[(1.0, 0.0)], xlabel="truth [e⁻/s]", ylabel="found [e⁻/s]", title="hot pixels",
        )  # fmt: skip
        panels.append(Panel("hot", figure, "dark current of hot pixels: found against truth"))
    caption = (
        "Pixels are sorted by their true value and averaged in forty classes, so that the noise of "
        "single pixels does not hide a bias; the line is equality. Hot pixels are shown one by one."
    )
    book.add("Truth recovered", "recovered", "Is the truth recovered?", caption, panels)


def _classes(true, found, nclasses=40):
    """Return mean truth, mean found and its error in classes of equal size."""
    order = np.argsort(true, kind="stable")
    runs = [run for run in np.array_split(order, nclasses) if run.size > 1]
    x = np.array([true[run].mean() for run in runs])
    y = np.array([found[run].mean() for run in runs])
    error = np.array([found[run].std(ddof=1) / np.sqrt(run.size) for run in runs])
    return x, y, error
