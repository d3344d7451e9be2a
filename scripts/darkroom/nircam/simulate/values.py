"""Settings of the NIRCam simulator, and measured properties of the real detectors.

The values per detector are those of the ground tests (CV3), as published in the notebooks of
pynrc. Values read from figures are uncertain by ±0.5 DN.
"""

from __future__ import annotations

from typing import Any

from darkroom.errors import DarkroomError
from darkroom.nircam.detector.readout import DETECTORS
from darkroom.simulate.settings import check_choice, check_names

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

#: (NFRAMES, GROUPGAP) of every read pattern.
PATTERNS = {
    "RAPID": (1, 0),
    "BRIGHT1": (1, 1),
    "BRIGHT2": (2, 0),
    "SHALLOW2": (2, 3),
    "SHALLOW4": (4, 1),
    "MEDIUM2": (2, 8),
    "MEDIUM8": (8, 2),
    "DEEP2": (2, 18),
    "DEEP8": (8, 12),
}

#: Every setting with its default (null: what was measured of the detector). DN unless said else.
DEFAULTS = {
    "seed": 1062,
    "detector": "NRCA1",
    "subarray": "FULL",
    "rows": 2048,  # rows of the detector; fewer only to test on a small one
    "readpatt": "RAPID",
    "exposures": 10,
    "nints": 1,
    "ngroups": 10,
    "start": "2022-04-01T06:00:00",
    "pause_s": 600.0,  # between exposures
    # Bias = level + amplifier offset + even-odd offset + scatter from pixel to pixel.
    "bias_level": None,
    "bias_scatter": 600.0,
    "amplifier_offset": 2600.0,  # uniform within ± this
    "even_odd": [100.0, 1100.0],  # size of the step between even and odd columns, either sign
    # What the reset leaves behind, new in each integration.
    "ktc": None,
    "reference_ktc": 0.1,  # kTC noise of reference pixels, fraction of the active ones' (assumed)
    "ramp_offset_rms": None,
    "amplifier_ramp_rms": 8.0,
    "parity_ramp_rms": 1.0,
    # Offsets new in each frame.
    "pedestal_rms": None,
    "amplifier_pedestal_rms": None,
    # Charge: active pixels only.
    "gain": None,  # e-/DN
    "dark": None,  # e-/s
    "hot_fraction": 1e-3,
    "hot_rate": [1.0, 30.0],  # DN/s, log-uniform
    "cosmic_rays": 5e-3,  # hits per pixel and 100 s
    "cosmic_ray_mean": 400.0,  # exponential
    # Random telegraph noise: two levels, symmetric.
    "rtn_fraction": 2e-3,
    "rtn_amplitude": [20.0, 100.0],  # log-uniform
    "rtn_switch": 0.2,  # probability of a switch between frames
    # Noise of the read-out.
    "white": None,  # one number, or one per amplifier
    "reference_white": 0.85,  # of the active pixels'
    "noisy_reference_fraction": 0.0,  # reference pixels with three times the noise
    "epoxy_void": None,  # {y, x, radius, white}: disc (pixels) with white noise times a factor
    # 1/f noise: tick (every pixel has its sample), row (one sample a row and amplifier: cheap,
    # nothing above half the row rate), off.
    "noise_sampling": "tick",
    # One-sided spectra, DN²/Hz: amplitude (f / 1 Hz)^-index, and for the common noise
    # excess (f / 1 Hz)^-1 / (1 + (f / knee)²); the alternating-column noise is the same law
    # mirrored at half the pixel rate.
    "common": {"amplitude": 0.24, "index": 1.0, "excess": 3.0, "knee_hz": 2.0},
    "amplifier": {"amplitude": 0.07, "index": 1.0},
    "alternating": {"amplitude": 0.03, "index": 1.0},
    "coupling_spread": 0.05,  # each amplifier sees the common noise times 1 ± this
    "lines": [],  # [{hz, rms}]: sine waves common to the amplifiers, random phase
    "truth": True,  # write what is hidden beside each exposure
}
_NESTED = ("common", "amplifier", "alternating")
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


def complete(settings: dict[str, Any]) -> dict[str, Any]:
    """Return `DEFAULTS` overlaid with `settings`, the detector's own values filled in.

    Raises
    ------
    DarkroomError
        For a setting that does not exist, an unknown detector, read pattern or noise sampling,
        lines without noise of every pixel, or counts below 1.
    """
    check_names("NIRCam", settings, DEFAULTS)
    full = DEFAULTS | settings
    for name in _NESTED:
        check_names("NIRCam", settings.get(name) or {}, DEFAULTS[name], f"{name}: ")
        full[name] = DEFAULTS[name] | (settings.get(name) or {})
    check_choice("NIRCam", "detector", full["detector"], DETECTORS)
    check_choice("NIRCam", "readpatt", full["readpatt"], PATTERNS)
    check_choice("NIRCam", "noise_sampling", full["noise_sampling"], ("tick", "row", "off"))
    if full["lines"] and full["noise_sampling"] != "tick":
        raise DarkroomError("simulated NIRCam: lines need noise_sampling: tick")
    for name in ("exposures", "nints", "ngroups"):
        if not isinstance(full[name], int) or full[name] < 1:
            raise DarkroomError(f"simulated NIRCam: {name} is {full[name]!r}, it must be 1 or more")
    measured = MEASURED[full["detector"]]
    for name, column in _OWN.items():
        if full[name] is None:
            full[name] = measured[column]
    if "common" not in settings:
        scale = measured["common"] ** 2
        full["common"] |= {k: full["common"][k] * scale for k in ("amplitude", "excess")}
    return full
