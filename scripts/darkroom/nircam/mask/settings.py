"""Settings of the bad-pixel mask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from darkroom.campaign.settings import other_default, setting
from darkroom.nircam.metadata import MetadataSettings

#: Classes of bad pixels that darks show.
CLASSES = (
    "SATURATED_FIRST",
    "HOT",
    "WARM",
    "NOISY",
    "RTN",
    "UNSTABLE",
    "UNREL_BIAS",
    "STUCK",
    "BAD_REF",
)


@dataclass(frozen=True, kw_only=True)
class MaskSettings(MetadataSettings):
    """The bad-pixel mask; made from the details of the dark, with its limits of hot and warm."""

    description: str = other_default(MetadataSettings, "description", "Bad pixels in darks")
    useafter: str = other_default(MetadataSettings, "useafter", "2015-10-01T00:00:00")
    subarray: str | None = setting(
        None,
        "SUBARRAY the file applies to.",
        unit="header value",
        absent="GENERIC for full frames, else the exposures'",
    )
    make: bool = setting(
        False,
        "Write a MASK reference file of the pixels that are bad in the dark of the item, which "
        "must be made too (dark.make).",
        option=False,
    )
    method: str = setting(
        "classes",
        "Classes of pixels by the rates of the dark (classes); or the flags of jwst_reffiles to "
        "the last bit (reffiles; of slopes after ramp_fit, by the program alone).",
        choices=("classes", "reffiles"),
    )
    do_not_use: list[str] = setting(
        ["SATURATED_FIRST", "HOT", "STUCK"],
        "classes: those that are flagged DO_NOT_USE as well.",
        choices=CLASSES,
        schema={"uniqueItems": True},
    )
    policy: str = setting(
        "update",
        "classes: what becomes of pixels of the previous mask that are bad no more: update leaves "
        "out those that are significantly good, keep only adds.",
        choices=("update", "keep"),
    )
    injected: int = setting(
        2000,
        "Pixels of each class that are injected to measure the completeness; 0: none.",
        unit="pixels",
        minimum=0,
    )
    previous: str = setting(
        "none",
        "Earlier mask, whose flags that darks cannot see are carried over: crds (the reference "
        "that CRDS chooses for the exposures), none, or the path of a file.",
        unit="crds, none or file",
        option=False,
        schema={"minLength": 1},
    )

    @property
    def effective_settings(self) -> dict[str, Any]:
        """The settings that affect the result, by name."""
        names = ("method", "do_not_use", "policy") if self.method == "classes" else ("method",)
        return {name: getattr(self, name) for name in names}
