"""What a comparison of a candidate with the current file found, as it is written."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkroom.counterfactual.paired import Shift, change_level
from darkroom.counterfactual.score import Score
from darkroom.provenance import sha256

if TYPE_CHECKING:
    from darkroom.hints import StrPath

#: Format of what `record` returns.
FORMAT = "darkroom counterfactual 1"
_COPY = "copy of the current file: everything"


@dataclass(frozen=True)
class ScoreWords:
    """How a score is told.

    Attributes
    ----------
    name, unit : str
        Of the score.
    better, worse : str
        Text before and after the size of the effect, with ``{}`` for it, e.g. ``takes {} from the
        variance of each pixel``.
    """

    name: str
    unit: str
    better: str
    worse: str

    def sentence(self, score: Score) -> str:
        """Return the effect in words, without a full stop."""
        if score.error is None:
            return f"Too few held-out exposures to compare ({score.exposures})"
        if score.value == 0 and score.error == 0:
            return "It changes nothing"
        size = f"{abs(score.value):.3g} ± {score.error:.2g} {self.unit}".strip()
        text = (self.better if score.value > 0 else self.worse).format(size)
        return text if score.verdict != "cannot tell" else f"{text}, which may be chance"


@dataclass(frozen=True)
class Comparison:
    """What a comparison found.

    Attributes
    ----------
    consumer, version : str
        What consumes the file.
    shifts : list of Shift
    score : Score or None
    words : ScoreWords
    copy_exact : bool
        Whether a copy of the current file changed nothing.
    copies : int
        Exposures on which the copy was tried.
    closures : list of Shift
        Distances of what was found from what was expected; they say nothing of the change.
    further : int or None
        Further exposures that would make a worse candidate as good as the current file.
    flags_changed : float
        Share of the flags that change.
    flags_harm : float
        Share above which the change is severe.
    doubt : str
        Why the current file cannot be what it is taken for; empty: it can.
    notes : list of str
    """

    consumer: str
    version: str
    shifts: Sequence[Shift]
    score: Score | None
    words: ScoreWords
    copy_exact: bool
    copies: int
    closures: Sequence[Shift] = field(default_factory=list)
    further: int | None = None
    flags_changed: float = 0.0
    flags_harm: float = math.inf
    doubt: str = ""
    notes: Sequence[str] = field(default_factory=list)


def record(
    product: str,
    files: tuple[StrPath, StrPath | None],
    found: Comparison,
    held_out: Iterable[str],
    context: str = "",
    versions: Mapping[str, str] | None = None,
    current_bad: bool = False,
) -> dict[str, Any]:
    """Return a comparison as it is written, the copy in the first row.

    Parameters
    ----------
    product : str
        Name of the product.
    files : (path-like, path-like or None)
        Candidate and current file.
    found : Comparison
    held_out : iterable of str
        Names of the exposures.
    context : str
        CRDS context; empty where there is none.
    versions : dict, optional
        Versions of the packages.
    current_bad : bool
        Whether the campaign says that the current file is bad.
    """
    candidate, current = files
    rows = [_row(found, Shift(_COPY, "all", 0.0, 0.0, "", None, found.copies))]
    if not found.copy_exact:
        rows[0]["shift"] = None
    rows += [_row(found, one) for one in (*found.shifts, *found.closures)]
    return {
        "format": FORMAT,
        "product": product,
        "candidate": _file(candidate),
        "current": _file(current) if current else None,
        "context": context,
        "versions": dict(versions or {}),
        "held_out": list(held_out),
        "rows": rows if current else [],
        "copy_exact": found.copy_exact,
        "score": _score(found),
        "current_bad": current_bad,
        "doubt": found.doubt,
        "change_level": change_level(found.shifts, found.flags_changed, found.flags_harm),
        "notes": list(found.notes),
    }


def _row(found: Comparison, one: Shift) -> dict[str, Any]:
    return {
        "consumer": found.consumer,
        "version": found.version,
        "exposures": one.exposures,
        "estimand": one.estimand,
        "class": one.kind,
        "shift": one.shift,
        "error": one.error,
        "unit": one.unit,
        "harm": one.harm,
    }


def _score(found: Comparison) -> dict[str, Any] | None:
    score = found.score
    if score is None:
        return None
    return {
        "name": found.words.name,
        "value": score.value,
        "error": score.error,
        "unit": found.words.unit,
        "exposures": score.exposures,
        "t": score.t,
        "p": score.p,
        "verdict": score.verdict,
        "sentence": found.words.sentence(score),
        "further_exposures": score.further if score.verdict == "cannot tell" else found.further,
    }


def _file(path: StrPath) -> dict[str, str]:
    return {"file": Path(path).name, "sha256": sha256(path)}
