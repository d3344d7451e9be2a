"""Settings of the reference pixels."""

from __future__ import annotations

from dataclasses import dataclass

from darkroom.campaign.settings import setting

CORRECTIONS = ("top_bottom", "side", "sirs", "optimal")


@dataclass(frozen=True, kw_only=True)
class ReferencePixelSettings:
    """Stability of the reference pixels, and corrections that use them."""

    make: bool = setting(
        True,
        "Measure the stability of reference pixels; needs the noise spectrum, and a subarray that "
        "holds reference pixels.",
        option=False,
    )
    previous: str = setting(
        "none",
        "The same product of another epoch to compare with, e.g. of ground tests, or none.",
        unit="file or none",
        option=False,
        schema={"minLength": 1},
    )
    corrections: list[str] = setting(
        list(CORRECTIONS),
        "Corrections of the pipeline's step refpix whose residual noise is compared: by the rows "
        "above and below alone (top_bottom); with the side columns, as the pipeline does (side); "
        "by its SIRS kernels, those of CRDS or, where it has none for the detector, made here "
        "(sirs, full frames only); with the smoothing and gain that leave the least noise "
        "(optimal). Through one output only the first is possible; one that is not is named in "
        "the product, with the reason.",
        choices=CORRECTIONS,
        option=False,
        schema={"uniqueItems": True},
    )
    exposures: int = setting(
        1,
        "Number of exposures, from the first, that are corrected for that comparison.",
        unit="exposures",
        minimum=1,
        option=False,
    )
    temperature_cards: list[str] = setting(
        [],
        "Header cards of temperatures with which the levels of ramps are correlated.",
        unit="cards",
        absent="none",
        schema={"items": {"type": "string", "pattern": "^[A-Z0-9_-]{1,8}$"}, "uniqueItems": True},
    )
