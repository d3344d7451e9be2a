"""Settings of a campaign that every instrument shares."""

from __future__ import annotations

from dataclasses import dataclass

from darkroom.campaign.settings import REQUIRED, section, setting
from darkroom.gates.settings import JudgeSettings

_PATTERNS = {
    "oneOf": [
        {"type": "string"},
        {"type": "array", "items": {"type": "string"}, "minItems": 1},
    ]
}


@dataclass(frozen=True, kw_only=True)
class FrameSettings:
    """local: files of each role, as file-name patterns (glob) relative to the folder."""

    bias: list[str] = setting(
        [],
        "Bias frames: shortest exposures, shutter closed.",
        unit="patterns",
        filled=False,
        schema=_PATTERNS,
    )
    dark: list[str] = setting(
        [],
        "Darks: exposures with the shutter closed.",
        unit="patterns",
        filled=False,
        schema=_PATTERNS,
    )
    flat: list[str] = setting(
        [],
        "Flats: evenly lit exposures, two of each exposure time; they tell the gain.",
        unit="patterns",
        filled=False,
        schema=_PATTERNS,
    )
    science: list[str] = setting(
        [],
        "Science frames: exposures of the sky, from which the dark is subtracted.",
        unit="patterns",
        filled=False,
        schema=_PATTERNS,
    )
    exposure: list[str] = setting(
        [],
        "Raw exposures of the sky of WFC3/IR, which are calibrated and combined.",
        unit="patterns",
        filled=False,
        schema=_PATTERNS,
    )


@dataclass(frozen=True, kw_only=True)
class ItemSettings:
    """A work item: exposures of one instrument, and the settings of its pipeline."""

    instrument: str = setting(REQUIRED, "Instrument; its pipeline processes the exposures.")
    description: str = setting("", "A sentence for the report.", absent="empty")
    frames: dict = setting(
        {},
        "local: files of each role, as file-name patterns (glob) relative to the folder.",
        unit="role: patterns",
        filled=False,
    )
    query: dict = setting({}, "mast: query for the exposures.", unit="see below", filled=False)
    simulate: dict = setting(
        {}, "simulated: settings of the simulator.", unit="see below", filled=False
    )
    keep: list[str] = setting(
        [],
        "Exposures that are used although they are refused when they are judged (a wrong card, a "
        "failed guide star, a level that stands out); the report says so. A damaged file cannot be "
        "kept.",
        unit="names of exposures",
        absent="none",
        schema={
            "items": {
                "type": "string",
                "pattern": "^[A-Za-z0-9_][A-Za-z0-9_.+=@-]*$",
                "description": "names of exposures are letters, digits and _ . + = @ -",
            }
        },
    )
    cards: dict = setting(
        {},
        "Header cards of the exposure time, the temperature and the role (type) of a frame, where "
        "they are not the usual ones.",
        unit="quantity: card",
        filled=False,
        schema={
            "properties": {
                name: {"type": "string", "minLength": 1}
                for name in ("exptime", "temperature", "role")
            },
            "additionalProperties": False,
        },
    )
    recover: list[str] = setting(
        [],
        "Header cards that may be recovered from another card when they are malformed, provided "
        "that both agree, e.g. EXPTIME=EXPOINUS*1e-6.",
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
    """The exposures of a campaign, and every setting that changes a result."""

    title: str = setting(REQUIRED, "Heading of the report.", schema={"minLength": 1})
    description: str = setting("", "A sentence or two for the report.", absent="empty")
    archive: dict = setting(REQUIRED, "Where exposures come from.", unit="see below")
    on_bad_exposure: str = setting(
        "stop",
        "What to do when an exposure is refused (damaged, malformed, not what the product needs, "
        "repeated, or different from the others): stop and name all refused ones in one message, "
        "or continue without them and list them in the report.",
        choices=("stop", "exclude"),
    )
    items: dict = setting(
        REQUIRED,
        "Work items by name; products go to results/<campaign>/<item>/.",
        unit="name: item",
    )
    crds: dict = setting(
        {},
        "CRDS context and cache of JWST and HST; simulated exposures have their own.",
        unit="see below",
    )
    judge: JudgeSettings = section(
        JudgeSettings,
        "Judgement of products: chances of error, power, effects that matter.",
    )
