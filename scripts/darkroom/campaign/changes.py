"""Differences between two locks, and the total size of their exposures, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from darkroom.campaign.lock_rows import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from darkroom.campaign.lock import Lock
    from darkroom.campaign.lock_rows import Exposure

# What a change of these columns means.
_MEANING = {
    "size": " (other bytes than before: a pin of it no longer holds)",
    "uri": " (the archive has it under another address)",
}


def differences(old: Lock, new: Lock) -> list[str]:
    """List the differences between two locks, one line each.

    Parameters
    ----------
    old, new : darkroom.campaign.lock.Lock
        The existing lock and the new one.

    Returns
    -------
    list of str
        ``+`` added, ``-`` removed, ``~`` changed; empty when the locks are equal.
    """
    lines = [
        f"~ {key}: {old.head.get(key, '(none)')} -> {new.head.get(key, '(none)')}"
        for key in sorted(old.head.keys() | new.head.keys())
        if old.head.get(key) != new.head.get(key)
    ]
    before = {(row.item, row.exposure): row.row() for row in old.exposures}
    after = {(row.item, row.exposure): row.row() for row in new.exposures}
    for key in sorted(before.keys() | after.keys()):
        name = "/".join(key)
        if key not in after:
            lines.append(f"- {name}: no longer in the archive's answer")
        elif key not in before:
            lines.append(f"+ {name}: new, {after[key]['size'] or '?'} bytes")
        else:
            lines += _changes(name, before[key], after[key])
    return lines


def _changes(name: str, before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    return [
        f"~ {name}: {column} {before[column] or '(none)'} -> {after[column] or '(none)'}"
        + _MEANING.get(column, "")
        for column in COLUMNS
        if before[column] != after[column]
    ]


def total_size(exposures: Sequence[Exposure]) -> str:
    """Return the total size as text, ``", 1.23 GB and 2 of unknown size"``; empty if unknown."""
    total = sum(row.size or 0 for row in exposures)
    unknown = sum(row.size is None for row in exposures)
    if not total:
        return ""
    more = f" and {unknown} of unknown size" if unknown else ""
    return f", {total / 1e9:.3g} GB{more}"
