"""Figures, key numbers and tables of a superdark for the report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.plot import histograms, images, series, style
from darkroom.plot.book import Panel
from darkroom.words import counted, share

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from darkroom.plot.book import FigureBook

_SECTION = "Superdark"
_LIMITS = (
    "Levels of single darks differ by more than the error of a pixel's mean: the level of the "
    "superdark has the error stated (LEVELERR of the file), which is common to all pixels and not "
    "in the plane ERR.",
    "Pixels that do not respond to light are not seen in darks: the bad-pixel table has them.",
    "Rules on which CRDS omits darks with DARKCORR OMIT give no dark in use to compare with; give "
    "it by hand (scripts/wfc3/superdark.py --previous).",
)


def draw(
    book: FigureBook,
    planes: Mapping[str, np.ndarray],
    levels: np.recarray,
    reads: np.recarray,
    numbers: Mapping[str, Any],
) -> None:
    """Draw the rate of each pixel, the signal read by read, and the levels of single darks.

    Parameters
    ----------
    book : FigureBook
    planes : mapping
        ``RATE``, ``ERR`` (e-/s) and ``DQ``, (rows, columns) each.
    levels, reads : record arrays
        Tables LEVELS and READS of the details.
    numbers : mapping
        See `darkroom.wfc3.superdark.run.make`.
    """
    rate, good = planes["RATE"], planes["DQ"] == 0
    unit = "dark current [e⁻/s]"
    display = images.percentile(rate[good] if good.any() else rate)
    codes = np.select(
        [(planes["DQ"] & flag) != 0 for flag in (16, 32, 64, 256)], [1, 2, 3, 4], 0
    )  # fmt: skip
    names = ("hot", "unstable", "warm", "saturated")
    book.add(
        _SECTION, "rate", "Dark current of each pixel",
        f"Last read, {numbers['seconds']:g} s after the zeroth, of {numbers['darks']} darks; "
        f"typical error of a pixel {numbers['pixel_error']:.4f} e⁻/s.",
        [
            Panel("map", images.draw_image(rate, display, unit=unit, title="rate"),
                  f"map of the dark current, {display.words} e-/s"),
            Panel("histogram",
                  histograms.draw_histogram(rate[good], unit=unit, log=True,
                                            title="good pixels", colour=style.DARK),
                  "histogram of the dark current of good pixels"),
            Panel("flags", images.draw_flags(codes.astype(np.uint8), names, title="flags"),
                  "map of flagged pixels"),
        ],
    )  # fmt: skip
    time = np.asarray(reads["TIME"], float)
    days = np.asarray(levels["EXPSTART"], float)
    hours = 24 * (days - np.nanmin(days)) if np.isfinite(days).any() else np.arange(days.size)
    book.add(
        _SECTION, "levels", "Signal read by read, and levels of single darks",
        "Left: median of good pixels; it need not grow in proportion to time. Right: level of each "
        "dark minus the mean of all, before the darks are aligned.",
        [
            Panel("reads",
                  series.draw_against(
                      [time],
                      [("", "o", style.DARK, reads["MEDIAN"], reads["LEVELERR"])],
                      xlabel="time since the zeroth read [s]", ylabel="median [DN]",
                      title="signal of the superdark"),
                  "median of the superdark against time"),
            Panel("darks",
                  series.draw_against(
                      [hours],
                      [("", "o", style.DARK, levels["RATE"], None)],
                      xlabel="time since the first dark [h]", ylabel="level [e⁻/s]",
                      title="levels of single darks"),
                  "level of each dark against time"),
        ],
    )  # fmt: skip


def describe(
    numbers: Mapping[str, Any], rows: Sequence[Mapping[str, str]], truth: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return the content of the item file but for figures and products.

    Parameters
    ----------
    numbers : mapping
        See `darkroom.wfc3.superdark.run.make`.
    rows : sequence of mapping
        Table of the set, see `darkroom.wfc3.superdark.rules.table`.
    truth : mapping, optional
        See `darkroom.wfc3.superdark.truth.against_truth`.
    """
    made = [row for row in rows if row["superdark"] != "lacking"]
    lacking = [row for row in rows if row["superdark"] == "lacking"]
    what = f"{numbers['samp_seq']} {numbers['subtype']}"
    tables = [_flags(numbers), _set(made, lacking)]
    if numbers["compared"]:
        tables.append(_compared(numbers["compared"]))
    if truth:
        tables.append(_truth(truth))
    return {
        "summary": f"Superdark of {what} from {counted(numbers['darks'], 'dark')}.",
        "warnings": list(numbers["warnings"]),
        "key_numbers": [
            _number("Dark current", numbers["rate"], numbers["rate_error"],
                    "median of good pixels; the error is that of the level"),
            _number("Scatter of the levels of single darks", numbers["level_scatter"], None, ""),
            _number("Error of a pixel", numbers["pixel_error"], None, "median, without the level"),
        ],
        "answers": [
            {
                "question": "Which file would it replace?",
                "answer": _replaces(numbers, rows),
            },
            {
                "question": "Is the set complete?",
                "answer": f"{len(made)} of {len(rows)} rows of the rules have a superdark here"
                + (f"; lacking: {len(lacking)}." if lacking else "."),
            },
        ],
        "tables": tables,
        "limits": list(_LIMITS),
    }  # fmt: skip


def _number(label, value, error, note):
    return {"label": label, "value": value, "error": error, "unit": "e⁻/s", "note": note}


def _replaces(numbers, rows):
    for row in rows:
        if (row["samp_seq"], row["subtype"]) == (numbers["samp_seq"], numbers["subtype"]):
            if row["in_use"] == "none":
                return f"None: no file is in use at {numbers['useafter']} for these exposures."
            return f"{row['in_use']}, for exposures from {numbers['useafter']} on."
    return "None: the rules have no row for such exposures."


def _flags(numbers):
    rows = [
        [name, count, share(count, numbers["pixels"])] for name, count in numbers["flagged"].items()
    ]
    return {
        "title": "Flagged pixels", "columns": ["flag", "pixels", "share"], "rows": rows,
        "note": f"{100 * numbers['cut']:.1f} % of the ramps are cut at a step up (cosmic ray or "
        "persistence).",
    }  # fmt: skip


def _set(made, lacking):
    rows = [[row["samp_seq"], row["subtype"], row["superdark"], row["in_use"]] for row in made]
    names = sorted({row["samp_seq"] for row in lacking})
    note = (
        f"Lacking: {counted(len(lacking), 'row')}, of {', '.join(names)}; superdark_set.tsv lists "
        "them."
        if lacking
        else "None is lacking."
    )
    columns = ["sequence", "subarray", "superdark of item", "file in use"]
    return {"title": "Rows of the rules", "columns": columns, "rows": rows, "note": note}


def _compared(compared):
    rows = [[name, float(f"{value:.3g}")] for name, value in compared["difference"].items()]
    return {
        "title": f"Against {compared['name']}, the dark in use",
        "columns": ["amplifier", "median difference [e⁻/s]"],
        "rows": rows,
        "note": f"Scatter of the pixels' differences: {compared['pull']:.2f} of their errors.",
    }


def _truth(truth):
    rows = [
        [name, truth[name]["true"], truth[name]["found"], truth[name]["false"]]
        for name in ("hot", "unstable")
    ]
    return {
        "title": "Against the truth",
        "columns": ["pixels", "true", "found of these", "flagged beside them"],
        "rows": rows,
        "note": f"Simulated. Deviations of good pixels: standard deviation {truth['pull']:.3f} of "
        f"their errors; median {truth['offset']:+.5f} e⁻/s.",
    }
