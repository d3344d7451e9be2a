"""Values of exposures as checks compare and tell them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from darkroom.words import number

if TYPE_CHECKING:
    from darkroom.judge.judgement import Subject

#: Said where as many exposures have one value as another.
UNDECIDED = "which of them is right cannot be told"

Value = TypeVar("Value")


def parties(
    values: Sequence[Value], agrees: Callable[[Value, Value], bool]
) -> tuple[Value, Value | None]:
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


def is_number(value: Any) -> bool:
    """Return whether a value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
