"""What a new lock changes, and how much it asks for, in words."""

from __future__ import annotations

from darkroom.campaign.lock import COLUMNS

# What a change means, where that is not plain.
_MEANING = {
    "size": " (other bytes than before: a pin of it will not hold)",
    "uri": " (the archive has it under another address)",
}


def differences(old, new):
    """Tell what changed between two locks, one line each.

    Parameters
    ----------
    old, new : Lock
        The lock that is there and the one just made.

    Returns
    -------
    list of str
        ``+`` added, ``-`` gone, ``~`` changed; empty when nothing did.
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


def _changes(name, before, after):
    return [
        f"~ {name}: {column} {before[column] or '(none)'} -> {after[column] or '(none)'}"
        + _MEANING.get(column, "")
        for column in COLUMNS
        if before[column] != after[column]
    ]


def total_size(exposures):
    """Return how much the exposures are, as a person reads it; empty where no size is known."""
    total = sum(row.size or 0 for row in exposures)
    unknown = sum(row.size is None for row in exposures)
    if not total:
        return ""
    more = f" and {unknown} of unknown size" if unknown else ""
    return f", {total / 1e9:.3g} GB{more}"
