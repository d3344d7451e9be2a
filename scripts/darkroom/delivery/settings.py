"""Settings of the delivery of reference files."""

from __future__ import annotations

from dataclasses import dataclass

from darkroom.campaign.settings import setting

_NAMES = {"additionalProperties": {"type": "string"}}


@dataclass(frozen=True, kw_only=True)
class DeliverSettings:
    """Delivery of products: what the form of CRDS asks and no file can tell. Nothing is sent."""

    products: list[str] = setting(
        [],
        "Products that `snakemake deliver` makes ready, as item/product.",
        unit="item/product",
        absent="all that were compared with a current file",
        option=False,
    )
    person: str = setting(
        "", "Name of the person who delivers. Without it the form is a draft.", option=False
    )
    email: str = setting("", "Further addresses that CRDS informs.", option=False)
    replaces: dict = setting(
        {},
        "File that a product is meant to replace, by item/product; none: it is to stand beside the "
        "others.",
        unit="item/product: name",
        absent="the one that the exposures get now",
        schema=_NAMES,
        option=False,
    )
    bad: list[str] = setting(
        [],
        "Products whose current file is bad: an equal one may be delivered.",
        unit="item/product",
        absent="none",
        option=False,
    )
    etc: bool = setting(
        False, "Whether the files are for the exposure time calculator too.", option=False
    )
    override: str = setting(
        "",
        "Reason why products are delivered although the verdict is not to; it is written into the "
        "form.",
        option=False,
    )
