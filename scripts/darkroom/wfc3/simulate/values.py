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
        for name in ("strength", "duration_s", "side", "airglow"):
            one[name] = full[name] if one[name] is None else one[name]
    return full


def sample_times(sampseq, nsamp, subarray):
    """Return the seconds of each read after the zeroth, zeroth included, in time order.

    Parameters
    ----------
    sampseq, subarray : str
        Of `SEQUENCES` and `SUBARRAYS`.
    nsamp : int
        Reads, the zeroth included.

    Returns
    -------
    list of float
        As the Instrument Handbook has them for the full frame; a subarray's first read comes as
        early as it can be read.
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
