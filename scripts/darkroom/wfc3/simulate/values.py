"""Settings of the WFC3/IR simulator completed, and the times of its reads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from darkroom.campaign.settings import declared
from darkroom.errors import DarkroomError
from darkroom.simulate.declare import overlay
from darkroom.simulate.settings import check_choice
from darkroom.wfc3.simulate.names import MOST_READS, SUBARRAYS
from darkroom.wfc3.simulate.settings import ExposureSettings, Simulation

# Where the steps of STEPn begin: four reads as fast as can be, then doubling up to n.
_STEP_START = (24.23, 49.23, 99.23, 199.23, 399.23)


def complete(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the defaults overlaid with `settings`, those of each exposure filled in.

    Raises
    ------
    DarkroomError
        For a setting that does not exist or a choice that is unknown.
    """
    full = overlay("WFC3", Simulation, settings)
    for name in ("subarray", "filter", "sampseq", "side"):
        check_choice("WFC3", name, full[name], declared(Simulation)[name].choices)
    if not isinstance(full["nsamp"], int) or not 1 <= full["nsamp"] <= MOST_READS:
        raise DarkroomError(
            f"simulated WFC3: nsamp is {full['nsamp']!r}; there are 1 to {MOST_READS} reads"
        )
    full["exposures"] = [
        overlay("WFC3", ExposureSettings, one, "exposures: ") for one in full["exposures"]
    ]
    for one in full["exposures"]:
        check_choice(
            "WFC3", "exposures: light", one["light"], declared(ExposureSettings)["light"].choices
        )
        check_choice(
            "WFC3", "exposures: after_last", one["after_last"],
            declared(ExposureSettings)["after_last"].choices,
        )  # fmt: skip
        if one["last_read"] is not None and not 0 <= one["last_read"] < full["nsamp"]:
            raise DarkroomError(
                f"simulated WFC3: exposures: last_read is {one['last_read']!r}; the reads are 0 to "
                f"{full['nsamp'] - 1}"
            )
        for name in ("strength", "duration_s", "side", "airglow"):
            one[name] = full[name] if one[name] is None else one[name]
    return full


def sample_times(sampseq: str, nsamp: int, subarray: str) -> list[float]:
    """Return the times of the reads, in time order.

    Parameters
    ----------
    sampseq : str
        One of `darkroom.wfc3.simulate.names.SEQUENCES`.
    nsamp : int
        Number of reads, the zeroth included.
    subarray : str
        One of `darkroom.wfc3.simulate.names.SUBARRAYS`.

    Returns
    -------
    list of float
        Seconds since the zeroth read. Those of the full frame are those of the Instrument Handbook;
        in a subarray the first read follows after the shorter time of its readout.
    """
    read = SUBARRAYS[subarray][1]
    kind, step = re.fullmatch(r"(RAPID|SPARS|STEP)(\d*)", sampseq).groups()
    if kind == "RAPID":
        times = [k * read for k in range(nsamp)]
    elif kind == "SPARS":
        times = [0.0] + [read + k * float(step) for k in range(nsamp - 1)]
    else:
        times = _step_times(read, float(step), nsamp)
    return [round(time, 6) for time in times[:nsamp]]


def _step_times(read, step, nsamp):
    times = [k * read for k in range(5)]
    gap = _STEP_START[1] - _STEP_START[0]
    times.append(_STEP_START[0])
    while len(times) < nsamp:
        times.append(times[-1] + min(gap, step))
        gap = min(2 * gap, step)
    return times
