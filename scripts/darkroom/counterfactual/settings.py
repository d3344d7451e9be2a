"""Settings of the exposures on which a new file is compared with the current one."""

from __future__ import annotations

from dataclasses import dataclass

from darkroom.campaign.settings import setting


@dataclass(frozen=True, kw_only=True)
class DeckSettings:
    """Exposures held out of a product's trial version, on which it is compared with the current."""

    held_out: int = setting(
        4,
        "Number of exposures of each item (CCD: of its biases and of its darks; CGI: of each "
        "stack) that are held out: every k-th in time. The version of a product that is compared "
        "is made without them; the product itself is made of all. Fewer where there are less than "
        "three times as many; 0: nothing is compared.",
        unit="exposures",
        minimum=0,
        option=False,
    )
    folds: int = setting(
        0,
        "NIRCam, CCD: number of parts of the exposures of an item (CCD: of its biases and of its "
        "darks). Each part is compared on a version "
        "that is made without it, so that all exposures are compared where `held_out` of them are "
        "too few. At most as many as there are exposures; 0: one version, without those of "
        "`held_out`.",
        minimum=0,
        option=False,
    )
    slopes_dn_s: list[float] = setting(
        [20.0, 2500.0],
        "NIRCam: smallest and largest slope of the sources that are injected into held-out darks.",
        unit="DN/s DN/s",
        above=0,
        length=2,
    )
