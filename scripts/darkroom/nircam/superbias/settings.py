"""Settings of the superbias."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from darkroom.campaign.settings import other_default, setting
from darkroom.nircam.metadata import MetadataSettings

_USUAL_SIGMA = {"aligned": 4.0, "reffiles": 3.0}
# Which of the settings shape the result of a method.
_EFFECTIVE = {
    "reffiles": (
        *("method", "clipping_sigma", "max_clipping_iters", "bad_clipping_sigma"),
        *("bad_max_clipping_iters", "bad_sigma_threshold", "previous_ramps"),
    ),
    "aligned": (
        *("method", "sample", "intercept_groups", "clipping_sigma", "max_clipping_iters"),
        *("bad_sigma_threshold", "drift_p", "hot_sigma", "coupling", "previous_ramps"),
    ),
}


@dataclass(frozen=True, kw_only=True)
class SuperbiasSettings(MetadataSettings):
    """The superbias; names are those of jwst_reffiles where it has them."""

    description: str = other_default(MetadataSettings, "description", "Super Bias Image")
    useafter: str = other_default(MetadataSettings, "useafter", "2000-01-01T00:00:00")
    method: str = setting(
        "aligned",
        "Every integration is a sample, offsets of ramps are solved for, ERR is the error of the "
        "mean (aligned); or jwst_reffiles to the last bit (reffiles).",
        choices=("aligned", "reffiles"),
    )
    other_method: str = setting(
        "reffiles",
        "Method whose result is made too and shown beside (none, or the same as method: only one).",
        choices=("aligned", "reffiles", "none"),
        option=False,
    )
    sample: str = setting(
        "group0",
        "aligned: group 0, or the intercept at the reset of a line through the first groups, "
        "which removes the dark current before group 0 and finds hot pixels; it leaves the kTC "
        "noise and, for groups of one frame, 1.05 of the read noise with 5 groups, 0.68 with 10.",
        choices=("group0", "intercept"),
    )
    intercept_groups: int = setting(5, "Groups of that line.", unit="groups", minimum=2)
    clipping_sigma: float | None = setting(
        None,
        "Samples that deviate more from the median are rejected: by the MAD for aligned, the "
        "standard deviation for reffiles.",
        unit="deviations",
        above=0,
        absent="4 for aligned, 3 for reffiles",
    )
    max_clipping_iters: int = setting(3, "Largest number of rejection rounds.", minimum=1)
    bad_sigma_threshold: float = setting(
        5.0,
        "Scatter above that of the other pixels at which a pixel is flagged.",
        unit="deviations",
        above=0,
    )
    bad_clipping_sigma: float = setting(
        3.0,
        "reffiles, save_filled: clip of the image of scatters.",
        unit="standard deviations",
        above=0,
    )
    bad_max_clipping_iters: int = setting(
        3, "reffiles, save_filled: rounds of that clip.", minimum=1
    )
    drift_p: float = setting(
        1e-5,
        "aligned: a slope in time is a drift when its probability by chance is below this.",
        unit="probability",
        above=0,
        below=1,
    )
    hot_sigma: float = setting(
        5.0,
        "aligned, intercept: a pixel is hot when its slope lies so far above the median.",
        unit="deviations",
        above=0,
    )
    save_filled: bool = setting(
        False, "Write superbias_filled.fits too, with high pixels smoothed away."
    )
    box_width: int = setting(3, "Box of that smoothing.", unit="pixels", minimum=1)
    coupling: float = setting(
        0.005,
        "Fraction of a pixel's signal that each neighbour sees (inter-pixel capacitance), for "
        "the estimate of what a bias error leaves in the neighbours.",
        unit="fraction",
        minimum=0,
        maximum=0.25,
    )
    previous: str = setting(
        "crds",
        "Earlier superbias to compare with: crds (what CRDS has for the exposures), none, or the "
        "path of a file.",
        unit="crds, none or file",
        option=False,
        schema={"minLength": 1},
    )
    previous_ramps: int = setting(
        0,
        "Reads that the earlier superbias is made of, when its ERR is the scatter of one read; "
        "0: its ERR is the error of the mean.",
        unit="reads",
        minimum=0,
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
    def sigma(self) -> float:
        """Width of the clip: that of the method where none is chosen."""
        return _USUAL_SIGMA[self.method] if self.clipping_sigma is None else self.clipping_sigma

    @property
    def effective_settings(self) -> dict[str, Any]:
        """Those settings that shape the result of the method, by name."""
        chosen = {name: getattr(self, name) for name in _EFFECTIVE[self.method]}
        return chosen | {"clipping_sigma": self.sigma}
