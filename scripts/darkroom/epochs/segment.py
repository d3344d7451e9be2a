"""The states of the current segment of a series: those after the last change of a product."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkroom.epochs.merging import merged
from darkroom.epochs.state_file import cards_of, units_of
from darkroom.epochs.told import FORMAT, segment_of
from darkroom.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from darkroom.epochs.laws import AnyState
    from darkroom.hints import StrPath


@dataclass(frozen=True)
class Chosen:
    """The states that a product is made of.

    Parameters
    ----------
    state : State, VarianceState or TableState
        Of all of their units.
    cards : dict
        What the series is of.
    inputs : list of path-like
        Files that it was made from, those of withdrawn units too.
    settings : dict
        For the provenance: which states, and why; empty for the whole series.
    """

    state: AnyState
    cards: dict[str, str | float]
    inputs: list[StrPath]
    settings: dict[str, Any]


def chosen(
    states: Sequence[StrPath],
    withdrawn: Sequence[StrPath] = (),
    segment: tuple[StrPath, str] | None = None,
    of: StrPath | None = None,
) -> Chosen:
    """Return the states of a series, or those of its current segment.

    Parameters
    ----------
    states : sequence of path-like
        Of all epochs.
    withdrawn : sequence of path-like
        States of units to leave out.
    segment : (path-like, str), optional
        Table of trends, and the product whose changes count; by default the whole series. A state
        belongs to the segment when all its units are from its first sure epoch on.
    of : path-like, optional
        One of the states: those of another series than its are left out. By default they are
        refused.

    Raises
    ------
    InputError
        When the trends are not those of these states, or a state has units on both sides of the
        change; see also `darkroom.epochs.merging.merged`.
    """
    others: dict[str, Any] = {}
    if of is not None:
        own = cards_of(of)
        same = [one for one in states if cards_of(one) == own]
        if len(same) < len(states):
            left = [Path(one).name for one in states if one not in same]
            others = {"of another series, left out": left}
        states = same
    if segment is None:
        state, cards = merged(states, withdrawn)
        return Chosen(state, cards, [*states, *withdrawn], others)
    path, product = segment
    begin, why = _begin(path, product)
    gone = {one: set(units_of(one)) for one in withdrawn}
    kept, left_out, used = [], [], set()
    for one in states:
        units = units_of(one)
        if not units:
            continue
        out = set().union(*gone.values())
        times = [mjd for name, mjd in units.items() if name not in out] or list(units.values())
        if begin is not None and min(times) < begin <= max(times):
            raise InputError(
                one,
                f"has units before and after MJD {begin:.3f}, where the current segment of "
                f"{product} begins: its sums cannot be divided",
                "make each epoch a campaign of its own, or take epochs.product: series",
            )
        if begin is None or min(times) >= begin:
            kept.append(one)
            used.update(units)
        else:
            left_out.append(one)
    if not kept:
        raise InputError(path, f"gives a segment of {product} that holds none of the states")
    matching = [one for one in withdrawn if gone[one] & used]
    state, cards = merged(kept, matching)
    settings = {
        "epochs.product": "segment",
        "segment": why,
        "segment holds": [Path(one).name for one in kept],
        "segment leaves out": [Path(one).name for one in left_out],
    }
    return Chosen(state, cards, [*kept, *matching], settings | others)


def _begin(path, product):
    """Return the time [MJD] from which units belong to the segment, None for all, and why."""
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(path, f"is no table of trends: {error}") from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise InputError(path, f"is no table of trends of the format {FORMAT!r}")
    if product not in found["products"]:
        raise InputError(path, f"has no trends of {product}")
    return segment_of(found["products"][product]["validity"])
