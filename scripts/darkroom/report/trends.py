"""Trends of a series in the report: a figure of each class, and what changed in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.dates import from_mjd
from darkroom.errors import InputError
from darkroom.plot import style
from darkroom.plot.book import Panel
from darkroom.words import counted, number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from darkroom.hints import StrPath
    from darkroom.plot.book import FigureBook

_SECTION = "Epochs"
#: Figures of more series than these hide what changed: those that changed come first.
_MOST = 8


def read(path: StrPath) -> dict[str, Any]:
    """Read the trends of a series.

    Raises
    ------
    InputError
        When the file holds none.
    """
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
        if found["format"] != "darkroom trends 1":
            raise ValueError(f"format {found['format']!r}")
        return dict(found)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(path, f"holds no trends ({error})", "make it again") from error


def day(mjd: float) -> str:
    """Return the date of a time, YYYY-MM-DD."""
    return from_mjd(mjd).strftime("%Y-%m-%d")


def draw_figures(book: FigureBook, trends: dict[str, Any]) -> None:
    """Add a picture of each series, those that changed first."""
    if not trends["series"]:
        return
    chosen = sorted(trends["series"], key=lambda one: (not one["changed"], one["p"]))[:_MOST]
    panels = [
        Panel(f"{k}", _draw(trends, one), f"{one['name']} over the epochs, {_words(trends, one)}")
        for k, one in enumerate(chosen)
    ]
    hidden = len(trends["series"]) - len(chosen)
    caption = (
        "Mean over the ramps of each epoch with its error. A line is the level of now, its band "
        "the interval of 95 %; dashed, the dates of changes, and shaded what else these dates may "
        "be. A level is that of active pixels less reference pixels, about the template of the "
        "series."
    )
    if hidden:
        caption += f" {counted(hidden, 'series', 'series')} without a change not shown."
    book.add(_SECTION, "trends", "Levels and scatter over the epochs", caption, panels)


@style.drawn
def _draw(trends: dict[str, Any], one: dict[str, Any]) -> Figure:
    figure, axes = style.panel()
    start, end = np.array(trends["start"]), np.array(trends["end"])
    middle = (start + end) / 2 - start[0]
    colour = style.FLAG if one["changed"] else style.BIAS
    level = one["level"]
    axes.axhspan(level["low"], level["high"], color=style.REFERENCE, alpha=0.25, lw=0)
    axes.axhline(level["value"], color=style.REFERENCE, lw=0.9)
    for change in one["changes"]:
        first, earliest, latest = (change[key] for key in ("first", "earliest", "latest"))
        axes.axvspan(
            end[earliest - 1] - start[0],
            start[latest] - start[0],
            color=style.FLAG,
            alpha=0.1,
            lw=0,
        )
        axes.axvline(
            (end[first - 1] + start[first]) / 2 - start[0], color=style.FLAG, ls="--", lw=1
        )
    axes.errorbar(middle, one["value"], one["error"], fmt="o", ms=4, color=colour, lw=1)
    unit = f" [{one['unit']}]" if one["unit"] else ""
    axes.set(xlabel=f"days since {day(start[0])}", ylabel=f"value{unit}", title=one["name"])
    return figure


def _words(trends: dict[str, Any], one: dict[str, Any]) -> str:
    if not one["changed"]:
        return "no change found"
    first = one["step"]["first"]
    unit = f" {one['unit']}" if one["unit"] else ""
    size = f"{number(one['step']['size'])} ± {number(one['step']['error'], 2)}{unit}"
    if one["shape"] == "drift":
        slope = one["slope"]
        per_year = 365.25 * slope["value"], 365.25 * slope["error"]
        return f"drift of {number(per_year[0])} ± {number(per_year[1], 2)}{unit} a year"
    dates = f"between {day(trends['end'][first - 1])} and {day(trends['start'][first])}"
    return f"{one['shape']} of {size} {dates}"


def add(described: dict[str, Any], trends: dict[str, Any]) -> None:
    """Add what the trends say to the content of an item.

    Parameters
    ----------
    described : dict
        Keywords of `darkroom.report.item.write_item`; changed in place.
    trends : dict
    """
    epochs = len(trends["epochs"])
    if not trends["series"]:
        described["warnings"].append(
            f"the series has {counted(epochs, 'epoch')}: trends need at least 3"
        )
        return
    changed = [one for one in trends["series"] if one["changed"]]
    described["warnings"] += [f"{one['name']}: {_words(trends, one)}" for one in changed]
    rows = [
        [
            one["name"],
            _words(trends, one),
            number(one["p"], 2),
            f"{number(one['level']['low'])} to {number(one['level']['high'])}"
            + (f" {one['unit']}" if one["unit"] else ""),
        ]
        for one in sorted(trends["series"], key=lambda one: (not one["changed"], one["p"]))
    ]
    described["tables"].append(
        {
            "title": f"Changes over {counted(epochs, 'epoch')}",
            "columns": ["series", "found", "chance", "level of now, 95 %"],
            "rows": rows,
            "note": (
                "Chance of a step as large at any date where nothing changed; of the series said "
                "to have changed, the campaign's share of false ones (epochs.false) is allowed."
            ),
        }
    )
    described["answers"] = [*described.get("answers", ()), *_answers(trends)]


def _answers(trends: dict[str, Any]) -> list[dict[str, str]]:
    found = trends["validity"]
    use = day(found["useafter"])
    if found["changed"]:
        after, before = day(found["after"]), day(found["before"])
        text = f"From {use}, the start of the current segment; the change lies between {after} and "
        text += f"{before} (95 %)."
    else:
        text = f"No change found since {use}, the first exposure of the series: keep the date of "
        text += "the file in use, so that it is replaced exactly."
    answers = [{"question": "From which day should a file of this series serve?", "answer": text}]
    if found["good_days"] is None:
        long = "The current segment has too few epochs to say."
    else:
        limit = "at least " if found["at_least"] else ""
        long = f"{limit}{found['good_days']:.0f} days within the tolerance, at 95 % confidence"
        long += " (no slope is significant)." if found["at_least"] else "."
        long = long[0].upper() + long[1:]
    if found["rate"]:
        rate, low, high = found["rate"]
        long += f" Changes came {number(rate, 2)} times a year (95 %: {number(low, 2)} to "
        long += f"{number(high, 2)})."
    answers.append({"question": "How long does it stay good?", "answer": long})
    return answers
