"""The folder of a series: one state an epoch, never replaced."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from darkroom.atomic import copy_new
from darkroom.epochs import laws
from darkroom.epochs.merging import check_series, difference, tried
from darkroom.epochs.names import is_of
from darkroom.epochs.settings import WITHDRAWN
from darkroom.epochs.state_file import load
from darkroom.errors import InputError
from darkroom.integrity.recording import keep_record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from darkroom.epochs.laws import AnyState, Quantity
    from darkroom.hints import StrPath


@dataclass(frozen=True)
class Epoch:
    """What the trends of a series need of one epoch.

    Parameters
    ----------
    name : str
    mjd : array, shape (nunits,)
        Middle of each unit [days].
    facts : array, shape (nunits, nfacts)
        See `darkroom.epochs.units.FACTS`.
    quantities : tuple of Quantity
        The same ones in every epoch of a series.
    """

    name: str
    mjd: np.ndarray
    facts: np.ndarray
    quantities: tuple[Quantity, ...]


def states_in(folder: StrPath) -> list[Path]:
    """Return the states of a folder by name; none where there is no folder."""
    return sorted(path for path in Path(folder).glob("*.fits") if not path.name.startswith("."))


def epochs_of(name: str, state: AnyState, unit: str, gap_days: float) -> list[Epoch]:
    """Divide the units of a state where a pause is longer than `gap_days`.

    Parameters
    ----------
    name : str
    state : State, VarianceState or TableState
        All of its units have a time.
    unit : str
        Unit of the samples.
    gap_days : float

    Returns
    -------
    list of Epoch
        A number that a unit does not tell is NaN.
    """
    order = np.argsort(state.mjd, kind="stable")
    starts = np.flatnonzero(np.diff(state.mjd[order]) > gap_days) + 1
    parts = np.split(order, starts)
    return [
        Epoch(
            name if len(parts) == 1 else f"{name} {k}",
            state.mjd[part],
            state.facts[part],
            tuple(laws.quantities(state, unit, part)),
        )
        for k, part in enumerate(parts, 1)
    ]


def gather(
    paths: Sequence[Path],
    gap_days: float,
    names: Mapping[Path, str] | None = None,
    withdrawn: Sequence[Path] = (),
    absent: dict[str, str] | None = None,
) -> tuple[list[Epoch], AnyState, dict[str, str | float]]:
    """Read states one after the other, and merge them.

    Parameters
    ----------
    paths : sequence of path
        At least one.
    gap_days : float
        A longer pause between two units of a state starts another epoch.
    names : dict, optional
        Names of epochs that are not those of their files.
    withdrawn : sequence of path
        States of units that are taken out of the epochs that hold them.
    absent : dict, optional
        Gets the names of epochs that are no part of the series of the last path, and why: another
        detector or readout, or no unit. Without it they are refused, or without a unit passed by.

    Returns
    -------
    epochs : list of Epoch
        In the order of time.
    whole : State, VarianceState or TableState
    cards : dict
        What the series is of.

    Raises
    ------
    InputError
        When a state is damaged, of another series, has no time, or holds a unit of another state;
        when a withdrawn unit is in none, or in one with other numbers; when none is left.
    """
    gone = {path: load(path) for path in withdrawn}
    epochs: list[Epoch] = []
    files: dict[str, Path] = {}
    whole, cards = None, {}
    own = load(paths[-1])[1] if absent is not None else {}
    for path in paths:
        state, found = load(path)
        name = (names or {}).get(path, path.stem)
        if absent is not None and (other := difference(found, own)):
            absent[name] = f"is of another series: {other}"
            continue
        state = _without(state, found, gone)
        if not state.units:
            if absent is not None:
                absent[name] = "holds no unit"
            continue
        files[name] = path
        if not np.isfinite(state.mjd).all():
            raise InputError(
                path, "has a unit without time", "make it from exposures with a time in the header"
            )
        if whole is None:
            whole, cards = state, found
        else:
            check_series(path, found, cards)
            whole = tried(path, partial(laws.merge, whole, state))
        unit = str(cards.get("UNIT", "DN"))
        epochs += tried(path, partial(epochs_of, name, state, unit, gap_days))
    for path in gone:
        raise InputError(
            path,
            "withdraws units that no state of the series holds as a whole",
            "make one file for the units of each epoch, or take the file away",
        )
    if whole is None:
        raise InputError(
            paths[-1],
            "is of a series without a unit: all are withdrawn",
            f"take states out of {WITHDRAWN}/, or give others",
        )
    epochs.sort(key=lambda one: (float(one.mjd.min()), one.name))
    for one, after in itertools.pairwise(epochs):
        if one.mjd.max() >= after.mjd.min():
            raise InputError(
                files[after.name.partition(" ")[0]],
                f"epoch {after.name} began when epoch {one.name} had not ended",
                "epochs of a series may not overlap in time: make one state of both",
            )
    return epochs, whole, cards


def _without(state, cards, gone):
    """Return a state without the withdrawn units that it holds; `gone` loses their files."""
    for path, (part, found) in list(gone.items()):
        if not set(part.units) & set(state.units):
            continue
        check_series(path, found, cards)
        state = tried(path, partial(laws.remove, state, part))
        del gone[path]
    return state


def add_all(states: Mapping[Path, str], folder: StrPath, campaign: str) -> None:
    """Add the states of a campaign, by the names of their epochs, to the folder of their series.

    Raises
    ------
    InputError
        See `add`; and where the folder holds the campaign's exposures divided into other epochs.
    """
    for path in states_in(folder):
        if is_of(path.stem, campaign) and path.stem not in states.values():
            raise InputError(
                path,
                "is of this campaign, whose epochs are divided otherwise now",
                "a series is never written over: move this file away, or name the campaign "
                "otherwise",
            )
    for state, name in states.items():
        add(state, folder, name)


def add(state: StrPath, folder: StrPath, name: str) -> Path:
    """Add a state to the folder of its series.

    Parameters
    ----------
    state : path-like
    folder : path-like
        It is made where there is none.
    name : str
        Of the epoch.

    Returns
    -------
    path
        File in the folder.

    Raises
    ------
    InputError
        When the folder holds another state of that name: nothing is replaced; or a state of
        another series.
    """
    target = Path(folder) / f"{name}.fits"
    made, cards = load(state)
    for path in states_in(folder)[:1]:
        check_series(path, load(path)[1], cards)
    try:
        copy_new(state, target)
    except FileExistsError:
        if not laws.equal(load(target)[0], made):
            raise InputError(
                target,
                f"is there already, with other numbers than {state}",
                "a series is never written over: move this file away, or name the campaign "
                "otherwise",
            ) from None
        keep_record(target)
    return target
