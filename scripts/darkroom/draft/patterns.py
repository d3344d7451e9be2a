"""File-name patterns that match exactly the files of a role."""

from __future__ import annotations

import re
from collections import defaultdict
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable


def patterns(wanted: Collection[str], others: Iterable[str]) -> list[str]:
    """Return few patterns that match all wanted names and none of the others.

    Parameters
    ----------
    wanted : collection of str
        Paths relative to the folder of the archive, with ``/``.
    others : iterable of str
        All other files there.

    Returns
    -------
    list of str
        Patterns (glob), one folder each; a name that no pattern can tell from the others is given
        by itself, its special characters escaped.
    """
    by_folder: dict[str, list[str]] = defaultdict(list)
    for name in wanted:
        path = PurePosixPath(name)
        by_folder["" if str(path.parent) == "." else f"{path.parent}/"].append(path.name)
    beside: dict[str, list[str]] = defaultdict(list)
    for name in set(others) - set(wanted):
        path = PurePosixPath(name)
        beside["" if str(path.parent) == "." else f"{path.parent}/"].append(path.name)
    found = []
    for folder, names in by_folder.items():
        found += [escaped(folder) + each for each in _in_folder(names, beside[folder])]
    return found


def _in_folder(names: list[str], others: list[str]) -> list[str]:
    """Return patterns of the names of one folder."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name in names:
        groups[_shape(name)].append(name)
    found, single = [], []
    for members in groups.values():
        pattern = _common(members)
        if len(members) > 1 and not any(fnmatchcase(other, pattern) for other in others):
            found.append(pattern)
        else:
            single += members
    whole = _common(names)
    if len(found) > 1 and not single and not any(fnmatchcase(o, whole) for o in others):
        return [whole]
    return found + [escaped(name) for name in single]


def _shape(name: str) -> str:
    """Return a name with its digits replaced: names that differ in numbers alone are one group."""
    return re.sub(r"\d+", "#", name)


def _common(names: list[str]) -> str:
    """Return what some names have in common at both ends, with a star between."""
    first, last = min(names), max(names)
    if first == last:
        return escaped(first)
    head = next(i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b) if (
        not last.startswith(first)
    ) else len(first)  # fmt: skip
    backward = [name[head:][::-1] for name in names]
    low, high = min(backward), max(backward)
    tail = 0
    while tail < len(low) and tail < len(high) and low[tail] == high[tail]:
        tail += 1
    end = first[len(first) - tail :] if tail else ""
    # A number is not cut in two: frame00* would miss frame010.
    return f"{escaped(re.sub(r'[0-9]+$', '', first[:head]))}*{escaped(re.sub(r'^[0-9]+', '', end))}"


def escaped(text: str) -> str:
    """Return a text in which the special characters of patterns stand for themselves."""
    return re.sub(r"([*?\[])", r"[\1]", text)
