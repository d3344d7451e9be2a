"""Settings of the read noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from darkroom.campaign.settings import other_default, setting
from darkroom.nircam.metadata import MetadataSettings

_COMMON = ("method", "group_diff_type", "single_value")
_LINE = ("noisy_sigma", "telegraph_gain", "spatial_pairs")
_CLIP = ("clipping_sigma", "max_clipping_iters")


@dataclass(frozen=True, kw_only=True)
class ReadnoiseSettings(MetadataSettings):
    """The read noise; settings that jwst_reffiles has too bear its names."""

    description: str = other_default(MetadataSettings, "description", "CDS Noise Image")
    useafter: str = other_default(MetadataSettings, "useafter", "2015-10-01T00:00:00")
    method: str = setting(
        "line",
        "Residuals of a line fitted to each ramp (line); or identical to jwst_reffiles to the last "
        "bit (stack, ramp).",
        choices=("line", "stack", "ramp"),
    )
    other_method: str = setting(
        "stack",
        "Second method, whose result is shown beside that of the first (none, or the same as "
        "method: only one method).",
        choices=("line", "stack", "ramp", "none"),
        option=False,
    )
    group_diff_type: str = setting(
        "independent",
        "Group differences: 1-0, 3-2, ... (independent) or 1-0, 2-1, ... (consecutive).",
        choices=("independent", "consecutive"),
    )
    clipping_sigma: float = setting(
        3.0,
        "stack, ramp: rejection limit of differences, as a deviation from the median.",
        unit="standard deviations",
        above=0,
    )
    max_clipping_iters: int = setting(
        3, "stack, ramp: maximum number of rejection iterations.", minimum=1
    )
    single_value: bool = setting(
        False,
        "Give all pixels one value (in FULL and GENERIC files that of the output that reads the "
        "subarrays).",
    )
    noisy_sigma: float = setting(
        5.0,
        "line: threshold for noisy pixels: excess of the noise over the median of pixels of the "
        "same amplifier and column parity.",
        unit="robust deviations",
        above=0,
    )
    telegraph_gain: float = setting(
        12.0,
        "line: threshold for telegraph noise: gain in log-likelihood of a model with two levels "
        "over one with a single level.",
        unit="log-likelihood",
        above=0,
    )
    spatial_pairs: int = setting(
        8,
        "line: number of group differences used to check the scatter over pixels.",
        unit="pairs",
        minimum=1,
    )
    previous: str = setting(
        "crds",
        "Earlier read noise to compare with: crds (the reference that CRDS chooses for the "
        "exposures), none, or the path of a file.",
        unit="crds, none or file",
        option=False,
        schema={"minLength": 1},
    )
    pixel: list[int] | None = setting(
        None,
        "Pixel to report and to mark in the figures; column and row counted from 0.",
        unit="X Y",
        minimum=0,
        length=2,
        absent="none",
    )

    @property
    def effective_settings(self) -> dict[str, Any]:
        """The settings that affect the result of the method, by name."""
        line = self.method == "line"
        names = (*_COMMON, *_LINE) if line else _COMMON
        # Method line clips only for the single value of all pixels, a clipped mean.
        names = names if line and not self.single_value else (*names, *_CLIP)
        return {name: getattr(self, name) for name in names}
