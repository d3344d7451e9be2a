"""The form that CRDS asks of who delivers reference files, filled from results."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

YES, NO, NOT_APPLICABLE = "Yes", "No", "N/A"
#: Fields that the form must have.
REQUIRED = (
    *("deliverer", "instrument", "file_type", "description", "change_level", "useafter_matches"),
    *("compliance_verified", "calpipe_version", "replacing_badfiles", "modes_affected"),
    "correctness_testing",
)
# What the form's texts may hold; everything else is written in words or left out.
_WORDS = {"±": "+-", "²": "2", "%": " percent", "×": "x", "–": "-", "−": "-", "⁻": "-"}
# Gates whose power the form tells; the rest stands in the verdict.
_MOST_GATES = 4
_REFUSED = re.compile(r"[^A-Za-z0-9 ._/,=+-]+")


@dataclass(frozen=True)
class Facts:
    """What a form is filled from.

    Attributes
    ----------
    verdict : dict
        Content of ``verdict_<product>.json``.
    insertion : dict
        Content of ``insertion_<product>.json``.
    header : mapping
        Primary header of the file; ``HISTORY`` as a list of lines.
    current : mapping
        Primary header of the current file; empty without one.
    certified : str or None
        What CRDS's certification said; None when it was not run.
    settings : mapping
        The campaign's settings of the delivery.
    dates : (str, str)
        First and last date of the exposures of the lock, ISO.
    bad : bool
        Whether the campaign says that the current file is bad.
    override : str
        Reason why it is delivered against the verdict; empty: it is not.
    validity : sequence of str
        What a series of epochs says of the day from which it should serve, and for how long.
    """

    verdict: Mapping[str, Any]
    insertion: Mapping[str, Any]
    header: Mapping[str, Any]
    current: Mapping[str, Any] = field(default_factory=dict)
    certified: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    dates: tuple[str, str] = ("", "")
    bad: bool = False
    override: str = ""
    validity: Sequence[str] = ()


def fill(facts: Facts) -> dict[str, Any]:
    """Return the form: ``{field: value}``, in its order.

    Parameters
    ----------
    facts : Facts

    Returns
    -------
    dict
        A field that nothing tells is empty; `missing` names those that must not be.
    """
    header, insertion, settings = facts.header, facts.insertion, facts.settings
    level = facts.verdict.get("change_level") or "SEVERE"
    replaced = list(insertion.get("replaced", []))
    observatory = str(header.get("TELESCOP", "")).upper()
    return {
        "deliverer": str(settings.get("person", "")),
        "other_email": str(settings.get("email", "")),
        "instrument": str(header.get("INSTRUME", "")).upper(),
        "file_type": str(header.get("REFTYPE", header.get("FILETYPE", ""))).upper(),
        "description": plain_text(_description(facts)),
        "change_level": level,
        "history_updated": _yes(_has_history(header)),
        "pedigree_updated": _yes(pedigree_fits(str(header.get("PEDIGREE", "")), facts.dates)),
        "keywords_checked": _yes(_certified(facts)),
        "descrip_updated": _changed(facts, "DESCRIP"),
        "useafter_updated": _changed(facts, "USEAFTER"),
        "useafter_matches": insertion.get("useafter_matches", NOT_APPLICABLE),
        "compliance_verified": _yes(_certified(facts)),
        "ingest_files": _yes(level == "SEVERE"),
        ("jwst_etc" if observatory == "JWST" else "etc_delivery"): _yes(bool(settings.get("etc"))),
        "calpipe_version": _version(facts.verdict),
        "replacement_files": bool(replaced),
        "old_reference_files": ", ".join(replaced) or NOT_APPLICABLE,
        "replacing_badfiles": _yes(facts.bad),
        "modes_affected": plain_text(_modes(insertion)),
        "correctness_testing": plain_text(correctness(facts.verdict)),
        "table_rows_changed": NOT_APPLICABLE,
        "jira_issue": NOT_APPLICABLE,
        "additional_considerations": plain_text(_considerations(facts)) or NOT_APPLICABLE,
    }


def missing(form: Mapping[str, Any]) -> list[str]:
    """Return the required fields that are empty: with any of them the form is a draft."""
    return [name for name in REQUIRED if form.get(name) in ("", None)]


def plain_text(text: str) -> str:
    """Return a text of the signs that the form takes: letters, digits, blank and . _ / , = - +."""
    for sign, word in _WORDS.items():
        text = text.replace(sign, word)
    text = text.replace(":", " ").replace(";", ",").replace("(", ", ")
    return re.sub(r"\s+,", ",", " ".join(_REFUSED.sub(" ", text).split()))


def pedigree_fits(pedigree: str, dates: tuple[str, str]) -> bool:
    """Return whether PEDIGREE is known and its dates are those of the exposures.

    Parameters
    ----------
    pedigree : str
        ``INFLIGHT YYYY-MM-DD YYYY-MM-DD`` (HST: dd/mm/yyyy), ``GROUND``, ``DUMMY`` …
    dates : (str, str)
        First and last date of the exposures, ISO.
    """
    words = pedigree.split()
    if not words or words[0].upper() not in ("INFLIGHT", "GROUND", "DUMMY", "MODEL", "SIMULATION"):
        return False
    if words[0].upper() != "INFLIGHT":
        return True
    found = [_iso(word) for word in words[1:] if word != "-"]
    return found == [date[:10] for date in dates]


def correctness(verdict: Mapping[str, Any]) -> str:
    """Return in one text how the file was tested: gates, what they would have seen, the score."""
    gates = verdict.get("gates", [])
    passed = sum(gate["verdict"] == "pass" for gate in gates)
    parts = [f"gates {passed} of {len(gates)} passed"]
    seen = [gate for gate in gates if gate.get("seen95") is not None]
    parts += [
        f"{gate['name']} seen from {gate['seen95']:.3g} {gate.get('unit', '')}"
        for gate in seen[:_MOST_GATES]
    ]
    parts += ["the others in verdict.json"] if len(seen) > _MOST_GATES else []
    if score := verdict.get("score"):
        sentence = score["sentence"][:1].lower() + score["sentence"][1:]
        parts.append(f"{score['name']}, {sentence}, in {score['exposures']} held out")
    parts += ["a copy of the current file changed nothing"] if verdict.get("counterfactual") else []
    return ", ".join(" ".join(part.split()) for part in parts)


def _description(facts: Facts) -> str:
    header, verdict = facts.header, facts.verdict
    kind = str(header.get("REFTYPE", verdict.get("product", ""))).lower()
    cards = ("DETECTOR", "SUBARRAY", "SAMP_SEQ", "SUBTYPE")
    mode = " ".join(str(header[card]) for card in cards if card in header)
    text = f"{kind} of {header.get('INSTRUME', '')} {mode}. {verdict.get('decisive', '')}"
    return f"{text}. Delivered against the verdict, {facts.override}" if facts.override else text


def _considerations(facts: Facts) -> str:
    notes = [f"{gate['name']}, {gate['sentence']}" for gate in facts.verdict.get("gates", [])
             if gate["verdict"] not in ("pass",)]  # fmt: skip
    notes += [
        f"{gate['name']}, {gate['sentence']}"
        for gate in facts.insertion.get("gates", [])
        if gate["verdict"] != "pass"
    ]
    notes += facts.validity
    if facts.override:
        verdict = facts.verdict
        notes.insert(0, (
            f"Delivered against the verdict {verdict.get('verdict')}, {verdict.get('reason', '')}, "
            f"because {facts.override}"
        ))  # fmt: skip
    return ". ".join(notes)


def _modes(insertion: Mapping[str, Any]) -> str:
    criteria = insertion.get("affected", {}).get("criteria", {})
    cards = {"SUBARRAY.NAME": "SUBARRAY"}
    words = {("until", "no end"): "without end"}
    # A time of day has colons, which the form does not take; the dates of rules are at midnight.
    return ", ".join(
        words.get((key, value), f"{cards.get(key, key.rpartition('.')[2])} {_day(value)}")
        for key, value in criteria.items()
    )


def _version(verdict: Mapping[str, Any]) -> str:
    versions = verdict.get("versions", {})
    name = next((one for one in ("jwst", "calwf3", "darkroom") if one in versions), "")
    return f"{name} {versions[name]}" if name else ""


def _has_history(header: Mapping[str, Any]) -> bool:
    history: Sequence[str] = header.get("HISTORY", [])
    text = "\n".join(map(str, history))
    return "setting " in text and "input" in text


def _certified(facts: Facts) -> bool:
    # "10 errors" ends in the same words.
    return facts.certified is not None and bool(re.search(r"(?<!\d)0 errors", facts.certified))


def _changed(facts: Facts, card: str) -> str:
    if not facts.current:
        return NOT_APPLICABLE
    return _yes(facts.header.get(card) != facts.current.get(card))


def _day(value: str) -> str:
    return value.removesuffix(" 00:00:00")


def _yes(value: bool) -> str:
    return YES if value else NO


def _iso(word: str) -> str:
    parts = word.split("/")
    return "-".join(reversed(parts)) if len(parts) == 3 else word
