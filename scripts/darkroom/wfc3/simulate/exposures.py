"""Simulated WFC3/IR exposures: RAWs as the archive delivers them, with their truth.

Full frame and subarrays, every sample sequence, stars and galaxies under a distorted and dithered
sky, zodiacal light, dark current, cosmic rays, blobs, odd pixels, non-linearity and saturation; and
what the pipeline is for: scattered light at the start or the end of an exposure, a brightening
line of the upper atmosphere over the whole field, a satellite's trail. Every component has a random
stream of its own, keyed by seed, component and exposure.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from darkroom.simulate.exposure import PlannedExposure
from darkroom.simulate.settings import planned
from darkroom.wfc3.simulate.names import BORDER, SUBARRAYS
from darkroom.wfc3.simulate.values import complete, sample_times

# No real program has this name.
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


def plan(settings):
    """List the exposures; no pixel is made.

    Parameters
    ----------
    settings : dict
        Overlay of `darkroom.wfc3.simulate.settings.Simulation`.

    Returns
    -------
    list of Exposure
        In the order they are taken.
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
            "filter": full["filter"],
            "association": association(full),
            "date_obs": start.isoformat(timespec="milliseconds"),
        }
        exposures.append(Exposure(name, "science", f"{name}_raw.fits", start, facts, number))
        start += timedelta(seconds=exptime + full["pause_s"])
    return exposures


def association(full):
    """Return the name of the association the exposures belong to."""
    return f"i{PROGRAM}{full['visit']:02d}020"


def deliver(settings, name, path):
    """Write the exposure `name` to `path` as the archive delivers it, and its truth beside.

    The bytes depend on settings and name alone. The truth, see
    `darkroom.wfc3.simulate.ramp.make_reads`, goes to ``truth/<name>.npz`` in the same folder.
    """
    import numpy as np

    from darkroom.atomic import written_atomically
    from darkroom.wfc3.simulate.ramp import make_reads
    from darkroom.wfc3.simulate.raw import raw

    full, exposure = complete(settings), planned("WFC3", plan(settings), name)
    reads, truth = make_reads(full, exposure)
    if full["truth"]:
        with written_atomically(path.parent / "truth" / f"{name}.npz") as temporary:
            np.savez(temporary, **truth)
    with written_atomically(path) as temporary:
        raw(full, exposure, reads).writeto(temporary)
