"""Keys of stacks: exposure times and gains that are taken as one.

Planning needs them too; only the standard library is used here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

#: Exposure time [s], commanded EM gain, conversion gain [e-/DN].
Key = tuple[float, float, float]
# Exposure times and conversion gains of one stack may differ by this fraction: clocks jitter, and
# a gain may be in single precision in one file. No dark depends on it.
_TIME = _KGAIN = 1e-4


def alike(one: Key, other: Key) -> bool:
    """Tell whether two keys are those of one stack."""
    return (
        abs(one[0] - other[0]) <= _TIME * max(one[0], other[0])
        and one[1] == other[1]
        and abs(one[2] - other[2]) <= _KGAIN * max(one[2], other[2])
    )


def keys(found: Sequence[Key]) -> dict[Key, Key]:
    """Return the key of the stack for each of some keys: of those that are alike the commonest."""
    groups: list[list[Key]] = []
    counts = Counter(found)
    for key in sorted(counts):
        group = next((group for group in groups if alike(group[0], key)), None)
        if group is None:
            groups.append([key])
        else:
            group.append(key)
    return {key: max(group, key=counts.__getitem__) for group in groups for key in group}
