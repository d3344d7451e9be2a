"""One way to merge, withdraw and compare states, whatever their sums make."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from darkroom.epochs import state as mean
from darkroom.epochs import variance
from darkroom.epochs.state import NO_CLASS, REFERENCE, STEPS, State
from darkroom.epochs.variance import VarianceState

AnyState: TypeAlias = State | VarianceState


@dataclass(frozen=True)
class Quantity:
    """One number of each unit, whose change over the epochs is looked for.

    Parameters
    ----------
    name, unit : str
        A unit stands for a level, whose drift limits how long a product is good; logarithms and
        counts have none.
    values : array, shape (nunits,)
    floor : float
        Variance of one unit that is assumed at least: a count is not known better than to one.
    """

    name: str
    unit: str
    values: np.ndarray
    floor: float = 0.0


def merge(first: AnyState, second: AnyState) -> AnyState:
    """Return the state of the units of two states.

    Raises
    ------
    ValueError
        When they are of two series or hold the same unit.
    """
    if isinstance(first, State) and isinstance(second, State):
        return mean.merge(first, second)
    if isinstance(first, VarianceState) and isinstance(second, VarianceState):
        return variance.merge(first, second)
    raise ValueError("one state is of means, the other of variances: they are of two series")


def remove(whole: AnyState, part: AnyState) -> AnyState:
    """Return a state without the units of another.

    Raises
    ------
    ValueError
        When they are of two series or the units are not there as they are.
    """
    if isinstance(whole, State) and isinstance(part, State):
        return mean.remove(whole, part)
    if isinstance(whole, VarianceState) and isinstance(part, VarianceState):
        return variance.remove(whole, part)
    raise ValueError("one state is of means, the other of variances: they are of two series")


def equal(first: AnyState, second: AnyState) -> bool:
    """Whether two states are equal in every bit."""
    if isinstance(first, State) and isinstance(second, State):
        return mean.equal(first, second)
    if isinstance(first, VarianceState) and isinstance(second, VarianceState):
        return variance.equal(first, second)
    return False


def quantities(state: AnyState, unit: str) -> list[Quantity]:
    """Return what is looked for changes in.

    Parameters
    ----------
    state : State or VarianceState
    unit : str
        Unit of the samples.

    Returns
    -------
    list of Quantity
        Of a mean: the level of each class about the template, where there are reference pixels
        less their level (what the reference pixel correction leaves); the logarithm of the variance
        of its samples, whose change is twice the relative change of the noise; and how many pixels
        are far above the template, of which a new hot region makes more. Of a variance, its
        logarithm.
    """
    found = []
    names = state.template.names
    if isinstance(state, VarianceState):
        return [
            Quantity(f"ln of the variance of {name}", "", np.log(np.maximum(column, 1e-12)))
            for name, column in zip(names, state.spread.T, strict=True)
        ]
    above, scale = _above(state), state.template.scale
    for k, name in enumerate(names):
        if name.endswith(REFERENCE):
            continue
        pair = names.index(name + REFERENCE) if name + REFERENCE in names else None
        level = state.offsets[:, k].astype(np.float64)
        title = f"level of {name}"
        if pair is not None:
            level = level - state.offsets[:, pair]
            title += " less reference pixels"
        found.append(Quantity(title, unit, level / STEPS / scale))
        scatter = np.log(np.maximum(state.spread[:, k], 1) / (STEPS * scale) ** 2)
        found.append(Quantity(f"ln of the variance of {name}", "", scatter))
        found.append(Quantity(f"pixels far above in {name}", "", above[:, k], 1.0))
    return found


def _above(state):
    """Return how many samples of each unit and class are beyond the outer limit, above."""
    form, far = state.template, state.far
    pixel = far["pixel"]
    limit = (form.scatter(np.inf) * form.outer * STEPS).ravel()[pixel]
    kind = form.classes.ravel()[pixel]
    high = (far["residual"] > limit) & (kind != NO_CLASS)
    count = np.zeros((len(state.units), form.sigma.size))
    np.add.at(count, (far["unit"][high], kind[high]), 1.0)
    return count
