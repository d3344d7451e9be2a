"""Settings of the judgement of a campaign's products."""

from __future__ import annotations

from dataclasses import dataclass

from darkroom.campaign.settings import setting


@dataclass(frozen=True, kw_only=True)
class JudgeSettings:
    """The judgement of products: chances of error, power, and what effect matters."""

    false_alarm: float = setting(
        0.001,
        "Chance that any gate of the campaign fails although every product is sound.",
        unit="probability",
        above=0,
        below=1,
    )
    warn: float = setting(
        0.05,
        "Chance that any gate of the campaign warns although every product is sound.",
        unit="probability",
        above=0,
        below=1,
    )
    power: float = setting(
        0.5,
        "Least chance of seeing an effect that matters; a gate with less is insufficient.",
        unit="probability",
        above=0,
        below=1,
    )
    injections: int = setting(
        200,
        "Number of random signs of whole units from which the smallest effect that would be seen "
        "is found.",
        minimum=20,
    )
    margin_score: float = setting(
        0.0,
        "How much worse the score of a product may be than that of the file in use where that file "
        "is bad or lacks coverage, in the unit of the score.",
        minimum=0,
    )
    harm: dict = setting(
        {},
        "Smallest effect that matters, by product and gate (superbias.level: 10), where it is not "
        "that of the table in docs/judging.md, which has the keys and their units.",
        unit="product.gate: number",
        option=False,
    )
