"""The sky from read to read: rates, ratio, and how straight the ramp is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from darkroom.plot import style

if TYPE_CHECKING:
    from collections.abc import Iterable

    from darkroom.wfc3.reads.diagnose import Differences

#: Colours of the regions and of bad reads.
LEFT, RIGHT, FULL = "#D55E00", "#009E73", "#0072B2"
BAD_READ = "#CC0066"


@style.drawn
def draw_rates(differences: Differences, reads: Iterable[int], title: str) -> Figure:
    """Plot the medians of left, right and whole field and the ratio against time.

    As in the notebook the first interval, 2.9 s long, is left out.

    Parameters
    ----------
    differences : darkroom.wfc3.reads.diagnose.Differences
        The sky in every interval.
    reads : iterable of int
        EXTVERs chosen as bad; their intervals are shaded.
    title : str
        Title of the figure.

    Returns
    -------
    matplotlib Figure
    """
    figure = Figure(figsize=(7.4, 4.6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[2, 1])
    times, part = differences.times, slice(1, None)
    for region, colour, label, marker in (
        (differences.full, FULL, "whole field", "o"),
        (differences.left, LEFT, "left", "^"),
        (differences.right, RIGHT, "right", "v"),
    ):
        above.errorbar(
            times[2:], region.median[part], region.error[part], fmt=f"{marker}-", color=colour,
            label=label, capsize=2, lw=1.0, ms=4,
        )  # fmt: skip
    below.errorbar(
        times[2:], differences.ratio[part], differences.ratio_error[part], fmt="s-",
        color=style.MODEL, capsize=2, lw=1.0, ms=3.5,
    )  # fmt: skip
    below.axhline(1.0, color=style.REFERENCE, lw=0.8)
    _shade((above, below), differences, reads)
    unit = differences.unit.lower().replace("electrons", "e⁻")
    above.set(ylabel=f"sky [{unit}]", title=title)
    below.set(xlabel="time of the read [s]", ylabel="left / right")
    above.legend(loc="best", ncols=3)
    _robust_limits(below, differences.ratio[part], differences.ratio_error[part])
    return figure


def _shade(panels, differences, reads):
    """Shade the intervals of chosen reads."""
    n = differences.nsamp
    label: str | None = "bad reads"
    for extver in sorted(reads, reverse=True):
        j = n - extver
        for axes in panels:
            axes.axvspan(differences.times[j - 1], differences.times[j], color=BAD_READ, alpha=0.12,
                         lw=0, label=label)  # fmt: skip
        label = None


def _robust_limits(axes, values, errors):
    """Set the y range from intervals with useful errors, so that the others do not widen it."""
    good = np.isfinite(values) & np.isfinite(errors) & (errors < 0.5)
    if good.sum() > 1:
        low, high = (values - errors)[good].min(), (values + errors)[good].max()
        margin = 0.15 * max(high - low, 0.02)
        axes.set_ylim(low - margin, high + margin)


@style.drawn
def draw_quality(before: dict[str, Any], after: dict[str, Any], done: str, title: str) -> Figure:
    """Plot the departure of the sky ramp from a line, and the pixels flagged in each read.

    Parameters
    ----------
    before, after : dict
        Records of `darkroom.wfc3.reads.quality.RampQuality`, before and after the treatment.
    done : str
        The treatment; with "none" only `before` is plotted.
    title : str
        Title of the figure.

    Returns
    -------
    matplotlib Figure
    """
    figure = Figure(figsize=(7.4, 3.8), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[1.6, 1])
    shown = [("as taken", before, style.DARK, "o")]
    if done != "none":
        shown.append((f"after {done}", after, style.BIAS, "s"))
    for label, quality, colour, marker in shown:
        times, used = np.array(quality["times"]), np.array(quality["used"])
        departure = np.array(quality["residual"])[used] / np.array(quality["error"], float)[used]
        above.plot(times[used], departure, f"{marker}-", color=colour, label=label, ms=4, lw=1.0)
        flagged = 100 * np.array(quality["flagged"])
        below.step(times[1:], flagged[1:], where="pre", color=colour, lw=1.2)
    above.axhline(0, color=style.REFERENCE, lw=0.8)
    above.set(ylabel="departure\n[σ of a read]", title=title)
    below.set(xlabel="time of the read [s]", ylabel="newly\nflagged [%]")
    below.set_ylim(bottom=0)
    above.legend(loc="best")
    return figure
