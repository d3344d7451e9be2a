"""Checks of what exposures have in common: a value that all share, or that no two may share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from darkroom.judge.checks import Check
from darkroom.judge.judgement import WARNED, Judgement, Subject
from darkroom.judge.values import UNDECIDED, groups, is_blank, is_number, parties, shown

# Exposure, number of an element, and whether it has several.
_Place = tuple[Subject, int, bool]


@dataclass(frozen=True, kw_only=True)
class Alike(Check):
    """The value must be that of most exposures; text is compared without regard to case.

    Where there is no majority, which of them is right cannot be told, and all exposures are
    refused; a warning is given of those that differ from the first.

    Parameters
    ----------
    tolerance : float
        Numbers that differ from the median by no more than this are alike.
    relative : float
        The same as a fraction of the median.
    within : tuple of str
        Only exposures that agree in these values are compared, e.g. those of one stack.
    unit : str
    ignore_missing : bool
        Exposures without the value are not compared; by default "missing" is a value like others.
    """

    tolerance: float = 0.0
    relative: float = 0.0
    within: tuple[str, ...] = ()
    unit: str = ""
    ignore_missing: bool = False

    def judge(self, subjects: Sequence[Subject]) -> Iterable[Judgement]:
        """Yield the judgement of each exposure."""
        if self.ignore_missing:
            subjects = [s for s in subjects if not is_blank(s.values.get(self.key))]
        for group in groups(subjects, self.within):
            yield from self._judge_group(group)

    def _judge_group(self, subjects: Sequence[Subject]) -> Iterable[Judgement]:
        values = [subject.values.get(self.key) for subject in subjects]
        usual, rival = parties(values, self._agrees)
        if self.verdict == WARNED:
            rival = None
        unit = f" {self.unit}" if self.unit else ""
        for subject, value in zip(subjects, values, strict=True):
            alike = self._agrees(value, usual)
            if alike and rival is None:
                yield self.passed(subject, value, shown(usual) + unit)
                continue
            other = rival if alike else usual
            found = shown(value) if is_blank(value) else shown(value) + unit
            limit = shown(other) if is_blank(other) else shown(other) + unit
            those = [k for k, each in enumerate(values) if self._agrees(each, other)]
            first = f"(first: {subjects[those[0]].file})"
            usually = f"{limit} in {len(those)} exposures {first}"
            if rival is not None:
                usually = f"{limit} in as many exposures {first}: {UNDECIDED}"
            yield self.failed(subject, value, limit, f"{self.name} is {found}, but {usually}")

    def _agrees(self, value: Any, usual: Any) -> bool:
        if is_number(value) and is_number(usual):
            limit = max(self.tolerance, self.relative * abs(usual))
            return bool(abs(value - usual) <= limit)
        return shown(value).casefold() == shown(usual).casefold()


@dataclass(frozen=True, kw_only=True)
class Distinct(Check):
    """No two exposures may share the value, or an element of it when it is a list.

    The first exposure with a value passes, a repetition fails. Elements of a list (digests of
    integrations) must differ within an exposure as well.
    """

    def judge(self, subjects: Sequence[Subject]) -> Iterable[Judgement]:
        """Yield the judgement of each exposure."""
        seen: dict[tuple[int, str], _Place] = {}
        for subject in subjects:
            value = subject.values.get(self.key)
            elements: Sequence[Any] = value if isinstance(value, list | tuple) else [value]
            faults = []
            for index, element in enumerate(elements, 1):
                if is_blank(element):
                    continue
                mine = (subject, index, len(elements) > 1)
                earlier, place, many = self._first(seen, str(element), mine)
                if earlier is not subject or place != index:
                    here = f"{self.name} {index} is" if mine[2] else f"its {self.name} is"
                    there = f"{self.name} {place} of {earlier.file}" if many else earlier.file
                    there = f"{self.name} {place}" if earlier is subject else there
                    faults.append(f"{here} the same as {there}")
            if faults:
                others = len(faults) - 1
                more = f" (and {others} more alike)" if others else ""
                yield self.failed(subject, "repeated", "unique", faults[0] + more)
            else:
                yield self.passed(subject, "unique", "unique")

    def _first(self, seen: dict[tuple[int, str], _Place], element: str, mine: _Place) -> _Place:
        """Return where an element was seen first: `mine` when it is new."""
        return seen.setdefault((0, element), mine)


@dataclass(frozen=True, kw_only=True)
class Copies(Distinct):
    """No two exposures may be copies, though a copy differ in some pixels.

    The value, or each element of it, holds digests of pieces of the exposure, separated by ``-``
    (an empty one says nothing). Two are copies when more than a third of their pieces agree, each
    at the same place: noise makes no two pieces equal.
    """

    def _first(self, seen: dict[tuple[int, str], _Place], element: str, mine: _Place) -> _Place:
        pieces = [piece for piece in enumerate(element.split("-")) if piece[1]]
        found = [seen.setdefault(piece, mine) for piece in pieces]
        others = Counter((id(place[0]), place[1]) for place in found if place is not mine)
        if not others:
            return mine
        (owner, index), count = others.most_common(1)[0]
        if 3 * count <= len(pieces):
            return mine
        return next(place for place in found if (id(place[0]), place[1]) == (owner, index))
