"""The gates of a superdark: its darks, its values, and the file as it is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from astropy.io import fits

from darkroom.gates import units as unit_tables
from darkroom.gates.gate import exact
from darkroom.gates.harms import of_product
from darkroom.gates.standard import (
    Statistic,
    column,
    own_noise,
    set_gates,
    unit_gates,
    with_harms,
)
from darkroom.wfc3.gating.harms import HARMS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from darkroom.gates.gate import Gate
    from darkroom.gates.units import Units
    from darkroom.hints import StrPath

_HARMS = of_product(HARMS, "superdark")


def _noise(units: Units) -> np.ndarray:
    """Return the logarithm of the noise: half of that of the variance."""
    return own_noise(units) / 2


STATISTICS = (
    Statistic.of(_HARMS["rate"], "dark current", "e-/s", "level of a dark, last read",
                 column("rate")),
    Statistic.of(_HARMS["noise"], "noise", "ln noise", "noise of a dark over that of others",
                 _noise, whole=True),
)  # fmt: skip
# Share of the pixels that may lack a value, and by how much file and details may differ.
_EMPTY, _SAME = 0.01, 1e-3
# Pixels of a signal from which the two can be compared, DN; gains that there are, e-/DN: those of
# the four amplifiers are 2.19 to 2.27, and a factor of √2 must be beyond.
_SIGNAL, _GAINS = 1.0, (1.9, 2.8)


def superdark(
    reference: StrPath,
    details: StrPath,
    expected: Collection[str] | None,
    harms: Mapping[str, float],
) -> list[Gate]:
    """Return the gates of a superdark.

    Parameters
    ----------
    reference, details : path-like
        Reference file, and file of details with the table UNITS.
    expected : collection of str or None
        Darks that the campaign accepted.
    harms : dict
        Smallest effects that matter, where they are not the usual ones.
    """
    units = unit_tables.read(details)
    if units is None:
        return []
    gates = set_gates(units, expected)
    with fits.open(reference) as file, fits.open(details) as made:
        rate = np.asarray(made["RATE"].data, np.float64)
        gates += [_values(file, rate.shape), _times(file), _as_written(file, rate)]
    return gates + unit_gates(units, with_harms(STATISTICS, harms))


def _inside(plane, shape):
    """Return a plane without its border."""
    rows, columns = ((have - want) // 2 for have, want in zip(plane.shape, shape, strict=True))
    return plane[rows : rows + shape[0], columns : columns + shape[1]]


def _values(file, shape):
    """Return the gate of values and errors of every read after the zeroth."""
    fault = ""
    for extver in range(1, int(file[0].header["NUMEXPOS"])):
        sci, err = (_inside(file[name, extver].data, shape) for name in ("SCI", "ERR"))
        empty = float((~np.isfinite(sci)).mean())
        wrong = float((~(err > 0)).mean())
        if max(empty, wrong) > _EMPTY:
            fault = f"in EXTVER {extver} {100 * max(empty, wrong):.3g} % have none"
            break
    return exact(
        "values and errors", "values", "99 % of the pixels of every read have a value and an error",
        fault, "a pixel without a value is not corrected",
    )  # fmt: skip


def _times(file):
    """Return the gate of the times by which reads are found."""
    count = int(file[0].header["NUMEXPOS"])
    stated = [float(file[0].header[f"EXPOS_{i}"]) for i in range(1, count + 1)]
    own = [float(file["SCI", i].header["SAMPTIME"]) for i in range(1, count + 1)]
    differ = [i for i, (a, b) in enumerate(zip(stated, own, strict=True), 1) if abs(a - b) > _SAME]
    fault = f"EXPOS_{differ[0]} is not SAMPTIME of its read" if differ else ""
    if any(np.diff(stated) >= 0) or stated[-1] != 0:
        fault = fault or "times do not fall from the last read to 0"
    return exact("times of the reads", "time", "reads stand in the file at their times", fault,
                 "a dark of another time is subtracted")  # fmt: skip


def _as_written(file, rate):
    """Return the gate of the last read against the rate in the details: one gain an amplifier."""
    sci = np.asarray(_inside(file["SCI", 1].data, rate.shape), np.float64)
    good = (np.abs(sci) > _SIGNAL) & np.isfinite(rate)
    gain = rate[good] * float(file[0].header["EXPOS_1"]) / sci[good]
    values = np.unique(np.round(gain, 3))
    odd = float(((gain < _GAINS[0]) | (gain > _GAINS[1])).mean()) if gain.size else 1.0
    fault = ""
    if odd > _SAME or values.size > 3 * len("ABCD"):
        fault = f"{100 * odd:.3g} % of the pixels have another value than in the details"
    return exact("file as written", "written", "the last read is the rate of the details", fault,
                 "a mirrored image, another unit or another file")  # fmt: skip
