"""The exposures of the NIRCam simulator as planned, and their times; no pixel is made here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from darkroom.nircam.detector.patterns import PATTERNS
from darkroom.nircam.simulate.values import complete
from darkroom.simulate.exposure import PlannedExposure

#: Program number in names and headers; no real program has it.
PROGRAM = "99062"


@dataclass(frozen=True)
class Exposure(PlannedExposure):
    """One exposure as planned; its `start` is the beginning of its first integration.

    Parameters
    ----------
    number : int
        Number of the exposure, counted from 1.
    first : int
        Number of the first integration of this file, counted from 1; more in a later segment.
    nints : int
        Integrations in this file.
    segment : int
        Number of the segment, counted from 1; 0 for an exposure in one file.
    """

    number: int
    first: int
    nints: int
    segment: int


@dataclass(frozen=True)
class Timing:
    """Times of an exposure in seconds.

    Parameters
    ----------
    frame : float
        Duration of one frame.
    group : float
        Time from one group to the next.
    integration : float
        Duration of one integration without its reset.
    exposure : float
        Duration of all integrations with the resets between them.
    """

    frame: float
    group: float
    integration: float
    exposure: float


def timing(full: dict[str, Any]) -> Timing:
    """Return the `Timing` of complete settings."""
    from darkroom.nircam.simulate.detector import layout

    nframes, gap = PATTERNS[full["readpatt"]]
    frame = layout(full).frame_time
    group = (nframes + gap) * frame
    integration = full["ngroups"] * group - gap * frame
    nints = full["nints"]
    return Timing(frame, group, integration, nints * integration + (nints - 1) * frame)


def plan(settings: dict[str, Any]) -> list[Exposure]:
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
    step = times.exposure + full["pause_s"]
    return [
        _planned(full, times, number, step, segment)
        for number in range(1, full["exposures"] + 1)
        for segment in range(full["segments"])
    ]


def level_change(full: dict[str, Any], exposure: Exposure, noutputs: int) -> list[float]:
    """Return by how much the level of each amplifier's active pixels has changed, DN.

    Parameters
    ----------
    full : dict
        Complete settings.
    exposure : Exposure
    noutputs : int
        Number of amplifiers; changes of others have no effect.
    """
    found = [0.0] * noutputs
    for change in full["changes"]:
        since = _epoch(full, exposure) - change["epoch"]
        if since >= 0 and change["amplifier"] < noutputs:
            years = since * full["epoch_days"] / 365.25
            found[change["amplifier"]] += change["level"] + change["drift"] * years
    return found


def hot_regions(full: dict[str, Any], exposure: Exposure) -> list[tuple[slice, slice, float]]:
    """Return the regions that have become hot: rows, columns (DMS frame) and added rate, e-/s."""
    epoch = _epoch(full, exposure)
    return [
        (
            slice(change["hot_y"], change["hot_y"] + change["hot_size"]),
            slice(change["hot_x"], change["hot_x"] + change["hot_size"]),
            change["hot_rate"],
        )
        for change in full["changes"]
        if change["hot_size"] and epoch >= change["epoch"]
    ]


def _epoch(full, exposure):
    """Return the number of an exposure's epoch, from 1."""
    return (exposure.number - 1) // (full["per_epoch"] or full["exposures"]) + 1


def _planned(full, times, number, step, segment):
    """Return a segment of exposure `number`; `step` is the time from start to start, s."""
    from darkroom.nircam.simulate.detector import layout

    ny, nx = layout(full).shape
    epoch, within = divmod(number - 1, full["per_epoch"] or full["exposures"])
    start = datetime.fromisoformat(full["start"])
    start += timedelta(days=epoch * full["epoch_days"], seconds=within * step)
    count = full["segments"]
    first, after = (full["nints"] * k // count for k in (segment, segment + 1))
    part = f"-seg{segment + 1:03d}" if count > 1 else ""
    name = f"jw{PROGRAM}001001_02101_{number:05d}{part}_{full['detector'].lower()}"
    facts = {
        "instrument": "NIRCAM",
        "detector": full["detector"],
        "subarray": full["subarray"],
        "readpatt": full["readpatt"],
        "nints": str(after - first),
        "ngroups": str(full["ngroups"]),
        "shape": f"{ny}x{nx}",
        "exptime_s": f"{(after - first) * full['ngroups'] * times.group:g}",
        "date_obs": start.isoformat(timespec="milliseconds"),
    }
    return Exposure(
        name, "dark", f"{name}_uncal.fits", start, facts, number, first + 1, after - first,
        segment + 1 if count > 1 else 0,
    )  # fmt: skip
