"""The gates of the CCD products: what is judged, and the effects that matter.

Harms are multiples of the noise of one frame, which every camera has measured of itself.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from darkroom.ccd.dq import DQ
from darkroom.ccd.gating.harms import HARMS
from darkroom.ccd.products import hdus as products
from darkroom.errors import InputError
from darkroom.gates import gate as make
from darkroom.gates import units as unit_tables
from darkroom.gates.gate import Words
from darkroom.gates.harms import of_product
from darkroom.gates.standard import (
    Statistic,
    column,
    own_noise,
    set_gates,
    unit_gates,
    with_harms,
    written_gates,
)
from darkroom.gates.statistic import LEAST_UNITS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from darkroom.gates.gate import Gate
    from darkroom.hints import StrPath

_BIAS, _READ, _DARK, _HOTTEST = (
    of_product(HARMS, name) for name in ("master_bias", "read_noise", "dark_rate", "hot_pixels")
)
# Of the pixels that are flagged as hot, those that must be hot in the dark rate too.
_HOT_SHARE = 0.9


def of_frames(noise: float, bunit: str) -> tuple[Statistic, ...]:
    """Return the statistics of bias frames or darks.

    Parameters
    ----------
    noise : float
        Noise of one frame, in the unit of the frames.
    bunit : str
    """
    return (
        # The level wanders from frame to frame and is taken off: no drift of it is a fault.
        Statistic.of(_BIAS["level"], "level", bunit, "level", column("active"), noise,
                     drifts=False),
        Statistic.of(_BIAS["slow"], "gradient along the rows' direction of readout", bunit,
                     "slope of the means of rows, edge minus centre", column("slow"), noise),
        Statistic.of(_BIAS["fast"], "gradient along columns", bunit, "slope of the means of "
                     "columns, edge minus centre", column("fast"), noise),
        Statistic.of(_BIAS["noise"], "noise", "ln variance", "ln of the variance of a frame",
                     own_noise),
        Statistic.of(_BIAS["slope"], "slope on the product", "", "slope of the pixels on those of "
                     "the product", column("slope")),
    )  # fmt: skip


def master_bias(
    path: StrPath, slopes: np.ndarray, parts: Sequence[str], expected: Collection[str] | None,
    harms: Mapping[str, float], amplifier: int = 0,
) -> list[Gate]:  # fmt: skip
    """Return the gates of a master bias.

    Parameters
    ----------
    path : path-like
        The product.
    slopes, parts
        Slope of frames on SCI (`darkroom.ccd.gating.frames`), and names of the parts.
    expected : collection of str or None
        Frames that the campaign accepted.
    harms : dict
        Smallest effects that matter, where they are not the usual ones.
    amplifier : int
        Part of the product.
    """
    _, header = products.read_image(path, "SCI", 1, amplifier)
    units = unit_tables.read(path, extver=amplifier + 1)
    if units is None:
        return []
    noise = products.number(header, "NOISE")
    statistics = with_harms(of_frames(noise, header.get("BUNIT", "adu")), harms)
    gates = set_gates(units, expected) + unit_gates(units, statistics)
    return gates + written_gates(
        slopes, parts, _BIAS["written"], harms, tolerance=0.01,
        measured="slope of a frame on the file",
    )  # fmt: skip


def read_noise(
    path: StrPath, slopes: np.ndarray, parts: Sequence[str], expected: Collection[str] | None,
    harms: Mapping[str, float], amplifier: int = 0,
) -> list[Gate]:  # fmt: skip
    """Return the gates of a read noise; parameters as of `master_bias`.

    The slopes are those of squared deviations of frames on the squared noise of the file.
    """
    _, header = products.read_image(path, "SCI", 1, amplifier)
    units = unit_tables.read(path, extver=amplifier + 1)
    if units is None:
        return []
    noise = products.number(header, "READNOIS")
    chosen = [one for one in of_frames(noise, header.get("BUNIT", "adu")) if one.family == "noise"]
    gates = set_gates(units, expected) + unit_gates(units, with_harms(chosen, harms))
    n = len(units)
    _require_rows(units, max(n, 1), path)
    words = Words("size", "scale", "ln variance", "ln of the variance of frames about their mean, "
                  "over that of the file", _READ["scale"].size(harms),
                  _READ["scale"].reason)  # fmt: skip
    # A residual from the mean of n frames has (n - 1) / n of the variance; rows have noise too.
    values = units.values["lnvar"][:, 0] + math.log(n / max(n - 1, 1)) - 2 * math.log(noise)
    gates.append(
        make.mean_against(
            words,
            values,
            0.0,
            0.0,
            question="sound",
            name="file as written: size",
            null="the noise of the file is that of the frames, in its unit",
            tolerance=0.1,
        )
    )
    return gates + written_gates(
        slopes, parts, _READ["written"], harms, tolerance=0.3,
        measured="slope of squared deviations of a frame on the squared noise of the file",
    )  # fmt: skip


def dark_rate(
    path: StrPath, slopes: np.ndarray, parts: Sequence[str], expected: Collection[str] | None,
    harms: Mapping[str, float], amplifier: int = 0,
) -> list[Gate]:  # fmt: skip
    """Return the gates of a dark rate; parameters as of `master_bias`.

    The slopes are those of darks, less the bias and over their exposure time, on SCI.
    """
    from darkroom.ccd.products.amplifiers import opened_part

    with opened_part(path, amplifier) as hdus:
        named = {hdu.name: hdu for hdu in hdus}
        offsets, cells = (_rows(named[name]) for name in ("OFFSETS", "CELLS"))
        bunit = named["BIAS"].header.get("BUNIT", "adu")
    units = unit_tables.read(path, extver=amplifier + 1)
    if units is None:
        return []
    _require_rows(units, len(offsets), path)
    gates = set_gates(units, expected)
    for cell in cells:
        which = np.array(
            [
                row["ROLE"] == cell["ROLE"]
                and np.isclose(row["EXPTIME"], cell["EXPTIME"])
                and row["TGROUP"] == cell["TGROUP"]
                for row in offsets
            ]
        )
        if which.sum() < LEAST_UNITS:
            continue  # the line through all cells carries those of few frames
        label = f", {cell['ROLE']} of {cell['EXPTIME']:g} s"
        label += f" at {cell['TEMP']:.3g} °C" if np.isfinite(cell["TEMP"]) else ""
        noise = float(cell["NOISE"])
        statistics = with_harms(of_frames(noise, bunit), harms)
        gates += unit_gates(
            units.some(np.flatnonzero(which)), [_labelled(one, label) for one in statistics]
        )
    gates += _line(cells, harms, bunit)
    return gates + written_gates(
        slopes, parts, _DARK["written"], harms, tolerance=0.02,
        measured="slope of a dark, less the bias and over its time, on the file",
    )  # fmt: skip


def _line(cells, harms, bunit):
    """Return the gates of the line of levels against exposure time: light, wrong EXPTIME."""
    gates = []
    if len(cells) < 3:
        return gates
    signal = float(np.nanmax([abs(cell["ABOVE"]) for cell in cells]))
    for cell in cells:
        if cell["ROLE"] != "dark" or not cell["LEVELERR"] > 0:
            continue
        words = Words(
            "level", "line", bunit, "level of the darks of one exposure time, minus the line "
            "through all", _DARK["line"].size(harms, signal), _DARK["line"].reason,
        )  # fmt: skip
        gates.append(
            make.counted(
                words,
                f"linear in time: darks of {cell['EXPTIME']:g} s, group {cell['TGROUP']}",
                "the level grows in proportion to the exposure time",
                cell["RESIDUAL"],
                cell["LEVELERR"],
            )
        )
    return gates


def hot_pixels(
    path: StrPath, rate: StrPath, harms: Mapping[str, float], amplifier: int = 0
) -> list[Gate]:
    """Return the gates of the flags of hot pixels.

    Parameters
    ----------
    path, rate : path-like
        The product, and the dark rate.
    harms : dict
    amplifier : int
    """
    from darkroom.ccd.products.amplifiers import opened_part

    flags, _ = products.read_image(path, "DQ", 1, amplifier)
    image, _ = products.read_image(rate, "SCI", 1, amplifier)
    with opened_part(path, amplifier) as hdus:
        hottest = np.array({hdu.name: hdu for hdu in hdus}["HOTTEST"].data)
    hot = (flags & int(DQ.HOT)) > 0
    known = np.isfinite(image)
    usual = np.median(image[known])
    limit = usual + 3 * 1.4826 * np.median(np.abs(image[known] - usual))
    found = float((image[hot & known] > limit).mean()) if (hot & known).any() else 1.0
    gates = [
        make.exact(
            "flags and rate", "written", "pixels that are flagged as hot are hot in the dark rate",
            f"only {100 * found:.3g} % of {int(hot.sum())} flagged pixels are above "
            f"{limit:.3g} in the dark rate" if found < _HOT_SHARE else "",
            "flags of other pixels leave the hot ones in",
        )
    ]  # fmt: skip
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.log(hottest["LATE"] / hottest["EARLY"])
    ratio = ratio[np.isfinite(ratio)]
    if ratio.size:
        # A pixel that switches between two rates says nothing of the temperature.
        away = np.abs(ratio - np.median(ratio))
        ratio = ratio[away <= 3 * 1.4826 * np.median(away)]
    words = Words(
        "rate of the hottest pixels", "warmed", "ln rate", "ln of the rate in the later half of "
        "the darks over that in the earlier half", _HOTTEST["warmed"].size(harms),
        _HOTTEST["warmed"].reason,
    )  # fmt: skip
    drift = make.mean_against(
        words,
        ratio,
        0.0,
        0.0,
        question="sound",
        name="drift: rate of the hottest pixels",
        null="hot pixels have the same rate in both halves of the frames",
    )
    gates.append(replace(drift, of_exposures=False))
    return gates


def _require_rows(units, count, path):
    """Refuse a table UNITS that is not of the frames of the product."""
    if len(units) != count:
        raise InputError(
            path, f"table UNITS is of {len(units)} frames, not of {count}", "make the product again"
        )


def _rows(hdu):
    """Return the rows of a table as dictionaries, texts as such."""
    return [{name: row[name] for name in hdu.columns.names} for row in hdu.data]


def _labelled(one, label):
    return replace(one, label=f"{one.label}{label}")
