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
    """The read noise; names are those of jwst_reffiles where it has them."""

    description: str = other_default(MetadataSettings, "description", "CDS Noise Image")
    useafter: str = other_default(MetadataSettings, "useafter", "2015-10-01T00:00:00")
    method: str = setting(
        "line",
        "Residuals of a line through each ramp (line); or jwst_reffiles to the last bit (stack, "
        "ramp).",
        choices=("line", "stack", "ramp"),
    )
    other_method: str = setting(
        "stack",
        "Method whose result is made too and shown beside (none, or the same as method: only one).",
        choices=("line", "stack", "ramp", "none"),
        option=False,
    )
    group_diff_type: str = setting(
        "independent",
        "Pairs of groups: 1-0, 3-2, ... (independent) or 1-0, 2-1, ... (consecutive).",
        choices=("independent", "consecutive"),
    )
    clipping_sigma: float = setting(
        3.0,
        "stack, ramp: differences that deviate more from the median are rejected.",
        unit="standard deviations",
        above=0,
    )
    max_clipping_iters: int = setting(
        3, "stack, ramp: largest number of rejection rounds.", minimum=1
    )
    single_value: bool = setting(
        False,
        "Give all pixels one value (of FULL and GENERIC files: of the output that reads the "
        "subarrays).",
    )
    noisy_sigma: float = setting(
        5.0,
        "line: a pixel is noisy when its noise lies so far above the median of its class.",
        unit="robust deviations",
        above=0,
    )
    telegraph_gain: float = setting(
        12.0,
        "line: log-likelihood that two levels must gain over one for telegraph noise.",
        unit="log-likelihood",
        above=0,
    )
    spatial_pairs: int = setting(
        8,
        "line: differences of groups in the check of the scatter over pixels.",
        unit="pairs",
        minimum=1,
    )
    previous: str = setting(
        "crds",
        "Earlier read noise to compare with: crds (what CRDS has for the exposures), none, or the "
        "path of a file.",
        unit="crds, none or file",
        option=False,
        schema={"minLength": 1},
    )
    pixel: list[int] | None = setting(
        None,
        "Pixel that is reported and marked, column and row counted from 0.",
        unit="X Y",
        minimum=0,
        length=2,
        absent="none",
    )

    @property
    def effective_settings(self) -> dict[str, Any]:
        """Those settings that shape the result of the method, by name."""
        line = self.method == "line"
        names = (*_COMMON, *_LINE) if line else _COMMON
        # Of method line, only the one value for all pixels is a clipped mean.
        names = names if line and not self.single_value else (*names, *_CLIP)
        return {name: getattr(self, name) for name in names}
