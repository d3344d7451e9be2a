"""Kinds of checks that instruments declare: what must be so, what must be alike, what is odd.

An instrument lists its checks in the order in which they are made. An exposure that one check
refuses has no part in the comparisons that follow, so a foreign exposure cannot decide what is
usual.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from numbers import Real
from typing import Any

from darkroom.judge.judgement import PASSED, REFUSED, WARNED, Judgement, Subject
from darkroom.judge.values import is_blank, shown


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


def _folded(values: Iterable[Any]) -> set[str]:
    return {shown(value).casefold() for value in values}


def _range(low: float, high: float) -> str:
    if math.isinf(low):
        return f"at most {shown(high)}"
    return f"at least {shown(low)}" if math.isinf(high) else f"{shown(low)} to {shown(high)}"
