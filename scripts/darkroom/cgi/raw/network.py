"""Comparator networks that find the 51st smallest of a window of 10 x 10 numbers.

A comparator (i, j) leaves the smaller of two numbers on wire i and the larger on wire j. Columns of
ten are sorted, then merged by twos and fours (what neighbouring windows share is merged once), and
of two fours and a two only what the wanted rank can depend on is done. Without a branch on data,
the same steps serve many pixels in one instruction.
"""

from __future__ import annotations

from functools import cache

import numpy as np

SIZE = 10
#: The rank wanted, from 0: the upper one of the two middle ones.
RANK = SIZE * SIZE // 2
# Which outputs of a comparator are needed.
BOTH, LOWER, UPPER = 0, 1, 2


def merge(first, second, steps):
    """Merge two sorted lists of wires; append the comparators to `steps`, return the order.

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


def sort(wires, steps):
    """Sort wires; append the comparators to `steps`, return the order."""
    if len(wires) < 2:
        return list(wires)
    half = len(wires) // 2
    return merge(sort(wires[:half], steps), sort(wires[half:], steps), steps)


def needed(steps, wanted):
    """Keep the comparators that wanted wires depend on, and say which outputs are needed."""
    alive, kept = set(wanted), []
    for lower, upper in reversed(steps):
        use = (lower in alive, upper in alive)
        if any(use):
            kept.append((lower, upper, BOTH if all(use) else LOWER if use[0] else UPPER))
            alive |= {lower, upper}
    return kept[::-1]


@cache
def tables():
    """Return the steps of each stage, and where their results are.

    Returns
    -------
    dict
        Steps as (n, 3) int32 arrays: ``sort`` (10 wires), ``two`` (20), ``four`` (40), ``middle``
        (80: two fours), each with ``*_order``, the wires in rising order; of ``middle`` those of
        the ranks that a two can shift the wanted one to.
    """
    found = {}
    for name, size in (("sort", 1), ("two", SIZE), ("four", 2 * SIZE), ("middle", 4 * SIZE)):
        steps = []
        if name == "sort":
            order = sort(list(range(SIZE)), steps)
        else:
            order = merge(list(range(size)), list(range(size, 2 * size)), steps)
        if name == "middle":
            order = order[RANK - 2 * SIZE : RANK + 1]
        found[name] = np.array(needed(steps, order), np.int32)
        found[f"{name}_order"] = np.array(order, np.int32)
    return found
