"""What the report shows of a CCD item besides its figures: key numbers, tables, limitations."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.campaign.frames import read_frames
from darkroom.ccd import distributions
from darkroom.ccd.figures.inputs import history_records, read_table
from darkroom.ccd.products.amplifiers import NAME, opened_part, part_count
from darkroom.errors import InputError
from darkroom.report.item import inside
from darkroom.words import counted, number, share

if TYPE_CHECKING:
    from darkroom.ccd.figures.story import Story
    from darkroom.hints import StrPath

_PRODUCTS = (
    ("master_bias", "master bias: mean, uncertainty of the mean, samples used, DQ"),
    ("read_noise", "read noise of every pixel: raw and corrected, uncertainty, samples used, DQ"),
    ("master_dark", "master dark of every exposure time and temperature group"),
    ("dark_rate", "dark rate of every temperature group, fitted over all exposure times"),
    ("hot_pixels", "flags of hot, unstable and other anomalous pixels, and a table of the hottest"),
    ("bad_pixels", "bad pixels: 1 where one is; beside it DS9 regions (.reg) and a list (.txt)"),
    ("quantities", "quantities by the notebook's definitions and by darkroom's, with answers"),
    ("frames", "every exposure: accepted or refused, the reason, and values of its header"),
)
# Significant digits of errors; other numbers have six.
_DIGITS = dict.fromkeys(("CMERR", "OFFRMS", "RATEERR", "RATESYS", "rateerr", "noise"), 3)
# Cards of each product in the table of amplifiers, and their columns.
_OF_AMPLIFIER = {
    "master_bias": (
        ("OSLEVEL", "overscan level"), ("MEAN", "bias level"), ("CMERR", "common error"),
    ),
    "read_noise": (("READNOIS", "read noise"), ("RNERR", "error")),
    "master_dark": (("MEAN", "level of the darks"), ("CMERR", "common error")),
    "dark_rate": (("RATELEV", "dark rate"), ("RATESYS", "common error")),
    "hot_pixels": (("NHOT", "hot pixels"),),
}  # fmt: skip
# Rows of the table of hottest pixels that the page shows.
_HOTTEST = 10


def describe(
    paths: Mapping[str, StrPath],
    science: Sequence[StrPath],
    figures: StrPath,
    stories: Sequence[Story],
    warnings: Sequence[str],
    gain: StrPath | None = None,
) -> dict[str, Any]:
    """Gather the content of a CCD item's ``item.json``.

    Parameters
    ----------
    paths : dict
        Path of every product and table, by name (see `_PRODUCTS`).
    science : sequence of path-like
        Dark-subtracted frames.
    figures : path-like
        Folder of the figures.
    stories : sequence of darkroom.ccd.figures.story.Story
        One for each amplifier.
    warnings : list of str
        Of the figures; those of the dark-rate product are added.
    gain : path-like, optional
        The gain product; `darkroom.ccd.figures.gain.add_gain` adds what it holds.

    Returns
    -------
    dict
        Keywords of `darkroom.report.item.write_item`; files relative to the folder of the frame
        table.

    Raises
    ------
    InputError
        When a file lies outside that folder.
    """
    folder, story = Path(paths["frames"]).parent, stories[0]
    found = [(paths[name], what) for name, what in _PRODUCTS if name in paths]
    found += [(path, "science frame, dark subtracted: data, uncertainty, DQ") for path in science]
    described = {
        "summary": _summary(stories),
        "warnings": [
            # What damaged frames do to a product comes before what the temperature does.
            *(_product_warnings(paths["dark_rate"]) if "dark_rate" in paths else ()),
            *warnings,
        ],
        "answers": _answers(paths["quantities"]) if "quantities" in paths else [],
        "key_numbers": [entry for one in stories for entry in _key_numbers(one)],
        "tables": [
            *_amplifiers(paths),
            *([_darks(stories)] if story.darks else ()),
            *([_rates(stories)] if story.rates else ()),
            *([_hottest(paths["hot_pixels"], stories)] if "hot_pixels" in paths else ()),
        ],
        "figures": inside(Path(figures) / "figures.json", folder),
        "products": [{"file": inside(path, folder), "what": what} for path, what in found],
        "limits": [*_limits(story), *_unused_flats(paths["frames"], gain)],
    }
    if "quantities" in paths:
        described["quantities"] = inside(paths["quantities"], folder)
    return described


def _product_warnings(product):
    """Return the warnings in a product's HISTORY as sentences."""
    found = [text.replace("+-", "±").strip() for text in history_records(product, "warning: ")]
    return [text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".") for text in found]


def _answers(path):
    """Return the answers to the notebook's questions from the file of quantities."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))["answers"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(path, f"holds no answers ({error!r})", "make it again") from error


def _flag_count(story, name):
    bits = [value for value, found, _ in story.flag_names if found == name]
    return int(np.count_nonzero(story.flags & bits[0])) if bits else 0


def _summary(stories):
    story = stories[0]
    nbias, ndark = len(story.levels.pick("bias")), len(story.levels.pick("dark"))
    made = []
    if story.bias:
        also = " and a read-noise map" if story.read_noise else ""
        made.append(f"one master bias{also} from {counted(nbias, 'bias frame')}")
    if story.darks:
        also = f" and the dark rate of {counted(len(story.rates), 'temperature group')}"
        also = also if story.rates else ""
        made.append(
            f"{counted(len(story.darks), 'master dark')}{also} from {counted(ndark, 'dark')}"
        )
    if story.flags is not None:
        made.append(
            f"a map of flagged pixels, {_total(stories, 'HOT'):,} of them hot and "
            f"{_total(stories, 'UNSTABLE'):,} unstable"
        )
    if story.sciences:
        made.append(counted(len(story.sciences), "dark-subtracted science frame"))
    each = f", for each of {len(stories)} amplifiers" if len(stories) > 1 else ""
    return f"Made{each}: {'; '.join(made)}."


def _total(stories, name):
    return sum(_flag_count(story, name) for story in stories)


def _key_numbers(story):
    found = []
    if story.bias:
        found.append(_bias_level(story.bias.header, story.unit))
    if story.read_noise:
        found.append(_read_noise(story.read_noise.header, story.unit))
    if story.rates:
        found.append(_dark_rate(story.best_rate.header, story.unit))
    elif story.darks:
        found.append(_dark_level(max(story.darks, key=lambda p: p.header["EXPTIME"]), story.unit))
    if story.flags is not None:
        hot = _flag_count(story, "HOT")
        found.append(
            {
                "label": "Hot pixels",
                "value": hot,
                "note": f"{share(hot, story.flags.size)} of all; unstable: "
                f"{_flag_count(story, 'UNSTABLE'):,}",
            }
        )
    if story.amplifier:
        found = [entry | {"label": f"{entry['label']}, {story.amplifier}"} for entry in found]
    return found


def _bias_level(bias, unit):
    return _with_error(bias.get("CMERR")) | {
        "label": "Bias level",
        "value": bias["MEAN"],
        "unit": unit,
        "note": f"mean of {counted(bias['NFRAMES'], 'frame')}; "
        + _common(bias.get("CMERR"), bias["NFRAMES"] - 1),
    }


def _with_error(error):
    """Return the entry of an error, none where single frames leave it unknown."""
    known = isinstance(error, int | float) and np.isfinite(error)
    return {"error": error} if known else {}


def _common(error, freedom):
    """Say how sure an error is that all pixels share.

    Few frames know their own scatter badly: Student's t tells how far off the value may be.
    """
    if not (isinstance(error, int | float) and np.isfinite(error)):
        return "single frames do not tell the error that all pixels share"
    if not (isinstance(freedom, int | float) and np.isfinite(freedom) and freedom > 0):
        return "± is common to all pixels"
    range_95 = number(float(distributions.student_above(0.025, freedom)) * error, 2)
    return (
        f"± is common to all pixels, of {counted(round(freedom), 'degree')} of freedom: 95 % of "
        f"such values are within {range_95} of the true one"
    )


def _read_noise(noise, unit):
    return {
        "label": "Read noise",
        "value": noise["READNOIS"],
        "error": noise["RNERR"],
        "unit": unit,
        "note": f"bias of few samples removed; raw mean {number(noise['RNMEAN'], 5)}",
    }


def _dark_level(dark, unit):
    header = dark.header
    return _with_error(header.get("CMERR")) | {
        "label": f"Level of the darks of {number(float(header['EXPTIME']))} s",
        "value": header["MEAN"],
        "unit": unit,
        "note": f"mean of {counted(header['NFRAMES'], 'frame')}, bias included; "
        + _common(header.get("CMERR"), header["NFRAMES"] - 1),
    }


def _dark_rate(rate, unit):
    temperature = rate.get("CCD-TEMP")
    where = "" if temperature is None else f" at {temperature:.2f} °C".replace("-", "−")
    return _with_error(rate.get("RATESYS")) | {
        "label": f"Dark rate{where}",
        "value": rate["RATELEV"],
        "unit": f"{unit}/s",
        "note": f"without hot pixels, {counted(rate['NDARKS'], 'dark')}; "
        + _common(rate.get("RATESYS"), rate.get("RATECMNU")),
    }


def _amplifiers(paths):
    """Return a table with a row for each amplifier, or none for a single one."""
    made = [name for name in _OF_AMPLIFIER if name in paths]
    count = part_count(paths[made[0]])
    if count == 1:
        return []
    rows = []
    for k in range(count):
        row = []
        for name in made:
            with opened_part(paths[name], k) as product:
                # That of the part, then of its first image: the coldest temperature group.
                header = product[0].header.copy()
                header.update(product["SCI" if "SCI" in product else 1].header)
            row = row or [header[NAME]]
            row += _cells(header, [key for key, _ in _OF_AMPLIFIER[name]])
        rows.append(row)
    return [
        {
            "title": "Amplifiers",
            "columns": ["amplifier", *(words for name in made for _, words in _OF_AMPLIFIER[name])],
            "rows": rows,
            "note": "In the unit of the products; dark rate of the coldest temperature group, "
            "level of the darks of the shortest exposure time.",
        }
    ]


def _darks(stories):
    keys = ("EXPTIME", "CCD-TEMP", "NFRAMES", "MEAN", "MEDIAN", "CMERR", "OFFRMS", "NOISE")
    unit = stories[0].unit
    return {
        "title": "Master darks",
        "columns": [
            *_amplifier_column(stories),
            "exposure time [s]", "temperature [°C]", "frames", f"mean [{unit}]",
            f"median [{unit}]", f"common error [{unit}]", f"scatter of offsets [{unit}]",
            f"noise in time [{unit}]",
        ],
        "rows": [
            [*_own(story), *_cells(planes.header, keys)]
            for story in stories
            for planes in story.darks
        ],
        "note": "The common error is that of the level of all pixels, from the scatter of the "
        "frame offsets; it has as many degrees of freedom as there are frames, less one, and is "
        "unknown for a single frame.",
    }  # fmt: skip


def _rates(stories):
    keys = ("TGROUP", "CCD-TEMP", "NDARKS", "RATEMEAN", "RATEMED", "RATELEV", "RATEERR", "RATESYS")
    rate = f"[{stories[0].unit}/s]"
    return {
        "title": "Dark rate of every temperature group",
        "columns": [
            *_amplifier_column(stories),
            "group", "temperature [°C]", "darks", f"mean {rate}", f"median {rate}",
            f"mean without outliers {rate}", f"error of a pixel {rate}", f"common error {rate}",
        ],
        "rows": [
            [*_own(story), *_cells(planes.header, keys)]
            for story in stories
            for planes in story.rates
        ],
        "note": "The common error is scaled up where the straight line level = bias + rate × time "
        "does not fit.",
    }  # fmt: skip


def _hottest(path, stories):
    unit = stories[0].unit
    columns = {
        "y": "y", "x": "x", "rate": f"dark rate [{unit}/s]", "rateerr": f"its error [{unit}/s]",
        "noise": "noise / expected", "flags": "flags",
    }  # fmt: skip
    rows = []
    for amplifier, story in enumerate(stories):
        table = read_table(path, "HOTTEST", amplifier)
        for row in zip(*(table[name][:_HOTTEST].tolist() for name in columns), strict=True):
            cells = [
                _cell(cell, _DIGITS.get(name, 6)) for name, cell in zip(columns, row, strict=True)
            ]
            rows.append([*_own(story), *cells])
    of_each = " of each amplifier" if len(stories) > 1 else ""
    return {
        "title": "Hottest pixels",
        "columns": [*_amplifier_column(stories), *columns.values()],
        "rows": rows,
        "note": f"The first {_HOTTEST}{of_each} of the table HOTTEST of {Path(path).name}; pixels "
        "too saturated for a rate come first.",
    }


def _amplifier_column(stories):
    """Return the column that names the amplifier, where there are several."""
    return ["amplifier"] if len(stories) > 1 else []


def _own(story):
    return [story.amplifier] if story.amplifier else []


def _cells(header, keys):
    """Return cards as table cells."""
    return [_cell(header.get(key), _DIGITS.get(key, 6)) for key in keys]


def _cell(value, digits):
    """Return a table cell for JSON: floats are rounded, NaN becomes null."""
    if not isinstance(value, float):
        return value
    return float(f"{value:.{digits}g}") if np.isfinite(value) else None


def _unused_flats(frames, gain):
    """Return a sentence that flats were given, but tell no gain."""
    if gain or not any(row["role"] == "flat" for row in read_frames(frames)):
        return []
    return [
        "The flats are not used: the gain needs two of one exposure time, and the read noise of "
        "two bias frames."
    ]


def _limits(story):
    limits = []
    if not story.darks:
        limits.append("The item has no darks: the dark rate and the hot pixels are unknown.")
    if not story.bias:
        limits.append(
            "The item has no bias frames: the read noise is unknown, and the bias is part of the "
            "master darks."
        )
    if story.darks and not story.rates:
        limits.append(
            "The dark rate is unknown: it needs bias frames, or darks of two exposure times."
        )
    limits += [
        "The absolute zero level is unknown: the offset of each frame is measured relative to the "
        "others of its set. The resulting uncertainty is given as the error common to all pixels.",
        "The uncertainty of a pixel follows from the scatter of its own few samples; use Student's "
        "t with COUNT − 1 degrees of freedom.",
    ]
    if story.unit == "ADU":
        limits.append(
            "No gain was given: values are in ADU, and shot noise cannot be separated from other "
            "noise. The setting gain_e_per_adu takes a number or the name of a header card (EGAIN)."
        )
    if story.rates and len({header["EXPTIME"] for header in (p.header for p in story.darks)}) == 1:
        limits.append(
            "All darks have one exposure time: proportionality of counts to time is assumed, not "
            "tested."
        )
    return limits
