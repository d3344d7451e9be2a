"""Settings of the NIRCam pipeline."""

from __future__ import annotations

from dataclasses import dataclass

from darkroom.campaign.settings import section, setting
from darkroom.epochs.settings import EpochSettings
from darkroom.nircam.dark.settings import DarkSettings
from darkroom.nircam.mask.settings import MaskSettings
from darkroom.nircam.readnoise.settings import ReadnoiseSettings
from darkroom.nircam.refpix.settings import ReferencePixelSettings
from darkroom.nircam.spectrum.settings import SpectrumSettings
from darkroom.nircam.superbias.settings import SuperbiasSettings

#: Steps of the JWST pipeline that may be run, in the pipeline's order.
STEPS = (
    "group_scale",
    "dq_init",
    "saturation",
    "ipc",
    "superbias",
    "refpix",
    "linearity",
    "dark_current",
)
#: What may run the steps.
ENGINES = ("builtin", "jwst", "both")
_STEPS = {"minItems": 1, "uniqueItems": True}


@dataclass(frozen=True, kw_only=True)
class StepSettings:
    """Steps of the JWST pipeline before each product, in the order given."""

    superbias: list[str] = setting(
        ["dq_init", "saturation"],
        "Steps run before the superbias is made, in order.",
        choices=STEPS,
        schema=_STEPS,
    )
    readnoise: list[str] = setting(
        ["dq_init", "saturation", "superbias", "refpix", "linearity"],
        "Steps run before the read noise is measured, in order.",
        choices=STEPS,
        schema=_STEPS,
    )
    noise: list[str] = setting(
        ["dq_init", "saturation"],
        "Steps run before noise spectrum and reference pixels are measured, in order; these need "
        "uncorrected ramps.",
        choices=("dq_init", "saturation"),
        schema=_STEPS,
    )
    superbias_from: str = setting(
        "made",
        "Superbias that the step superbias subtracts: the one made here, or that of CRDS.",
        choices=("made", "crds"),
    )
    parameters: dict = setting(
        {},
        "Parameters of steps, where they differ from the pipeline's defaults, e.g. {refpix: "
        "{odd_even_columns: false}}.",
        unit="step: {parameter: value}",
        absent="none",
        schema={
            "additionalProperties": False,
            "properties": {
                step: {"type": "object", "description": f"Parameters of the step {step}."}
                for step in STEPS
            },
        },
    )


@dataclass(frozen=True, kw_only=True)
class JudgeSettings:
    """How exposures are judged before they are used."""

    exp_types: list[str] = setting(
        ["NRC_DARK"],
        "Values of EXP_TYPE that are allowed; other known types are refused.",
        unit="header values",
        schema={"minItems": 1, "uniqueItems": True},
    )


@dataclass(frozen=True, kw_only=True)
class NircamSettings:
    """Settings of the NIRCam pipeline."""

    engine: str = setting(
        "builtin",
        "What runs the steps: the built-in engine on raw files (builtin), the JWST pipeline "
        "(jwst), or both, which fails on the first bit that differs.",
        choices=ENGINES,
    )
    keep_ramps: bool = setting(
        False, "Write the ramps of the built-in engine too, as FITS beside its recipes."
    )
    judge: JudgeSettings = section(JudgeSettings)
    steps: StepSettings = section(StepSettings)
    superbias: SuperbiasSettings = section(SuperbiasSettings)
    readnoise: ReadnoiseSettings = section(ReadnoiseSettings)
    spectrum: SpectrumSettings = section(SpectrumSettings)
    reference_pixels: ReferencePixelSettings = section(ReferencePixelSettings)
    epochs: EpochSettings = section(EpochSettings)
    dark: DarkSettings = section(DarkSettings)
    mask: MaskSettings = section(MaskSettings)
