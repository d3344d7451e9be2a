"""Settings of the CGI pipeline."""

from __future__ import annotations

from dataclasses import dataclass

from darkroom.campaign.settings import REQUIRED, setting

#: Checks of frames by name, and what each asks.
CHECKS = {
    "unit": "BUNIT says electrons, with or without EM gain as the product needs",
    "bias": "the bias was subtracted",
    "cosmic-rays": "cosmic rays were masked",
    "linearity": "the non-linearity was corrected",
    "desmear": "the frame was not desmeared",
    "cti": "charge transfer was not corrected",
    "shot-noise": "no shot noise was added to the error",
    "dark": "no dark was subtracted",
}


@dataclass(frozen=True, kw_only=True)
class DarkSettings:
    """EM gain and exposure time of a master dark."""

    gain: float = setting(REQUIRED, "EM gain.", minimum=1)
    exptime: float = setting(REQUIRED, "Exposure time.", unit="s", minimum=0)


@dataclass(frozen=True, kw_only=True)
class CgiSettings:
    """Settings of the CGI pipeline."""

    geometry: str = setting(
        "sci",
        "Detector regions: sci (flight detector, 1200 x 2200), small (120 x 220, for tests) or a "
        "JSON file in the form of scripts/darkroom/cgi/geometry_sci.json.",
        unit="sci, small or file",
    )
    frames_per_part: int = setting(
        200,
        "Frames that one job adds up; new frames at the end of a stack make new parts, the full "
        "ones stay.",
        unit="frames",
        minimum=1,
        maximum=500,
        option=False,
    )
    preprocess: str = setting(
        "best",
        "Raw frames (level L1): cosmic rays by the physics of the EM register (best), or exactly "
        "as corgidrp 5.1.1 (peer, for validation).",
        choices=("best", "peer"),
    )
    nonlinearity: str | None = setting(
        None,
        "Raw frames: table of relative gains by DN and EM gain (FITS or text), corgidrp for the "
        "one in its wheel (where that is installed), none for a linear detector.",
        unit="none, corgidrp or file",
        absent="raw frames need it named",
    )
    kgain: float | str = setting(
        8.699999809265137,
        "Raw frames: conversion gain, or corgidrp's KGain file. The default is 8.7 in single "
        "precision, as corgidrp has it.",
        unit="e-/DN or file",
        absent="8.7",
    )
    bias_offset: str | None = setting(
        None,
        "Raw frames: noise maps whose bias offset (cards B_O, B_O_ERR) is added back.",
        unit="file",
        absent="none",
    )
    keep_prepared: bool = setting(
        False,
        "Raw frames: keep the prepared ones (level L2a) in prepared/; darks are made without.",
        option=False,
    )
    waive: list[str] = setting(
        [],
        "Checks of the frames' headers that are not made; the products say so: "
        + "; ".join(f"{name} ({what})" for name, what in CHECKS.items())
        + ".",
        choices=tuple(CHECKS),
        absent="none",
    )
    weights: str = setting(
        "pooled",
        "Estimator of the noise maps: unbiased with true errors (pooled), as corgidrp 5.1.1 "
        "(frames), as corgidrp 3.2.1 (peer-3.2).",
        choices=("pooled", "frames", "peer-3.2"),
    )
    keep_truncated: bool = setting(
        False, "Fit also stacks whose cosmic-ray threshold cuts into their dark signal."
    )
    keep_offsets: bool = setting(
        False, "Leave the offset of an anomalous stack in; it is measured in any case."
    )
    traditional: list[DarkSettings] = setting(
        [],
        "Traditional master darks: the means of these stacks.",
        group=DarkSettings,
        option=False,
        absent="none",
    )
    synthesized: list[DarkSettings] = setting(
        [],
        "Darks synthesized from the noise maps, for these EM gains and exposure times.",
        group=DarkSettings,
        option=False,
        absent="none",
    )
    region: str = setting(
        "image", "Area of the darks: image area or full frame.", choices=("image", "full")
    )


RAW = ("geometry", "preprocess", "nonlinearity", "kgain", "bias_offset")
#: Settings of each program.
PROGRAMS = {
    "stack_statistics": (*RAW, "waive"),
    "prepare": RAW,
    "noise_maps": (*RAW, "waive", "weights", "keep_truncated", "keep_offsets"),
    "master_dark": (*RAW, "waive", "region"),
    "synthesize_dark": ("geometry", "region"),
    "figures": ("geometry",),
}
