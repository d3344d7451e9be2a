"""Settings of a campaign that every instrument shares."""

from __future__ import annotations

from dataclasses import dataclass

from darkroom.campaign.settings import REQUIRED, setting

_PATTERNS = {
    "oneOf": [
        {"type": "string"},
        {"type": "array", "items": {"type": "string"}, "minItems": 1},
    ]
}


@dataclass(frozen=True, kw_only=True)
class FrameSettings:
    """local: which files are what; file-name patterns (glob) relative to the folder."""

    bias: list[str] = setting(
        [], "Shortest exposures, shutter closed.", unit="patterns", filled=False, schema=_PATTERNS
    )
    dark: list[str] = setting(
        [], "Shutter closed.", unit="patterns", filled=False, schema=_PATTERNS
    )
    science: list[str] = setting(
        [],
        "On-sky frames from which the dark is subtracted.",
        unit="patterns",
        filled=False,
        schema=_PATTERNS,
    )


@dataclass(frozen=True, kw_only=True)
class ItemSettings:
    """A work item: exposures of one instrument, and what to make of them."""

    instrument: str = setting(REQUIRED, "Instrument, whose pipeline its exposures take.")
    description: str = setting("", "A sentence for the report.", absent="empty")
    frames: dict = setting(
        {},
        "local: which files are what; file-name patterns (glob) relative to the folder.",
        unit="role: patterns",
        filled=False,
    )
    query: dict = setting({}, "mast: what to ask for.", unit="see below", filled=False)
    simulate: dict = setting({}, "simulated: what to simulate.", unit="see below", filled=False)
    recover: list[str] = setting(
        [],
        "Malformed cards that may be read from another card, when both agree, e.g. "
        "EXPTIME=EXPOINUS*1e-6.",
        unit="CARD=OTHER*SCALE",
        schema={
            "items": {
                "type": "string",
                "pattern": r"^\s*[\w-]+\s*=\s*[\w-]+\s*(\*\s*\S+)?\s*$",
                "description": "the form is CARD=OTHER*SCALE, e.g. EXPTIME=EXPOINUS*1e-6",
            }
        },
        absent="none",
    )


@dataclass(frozen=True, kw_only=True)
class CampaignSettings:
    """Which exposures, and what to make of them, with every number that changes a result."""

    title: str = setting(REQUIRED, "Heading of the report.", schema={"minLength": 1})
    description: str = setting("", "A sentence or two for the report.", absent="empty")
    archive: dict = setting(REQUIRED, "Where exposures come from.", unit="see below")
    on_bad_exposure: str = setting(
        "stop",
        "What an exposure that is refused (damaged, malformed, unlike the others) means: stop the "
        "campaign, or go on without it and say so in the report.",
        choices=("stop", "exclude"),
    )
    items: dict = setting(
        REQUIRED,
        "Work items by name; products go to results/<campaign>/<item>/.",
        unit="name: item",
    )
    crds: dict = setting(
        {},
        "Reference files of JWST and HST; simulated exposures bring their own.",
        unit="see below",
    )
