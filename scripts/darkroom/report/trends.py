"""Trends of a series in the report: a figure of each class, and what changed in words."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.dates import from_mjd
from darkroom.epochs.causes import NAMES as CAUSES
from darkroom.epochs.shapes import DRIFT
from darkroom.epochs.told import FORMAT
from darkroom.epochs.trends import FEWEST
from darkroom.errors import InputError
from darkroom.plot import style
from darkroom.plot.book import Panel
from darkroom.words import counted, number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from darkroom.hints import StrPath
    from darkroom.plot.book import FigureBook

_SECTION = "Epochs"
_NAMES = {
    "superbias": "Superbias",
    "readnoise": "Read noise",
    "dark": "Dark current",
    "bias": "Bias",
    "spectrum": "Noise spectrum",
    "gain": "Gain",
    "noise_maps": "Noise maps",
}
_CAPTION = (
    "Mean over the units of each epoch with its error. A line is the level of now, its band the "
    "interval of 95 %; dashed, the dates of changes or the line of a drift, and shaded what else "
    "these dates may be. A level is about the template of the series, less that of reference "
    "pixels where there are some."
)
# Chance of a correlation below which a fact is listed.
_TOGETHER = 0.05
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
        if found["format"] != FORMAT:
            raise ValueError(f"format {found['format']!r}")
        return dict(found)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(path, f"holds no trends ({error})", "make it again") from error


def day(mjd: float) -> str:
    """Return the date of a time, YYYY-MM-DD."""
    return from_mjd(mjd).strftime("%Y-%m-%d")


def draw_figures(book: FigureBook, trends: dict[str, Any]) -> None:
    """Add a picture of each series of each product, those that changed first."""
    for product, part in trends["products"].items():
        if not part["series"]:
            continue
        chosen = sorted(part["series"], key=lambda one: (not one["changed"], one["p"]))[:_MOST]
        panels = [
            Panel(
                f"{k}",
                _draw(part, one),
                f"{one['name']} over the epochs, {_words(part, one)}",
                _points(part, one),
            )
            for k, one in enumerate(chosen)
        ]
        hidden = len(part["series"]) - len(chosen)
        caption = _CAPTION
        if hidden:
            caption += f" {counted(hidden, 'series', 'series')} without a change not shown."
        title = f"{_NAMES.get(product, product)} over the epochs"
        book.add(_SECTION, f"trends_{product}", title, caption, panels)


@style.drawn
def _draw(part: dict[str, Any], one: dict[str, Any]) -> Figure:
    figure, axes = style.panel()
    start, end = np.array(part["start"]), np.array(part["end"])
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
    value, error = (np.array(one[name], np.float64) for name in ("value", "error"))
    known = np.isfinite(value)
    if one["fitted"] and DRIFT in one["shape"]:
        fitted = np.array(one["fitted"], np.float64)
        edges = [0, *(change["first"] for change in one["changes"]), len(middle)]
        for left, right in itertools.pairwise(edges):
            part = np.flatnonzero(known[left:right]) + left
            axes.plot(middle[part], fitted[part], color=style.FLAG, ls="--", lw=1)
    axes.errorbar(middle[known], value[known], error[known], fmt="o", ms=4, color=colour, lw=1)
    if not known.all():
        # Where there is no value, the place of the epoch is marked.
        low = np.full((~known).sum(), axes.get_ylim()[0])
        axes.plot(middle[~known], low, "x", color=style.REFERENCE, ms=5, clip_on=False)
    unit = f" [{one['unit']}]" if one["unit"] else ""
    axes.set(xlabel=f"days since {day(start[0])}", ylabel=f"value{unit}", title=one["name"])
    return figure


def _points(part: dict[str, Any], one: dict[str, Any]) -> list[tuple[float, float, str]]:
    """Return what each epoch says when the pointer is over it."""
    unit = f" {one['unit']}" if one["unit"] else ""
    found = []
    for k, name in enumerate(part["epochs"]):
        start, end, value = part["start"][k], part["end"][k], one["value"][k]
        if value is None:
            continue
        text = f"{name}: {number(value)} ± {number(one['error'][k], 2)}{unit}\n{day(start)}"
        text += "" if day(end) == day(start) else f" to {day(end)}"
        text += f", {counted(part['units'][k], 'unit')}"
        found.append(((start + end) / 2 - part["start"][0], value, text))
    return found


def _words(part: dict[str, Any], one: dict[str, Any]) -> str:
    if not one["changed"]:
        return "no change found"
    unit = f" {one['unit']}" if one["unit"] else ""
    names = one["shape"].split(" or ")
    words = _dated(part, one, unit) if one["changes"] else _undated(part, one, unit)
    if len(names) == 1:
        return words
    chances = " or ".join(f"{name} ({number(100 * one['shapes'][name], 2)} %)" for name in names)
    return f"undecided: {chances}; {words}"


def _dated(part, one, unit):
    """Return the sizes of changes, and between which days each lies."""
    found = []
    # A date lies between the epochs that tell the number.
    known = [k for k, value in enumerate(one["value"]) if value is not None]
    for change in one["changes"]:
        before = max(k for k in known if k < change["first"])
        size = f"{number(change['size'])} ± {number(change['error'], 2)}{unit}"
        days = f"between {day(part['end'][before])} and {day(part['start'][change['first']])}"
        found.append(f"step of {size} {days}")
    words = ", ".join(found)
    drift = one["fitted"] and DRIFT in one["shape"] and len(one["changes"]) == 1
    if drift and one["rate"]:
        words = f"{_rate(one, unit)} with a {words}"
    return words


def _undated(part, one, unit):
    """Return the rate of a drift, or which epoch lies apart."""
    if one["apart"] is not None:
        k = one["apart"]
        size = f"{number(one['value'][k] - one['level']['value'])}{unit}"
        return f"the epoch of {day(part['start'][k])} lies apart from all others by {size}"
    return _rate(one, unit)


def _rate(one, unit):
    rate, error = (365.25 * one["rate"][name] for name in ("value", "error"))
    words = f"drift of {number(rate)} ± {number(error, 2)}{unit} a year"
    return f"{words} at the last epoch, on a curve" if one["curved"] else words


def add(described: dict[str, Any], trends: dict[str, Any]) -> None:
    """Add what the trends say to the content of an item.

    Parameters
    ----------
    described : dict
        Keywords of `darkroom.report.item.write_item`; changed in place.
    trends : dict
    """
    answers, first = list(described.get("answers", ())), []
    for product, part in trends["products"].items():
        epochs, name = len(part["epochs"]), _NAMES.get(product, product)
        if part["missing"]:
            described["tables"].append(_missing(name, part))
            described["warnings"].append(_missed(name, part))
        if not part["series"]:
            has = f"the series has {counted(epochs, 'epoch')}, trends need at least {FEWEST}"
            if epochs >= FEWEST:
                has = f"trends need {FEWEST} epochs that tell a number, of {epochs} there are fewer"
            described["warnings"].append(f"{name}: {has}")
            continue
        changed = [one for one in part["series"] if one["changed"]]
        # What changed is more than what a file would replace: it comes first.
        first += [f"{name}, {one['name']}: {_words(part, one)}" for one in changed]
        if part["mixed"]:
            first.append(_mixed(name, product, part["validity"]))
        described["tables"].append(_table(name, part))
        described["tables"].append(_since(name, part))
        if changed:
            described["tables"].append(_causes(name, changed))
        answers += _answers(name.lower(), part["validity"])
        answers.append(_made_of(name.lower(), part))
    described["answers"] = answers
    described["warnings"] = first + described["warnings"]


def _table(name, part):
    rows = [
        [
            one["name"],
            _words(part, one),
            _date(part, one),
            number(one["p"], 2),
            f"{number(one['level']['low'])} to {number(one['level']['high'])}"
            + (f" {one['unit']}" if one["unit"] else ""),
        ]
        for one in sorted(part["series"], key=lambda one: (not one["changed"], one["p"]))
    ]
    return {
        "title": f"{name}: changes over {counted(len(part['epochs']), 'epoch')}",
        "columns": ["series", "found", "first epoch after", "chance", "level of now, 95 %"],
        "rows": rows,
        "note": (
            "First epoch after each change, with the posterior probability that it lies right "
            "before. Chance of a series as odd where nothing changed; of the series said to have "
            "changed, the campaign's share of false ones (epochs.false) is allowed. Undecided: no "
            "shape has a posterior of 90 %; the two most probable stand there."
        ),
    }


def _mixed(name, product, validity):
    """Return that a product of all exposures of the campaign is of two levels."""
    return (
        f"{name}: the exposures of this campaign are from before and after the change of "
        f"{day(validity['useafter'])}, so that a product of all of them is neither: "
        f"{product}_series.fits with epochs.product: segment is of the current segment"
    )


def _missed(name, part):
    """Return which epochs lack a number, in one sentence."""
    epochs = dict.fromkeys(one["epoch"] for one in part["missing"])
    return f"{name}: numbers of {counted(len(epochs), 'epoch')} are missing: {', '.join(epochs)}"


def _missing(name, part):
    """Return the table of the numbers that epochs do not tell."""
    return {
        "title": f"{name}: missing numbers",
        "columns": ["epoch", "series", "why"],
        "rows": [[one["epoch"], one["series"] or "all", one["why"]] for one in part["missing"]],
        "note": "The series goes on without them: these epochs say nothing of these numbers.",
    }


def _since(name, part):
    """Return the table of what changed since the epoch of the last delivery."""
    epoch = part["delivered"]
    moved = [one for one in part["series"] if one["since"]]
    rows = []
    for one in moved:
        value, error = one["since"]
        unit = f" {one['unit']}" if one["unit"] else ""
        rows.append([one["name"], f"{number(value)} ± {number(error, 2)}{unit}"])
    same = len(part["series"]) - len(moved)
    if same:
        others = "other series" if moved else "series"
        rows.append([counted(same, others, others), "no change found"])
    return {
        "title": f"{name}: changed since {day(part['start'][epoch])}",
        "columns": ["series", "change"],
        "rows": rows,
        "note": (
            f"Since the epoch {part['epochs'][epoch]}: that of the last delivery "
            "(epochs.delivered), or the first of the series where none is named."
        ),
    }


def _date(part, one):
    """Return when a series changed, with the chance of each date."""
    found = [
        f"{day(part['start'][change['first']])} ({number(100 * change['posterior'], 2)} %)"
        for change in one["changes"]
    ]
    return ", ".join(found)


def _causes(name, changed):
    rows = []
    for one in changed:
        together = [other for other in one["candidates"] if other["chance"] < _TOGETHER]
        rows += [
            [
                one["name"],
                CAUSES.get(other["fact"], other["fact"]),
                number(other["correlation"], 2),
                number(other["chance"], 2),
            ]
            for other in together
        ]
        if not together:
            tried = ", ".join(CAUSES.get(other["fact"], "") for other in one["candidates"])
            rows.append([one["name"], f"none (looked at: {tried or 'nothing is known'})", "", ""])
    return {
        "title": f"{name}: what changed together",
        "columns": ["series", "fact about the epochs", "correlation", "chance"],
        "rows": rows,
        "note": (
            "Correlation of the means of the epochs, and the chance of one as strong where there "
            "is no connection; those with a chance below 5 %. What goes together need not be the "
            "cause: a drift in time goes with everything else that grows in time."
        ),
    }


def _made_of(name, part):
    """Return which epochs the product of the states is made of, and why."""
    made, every = part["made_of"], part["epochs"]
    days = {epoch: day(start) for epoch, start in zip(every, part["start"], strict=True)}
    text = f"Of all {counted(len(every), 'epoch')}: {made['why']}."
    if made["left_out"]:
        text = f"Of {len(made['epochs'])} of {counted(len(every), 'epoch')}: {made['why']}."
        left = ", ".join(f"{one} ({days[one]})" for one in made["left_out"])
        text += f" Left out: {left}."
    return {"question": f"What is the {name} of this series made of?", "answer": text}


def _answers(name: str, found: dict[str, Any] | None) -> list[dict[str, str]]:
    if found is None:
        return []
    use = day(found["useafter"])
    if found["changed"]:
        after, before = day(found["after"]), day(found["before"])
        text = f"From {use}, the start of the current segment; the change lies between {after} and "
        text += f"{before} (95 %)."
    else:
        none = "No step, but a drift was found" if found["drifts"] else "No change found"
        text = f"{none} since {use}, the first exposure of the series: keep the date of the file "
        text += "in use, so that it is replaced exactly."
    question = f"From which day should a {name} of this series serve?"
    answers = [{"question": question, "answer": text}]
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
    answers.append({"question": f"How long does this {name} stay good?", "answer": long})
    return answers
