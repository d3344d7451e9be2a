"""The exposures of the WFC3/IR simulator as planned; no pixel is made here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from darkroom.simulate.exposure import PlannedExposure
from darkroom.wfc3.simulate.names import BORDER, SUBARRAYS
from darkroom.wfc3.simulate.values import complete, sample_times

#: Program in the root names; no real program has it.
PROGRAM = "sim"


@dataclass(frozen=True)
class Exposure(PlannedExposure):
    """One exposure as planned; its `start` is the time of its zeroth read.

    Parameters
    ----------
    number : int
        Number of the exposure, counted from 0.
    """

    number: int


def plan(settings: dict[str, Any]) -> list[Exposure]:
    """List the exposures in the order in which they are taken; no pixel is made.

    Parameters
    ----------
    settings : dict
        Overlay of `darkroom.wfc3.simulate.settings.Simulation`.
    """
    full = complete(settings)
    exptime = sample_times(full["sampseq"], full["nsamp"], full["subarray"])[-1]
    side = SUBARRAYS[full["subarray"]][0] + 2 * BORDER
    exposures, start = [], datetime.fromisoformat(full["start"])
    for number in range(len(full["exposures"])):
        letters = chr(ord("a") + number // 26) + chr(ord("a") + number % 26)
        name = f"i{PROGRAM}{full['visit']:02d}{letters}q"
        facts = {
            "instrument": "WFC3",
            "detector": "IR",
            "subarray": full["subarray"],
            "sampseq": full["sampseq"],
            "nsamp": str(full["nsamp"]),
            "shape": f"{side}x{side}",
            "exptime_s": f"{exptime:g}",
            "filter": filter_of(full, number),
            "association": association(full),
            "date_obs": start.isoformat(timespec="milliseconds"),
        }
        role = "dark" if is_dark(full, number) else "science"
        exposures.append(Exposure(name, role, f"{name}_raw.fits", start, facts, number))
        start += timedelta(seconds=exptime + full["pause_s"])
    return exposures


def is_dark(full: dict[str, Any], number: int) -> bool:
    """Tell whether an exposure of complete settings is a dark."""
    return bool(full["exposures"][number]["light"] == "none")


def filter_of(full: dict[str, Any], number: int) -> str:
    """Return the filter of an exposure: darks are taken behind the blank element of the wheel."""
    return "Blank" if is_dark(full, number) else str(full["filter"])


def association(full: dict[str, Any]) -> str:
    """Return the name of the association to which all exposures of complete settings belong."""
    return f"i{PROGRAM}{full['visit']:02d}020"
