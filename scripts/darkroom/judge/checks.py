"""Kinds of checks that instruments declare: what must be so, what must be alike, what is odd.

An instrument lists its checks in the order in which they are made. An exposure that one check
refuses has no part in the comparisons that follow, so a foreign exposure cannot decide what is
usual.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from numbers import Real
from typing import Any, TypeVar

from darkroom.judge.judgement import PASSED, REFUSED, WARNED, Judgement, Subject
from darkroom.words import number

# Largest deviation of n normal values from their median, in units of 1.4826 MAD, that is exceeded
# in 1 of 1,000 sets: (n, limit), from 4e5 simulated sets each.
_MAD_LIMITS: tuple[tuple[int, float], ...] = (
    (6, 24.0), (8, 15.6), (10, 11.9), (12, 9.9), (15, 9.0), (20, 7.2), (30, 6.2), (50, 5.4),
    (100, 5.0), (200, 4.9),
)  # fmt: skip


# Exposures too few to show their scatter differ when they differ by so many standard deviations.
_FEW_SIGMA = 5.0
_UNDECIDED = "which of them is right cannot be told"

_Value = TypeVar("_Value")
# A number and its standard deviation.
_Point = tuple[float, float]
# Exposure, number of an element, and whether it has several.
_Place = tuple[Subject, int, bool]


@dataclass(frozen=True, kw_only=True)
class Check(ABC):
    """A check of exposures.

    Parameters
    ----------
    key : str
        Name of the value in `Subject.values`.
    what : str
        Name of the value in sentences, by default `key`.
    verdict : {"refused", "warned"}
        Of an exposure that fails.
    advice : str
        What to do about it.
    """

    key: str
    what: str = ""
    verdict: str = REFUSED
    advice: str = ""

    @property
    def name(self) -> str:
        """The value's name in sentences."""
        return self.what or self.key

    @abstractmethod
    def judge(self, subjects: Sequence[Subject]) -> Iterable[Judgement]:
        """Yield the judgement of each exposure."""

    def passed(self, subject: Subject, value: Any, limit: str) -> Judgement:
        """Return the judgement of an exposure that passes."""
        return Judgement(subject.name, subject.file, self.name, shown(value), limit, PASSED)

    def failed(
        self, subject: Subject, value: Any, limit: str, fault: str, verdict: str | None = None
    ) -> Judgement:
        """Return the judgement of an exposure that fails."""
        sentence = f"{subject.file}: {fault}"
        sentence += f"; {self.advice}" if self.advice else ""
        return Judgement(
            subject.name, subject.file, self.name, shown(value), limit, verdict or self.verdict,
            sentence,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class OneOf(Check):
    """The value must be one of those allowed; a value that is not known is not taken for consent.

    Parameters
    ----------
    allowed : tuple
        Values that pass, compared as text without regard to case.
    refused : tuple
        Values known to be wrong: they get the check's verdict. ``NRC_*`` stands for all that begin
        so.
    unknown : {"refused", "warned", "passed"}
        Verdict of any other value; by default that of the check.
    missing : {"refused", "warned", "passed"}
        Verdict when the exposure has no such value.
    doubt : str
        Advice about a value that is not known, or missing; by default `advice`.
    """

    allowed: tuple[Any, ...]
    refused: tuple[Any, ...] = ()
    unknown: str = ""
    missing: str = WARNED
    doubt: str = ""

    def judge(self, subjects: Sequence[Subject]) -> Iterable[Judgement]:
        """Yield the judgement of each exposure."""
        doubtful = replace(self, advice=self.doubt or self.advice)
        allowed, refused = _folded(self.allowed), tuple(_folded(self.refused))
        limit = " or ".join(shown(value) for value in self.allowed)
        for subject in subjects:
            value = subject.values.get(self.key)
            text, blank = shown(value).casefold(), is_blank(value)
            if text in allowed and not blank:
                yield self.passed(subject, value, limit)
                continue
            fault = f"{self.name} is {shown(value)}, {limit} is needed"
            if blank:
                check, verdict = doubtful, self.missing
                fault = f"its header has no {self.name}, {limit} is needed"
            elif any(fnmatchcase(text, pattern) for pattern in refused):
                check, verdict = self, self.verdict
            else:
                check, verdict = doubtful, self.unknown or self.verdict
            if verdict == PASSED:
                yield self.passed(subject, value, limit)
            else:
                yield check.failed(subject, value, limit, fault, verdict)


@dataclass(frozen=True, kw_only=True)
class Between(Check):
    """The value must lie in a range; an exposure without the value passes.

    Parameters
    ----------
    low, high : float
        Limits, inclusive.
    unit : str
    """

    low: float = -math.inf
    high: float = math.inf
    unit: str = ""

    def judge(self, subjects: Sequence[Subject]) -> Iterable[Judgement]:
        """Yield the judgement of each exposure."""
        unit = f" {self.unit}" if self.unit else ""
        limit = _range(self.low, self.high) + unit
        for subject in subjects:
            value = subject.values.get(self.key)
            fits = isinstance(value, Real) and self.low <= float(value) <= self.high
            if value is None or fits:
                yield self.passed(subject, value, limit)
            else:
                fault = f"{self.name} is {shown(value)}{unit}, it should be {limit}"
                yield self.failed(subject, value, limit, fault)


@dataclass(frozen=True, kw_only=True)
class NoFaults(Check):
    """The value is a list of sentences, each a fault that the reader found in the exposure."""

    def judge(self, subjects: Sequence[Subject]) -> Iterable[Judgement]:
        """Yield a judgement of each fault; one of an exposure without."""
        for subject in subjects:
            faults = subject.values.get(self.key) or []
            for fault in faults:
                yield self.failed(subject, fault, "none", fault)
            if not faults:
                yield self.passed(subject, "none", "none")


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
        usual, rival = _parties(values, self._agrees)
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
                usually = f"{limit} in as many exposures {first}: {_UNDECIDED}"
            yield self.failed(subject, value, limit, f"{self.name} is {found}, but {usually}")

    def _agrees(self, value: Any, usual: Any) -> bool:
        if _is_number(value) and _is_number(usual):
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


@dataclass(frozen=True, kw_only=True)
class Typical(Check):
    """A number must not stand out from those of the other exposures.

    An exposure stands out when its deviation from the median exceeds what one of 1,000 sets of
    normal values shows (in units of 1.4826 MAD), and a deviation that matters. From 2 to 5
    exposures show no scatter: those that deviate from most of the others by the larger of the
    deviations that matter, and by what their errors allow, stand out; where there is no majority,
    all of them do.

    Parameters
    ----------
    warn, refuse : float
        Deviations that matter, in the unit of the value: beyond the first a warning, beyond the
        second the check's verdict.
    relative : bool
        The two are fractions of the median.
    error : str
        Name of the standard deviation of the value among good exposures, where it is known.
    within : tuple of str
        Only exposures that agree in these values are compared.
    unit : str
    """

    warn: float
    refuse: float = math.inf
    relative: bool = False
    error: str = ""
    within: tuple[str, ...] = ()
    unit: str = ""

    def judge(self, subjects: Sequence[Subject]) -> Iterable[Judgement]:
        """Yield the judgement of each exposure with a finite value in a set of at least 2."""
        for group in groups(subjects, self.within):
            known = [s for s in group if _is_number(s.values.get(self.key))]
            if len(known) >= _MAD_LIMITS[0][0]:
                yield from self._judge_group(known)
            elif len(known) > 1:
                yield from self._judge_few(known)

    def _judge_group(self, subjects: Sequence[Subject]) -> Iterable[Judgement]:
        values = [float(subject.values[self.key]) for subject in subjects]
        middle = median(values)
        scatter = 1.4826 * median([abs(value - middle) for value in values])
        by_chance = mad_limit(len(values)) * scatter
        scale = abs(middle) if self.relative else 1.0
        limits = {
            WARNED: max(by_chance, self.warn * scale),
            self.verdict: max(by_chance, self.refuse * scale),
        }
        unit = f" {self.unit}" if self.unit else ""
        for subject, value in zip(subjects, values, strict=True):
            off = abs(value - middle)
            verdict = self.verdict if off > limits[self.verdict] else WARNED
            limit = f"{shown(middle)} ± {shown(limits[verdict])}{unit}"
            if off <= limits[WARNED] and off <= limits[self.verdict]:
                yield self.passed(subject, value, limit)
            else:
                fault = (
                    f"its {self.name} is {shown(value)}{unit}, that of the {len(values)} exposures "
                    f"{limit}"
                )
                yield self.failed(subject, value, limit, fault, verdict)

    def _judge_few(self, subjects: Sequence[Subject]) -> Iterable[Judgement]:
        """Judge exposures that are too few to show their scatter."""
        limits = [(self.refuse, self.verdict), (self.warn, WARNED)]
        if not self.error and math.isfinite(self.refuse):
            # That a smaller deviation is none by chance is not known.
            limits.pop()
        made: dict[str, Judgement] = {}
        for matters, verdict in limits:
            left = [s for s in subjects if s.name not in made or not made[s.name].sentence]
            made |= {each.exposure: each for each in self._compare_few(left, matters, verdict)}
        yield from (made[subject.name] for subject in subjects)

    def _compare_few(
        self, subjects: Sequence[Subject], matters: float, verdict: str
    ) -> Iterable[Judgement]:
        points = [
            (float(s.values[self.key]), float(s.values.get(self.error) or 0.0)) for s in subjects
        ]

        def limit(one: _Point, two: _Point) -> float:
            scale = min(abs(one[0]), abs(two[0])) if self.relative else 1.0
            return max(matters * scale, _FEW_SIGMA * math.hypot(one[1], two[1]))

        def agrees(one: _Point, two: _Point) -> bool:
            return abs(one[0] - two[0]) <= limit(one, two)

        if not points:
            return
        usual, rival = _parties(points, agrees)
        unit = f" {self.unit}" if self.unit else ""
        for subject, point in zip(subjects, points, strict=True):
            alike = agrees(point, usual)
            other = rival if alike and rival is not None else usual
            allowed = f"{shown(other[0])} ± {shown(limit(point, other))}{unit}"
            if alike and rival is None:
                yield self.passed(subject, point[0], allowed)
                continue
            count = sum(agrees(each, other) for each in points)
            whose = f"of {count} other exposures" if rival is None else "of as many others"
            fault = f"its {self.name} is {shown(point[0])}{unit}, that {whose} {allowed}"
            fault += "" if rival is None else f": {_UNDECIDED}"
            yield self.failed(subject, point[0], allowed, fault, verdict)


def _parties(
    values: Sequence[_Value], agrees: Callable[[_Value, _Value], bool]
) -> tuple[_Value, _Value | None]:
    """Return the value that most others agree with, and one that as many others agree with.

    The second is None when there is a majority: when no value that disagrees with the first has as
    many others on its side.
    """
    keys = [shown(value).casefold() for value in values]
    counts, distinct = Counter(keys), dict(zip(reversed(keys), reversed(values), strict=True))
    support = {
        key: sum(counts[k] for k, each in distinct.items() if agrees(each, value))
        for key, value in distinct.items()
    }
    most = max(support.values())
    leading = [distinct[key] for key in counts if support[key] == most]
    usual = leading[0]
    rivals = [value for value in leading if not agrees(value, usual)]
    return usual, rivals[0] if rivals else None


def groups(subjects: Sequence[Subject], within: Iterable[str]) -> list[list[Subject]]:
    """Return the exposures in groups that agree in some values, in order of first appearance."""
    found: dict[tuple[str, ...], list[Subject]] = {}
    names = tuple(within)
    for subject in subjects:
        key = tuple(shown(subject.values.get(name)).casefold() for name in names)
        found.setdefault(key, []).append(subject)
    return list(found.values())


def median(values: Sequence[float]) -> float:
    """Return the median of some numbers."""
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def mad_limit(count: int) -> float:
    """Return the deviation, in units of 1.4826 MAD, that 1 in 1,000 sets of this size exceeds."""
    counts = [size for size, _ in _MAD_LIMITS]
    limits = [limit for _, limit in _MAD_LIMITS]
    if count >= counts[-1]:
        return limits[-1]
    above = next(i for i, size in enumerate(counts) if size > count)
    low, high = counts[above - 1], counts[above]
    share = (count - low) / (high - low)
    return limits[above - 1] + share * (limits[above] - limits[above - 1])


def shown(value: Any) -> str:
    """Return a value as it stands in sentences and tables."""
    if is_blank(value):
        return "missing"
    if isinstance(value, bool):
        return "T" if value else "F"
    if isinstance(value, float):
        return number(value, 7) if math.isfinite(value) else str(value)
    if isinstance(value, list | tuple):
        return " × ".join(shown(part) for part in value)
    return str(value).strip()


def is_blank(value: Any) -> bool:
    """Return whether a value says nothing: absent, or text of blanks."""
    return value is None or (isinstance(value, str) and not value.strip())


def _folded(values: Iterable[Any]) -> set[str]:
    return {shown(value).casefold() for value in values}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _range(low: float, high: float) -> str:
    if math.isinf(low):
        return f"at most {shown(high)}"
    return f"at least {shown(low)}" if math.isinf(high) else f"{shown(low)} to {shown(high)}"
