"""Verdicts of the gates of a campaign: one budget of false alarms for all of them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.gates import gate as kinds
from darkroom.gates.budget import holm, threshold, units_needed
from darkroom.gates.cards import card
from darkroom.gates.gate import rounded
from darkroom.gates.statistic import LEAST_UNITS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from darkroom.gates.gate import Gate
    from darkroom.gates.settings import JudgeSettings

PASS, WARN, INSUFFICIENT, FAIL = "pass", "warn", "insufficient", "fail"
#: From the best to the worst.
ORDER = (PASS, WARN, INSUFFICIENT, FAIL)


def decide(gates: Sequence[Gate], settings: JudgeSettings) -> list[dict[str, Any]]:
    """Return the verdict on each gate of a campaign, as it is written.

    Parameters
    ----------
    gates : sequence of Gate
        Of all products and items: they share the budget.
    settings : JudgeSettings

    Returns
    -------
    list of dict
        In the order given, as section ``gates`` of ``verdict.json``.
    """
    tested = [k for k, one in enumerate(gates) if _tested(one)]
    chances = [one.found.p for k in tested if (one := gates[k]).found is not None]
    rejected, level = holm(chances, settings.false_alarm)
    warned, warn_level = holm(chances, settings.warn)
    state = {k: (rejected[i], warned[i], chances[i]) for i, k in enumerate(tested)}
    levels = level, warn_level
    return [_row(one, state.get(k), levels, settings) for k, one in enumerate(gates)]


def _tested(one: Gate) -> bool:
    """Whether a gate takes a share of the budget."""
    return one.found is not None and one.kind != kinds.EXACT and not _too_few(one)


def _too_few(one: Gate) -> bool:
    units = one.kind in (kinds.MEAN, kinds.HALVES, kinds.LEFT_OUT)
    return units and one.nunits < LEAST_UNITS and one.predicted is None


def _row(one, state, levels, settings):
    found, level = one.found, levels[0]
    limit = threshold(level, found.dof, found.tests) if state else None
    shown = _others(one) if state and state[0] else one
    seen = card(shown, level, settings.injections) if state else card(_without(one), level, 1)
    verdict = _verdict(one, state, seen["power"], settings)
    needs = _needs(one, level) if verdict == INSUFFICIENT else None
    t = found.t if found else None
    row = {
        "name": one.name,
        "family": one.family,
        "question": one.question,
        "null": one.null,
        "statistic": one.measured,
        "unit": one.unit,
        "d": rounded(found.d) if found else None,
        "e": rounded(found.e) if found else None,
        "dof": rounded(found.dof) if found else None,
        "t": rounded(t),
        "p": rounded(state[2]) if state else None,
        "threshold": rounded(limit),
        "margin": rounded(1 - abs(t) / limit) if state and math.isfinite(t) else None,
        "tolerance": rounded(one.tolerance),
        "harm": rounded(one.harm),
        "harm_reason": one.reason,
        "distance": rounded((abs(found.d) + 2 * found.e) / one.harm) if state else None,
        "power": rounded(seen["power"]),
        "seen50": rounded(seen["seen50"]),
        "seen95": rounded(seen["seen95"]),
        "draws": seen["draws"],
        "alarms": seen["alarms"],
        "nunits": one.nunits,
        "needs": needs,
        "where": one.where,
        "verdict": verdict,
    }
    return row | {"sentence": _sentence(one, row)}


def _others(one: Gate) -> Gate:
    """Return a gate without the unit that it found: its deviation is not the noise of the rest."""
    if one.kind != kinds.LEFT_OUT or one.nunits <= LEAST_UNITS or one.found is None:
        return one
    values = [value for k, value in enumerate(one.values) if k != one.found.unit]
    found = one.found._replace(dof=one.found.dof - 1, tests=len(values), unit=0)
    return replace(one, values=values, found=found)


def _without(one: Gate) -> Gate:
    return one if one.kind == kinds.EXACT else replace(one, found=None)


def _verdict(one, state, power, settings):
    if one.kind == kinds.EXACT:
        return FAIL if one.why else PASS
    if state is None:
        # What cannot be compared with the file in use says nothing against the product.
        return INSUFFICIENT if one.question == "sound" else WARN
    rejected, warned, _ = state
    if rejected and abs(one.found.d) > one.harm and one.question == "sound":
        return FAIL
    if one.question == "sound" and power < settings.power:
        return INSUFFICIENT
    return WARN if rejected or warned else PASS


def _needs(one, level):
    values = np.asarray(one.values)
    judged_by_units = one.kind in (kinds.MEAN, kinds.HALVES, kinds.LEFT_OUT)
    if not (judged_by_units and one.of_exposures) or len(values) < 2:
        return None
    # One bad unit would widen the scatter, and with it the number that is asked for.
    centre = np.median(values)
    spread = 1.4826 * float(np.median(np.abs(values - centre)))
    scatter = (
        min(float(values.std(ddof=1)), spread or math.inf)
        if len(values) > 5
        else float(values.std(ddof=1))
    )
    if one.kind == kinds.LEFT_OUT and not one.share:
        found = units_needed(one.harm, scatter, level, "one unit", one.weight)
    else:
        # No number of exposures lessens a tolerance.
        harm = one.harm / len(values) if one.share else one.harm - one.tolerance
        found = units_needed(harm, scatter, level, one.kind, one.weight)
    # The scatter that is robust against a bad unit may say that there are enough: there are not.
    return None if found is None else max(found, len(values) + 1)


def _sentence(one: Gate, row: dict[str, Any]) -> str:
    """Return the verdict on a gate in one sentence, without full stop."""
    verdict, unit = row["verdict"], f" {one.unit}" if one.unit else ""
    if one.kind == kinds.EXACT:
        return one.why or one.null
    if row["p"] is None:
        kind = "exposures" if one.of_exposures else "pixels"
        few = f"{one.nunits} {kind} and no predicted scatter: at least {LEAST_UNITS} are needed"
        text = one.why or few
        return f"{text}; a fault of any size would pass unseen"
    value = f"{short(row['d'])} ± {short(row['e'])}{unit}"
    if one.tolerance:
        value += f" (up to {short(one.tolerance)} is no deviation)"
    where = f", {one.where}" if one.where else ""
    if verdict == FAIL:
        return f"{value}{where}; {short(one.harm)}{unit} would matter: {one.reason}"
    if verdict == INSUFFICIENT:
        more = f"; {row['needs']} exposures would be enough" if row["needs"] else ""
        return (
            f"a fault of {short(one.harm)}{unit} would have been seen in "
            f"{100 * row['power']:.0f} % of cases only, one of {short(row['seen95'])}{unit} in 95 %"
            f"{more}"
        )
    told = f"a fault of {short(row['seen95'])}{unit} would have been seen in 95 % of cases"
    if verdict == WARN:
        kind = "real" if abs(row["t"] or 0) > (row["threshold"] or math.inf) else "possible"
        size = "changed" if one.question == "changed" else "small enough not to matter"
        beyond = size if abs(row["d"]) <= one.harm or one.question == "changed" else "uncertain"
        return f"{value}{where}: {kind}, {beyond}; {told}"
    return f"{value}; {told}"


def short(value: float | None) -> str:
    """Return a number for a sentence: 3 significant digits."""
    return "unknown" if value is None else f"{value:.3g}"


def worst(rows: Sequence[dict[str, Any]]) -> str:
    """Return the worst verdict of some gates; ``pass`` of none."""
    return max((row["verdict"] for row in rows), key=ORDER.index, default=PASS)
