"""A gate: one question about a product, its deviation, and the effect that matters."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.atomic import write_text
from darkroom.errors import InputError
from darkroom.gates import statistic
from darkroom.gates.statistic import Deviation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from darkroom.hints import StrPath

FORMAT = "darkroom gates 2"
#: The three kinds of deviation, and a count that needs no units.
MEAN, HALVES, LEFT_OUT, EXACT, COUNTED = "mean", "halves", "left out", "exact", "counted"


@dataclass(frozen=True)
class Gate:
    """One gate of a product.

    Attributes
    ----------
    name : str
        In words: ``"one bad exposure: level of amplifier 2"``.
    family : str
        Its key among the harms: ``"level"``.
    question : str
        ``"sound"``, or ``"changed"`` for a comparison with the file in use, which never fails.
    null : str
        What holds when nothing is wrong.
    measured : str
        What the statistic is.
    unit : str
        Of d, e and harm.
    kind : str
        `MEAN`, `HALVES`, `LEFT_OUT`; `COUNTED` for a deviation with a known error; `EXACT` for a
        condition that holds or does not.
    found : Deviation or None
        None: it could not be made; `why` says so.
    harm : float
        Smallest effect that matters.
    reason : str
        Why.
    values : list of float
        One value a unit, from which the power card is made.
    second : list of bool
        Of `HALVES`: units of the second part.
    predicted : float or None
        s0, the predicted scatter of a unit.
    where : str
        The unit with the largest deviation.
    why : str
        Of `EXACT`: what was found; else why it could not be made.
    share : bool
        Of `LEFT_OUT`: the harm is that of the product, to which a unit contributes 1/n.
    of_exposures : bool
        Whether the units are exposures, more of which could be taken.
    tolerance : float
        What a deviation may be for a good reason, the larger where its signs differ: a fault is
        seen by what it adds to that.
    """

    name: str
    family: str
    question: str
    null: str
    measured: str
    unit: str
    kind: str
    found: Deviation | None
    harm: float
    reason: str
    values: list[float] = field(default_factory=list)
    second: list[bool] = field(default_factory=list)
    predicted: float | None = None
    weight: float = 0.0
    where: str = ""
    why: str = ""
    share: bool = False
    of_exposures: bool = True
    tolerance: float = 0.0

    @property
    def nunits(self) -> int:
        """Number of units."""
        return len(self.values)


@dataclass(frozen=True)
class Words:
    """What gates of one statistic have in common.

    Attributes
    ----------
    label : str
        ``"level of amplifier 2"``.
    family, unit, measured : str
        As of `Gate`.
    harm : float
        Smallest effect on the product that matters.
    reason : str
        Why.
    """

    label: str
    family: str
    unit: str
    measured: str
    harm: float
    reason: str


def bad_exposure(
    words: Words,
    values: np.ndarray,
    labels: Sequence[str],
    *,
    predicted: float | None = None,
    weight: float = 0.0,
    whole: bool = False,
) -> Gate:
    """Return the gate that finds one unit which differs from the others.

    Parameters
    ----------
    words : Words
    values : (n,) array
        One value a unit; NaN where a unit has none.
    labels : sequence of str
        Names of the units.
    predicted, weight : float
        See `darkroom.gates.statistic.shrunk`.
    whole : bool
        The harm is that of the unit itself (its noise); else that of the product, to which a unit
        contributes 1/n.
    """
    good = np.isfinite(values)
    names = [name for name, fine in zip(labels, good, strict=True) if fine]
    values = values[good]
    n = len(values)
    found = statistic.left_out(values, predicted, weight) if n >= 3 else None
    return Gate(
        name=f"one bad exposure: {words.label}",
        family=words.family,
        question="sound",
        null="the exposures are exchangeable: each agrees with the mean of the others",
        measured=f"{words.measured}, of one exposure minus the mean of the others",
        unit=words.unit,
        kind=LEFT_OUT,
        found=found,
        harm=words.harm * (1 if whole else max(n, 1)),
        reason=words.reason if whole else f"{words.reason}; one of {n} exposures moves it by 1/{n}",
        values=[float(v) for v in values],
        predicted=predicted,
        weight=weight if predicted is not None else 0.0,
        where=names[found.unit] if found else "",
        share=not whole,
    )


def two_halves(
    words: Words,
    values: np.ndarray,
    order: np.ndarray,
    *,
    predicted: float | None = None,
    weight: float = 0.0,
) -> Gate:
    """Return the gate that compares the earlier half of the units with the later one.

    Parameters
    ----------
    words : Words
    values : (n,) array
    order : (n,) array
        Times, or numbers in the order in which the units were taken.
    predicted, weight : float
        See `darkroom.gates.statistic.shrunk`.
    """
    good = np.isfinite(values)
    values, order = values[good], order[good]
    n = len(values)
    second = np.zeros(n, bool)
    second[np.argsort(order, kind="stable")[n // 2 :]] = True
    return Gate(
        name=f"drift: {words.label}",
        family=words.family,
        question="sound",
        null="the later half of the exposures agrees with the earlier half",
        measured=f"{words.measured}, mean of the later half minus that of the earlier half",
        unit=words.unit,
        kind=HALVES,
        found=statistic.halves_of(values, second, predicted, weight) if n >= 4 else None,
        harm=2 * words.harm,
        reason=f"{words.reason}; the product is the mean of both halves",
        values=[float(v) for v in values],
        second=[bool(v) for v in second],
        predicted=predicted,
        weight=weight if predicted is not None else 0.0,
    )


def mean_against(
    words: Words,
    values: np.ndarray,
    expected: float,
    expected_error: float,
    *,
    question: str,
    name: str,
    null: str,
    tolerance: float = 0.0,
    predicted: float | None = None,
    weight: float = 0.0,
) -> Gate:
    """Return the gate that compares the mean of the units with an expected value.

    Parameters
    ----------
    words : Words
    values : (n,) array
    expected, expected_error : float
    question, name, null : str
        As of `Gate`.
    tolerance : float
        By how much the expected value may be wrong, either way; more exposures do not lessen it.
    predicted, weight : float
        See `darkroom.gates.statistic.shrunk`.
    """
    values = values[np.isfinite(values)]
    found = None
    if len(values) >= 2 and math.isfinite(expected):
        found = statistic.mean_of(values, expected, expected_error, predicted, weight)
        found = found._replace(tolerated=_tolerated(found.d, (-tolerance, tolerance)))
    if found and not (math.isfinite(found.d) and math.isfinite(found.e)):
        found = None
    return Gate(
        name=name,
        family=words.family,
        question=question,
        null=null,
        measured=words.measured,
        unit=words.unit,
        kind=MEAN,
        found=found,
        harm=words.harm,
        reason=words.reason,
        values=[float(v) for v in values],
        predicted=predicted,
        weight=weight if predicted is not None else 0.0,
        tolerance=tolerance,
    )


def _tolerated(d, tolerance):
    """Return the part of a deviation that is within (lower, upper) of nothing."""
    return float(np.clip(d, *tolerance))


def exact(name: str, family: str, null: str, fault: str, reason: str) -> Gate:
    """Return a gate of a condition that holds or does not.

    Parameters
    ----------
    name, family, null : str
        As of `Gate`.
    fault : str
        What was found; empty: the condition holds.
    reason : str
        Why it matters.
    """
    return Gate(
        name=name,
        family=family,
        question="sound",
        null=null,
        measured="counted",
        unit="",
        kind=EXACT,
        found=Deviation(1.0 if fault else 0.0, 0.0, math.inf),
        harm=0.5,
        reason=reason,
        why=fault,
    )


def counted(
    words: Words,
    name: str,
    null: str,
    d: float,
    e: float,
    question: str = "sound",
    tolerance: tuple[float, float] = (0.0, 0.0),
) -> Gate:
    """Return a gate whose error is known without units: of a count, of a fit.

    Parameters
    ----------
    words : Words
    name, null : str
        As of `Gate`.
    d, e : float
        Deviation and its standard error.
    question : str
        As of `Gate`.
    tolerance : (float, float)
        Lowest and highest deviation that there may be for a good reason.
    """
    # Without a deviation or its error nothing can be told: they would be taken for infinity and 0.
    known = math.isfinite(d) and math.isfinite(e)
    found = Deviation(float(d), float(e), math.inf, tolerated=_tolerated(d, tolerance))
    return Gate(
        name=name,
        family=words.family,
        question=question,
        null=null,
        measured=words.measured,
        unit=words.unit,
        kind=COUNTED,
        found=found if known else None,
        harm=words.harm,
        reason=words.reason,
        why="" if known else "it could not be measured",
        tolerance=max(-tolerance[0], tolerance[1]),
    )


def blind(words: Words, name: str, null: str, why: str) -> Gate:
    """Return a gate that could not be made with the data there are: it is insufficient."""
    return Gate(
        name=name,
        family=words.family,
        question="sound",
        null=null,
        measured=words.measured,
        unit=words.unit,
        kind=COUNTED,
        found=None,
        harm=words.harm,
        reason=words.reason,
        why=why,
    )


def rounded(value: float | None) -> float | None:
    """Return a number with 6 significant digits; None for one that is not finite."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.6g}")


def write_gates(path: StrPath, head: dict[str, Any], gates: Sequence[Gate]) -> None:
    """Write the gates of a product.

    Parameters
    ----------
    path : path-like
        JSON.
    head : dict
        Item, instrument, product, file and sha256, warnings and notes.
    gates : sequence of Gate
        Those without a deviation are written too: their verdict is insufficient.
    """
    rows = []
    for one in gates:
        found = one.found
        rows.append(
            {
                "name": one.name,
                "family": one.family,
                "question": one.question,
                "null": one.null,
                "measured": one.measured,
                "unit": one.unit,
                "kind": one.kind,
                "found": None
                if found is None
                else {
                    "d": rounded(found.d),
                    "e": rounded(found.e),
                    "dof": rounded(found.dof),
                    "tests": found.tests,
                    "unit": found.unit,
                    "tolerated": rounded(found.tolerated),
                },
                "harm": rounded(one.harm),
                "reason": one.reason,
                "values": [rounded(v) for v in one.values],
                "second": one.second,
                "predicted": rounded(one.predicted),
                "weight": one.weight,
                "where": one.where,
                "why": one.why,
                "share": one.share,
                "tolerance": rounded(one.tolerance),
            }
        )
    record = {"format": FORMAT, **head, "gates": rows}
    write_text(path, json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_gates(path: StrPath) -> tuple[dict[str, Any], list[Gate]]:
    """Read what `write_gates` wrote: the head, and the gates.

    Raises
    ------
    InputError
        When it is of another format.
    """
    try:
        record = json.loads(Path(path).read_text(encoding="utf-8"))
        rows = record.pop("gates")
        if record.pop("format") != FORMAT:
            raise KeyError("format")
        gates = [_gate(row) for row in rows]
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(
            path, f"holds no gates of this version ({error})", "remove it and judge again"
        ) from error
    return record, gates


def _gate(row: dict[str, Any]) -> Gate:
    found = row.pop("found")
    if found is not None:
        number = {k: math.inf if found[k] is None else found[k] for k in ("d", "dof")}
        found = Deviation(
            number["d"],
            found["e"] or 0.0,
            number["dof"],
            found["tests"],
            found["unit"],
            found["tolerated"],
        )
    return Gate(found=found, **row)
