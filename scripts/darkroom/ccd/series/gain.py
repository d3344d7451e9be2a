"""Gain over epochs: every pair of flats is a unit, and the gain is the fit to the pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.ccd.cells import unit_name
from darkroom.ccd.products.amplifiers import opened_part, part_count
from darkroom.epochs.fitted import INVERSE, LEVEL, SIGMA
from darkroom.epochs.table import TableState, TableTemplate, empty, merge, of_unit
from darkroom.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from darkroom.fits.describe import Frame
    from darkroom.hints import StrPath

_ADVICE = "make the gain again with this version"


def series_cards(frames: Sequence[Frame]) -> dict[str, tuple[str | float, str]]:
    """Return what the states of a series must share: value and comment by keyword."""
    return {
        "INSTRUME": (frames[0].instrument, "camera"),
        "BINNING": (frames[0].binning, "columns x rows"),
        "PRODUCT": ("gain", "product that the state makes"),
        "UNIT": ("e-/ADU", "unit of the product"),
    }


def pairs_in(product: StrPath) -> list[dict[str, Any]]:
    """Return what a gain product says of the pairs of flats of each amplifier.

    Parameters
    ----------
    product : path-like

    Returns
    -------
    list of dict
        Of each amplifier: ``name``; ``bend``, whether a square term was fitted; and of the pairs
        that tell its gain: ``first`` and ``second``, names of the flats, ``signal``, its
        ``variance`` without read noise and ``error`` [ADU, ADU²]. No pair where no flats tell it.

    Raises
    ------
    InputError
        When it is no gain product.
    """
    found = []
    for number in range(part_count(product)):
        with opened_part(product, number) as hdus:
            if "PTC" not in hdus or "FIRST" not in hdus["PTC"].columns.names:
                raise InputError(product, "does not name the pairs of its gain", _ADVICE)
            header, rows = hdus["PTC"].header, hdus["PTC"].data
            name = str(hdus[0].header.get("AMPNAME", "the image"))
            rows = rows[np.asarray(rows["USED"], bool)]
            gain = header["GAINPTC"]
            if not isinstance(gain, float):
                nothing = dict.fromkeys(("signal", "variance", "error"), np.zeros(0))
                found.append({"name": name, "bend": False, "first": [], "second": [], **nothing})
                continue
            square = float(header["PTCBEND"])
            light = rows["SIGNAL"] / gain + square * rows["SIGNAL"] ** 2
            found.append(
                {
                    "name": name,
                    "bend": isinstance(header["BENDERR"], float),
                    "first": [str(one) for one in rows["FIRST"]],
                    "second": [str(one) for one in rows["SECOND"]],
                    "signal": np.asarray(rows["SIGNAL"], float),
                    # The model is the variance of the read noise and that of the light.
                    "variance": np.asarray(rows["VARIANCE"] - (rows["MODEL"] - light), float),
                    "error": np.asarray(rows["VARERR"], float),
                }
            )
    return found


def template_of(product: StrPath) -> TableTemplate:
    """Return the template of a series that starts with a gain product.

    Of each amplifier the gain, and a square term where the product has one.

    Raises
    ------
    InputError
        When an amplifier has no gain, see also `pairs_in`: whether its variance bends is not known
        then, and without the bend every later gain would be wrong.
    """
    parts = pairs_in(product)
    names, kinds = [], []
    for part in parts:
        if not part["first"]:
            raise InputError(
                product,
                f"has no gain of {part['name']}: no flats tell it",
                "start the series with an epoch whose flats do",
            )
        names.append(f"gain of {part['name']}")
        kinds.append("e-/ADU")
        if part["bend"]:
            names.append(f"bend of the variance of {part['name']}")
            kinds.append("")
    inverse = np.array([float(kind != "") for kind in kinds])
    return TableTemplate(
        tuple(names), tuple(kinds), rows={LEVEL: 1, SIGMA: 1}, constants={INVERSE: inverse}
    )


def state_of(frames: Sequence[Frame], template: TableTemplate, product: StrPath) -> TableState:
    """Return the state of the pairs of flats of a gain product: one unit a pair and amplifier.

    Of an amplifier whose gain no flats tell, every flat is a unit that tells nothing: the epoch
    stays in the series, without this gain.

    Parameters
    ----------
    frames : sequence of Frame
        The flats.
    template : TableTemplate
    product : path-like
        The gain that was made of them.

    Raises
    ------
    InputError
        When the product is of other flats, or of other amplifiers than the series.
    """
    by_name = {unit_name(frame): frame for frame in frames}
    whole = empty(template)
    for part in pairs_in(product):
        if f"gain of {part['name']}" not in template.names:
            raise InputError(product, f"is of {part['name']}, which the series has not")
        for k, names in enumerate(zip(part["first"], part["second"], strict=True)):
            if missing := [name for name in names if name not in by_name]:
                raise InputError(
                    product, f"was made of other flats: {missing[0]} is not given", "give them all"
                )
            first, second = (by_name[name] for name in names)
            row = np.zeros(len(template.names))
            row[template.names.index(f"gain of {part['name']}")] = part["signal"][k]
            if (bend := f"bend of the variance of {part['name']}") in template.names:
                row[template.names.index(bend)] = part["signal"][k] ** 2
            level = {LEVEL: part["variance"][k], SIGMA: part["error"][k]}
            name = f"{names[0]} and {names[1]}, {part['name']}"
            whole = merge(whole, _unit(template, name, row, (first, second), level))
        if not part["first"]:
            nothing = {LEVEL: np.nan, SIGMA: np.nan}
            for frame in frames:
                row, name = np.zeros(len(template.names)), f"{unit_name(frame)}, {part['name']}"
                whole = merge(whole, _unit(template, name, row, (frame,), nothing))
    return whole


def _unit(template, name, row, frames, level):
    """Return the state of some flats that tell one level."""
    times = [one.mjd for one in frames if one.mjd is not None]
    cold = [one.temperature for one in frames if one.temperature is not None]
    return of_unit(
        template,
        name,
        row,
        float(np.mean(times)) if times else np.nan,
        {"temperature": float(np.mean(cold))} if cold else {},
        level,
    )
