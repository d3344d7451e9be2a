"""Settings of updatewcs and AstroDrizzle."""

from __future__ import annotations

from dataclasses import dataclass

from darkroom.campaign.settings import setting


@dataclass(frozen=True, kw_only=True)
class DrizzleSettings:
    """How the visit is combined; the defaults are the notebook's parameters of AstroDrizzle."""

    astrometry: bool = setting(
        False,
        "Let updatewcs query the astrometric database, which needs a network; otherwise the WCS "
        "comes from the distortion table alone.",
    )
    skymethod: str = setting(
        "match",
        "Method that equalises the sky levels of the exposures.",
        choices=("match", "localmin", "globalmin", "globalmin+match"),
    )
    final_bits: str = setting(
        "16",
        "DQ flags that do not exclude a pixel, e.g. 16 or 16,64.",
        unit="flags",
        schema={"pattern": r"^\d+([,+]\d+)*$"},
    )
    final_wht_type: str = setting(
        "EXP",
        "Weighting; only EXP can be checked against the exposure time.",
        choices=("EXP", "ERR", "IVM"),
    )
    final_kernel: str = setting(
        "square",
        "Drizzle kernel.",
        choices=("square", "point", "turbo", "gaussian", "lanczos3"),
    )
    final_pixfrac: float = setting(
        1.0,
        "Side of a drizzle drop, as a fraction of an input pixel.",
        unit="pixels",
        above=0,
        maximum=1,
    )
    final_scale: float | None = setting(
        None,
        "Pixel scale of the combined image.",
        unit="arcsec",
        above=0,
        absent="AstroDrizzle's choice",
    )
    final_rot: float | None = setting(
        None,
        "Position angle of the y axis of the combined image.",
        unit="degrees",
        absent="AstroDrizzle's choice",
    )
    final_fillval: str | None = setting(
        None,
        "Value of pixels that no exposure has data for (weight 0): nan or a number. AstroDrizzle "
        "leaves values of flagged pixels there.",
        absent="what AstroDrizzle leaves",
        schema={"pattern": r"^(nan|[-+]?\d+(\.\d*)?)$"},
    )
