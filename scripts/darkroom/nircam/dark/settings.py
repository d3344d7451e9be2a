"""Settings of the dark current."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from darkroom.campaign.settings import other_default, setting
from darkroom.nircam.metadata import MetadataSettings

_GLS = ("method", "cube", "origin", "groups", "step_sigma", "skip_integrations", "hot", "warm")
_REFFILES = ("method", "sigma_threshold")


@dataclass(frozen=True, kw_only=True)
class DarkSettings(MetadataSettings):
    """The dark current; made from the ramps of the read noise."""

    description: str = other_default(MetadataSettings, "description", "Dark current")
    useafter: str = other_default(MetadataSettings, "useafter", "2015-10-01T00:00:00")
    make: bool = setting(
        False,
        "Measure the dark current, and write a DARK reference file and its details. The steps of "
        "the read noise must include superbias and linearity, and not dark_current.",
        option=False,
    )
    method: str = setting(
        "gls",
        "Rate of each integration by generalised least squares (gls); or levels of groups, "
        "identical to jwst_reffiles to the last bit (reffiles; of ramps after the step jump).",
        choices=("gls", "reffiles"),
    )
    cube: str = setting(
        "fit",
        "gls: what the reference file holds: rate × time and the settling of the amplifier (fit), "
        "which may be extrapolated; or the mean of the measured differences (measured).",
        choices=("fit", "measured"),
    )
    origin: str = setting(
        "superbias",
        "gls: time at which the dark is 0: that of group 0, when the superbias is group 0 of "
        "darks (first_group); the reset, when it is the level there (reset); or what the "
        "superbias made here needs (superbias: reset for superbias.sample intercept and pedestal, "
        "first_group for another superbias and for one of CRDS).",
        choices=("superbias", "first_group", "reset"),
    )
    groups: int | None = setting(
        None,
        "gls, fit: number of groups of the reference file; that of the longest exposure that it is "
        "to serve.",
        unit="groups",
        minimum=1,
        absent="the exposures'",
    )
    gain: float | None = setting(
        None, "Gain of all amplifiers.", unit="e-/DN", above=0, absent="that of CRDS"
    )
    step_sigma: float = setting(
        4.5,
        "gls: limit of the test for cosmic rays, for a step up anywhere in a ramp.",
        unit="standard deviations",
        above=0,
    )
    skip_integrations: int = setting(
        0,
        "gls: first integrations of every exposure that are left out, when they settle.",
        unit="integrations",
        minimum=0,
    )
    hot: float = setting(0.5, "Rate above which a pixel is hot.", unit="e-/s", above=0)
    warm: float = setting(0.02, "Rate above which a pixel is warm.", unit="e-/s", above=0)
    sigma_threshold: float = setting(
        3.0,
        "reffiles: rejection limit of levels, as a deviation from the median.",
        unit="standard deviations",
        above=0,
    )
    previous: str = setting(
        "none",
        "Earlier dark to compare with: crds (the reference that CRDS chooses for the exposures), "
        "none, or the path of a file.",
        unit="crds, none or file",
        option=False,
        schema={"minLength": 1},
    )

    @property
    def effective_settings(self) -> dict[str, Any]:
        """The settings that affect the result of the method, by name."""
        names = _GLS if self.method == "gls" else _REFFILES
        return {name: getattr(self, name) for name in names}
