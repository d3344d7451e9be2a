"""Settings of series of epochs."""

from __future__ import annotations

from dataclasses import dataclass

from darkroom.campaign.settings import setting

#: Folder, within that of a series, of the states of units that are withdrawn from it.
WITHDRAWN = "withdrawn"


@dataclass(frozen=True, kw_only=True)
class EpochSettings:
    """A series of epochs that this campaign is compared with, and may be added to."""

    series: str = setting(
        "",
        "Folder of the states of a series; empty: none. It may be a new one: the series then "
        "starts with this campaign.",
        absent="no series",
        option=False,
    )
    add: bool = setting(
        False,
        "Add this campaign's state to the folder. A file that is there is never replaced.",
        option=False,
    )
    product: str = setting(
        "series",
        "What the product of the states is made of: the whole series, or the current segment, the "
        "epochs after the last change of that product.",
        choices=("series", "segment"),
    )
    delivered: str = setting(
        "",
        "Day of the last delivery, YYYY-MM-DD: the report says what changed since.",
        absent="the first epoch of the series",
    )
    gap_days: float = setting(
        10.0,
        "A pause longer than this between two ramps, or frames, starts another epoch.",
        unit="days",
        above=0,
    )
    false: float = setting(
        0.01,
        "Share of false ones that is allowed among the series that are said to have changed.",
        unit="fraction",
        above=0,
        below=1,
    )
    tolerance: float = setting(
        10.0,
        "Largest change of the level of a superbias, of a stack of CCD frames, or of CGI's fixed "
        "pattern that does no harm: how long the product stays within it is said.",
        unit="DN, ADU or e-",
        above=0,
    )
    dark_tolerance: float = setting(
        0.001,
        "The same for the dark current of NIRCam and CGI.",
        unit="e-/s",
        above=0,
    )
    charge_tolerance: float = setting(
        0.001,
        "The same for CGI's clock-induced charge.",
        unit="e-",
        above=0,
    )
    gain_tolerance: float = setting(
        0.01,
        "The same for the gain of a CCD, as a share of it.",
        unit="fraction",
        above=0,
    )
    noise_tolerance: float = setting(
        0.05,
        "The same for the noise of a product without a level, as a share of it: read noise, noise "
        "spectrum.",
        unit="fraction",
        above=0,
    )
