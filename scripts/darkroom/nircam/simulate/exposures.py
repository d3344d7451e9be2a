"""Simulated NIRCam darks: raw exposures as the archive delivers them, with their truth.

Ten detectors, full frame and subarrays, every read pattern, any number of integrations. Bias and
its offsets, reset noise, pedestals, dark current, hot pixels, cosmic rays, telegraph noise, white,
1/f (common and per amplifier) and alternating-column noise, each from a random stream of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from darkroom.nircam.simulate.values import PATTERNS, complete
from darkroom.simulate.exposure import PlannedExposure
from darkroom.simulate.settings import planned

# No real program has this number.
PROGRAM = "99062"


@dataclass(frozen=True)
class Exposure(PlannedExposure):
    """One exposure as planned; its `start` is the beginning of its first integration.

    Parameters
    ----------
    number : int
        Number of the exposure, counted from 1.
    """

    number: int


@dataclass(frozen=True)
class Timing:
    """Times of an exposure in seconds.

    Parameters
    ----------
    frame, group, integration, exposure : float
        Duration of one frame, from one group to the next, of one integration without its reset,
        and of all integrations with the resets between them.
    """

    frame: float
    group: float
    integration: float
    exposure: float


def timing(full):
    """Return the `Timing` of complete settings."""
    from darkroom.nircam.simulate.detector import layout

    nframes, gap = PATTERNS[full["readpatt"]]
    frame = layout(full).frame_time
    group = (nframes + gap) * frame
    integration = full["ngroups"] * group - gap * frame
    nints = full["nints"]
    return Timing(frame, group, integration, nints * integration + (nints - 1) * frame)


def plan(settings):
    """List the exposures; no pixel is made.

    Parameters
    ----------
    settings : dict
        Overlay of `darkroom.nircam.simulate.values.DEFAULTS`.

    Returns
    -------
    list of Exposure
        In the order they are taken.
    """
    full = complete(settings)
    times = timing(full)
    pause = times.exposure + full["pause_s"]
    return [_planned(full, times, number, pause) for number in range(1, full["exposures"] + 1)]


def _planned(full, times, number, pause):
    from darkroom.nircam.simulate.detector import layout

    ny, nx = layout(full).shape
    start = datetime.fromisoformat(full["start"]) + timedelta(seconds=(number - 1) * pause)
    name = f"jw{PROGRAM}001001_02101_{number:05d}_{full['detector'].lower()}"
    facts = {
        "instrument": "NIRCAM",
        "detector": full["detector"],
        "subarray": full["subarray"],
        "readpatt": full["readpatt"],
        "nints": str(full["nints"]),
        "ngroups": str(full["ngroups"]),
        "shape": f"{ny}x{nx}",
        "exptime_s": f"{full['nints'] * full['ngroups'] * times.group:g}",
        "date_obs": start.isoformat(timespec="milliseconds"),
    }
    return Exposure(name, "dark", f"{name}_uncal.fits", start, facts, number)


def deliver(settings, name, path):
    """Write the exposure `name` to `path` as the archive delivers it, and its truth beside.

    The bytes depend on settings and name alone. The truth, see
    `darkroom.nircam.simulate.ramp.make_ramp`, goes to ``truth/<name>.npz`` in the same folder.
    """
    import numpy as np

    from darkroom.atomic import written_atomically
    from darkroom.nircam.simulate.ramp import make_ramp
    from darkroom.nircam.simulate.uncal import uncal

    full = complete(settings)
    exposure = planned("NIRCam", plan(settings), name)
    data, truth = make_ramp(full, name)
    if full["truth"]:
        with written_atomically(path.parent / "truth" / f"{name}.npz") as temporary:
            np.savez(temporary, **truth)
    with written_atomically(path) as temporary:
        uncal(full, exposure, data).writeto(temporary)
