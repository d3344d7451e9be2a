"""What was measured of the real NIRCam detectors, and settings of the simulator completed by it.

The values per detector are those of the ground tests (CV3), as published in the notebooks of
pynrc. Values read from figures are uncertain by ±0.5 DN.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from darkroom.campaign.settings import declared, defaults
from darkroom.errors import DarkroomError
from darkroom.nircam.simulate.settings import FAULT_KINDS, Simulation
from darkroom.simulate.declare import overlay
from darkroom.simulate.settings import check_choice

# bias: DN; ktc: DN; white: single-read noise of the four amplifiers, DN; common: common 1/f noise
# of a difference of two reads, DN, as a fraction of the default law's; ramp, frame, amp: rms of the
# offsets from ramp to ramp, from frame to frame, and of one amplifier from frame to frame, DN;
# dark: e-/s; gain: e-/DN.
_COLUMNS = ("bias", "ktc", "white", "common", "ramp", "frame", "amp", "dark", "gain")
_MEASURED = {
    "NRCA1": (6339, 22.6, (4.6, 5.0, 5.6, 6.1), 0.98, 27, 14, 16, 0.002, 2.08),
    "NRCA2": (5626, 19.9, (4.0, 4.1, 4.2, 4.2), 0.68, 57, 15, 9, 0.002, 2.02),
    "NRCA3": (6101, 17.4, (3.8, 4.0, 4.3, 4.5), 0.68, 17, 28, 8, 0.002, 2.17),
    "NRCA4": (6411, 19.5, (4.0, 4.1, 4.2, 4.3), 0.68, 13, 15, 8, 0.002, 2.02),
    "NRCALONG": (6000, 22.1, (4.0, 4.0, 4.4, 5.3), 0.90, 30, 16, 9, 0.034, 1.84),
    "NRCB1": (7272, 27.2, (4.9, 4.9, 4.9, 5.0), 1.18, 40, 15, 9, 0.002, 2.00),
    "NRCB2": (7057, 19.3, (4.0, 4.1, 4.3, 4.4), 1.06, 21, 12, 9, 0.002, 2.16),
    "NRCB3": (6567, 23.3, (4.2, 4.5, 4.9, 5.3), 1.10, 35, 19, 9, 0.002, 1.94),
    "NRCB4": (7416, 25.6, (4.0, 4.1, 4.3, 4.4), 1.18, 44, 15, 10, 0.002, 2.03),
    "NRCBLONG": (6000, 24.4, (4.2, 4.4, 4.5, 4.7), 1.14, 30, 16, 9, 0.034, 1.88),
}
#: Measured properties of each detector: ``{detector: {quantity: value}}``.
MEASURED = {name: dict(zip(_COLUMNS, row, strict=True)) for name, row in _MEASURED.items()}

_OWN = {
    "bias_level": "bias",
    "ktc": "ktc",
    "ramp_offset_rms": "ramp",
    "pedestal_rms": "frame",
    "amplifier_pedestal_rms": "amp",
    "gain": "gain",
    "dark": "dark",
    "white": "white",
}

#: Every setting with its default; null: what was measured of the detector.
DEFAULTS = defaults(Simulation)


def complete(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the defaults overlaid with `settings`, the detector's own values filled in.

    Raises
    ------
    DarkroomError
        For a setting that does not exist, an unknown detector, read pattern or noise sampling,
        lines without noise of every pixel, or counts below 1.
    """
    full = overlay("NIRCam", Simulation, settings)
    for name in ("detector", "readpatt", "noise_sampling"):
        check_choice("NIRCam", name, full[name], declared(Simulation)[name].choices)
    if full["lines"] and full["noise_sampling"] != "tick":
        raise DarkroomError("simulated NIRCam: lines need noise_sampling: tick")
    check_choice("NIRCam", "int_times", full["int_times"], ("own", "whole", "none"))
    for fault in full["faults"]:
        check_choice("NIRCam", "faults: kind", fault["kind"], FAULT_KINDS)
    for name in ("exposures", "nints", "ngroups", "segments"):
        if not isinstance(full[name], int) or full[name] < 1:
            raise DarkroomError(f"simulated NIRCam: {name} is {full[name]!r}, it must be 1 or more")
    if full["segments"] > full["nints"]:
        raise DarkroomError(
            f"simulated NIRCam: {full['segments']} segments of {full['nints']} integrations; a "
            "segment has at least one"
        )
    measured = MEASURED[full["detector"]]
    for name, column in _OWN.items():
        if full[name] is None:
            full[name] = measured[column]
    if "common" not in settings:
        scale = measured["common"] ** 2
        full["common"] |= {k: full["common"][k] * scale for k in ("amplitude", "excess")}
    return full
