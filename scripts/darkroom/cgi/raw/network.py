"""Sorting networks that find the 51st smallest number of a window of 10 x 10.

A comparator (i, j) leaves the smaller of two numbers on wire i and the larger on wire j. Columns of
ten are sorted, then merged to groups of two and of four columns (columns that neighbouring windows
share are merged once). Of the last merge, two fours and a two, only the comparators that the wanted
rank depends on are kept. The steps do not depend on the data, so that one instruction does them for
many pixels.
"""

from __future__ import annotations

from functools import cache

import numpy as np

SIZE = 10
#: The rank that is wanted, counted from 0: the upper of the two middle ones.
RANK = SIZE * SIZE // 2
# Which outputs of a comparator are needed.
BOTH, LOWER, UPPER = 0, 1, 2


def merge(first: list[int], second: list[int], steps: list[tuple[int, int]]) -> list[int]:
    """Merge two sorted lists of wires.

    Parameters
    ----------
    first, second : list of int
        Wires in the order of their values.
    steps : list of (int, int)
        The comparators of the merge are appended.

    Returns
    -------
    list of int
        All wires in the order of their values.

    Notes
    -----
    Batcher's odd-even merge, for lists of any length (Knuth, The Art of Computer Programming 3,
    5.3.4).
    """
    if not first or not second:
        return [*first, *second]
    if len(first) == len(second) == 1:
        steps.append((first[0], second[0]))
        return [first[0], second[0]]
    odd = merge(first[0::2], second[0::2], steps)
    even = merge(first[1::2], second[1::2], steps)
    order = [odd[0]]
    for lower, upper in zip(even, odd[1:], strict=False):
        steps.append((lower, upper))
        order += [lower, upper]
    return order + even[len(odd) - 1 :] + odd[len(even) + 1 :]


def sort(wires: list[int], steps: list[tuple[int, int]]) -> list[int]:
    """Append the comparators that sort wires to `steps`; return the wires in rising order."""
    if len(wires) < 2:
        return list(wires)
    half = len(wires) // 2
    return merge(sort(wires[:half], steps), sort(wires[half:], steps), steps)


def needed(steps: list[tuple[int, int]], wanted: list[int]) -> list[tuple[int, int, int]]:
    """Keep the comparators that wanted wires depend on.

    Each is ``(lower wire, upper wire, output)``; the output that is needed is `BOTH`, `LOWER` or
    `UPPER`.
    """
    alive, kept = set(wanted), []
    for lower, upper in reversed(steps):
        use = (lower in alive, upper in alive)
        if any(use):
            kept.append((lower, upper, BOTH if all(use) else LOWER if use[0] else UPPER))
            alive |= {lower, upper}
    return kept[::-1]


@cache
def tables() -> dict[str, np.ndarray]:
    """Return the comparators of each stage, and the wires of its results.

    Returns
    -------
    dict
        Comparators as (n, 3) int32 arrays: ``sort`` (10 wires), ``two`` (20), ``four`` (40),
        ``middle`` (80: two fours). Each comes with ``*_order``, the wires in rising order; for
        ``middle`` only those whose rank can become the wanted one when a two is merged in.
    """
    found = {}
    for name, size in (("sort", 1), ("two", SIZE), ("four", 2 * SIZE), ("middle", 4 * SIZE)):
        steps: list[tuple[int, int]] = []
        if name == "sort":
            order = sort(list(range(SIZE)), steps)
        else:
            order = merge(list(range(size)), list(range(size, 2 * size)), steps)
        if name == "middle":
            order = order[RANK - 2 * SIZE : RANK + 1]
        found[name] = np.array(needed(steps, order), np.int32)
        found[f"{name}_order"] = np.array(order, np.int32)
    return found
