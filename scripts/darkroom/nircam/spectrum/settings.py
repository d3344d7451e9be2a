"""Settings of the noise spectrum."""

from __future__ import annotations

from dataclasses import dataclass

from darkroom.campaign.settings import setting


@dataclass(frozen=True, kw_only=True)
class SpectrumSettings:
    """The noise spectrum."""

    make: bool = setting(
        True, "Measure the noise spectrum; needs ramps with 3 groups or more.", option=False
    )
    previous: str = setting(
        "none",
        "Noise spectrum of another epoch (e.g. ground tests) to compare with: noise_spectrum.fits "
        "of another campaign, or none.",
        unit="file or none",
        option=False,
        schema={"minLength": 1},
    )
