"""One way to merge, withdraw and compare states, whatever their sums make."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import ModuleType
from typing import TypeAlias

import numpy as np

from darkroom.epochs import fitted, table, variance
from darkroom.epochs import state as mean
from darkroom.epochs.series import LN
from darkroom.epochs.state import State
from darkroom.epochs.table import TableState
from darkroom.epochs.template import NO_CLASS, REFERENCE, STEPS
from darkroom.epochs.variance import VarianceState

AnyState: TypeAlias = State | VarianceState | TableState
_LAWS = ((State, mean), (VarianceState, variance), (TableState, table))


@dataclass(frozen=True)
class Quantity:
    """One number of each unit, whose change over the epochs is looked for.

    Parameters
    ----------
    name, unit : str
        `LN` of logarithms of variances, empty of counts and ratios. The drift of a level, which has
        a unit of its own, limits how long a product is good; of a product that has none, that of
        the logarithms.
    values : array, shape (nunits,)
    floor : float
        Variance of one unit that is assumed at least: a count is not known better than to one.
    matters : bool
        Whether the product changes with it; the pedestal is corrected by the reference pixels.
    """

    name: str
    unit: str
    values: np.ndarray
    floor: float = 1e-12
    matters: bool = True


def _law(first: AnyState, second: AnyState) -> ModuleType:
    """Return the module of the law that both states follow."""
    for kind, law in _LAWS:
        if isinstance(first, kind) and isinstance(second, kind):
            return law
    raise ValueError("the states hold sums of different kinds: they are of two series")


def merge(first: AnyState, second: AnyState) -> AnyState:
    """Return the state of the units of two states.

    Raises
    ------
    ValueError
        When they are of two series or hold the same unit.
    """
    merged: AnyState = _law(first, second).merge(first, second)
    return merged


def remove(whole: AnyState, part: AnyState) -> AnyState:
    """Return a state without the units of another.

    Raises
    ------
    ValueError
        When they are of two series or the units are not there as they are.
    """
    left: AnyState = _law(whole, part).remove(whole, part)
    return left


def equal(first: AnyState, second: AnyState) -> bool:
    """Whether two states are equal in every bit."""
    return type(first) is type(second) and bool(_law(first, second).equal(first, second))


def quantities(state: AnyState, unit: str, which: np.ndarray | None = None) -> list[Quantity]:
    """Return what is looked for changes in.

    Parameters
    ----------
    state : State, VarianceState or TableState
    unit : str
        Unit of the samples; numbers of a table have their own.
    which : int array, shape (n,), optional
        Places of the units that are one epoch; by default all.

    Returns
    -------
    list of Quantity
        Of a mean: the level of each class about the template, where there are reference pixels
        less their level (what the reference pixel correction leaves) and that level itself, the
        pedestal, which the correction removes; the logarithm of the variance
        of its samples, whose change is twice the relative change of the noise; and how many pixels
        are far above the template, of which a new hot region makes more. Of a variance, its
        logarithm. Of a table, its numbers, or those of the fit to its units.

        What a unit does not tell is NaN.
    """
    which = np.arange(len(state.units)) if which is None else which
    if isinstance(state, TableState):
        form = state.template
        values = fitted.of_units(state, which) if fitted.is_fitted(form) else state.values[which]
        rows = zip(form.names, form.kinds, values.T, strict=True)
        return [Quantity(name, kind, column) for name, kind, column in rows]
    return [replace(one, values=one.values[which]) for one in _by_class(state, unit)]


def _by_class(state, unit):
    """Return the quantities of a state of images."""
    found = []
    names = state.template.names
    if isinstance(state, VarianceState):
        return [
            Quantity(f"ln of the variance of {name}", LN, np.log(np.maximum(column, 1e-12)))
            for name, column in zip(names, state.spread.T, strict=True)
        ]
    above, scale, nearer = _above(state), state.template.scale, np.log(_nearness(state))
    offsets = mean.known_offsets(state)
    told = np.where(np.isnan(offsets), np.nan, 0.0)
    for k, name in enumerate(names):
        if name.endswith(REFERENCE):
            continue
        pair = names.index(name + REFERENCE) if name + REFERENCE in names else None
        level, floor = offsets[:, k] / STEPS / scale, (STEPS * scale) ** -2
        if pair is None:
            found.append(Quantity(f"level of {name}", unit, level, floor))
        else:
            pedestal = offsets[:, pair] / STEPS / scale
            title = f"level of {name} less reference pixels"
            found.append(Quantity(title, unit, level - pedestal, floor))
            found.append(Quantity(f"pedestal of {name}", unit, pedestal, floor, matters=False))
        scatter = (
            np.log(np.maximum(state.spread[:, k], 1) / (STEPS * scale) ** 2) - nearer + told[:, k]
        )
        found.append(Quantity(f"ln of the variance of {name}", LN, scatter))
        found.append(Quantity(f"pixels far above in {name}", "", above[:, k] + told[:, k], 1.0))
    return found


def _nearness(state):
    """Return the variance of residuals that each unit is expected to have, over its own variance.

    The template is a mean of n units. One of them deviates from it by 1 - 1/n of its variance, any
    other by 1 + 1/n; residuals beyond the inner limit are not among those that are summed.
    """
    form = state.template
    members = set(form.members)
    if not members:
        return np.ones(len(state.units))
    sign = np.array([-1.0 if unit in members else 1.0 for unit in state.units])
    wider = 1 + sign / len(members)
    return wider * _cut(form.inner / np.sqrt(wider)) / _cut(form.inner)


def _cut(limit):
    """Return the variance of a normal variable of which what is beyond a limit is cut off."""
    from scipy.special import ndtr

    density = np.exp(-0.5 * limit**2) / np.sqrt(2 * np.pi)
    return 1 - 2 * limit * density / (2 * ndtr(limit) - 1)


def _above(state):
    """Return how many samples of each unit and class are far above the template.

    Twice the outer limit: what is hardly beyond it is noise, of which units that the template was
    made of have less.
    """
    form, far = state.template, state.far
    pixel = far["pixel"]
    limit = (form.scatter(np.inf) * 2 * form.outer * STEPS).ravel()[pixel]
    kind = form.classes.ravel()[pixel]
    high = (far["residual"] > limit) & (kind != NO_CLASS)
    count = np.zeros((len(state.units), form.sigma.size))
    np.add.at(count, (far["unit"][high], kind[high]), 1.0)
    return count
