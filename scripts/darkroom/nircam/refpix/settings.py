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
        "Measure the stability of the reference pixels; needs the noise spectrum, and a subarray "
        "with reference pixels.",
        option=False,
    )
    previous: str = setting(
        "none",
        "The same product of another epoch (e.g. ground tests) to compare with, or none.",
        unit="file or none",
        option=False,
        schema={"minLength": 1},
    )
    corrections: list[str] = setting(
        list(CORRECTIONS),
        "Corrections of the refpix step whose residual noise is compared: rows above and below "
        "only (top_bottom); with the side columns, the pipeline's default (side); SIRS kernels of "
        "CRDS or, where it has none for the detector, made here (sirs, full frames only); side "
        "columns with the smoothing and gain that leave the least noise (optimal). Subarrays read "
        "through one output allow only the first; a correction that is not possible is listed in "
        "the product with the reason.",
        choices=CORRECTIONS,
        option=False,
        schema={"uniqueItems": True},
    )
    exposures: int = setting(
        1,
        "Number of exposures, from the first on, that are corrected for that comparison.",
        unit="exposures",
        minimum=1,
        option=False,
    )
    temperature_cards: list[str] = setting(
        [],
        "Header cards with temperatures, with which the levels of ramps are correlated.",
        unit="cards",
        absent="none",
        schema={"items": {"type": "string", "pattern": "^[A-Z0-9_-]{1,8}$"}, "uniqueItems": True},
    )
