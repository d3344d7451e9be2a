"""Figures of a noise spectrum: spectra with their model, common noise, coherence, knees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from darkroom.plot import style
from darkroom.plot.book import Panel

if TYPE_CHECKING:
    from darkroom.nircam.figures.inputs import Product
    from darkroom.plot.book import FigureBook

_SECTION = "Noise spectrum"
_DENSITY = "power [DN²/Hz]"


def draw_figures(book: FigureBook, product: Product, previous: Product | None = None) -> None:
    """Add the figures of a noise spectrum.

    Parameters
    ----------
    book : darkroom.plot.book.FigureBook
        Book of figures to add to.
    product : darkroom.nircam.figures.inputs.Product
        Noise spectrum, written by ``noise_spectrum.py``.
    previous : Product, optional
        Noise spectrum of another epoch, drawn for comparison.
    """
    bins, numbers = product.table("SPECTRUM"), product.table("NUMBERS")
    before = None if previous is None else previous.table("SPECTRUM")
    amplifiers = [int(a) for a in numbers["AMPLIFIER"]]
    _spectra(book, product, bins, amplifiers, before)
    if len(amplifiers) > 1:
        _common(book, bins, before)
        _coherence(book, bins, amplifiers)
    _knees(book, numbers, amplifiers)
    _pedestals(book, product)


def _spectra(book, product, bins, amplifiers, before):
    panels = [_spectrum(bins, a, before) for a in amplifiers]
    lines = product.table("LINES")
    pairs = zip(lines.get("FREQUENCY", ()), lines.get("RMS", ()), strict=True)
    found = [f"{frequency:.1f} Hz ({rms:.2g} DN)" for frequency, rms in pairs]
    chi2, dof = product.header["CHI2"], product.header["CHI2DOF"]
    caption = (
        "Power of the noise of one read against frequency, with errors of one standard deviation; "
        "the model fitted to all amplifiers together; and its part not common to the amplifiers. "
        "Lower panel: measured / model. The rise towards half the pixel rate, on the right, is "
        f"alternating-column noise. χ² of the fit {chi2:.0f} for {dof} degrees of freedom "
        "(amplifiers share the common noise, so χ² scatters more than that of independent values). "
        f"Lines left out: {', '.join(found) or 'none found'}. Lines at multiples of the frame rate "
        "are removed with the straight line fitted to each pixel and are not visible."
    )
    book.add(_SECTION, "noise_spectrum", "Spectra of the amplifiers", caption, panels)


@style.drawn
def _spectrum(bins, amplifier, before):
    figure = style.panel()[0]
    figure.clear()
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    frequency = bins["FREQUENCY"]
    total, error, model, own = (
        bins[f"{name}_{amplifier}"] for name in ("TOTAL", "TOTAL_ERROR", "TOTAL_MODEL", "OWN_MODEL")
    )
    if before is not None and f"TOTAL_{amplifier}" in before:
        axes.plot(
            before["FREQUENCY"],
            before[f"TOTAL_{amplifier}"],
            color=style.REFERENCE,
            label="earlier",
        )
    axes.errorbar(
        frequency, total, error, fmt=".", ms=2, lw=0.6, color=style.BIAS, label="measured"
    )
    axes.plot(frequency, model, color=style.DARK, label="model")
    axes.plot(frequency, own, color=style.SCIENCE, ls="--", label="own noise")
    axes.set(xscale="log", yscale="log", ylabel=_DENSITY, title=f"Amplifier {amplifier}")
    axes.legend()
    below.errorbar(frequency, total / model, error / model, fmt=".", ms=2, lw=0.6, color=style.BIAS)
    below.axhline(1, color=style.DARK, lw=1)
    below.set(xlabel="frequency [Hz]", ylabel="ratio", ylim=(0.6, 1.4))
    alt = f"Noise spectrum of amplifier {amplifier} with model and ratio"
    return Panel(str(amplifier), figure, alt)


@style.drawn
def _common(book, bins, before):
    figure, axes = style.panel(style.WIDE)
    frequency, common, error = (bins[k] for k in ("FREQUENCY", "COMMON", "COMMON_ERROR"))
    if before is not None:
        axes.plot(before["FREQUENCY"], before["COMMON"], color=style.REFERENCE, label="earlier")
    axes.fill_between(
        frequency, np.maximum(common - error, 1e-9), common + error, color=style.BIAS, alpha=0.35
    )
    axes.plot(frequency, common, color=style.BIAS, lw=1, label="measured")
    axes.plot(frequency, bins["COMMON_MODEL"], color=style.DARK, label="model")
    lowest = 0.2 * np.nanmin(bins["COMMON_MODEL"])
    axes.set(xscale="log", yscale="log", xlabel="frequency [Hz]", ylabel=_DENSITY)
    axes.set_ylim(bottom=lowest)
    axes.legend()
    negative = int((common < 0).sum())
    caption = (
        "Noise common to the amplifiers, for a gain of 1, from the cross spectra without a model, "
        "with a band of its error. It does not include white noise. "
        f"{negative} of {common.size} bins are negative by chance and not drawn."
    )
    panel = Panel("", figure, "Common noise against frequency, with model")
    book.add(_SECTION, "noise_common", "Noise common to the amplifiers", caption, [panel])


@style.drawn
def _coherence(book, bins, amplifiers):
    figure, axes = style.panel(style.WIDE)
    frequency = bins["FREQUENCY"]
    pairs = [(a, b) for a in amplifiers for b in amplifiers if a < b]
    for (a, b), colour in zip(pairs, style.SERIES, strict=False):
        power = bins[f"CROSS_REAL_{a}{b}"] ** 2 + bins[f"CROSS_IMAG_{a}{b}"] ** 2
        shared = power / (bins[f"TOTAL_{a}"] * bins[f"TOTAL_{b}"])
        axes.plot(frequency, shared, lw=1, color=colour, label=f"{a} and {b}")
    axes.set(xscale="log", xlabel="frequency [Hz]", ylabel="coherence", ylim=(0, 1))
    axes.legend(ncols=2)
    caption = (
        "Fraction of the power that two amplifiers have in common, for each pair; 1 for identical "
        "noise. A reference-pixel correction is useful up to the frequency where it vanishes."
    )
    panel = Panel("", figure, "Coherence of pairs of amplifiers against frequency")
    book.add(_SECTION, "noise_coherence", "Coherence of the amplifiers", caption, [panel])


@style.drawn
def _knees(book, numbers, amplifiers):
    figure = style.panel(style.WIDE)[0]
    figure.clear()
    left, right = figure.subplots(1, 2)
    place = np.arange(len(amplifiers))
    left.bar(place, numbers["KNEE"], color=style.BIAS)
    left.set(ylabel="frequency [Hz]", title="Knee")
    bottom = np.zeros(place.size)
    parts = (
        ("WHITE", "white"),
        ("COMMON", "common 1/f"),
        ("OWN", "own 1/f"),
        ("ALTERNATING", "alternating"),
    )
    for (name, label), colour in zip(parts, style.SERIES, strict=False):
        power = numbers[f"CDS_{name}"] ** 2
        right.bar(place, power, bottom=bottom, color=colour, label=label)
        bottom += power
    right.set(
        ylabel="variance [DN²]", title="Difference of two reads", ylim=(0, 1.45 * bottom.max())
    )
    right.legend(ncols=2)
    for axes in (left, right):
        axes.set_xticks(place, [str(a) for a in amplifiers])
        axes.set_xlabel("amplifier")
    total = ", ".join(f"{v:.2f}" for v in numbers["CDS"])
    caption = (
        "Left: the frequency at which 1/f noise, common and own, equals white noise. Right: "
        "components of the variance of the difference of two reads, from the model above the "
        f"lowest frequency fitted; total noise by amplifier: {total} DN."
    )
    panel = Panel("", figure, "Knee frequencies and parts of the CDS variance by amplifier")
    book.add(_SECTION, "noise_parts", "Knees and components of the noise", caption, [panel])


@style.drawn
def _pedestals(book, product):
    table = product.table("PEDESTAL_PSD")
    figure, axes = style.panel(style.WIDE)
    names = ("COMMON", "OWN") if np.isfinite(table["OWN"]).all() else ("COMMON",)
    for name, colour in zip(names, style.SERIES, strict=False):
        axes.plot(table["FREQUENCY"], table[name], "o", color=colour, label=name.lower())
    axes.set(yscale="log", xlabel="frequency [Hz]", ylabel=_DENSITY)
    axes.legend()
    caption = (
        "Spectrum of the levels of whole frames, below half the frame rate: of the mean of the "
        "amplifiers (common), and of an amplifier about it (own). A straight line is subtracted "
        "from each ramp, and with it most of the lowest frequency. Pedestals that are independent "
        "from frame to frame have a flat spectrum; reference rows remove them."
    )
    panel = Panel("", figure, "Spectrum of frame levels, common and by amplifier")
    book.add(_SECTION, "noise_pedestals", "Levels of whole frames", caption, [panel])
