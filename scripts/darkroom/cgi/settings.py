"""Settings of the CGI pipeline."""

from __future__ import annotations

from dataclasses import dataclass

from darkroom.campaign.settings import REQUIRED, section, setting
from darkroom.epochs.settings import EpochSettings

#: Checks of the headers of frames, and what each requires.
CHECKS = {
    "unit": "BUNIT is electrons, with or without EM gain as the product needs",
    "bias": "the bias was subtracted",
    "cosmic-rays": "cosmic rays were masked",
    "linearity": "the non-linearity was corrected",
    "desmear": "the frame was not desmeared",
    "cti": "charge transfer inefficiency was not corrected",
    "shot-noise": "no shot noise was added to the error",
    "dark": "no dark was subtracted",
    "photon-counting": "the frame was not taken for photon counting (ISPC)",
}
#: Settings that may name a file, and what they say otherwise.
FILES = {
    "geometry": ("sci", "small"),
    "nonlinearity": ("none", "corgidrp"),
    "kgain": (),
    "bias_offset": (),
}


@dataclass(frozen=True, kw_only=True)
class DarkSettings:
    """EM gain and exposure time of a master dark."""

    gain: float = setting(REQUIRED, "EM gain.", minimum=1)
    exptime: float = setting(REQUIRED, "Exposure time.", unit="s", minimum=0)


@dataclass(frozen=True, kw_only=True)
class ComparedDarkSettings(DarkSettings):
    """A master dark that is compared with the one in use."""

    previous: str | None = setting(
        None,
        "Dark in use of this EM gain and exposure time (of darkroom or corgidrp), with which "
        "`snakemake judge` compares the new one; without it, the dark that the noise maps in use "
        "give.",
        unit="file",
        absent="none",
    )


@dataclass(frozen=True, kw_only=True)
class JudgeSettings:
    """How exposures are judged before they are used."""

    temperature_tolerance: float = setting(
        2.0,
        "Largest difference of an exposure's detector temperature (EXCAMT) from that of most "
        "others; a quarter of it gives a warning.",
        unit="°C",
        above=0,
    )


@dataclass(frozen=True, kw_only=True)
class CountingSettings:
    """How photon-counted darks are made."""

    method: str = setting(
        "best",
        "Photon-counted darks: exact inversion, with errors shared by similar pixels and upper "
        "limits (best); or exactly as corgidrp 5.1.1 (peer), which gives a pixel without a count "
        "the error 0.",
        choices=("best", "peer"),
    )
    threshold: float = setting(
        5.0,
        "Threshold, in units of the read noise (corgidrp: TFACTOR); less than 4 gives a warning. "
        "Science frames must be counted with the same.",
        unit="read noise",
        above=0,
    )
    read_noise: float | None = setting(
        None, "Read noise, instead of the card RN.", unit="e-", above=0, absent="card RN"
    )
    most_electrons: float = setting(
        0.25,
        "Largest mean of the frames (corgidrp: PCECNTMX), and with best of each single frame "
        "without flagged samples: brighter ones hide electrons behind each other.",
        unit="e- per pixel and frame",
        above=0,
    )
    gain_tolerance: float = setting(
        0.05,
        "Largest difference between the EM gain that the counts show and that of the headers; more "
        "is refused when it is also beyond five of its errors (best only).",
        unit="fraction",
        above=0,
    )
    subtract_fpn: bool = setting(
        False,
        "Subtract the item's fixed pattern before counting (best only). Science frames must be "
        "treated alike.",
    )


@dataclass(frozen=True, kw_only=True)
class PixelSettings:
    """How bad-pixel maps are made."""

    map_method: str = setting(
        "robust",
        "Bad-pixel maps: median and MAD of regions, significance and limit (robust); or exactly as "
        "corgidrp 5.1.1 (peer), whose limit hot pixels raise.",
        choices=("robust", "peer"),
    )
    deviations: float = setting(
        5.0, "A hot pixel is more than this many standard deviations above others.", minimum=0
    )
    significance: float = setting(
        5.0, "Robust: and more than this many of its own errors.", minimum=0
    )
    limit: float = setting(
        0.0, "Robust: and by more than this charge per frame.", unit="e-", minimum=0
    )
    flat: str | None = setting(
        None,
        "Flat field of corgidrp in which dead pixels are looked for; without one darks do not show "
        "them.",
        unit="file",
        absent="none",
    )
    flat_fraction: float = setting(
        0.8, "A dead pixel is below this fraction of the mean of the flat around it.", minimum=0,
        maximum=1,
    )  # fmt: skip
    flat_width: int = setting(32, "Width of the box of that mean.", unit="pixels", minimum=1)
    previous: str | None = setting(
        None,
        "Earlier bad-pixel map; without a flat its dead pixels are kept.",
        unit="file",
        absent="none",
    )


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
        "Number of frames of a stack that one job adds up; new frames at the end of a stack make "
        "new parts and leave the full ones unchanged. An item of no more frames than this in all "
        "is fitted directly, without statistics of parts.",
        unit="frames",
        minimum=1,
        maximum=500,
        option=False,
    )
    preprocess: str = setting(
        "best",
        "Raw frames (level L1): flag cosmic rays with a model of the EM register (best), or "
        "exactly as corgidrp 5.1.1 (peer, for validation).",
        choices=("best", "peer"),
    )
    nonlinearity: str | None = setting(
        None,
        "Raw frames: table of relative gain against DN and EM gain (FITS or text); corgidrp for "
        "the table of that package, where it is installed; none for a linear detector.",
        unit="none, corgidrp or file",
        absent="must be given for raw frames",
    )
    kgain: float | str = setting(
        8.699999809265137,
        "Raw frames: conversion gain, or a KGain file of corgidrp. The default is 8.7 in single "
        "precision, as in corgidrp.",
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
        "Raw frames: keep the prepared frames (level L2a) in prepared/; darks do not need them.",
        option=False,
    )
    waive: list[str] = setting(
        [],
        "Header checks of the frames to skip, recorded in the products: "
        + "; ".join(f"{name} ({what})" for name, what in CHECKS.items())
        + ".",
        choices=tuple(CHECKS),
        absent="none",
    )
    keep_masks: bool = setting(
        False,
        "Calibrated frames: do not grow the masks of cosmic rays where the pixels beside them are "
        "measured to be brighter than others. Weights as in corgidrp never grow them.",
    )
    weights: str = setting(
        "pooled",
        "Weights of the fit of noise maps: pooled variances, unbiased with correct errors "
        "(pooled); as corgidrp 5.1.1 (frames); as corgidrp 3.2.1 (peer-3.2).",
        choices=("pooled", "frames", "peer-3.2"),
    )
    judge: JudgeSettings = section(JudgeSettings)
    epochs: EpochSettings = section(
        EpochSettings,
        "Series of epochs: means of fixed pattern, clock-induced charge and dark current.",
    )
    keep_truncated: bool = setting(
        False, "Include stacks whose cosmic-ray threshold truncates their dark signal."
    )
    keep_offsets: bool = setting(
        False, "Do not correct the offset of an anomalous stack; it is measured in any case."
    )
    bad_stacks: str = setting(
        "warn",
        "A stack whose imaging area disagrees with the others, as with a light leak: say so (warn) "
        "or leave it out of the noise maps (exclude).",
        choices=("warn", "exclude"),
    )
    traditional: list[ComparedDarkSettings] = setting(
        [],
        "Traditional master darks to make: the means of these stacks.",
        group=ComparedDarkSettings,
        option=False,
        absent="none",
    )
    synthesized: list[ComparedDarkSettings] = setting(
        [],
        "Darks to synthesize from the noise maps, for these EM gains and exposure times.",
        group=ComparedDarkSettings,
        option=False,
        absent="none",
    )
    photon_counted: list[DarkSettings] = setting(
        [],
        "Stacks to count photons in, for photon-counted master darks. Their frames must be taken "
        "for it (ISPC 1) and are not used for noise maps.",
        group=DarkSettings,
        option=False,
        absent="none",
    )
    counting: CountingSettings = section(CountingSettings)
    pixel_maps: list[str] = setting(
        [],
        "Darks of this item of which bad-pixel maps are made, by their names: e.g. "
        "photon_counted_g5000_t4, synthesized_g1000_t10, traditional_g500_t100.",
        option=False,
        absent="none",
    )
    pixels: PixelSettings = section(PixelSettings)
    previous: str | None = setting(
        None,
        "Noise maps in use (of darkroom or corgidrp), with which `snakemake judge` compares the "
        "new ones.",
        unit="file",
        absent="none",
        option=False,
    )
    empty_pixels: str = setting(
        "zero",
        "Pixels of maps and darks without a value, which DQ flags: zero, as in corgidrp, whose "
        "bad-pixel step finds no hot pixel in a dark with a NaN; or nan.",
        choices=("zero", "nan"),
    )
    region: str = setting(
        "image", "Area of the master darks: image area or full frame.", choices=("image", "full")
    )


RAW = ("geometry", "preprocess", "nonlinearity", "kgain", "bias_offset")
#: Settings of each program.
PROGRAMS = {
    "stack_statistics": (*RAW, "waive", "keep_masks"),
    "prepare": (*RAW, "waive"),
    "noise_maps": (
        *RAW,
        "waive",
        "keep_masks",
        "weights",
        "keep_truncated",
        "keep_offsets",
        "bad_stacks",
        "empty_pixels",
    ),
    "master_dark": (*RAW, "waive", "keep_masks", "region", "empty_pixels"),
    "synthesize_dark": ("geometry", "kgain", "region", "empty_pixels"),
    "photon_counted_dark": (*RAW, "waive", "region"),
    "pixel_map": (),
    "state": RAW,
    "figures": ("geometry",),
    "gates": RAW,
}
