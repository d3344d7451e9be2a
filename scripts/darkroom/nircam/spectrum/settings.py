"""Settings of the noise spectrum."""

from __future__ import annotations

from dataclasses import dataclass

from darkroom.campaign.settings import setting


@dataclass(frozen=True, kw_only=True)
class SpectrumSettings:
    """The noise spectrum."""

    make: bool = setting(
        True, "Measure the noise spectrum; needs ramps of 3 groups or more.", option=False
    )
    previous: str = setting(
        "none",
        "Noise spectrum of another epoch to compare with, e.g. of ground tests: "
        "noise_spectrum.fits of another campaign, or none.",
        unit="file or none",
        option=False,
        schema={"minLength": 1},
    )
