"""The gates of dark and bad-pixel mask: what is judged, and the effects that matter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from astropy.io import fits

from darkroom.gates import gate as make
from darkroom.gates import units as unit_tables
from darkroom.gates.gate import Words, exact
from darkroom.gates.harms import of_product
from darkroom.gates.standard import (
    Statistic,
    column,
    set_gates,
    unit_gates,
    with_harms,
    written_gates,
)
from darkroom.nircam.detector.dq import Pixel
from darkroom.nircam.gating.exposures import rate_slopes
from darkroom.nircam.gating.harms import HARMS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from darkroom.gates.gate import Gate
    from darkroom.hints import StrPath
    from darkroom.nircam.ramps.ramps import RampSet

_DARK, _MASK = (of_product(HARMS, name) for name in ("dark", "mask"))
DARK = (
    Statistic.of(_DARK["rate"], "dark current", "e-/s", "median rate of the integration",
                 column("rate")),
)  # fmt: skip
# Share of the active pixels that may be lost, of hot flags that must be above others in the dark,
# and by how many deviations: pixels are flagged by their own error, some at 3 deviations. Flags of
# other pixels are above by chance, those of which half are exchanged in half of the cases.
_LOST, _HOT, _ABOVE = 0.05, 0.75, 2.0


def dark(
    reference: StrPath,
    details: StrPath,
    ramps: RampSet,
    expected: Collection[str] | None,
    harms: Mapping[str, float],
) -> list[Gate]:
    """Return the gates of a dark.

    Parameters
    ----------
    reference, details : path-like
        Reference file, and file of details with the table UNITS.
    ramps : RampSet
        The exposures it was made of.
    expected : collection of str or None
        Exposures that the campaign accepted.
    harms : dict
        Smallest effects that matter, where they are not the usual ones.
    """
    units = unit_tables.read(details)
    if units is None:
        return []
    with fits.open(reference) as hdus:
        sci, header = hdus["SCI"].data, hdus[0].header
        steps = np.asarray(sci[-1], np.float64) - np.asarray(sci[0], np.float64)
        step = steps / max(len(sci) - 1, 1)
        empty = float((~np.isfinite(steps)).mean())
    gates = set_gates(units, expected)
    gates.append(
        exact("values of the dark", "values", "99 % of the pixels have a value that can be used",
              f"{100 * empty:.2g} % have none" if empty > 0.01 else "",
              "a pixel without a value is not calibrated")
    )  # fmt: skip
    time, own = header.get("TGROUP"), ramps.files[0].header.get("TGROUP")
    differs = bool(time and own) and abs(time / own - 1) > 1e-3
    gates.append(
        exact("time between groups", "time", "the dark has the time between groups of the "
              "exposures", f"{time} s, not {own} s" if differs else "",
              "a dark of another clock is subtracted at the wrong time")
    )  # fmt: skip
    gates += unit_gates(units, with_harms(DARK, harms))
    slopes, names = rate_slopes(step, ramps)
    return gates + written_gates(
        slopes, names, _DARK["written"], harms, tolerance=0.1,
        measured="slope of the last minus the first group on that of the file, of pixels that are "
        "hot in it",
    )  # fmt: skip


def mask(
    reference: StrPath, details: StrPath, dark_details: StrPath, harms: Mapping[str, float]
) -> list[Gate]:
    """Return the gates of a bad-pixel mask.

    Parameters
    ----------
    reference, details : path-like
        Reference file, and file of details with the table INJECTED.
    dark_details : path-like
        File of details of the dark that it was made of.
    harms : dict
        Smallest effects that matter, where they are not the usual ones.
    """
    with fits.open(reference) as hdus:
        dq = np.array(hdus["DQ"].data).astype(np.int64)
    with fits.open(dark_details) as hdus:
        rate = np.array(hdus["RATE"].data)
    active = (dq & int(Pixel.REFERENCE_PIXEL)) == 0
    lost = float(((dq & int(Pixel.DO_NOT_USE)) > 0)[active].mean()) if active.any() else 1.0
    known = active & np.isfinite(rate)
    usual = np.median(rate[known])
    limit = usual + _ABOVE * 1.4826 * np.median(np.abs(rate[known] - usual))
    hot = known & ((dq & int(Pixel.HOT)) > 0)
    share = float((rate[hot] > limit).mean()) if hot.any() else 1.0
    gates = [
        exact("pixels lost", "lost", f"{100 * (1 - _LOST):g} % of the active pixels can be used",
              f"{100 * lost:.3g} % are marked DO_NOT_USE" if lost > _LOST else "",
              "a mask that calls good pixels bad leaves holes that dithers do not fill"),
        exact("flags and dark", "written", "pixels that are flagged as hot are hot in the dark",
              f"only {100 * share:.3g} % of {int(hot.sum())} flagged pixels are above {limit:.3g} "
              "e-/s" if share < _HOT else "", "flags of other pixels leave the hot ones in"),
    ]  # fmt: skip
    return gates + injected(details, harms)


def injected(details: StrPath, harms: Mapping[str, float]) -> list[Gate]:
    """Return the gates of the bad pixels that were injected, and of the good ones called bad."""
    with fits.open(details) as hdus:
        rows = unit_tables.rows_of(hdus["INJECTED"]) if "INJECTED" in hdus else []
    gates, needed = [], _MASK["injected"].size(harms)
    for row in rows:
        words = Words(
            f"{row['CLASS']} pixels", "injected", "", "share of the injected pixels that the mask "
            "lacks", 1 - needed, f"what is injected: {row['INJECTED']}",
        )  # fmt: skip
        null = "bad pixels of this size are found"
        found = float(row["SHARE"])
        if found < needed:
            why = f"only {100 * found:.3g} % of injected {row['CLASS']} pixels ({row['INJECTED']}) "
            gates.append(make.blind(words, f"power: {words.label}", null, f"{why}are flagged"))
        else:
            gates.append(exact(f"power: {words.label}", "injected", null, "", words.reason))
    if len(rows):
        good, false = float(rows[0]["GOOD"]), max(float(row["FALSE"]) for row in rows)
        words = Words("false flags", "false", "", "share of good pixels that are called bad",
                      _MASK["false"].size(harms), _MASK["false"].reason)  # fmt: skip
        error = np.sqrt(max(false, 1.0)) / good
        gates.append(make.counted(words, "good pixels called bad", "good pixels stay good",
                                  false / good, error))  # fmt: skip
    return gates
