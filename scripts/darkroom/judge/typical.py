"""The check of a number that must not stand out from those of the other exposures."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from darkroom.judge.checks import Check
from darkroom.judge.judgement import WARNED, Judgement, Subject
from darkroom.judge.values import UNDECIDED, groups, is_number, parties, shown

# Largest deviation of n normal values from their median, in units of 1.4826 MAD, that is exceeded
# in 1 of 1,000 sets: (n, limit), from 4e5 simulated sets each.
_MAD_LIMITS: tuple[tuple[int, float], ...] = (
    (6, 24.0), (8, 15.6), (10, 11.9), (12, 9.9), (15, 9.0), (20, 7.2), (30, 6.2), (50, 5.4),
    (100, 5.0), (200, 4.9),
)  # fmt: skip
# Exposures too few to show their scatter differ when they differ by so many standard deviations.
_FEW_SIGMA = 5.0
# A number and its standard deviation.
_Point = tuple[float, float]


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
            known = [s for s in group if is_number(s.values.get(self.key))]
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
        usual, rival = parties(points, agrees)
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
            fault += "" if rival is None else f": {UNDECIDED}"
            yield self.failed(subject, point[0], allowed, fault, verdict)


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
