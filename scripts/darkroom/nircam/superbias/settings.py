"""Settings of the superbias."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from darkroom.campaign.settings import other_default, setting
from darkroom.nircam.metadata import MetadataSettings

_USUAL_SIGMA = {"aligned": 4.0, "reffiles": 3.0}
# Settings that affect the result of each method.
_EFFECTIVE = {
    "reffiles": (
        *("method", "clipping_sigma", "max_clipping_iters", "bad_clipping_sigma"),
        *("bad_max_clipping_iters", "bad_sigma_threshold", "previous_ramps"),
    ),
    "aligned": (
        *("method", "sample", "intercept_groups", "pedestal", "clipping_sigma"),
        *(
            "max_clipping_iters",
            "bad_sigma_threshold",
            "drift_p",
            "hot_sigma",
            "coupling",
            "previous_ramps",
        ),
    ),
}


@dataclass(frozen=True, kw_only=True)
class SuperbiasSettings(MetadataSettings):
    """The superbias; settings that jwst_reffiles has too bear its names."""

    description: str = other_default(MetadataSettings, "description", "Super Bias Image")
    useafter: str = other_default(MetadataSettings, "useafter", "2000-01-01T00:00:00")
    method: str = setting(
        "aligned",
        "Every integration is a sample, offsets of ramps are fitted, ERR is the standard error of "
        "the mean (aligned); or identical to jwst_reffiles to the last bit (reffiles).",
        choices=("aligned", "reffiles"),
    )
    other_method: str = setting(
        "reffiles",
        "Second method, whose result is shown beside that of the first (none, or the same as "
        "method: only one method).",
        choices=("aligned", "reffiles", "none"),
        option=False,
    )
    sample: str = setting(
        "group0",
        "aligned: value of each integration: group 0, or the intercept of a line through the "
        "first groups at the time of the reset, or group 0 minus the charge collected before it, "
        "by the rate of the whole ramp (pedestal). The intercept removes the dark current before "
        "group 0 and finds hot pixels; it contains the kTC noise and, for groups of one frame, "
        "1.05 times the read noise with 5 groups, 0.68 times with 10. The pedestal does so with "
        "the read noise of group 0, for long ramps.",
        choices=("group0", "intercept", "pedestal"),
    )
    pedestal: str = setting(
        "reset",
        "pedestal: the level at the reset; or the plane PEDESTAL of the step ramp_fit (stcal), "
        "which takes the rate in DN/s times a number of groups instead of seconds: for comparison "
        "with files made from that plane.",
        choices=("reset", "stcal"),
    )
    intercept_groups: int = setting(
        5, "intercept: number of groups of that line.", unit="groups", minimum=2
    )
    clipping_sigma: float | None = setting(
        None,
        "Rejection limit of samples, as a deviation from the median: in units of 1.4826 MAD for "
        "aligned, of the standard deviation for reffiles.",
        unit="sigma",
        above=0,
        absent="4 for aligned, 3 for reffiles",
    )
    max_clipping_iters: int = setting(3, "Maximum number of rejection iterations.", minimum=1)
    bad_sigma_threshold: float = setting(
        5.0,
        "Threshold for flagging a pixel: excess of its scatter over that of the other pixels.",
        unit="sigma",
        above=0,
    )
    bad_clipping_sigma: float = setting(
        3.0,
        "reffiles, save_filled: rejection limit in the image of the scatter.",
        unit="standard deviations",
        above=0,
    )
    bad_max_clipping_iters: int = setting(
        3, "reffiles, save_filled: number of iterations of that rejection.", minimum=1
    )
    drift_p: float = setting(
        1e-5,
        "aligned: threshold for drifting pixels: chance probability of their slope in time.",
        unit="probability",
        above=0,
        below=1,
    )
    hot_sigma: float = setting(
        5.0,
        "aligned, intercept and pedestal: threshold for hot pixels: excess of the slope over the "
        "median.",
        unit="sigma",
        above=0,
    )
    on_cycle: str = setting(
        "mean",
        "aligned: what is made of exposures whose bias depends on the number of the integration: "
        "the mean of all integrations, with a warning (mean), or no reference file (stop). The "
        "details hold a superbias of each integration of the cycle in both cases.",
        choices=("mean", "stop"),
    )
    bands: bool = setting(
        False,
        "Test whether side reference pixels put bands of rows into the superbias, on the exposures "
        "on which corrections are compared (reference_pixels.corrections side and top_bottom).",
        option=False,
    )
    save_filled: bool = setting(
        False, "Also write superbias_filled.fits, in which high pixels are replaced by smoothing."
    )
    box_width: int = setting(3, "Width of the box of that smoothing.", unit="pixels", minimum=1)
    coupling: float = setting(
        0.005,
        "Fraction of a pixel's signal that each neighbour receives (inter-pixel capacitance), used "
        "to estimate the effect of a bias error on the neighbours.",
        unit="fraction",
        minimum=0,
        maximum=0.25,
    )
    previous: str = setting(
        "crds",
        "Earlier superbias to compare with: crds (the reference that CRDS chooses for the "
        "exposures), none, or the path of a file.",
        unit="crds, none or file",
        option=False,
        schema={"minLength": 1},
    )
    previous_ramps: int = setting(
        0,
        "Number of reads that the earlier superbias was made from, when its ERR is the scatter of "
        "one read; 0 when its ERR is the error of the mean.",
        unit="reads",
        minimum=0,
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
    def sigma(self) -> float:
        """Rejection limit: that of the method where none is set."""
        return _USUAL_SIGMA[self.method] if self.clipping_sigma is None else self.clipping_sigma

    @property
    def effective_settings(self) -> dict[str, Any]:
        """The settings that affect the result of the method, by name."""
        chosen = {name: getattr(self, name) for name in _EFFECTIVE[self.method]}
        return chosen | {"clipping_sigma": self.sigma}
