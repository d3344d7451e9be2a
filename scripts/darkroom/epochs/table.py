"""States of numbers that each unit has by itself: a row a unit, nothing summed.

The noise spectrum of a ramp and the levels of its reference pixels need no other ramp. Their state
is the table of the units; merging it joins rows, and the product is the mean of each column.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from darkroom.epochs.units import (
    check_name,
    facts_of,
    joined,
    leaving,
    require_same_template,
    without,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

#: A number that is measured again, with other units beside it, may differ by so much: sums over
#: units are of single precision.
_SAME = 1e-4


#: What a state has of each unit.
_ROWS = ("mjd", "facts", "values")


@dataclass(frozen=True)
class TableTemplate:
    """The numbers that every unit of a series has.

    Parameters
    ----------
    names : tuple of str
        In words, the amplifier among them.
    kinds : tuple of str
        Unit of each number; empty for logarithms and ratios.

    Raises
    ------
    ValueError
        When there is no number, two have one name, or a unit is lacking.
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse a template that no series can be built on."""
        if not self.names or len(set(self.names)) != len(self.names):
            raise ValueError("the numbers of a template have no names of their own")
        if len(self.kinds) != len(self.names):
            raise ValueError("the numbers of a template lack a unit")
        for name in self.names:
            check_name(name)

    def same(self, other: TableTemplate) -> bool:
        """Whether another template names the same numbers."""
        return (self.names, self.kinds) == (other.names, other.kinds)


@dataclass(frozen=True)
class TableState:
    """The numbers of the units of a series.

    Parameters
    ----------
    template : TableTemplate
    units : tuple of str
        Names of the units, sorted.
    mjd : float64 array, shape (nunits,)
        Middle of each unit [days]; NaN where unknown.
    facts : float64 array, shape (nunits, nfacts)
        What else is known of each unit, in the order of `darkroom.epochs.units.FACTS`; NaN where
        unknown.
    values : float64 array, shape (nunits, nnumbers)
    """

    template: TableTemplate
    units: tuple[str, ...]
    mjd: np.ndarray
    facts: np.ndarray
    values: np.ndarray


@dataclass(frozen=True)
class TableProduct:
    """The means of a state.

    Parameters
    ----------
    mean, error : float64 array, shape (nnumbers,)
        Mean over the units, and its standard error from their scatter; NaN for a single unit.
    """

    mean: np.ndarray
    error: np.ndarray


def empty(template: TableTemplate) -> TableState:
    """Return the state of no units."""
    return TableState(template, (), np.zeros(0), facts_of(), np.zeros((0, len(template.names))))


def of_unit(
    template: TableTemplate,
    name: str,
    values: np.ndarray,
    mjd: float = np.nan,
    facts: Mapping[str, float] | None = None,
) -> TableState:
    """Return the state of one unit.

    Parameters
    ----------
    template : TableTemplate
    name : str
        Its name in the series: exposure and integration.
    values : array, shape (nnumbers,)
    mjd : float
        Middle of the unit [days].
    facts : dict, optional
        What else is known of it; names are those of `darkroom.epochs.units.FACTS`.

    Returns
    -------
    TableState

    Raises
    ------
    ValueError
        When it has not every number, or the name is not one that a FITS table can hold.
    """
    check_name(name)
    row = np.array(values, np.float64)
    if row.shape != (len(template.names),):
        raise ValueError(f"{name}: {row.size} numbers, the series has {len(template.names)}")
    for value, what in zip(row, template.names, strict=True):
        if not np.isfinite(value):
            raise ValueError(f"{name}: {what} is not known, the series needs it")
    return TableState(
        template, (name,), np.array([mjd], np.float64), facts_of(facts or {}), row[None]
    )


def merge(first: TableState, second: TableState) -> TableState:
    """Return the state of the units of two states.

    Raises
    ------
    ValueError
        When the templates differ, or a unit is in both.
    """
    require_same_template(first.template.same(second.template))
    rows, _ = joined(first, second, _ROWS)
    return TableState(
        template=first.template,
        **rows,
    )


def remove(whole: TableState, part: TableState) -> TableState:
    """Return a state without the units of another: ``remove(merge(a, b), b)`` is ``a``.

    Raises
    ------
    ValueError
        When the templates differ, a unit of the part is not in the whole, or its numbers are
        others than those that were added.
    """
    require_same_template(whole.template.same(part.template))
    gone = leaving(whole.units, part.units)
    if not np.allclose(whole.values[gone], part.values, rtol=_SAME, atol=_SAME):
        raise ValueError(f"{part.units[0]} has other numbers than those that were added")
    return replace(
        whole,
        **without(whole, gone, _ROWS),
    )


def product(state: TableState) -> TableProduct:
    """Return the mean of each number with its error; of at least one unit."""
    count = len(state.units)
    scatter = (
        state.values.std(axis=0, ddof=1) if count > 1 else np.full(len(state.values[0]), np.nan)
    )
    return TableProduct(state.values.mean(axis=0), scatter / np.sqrt(count))


def equal(first: TableState, second: TableState) -> bool:
    """Whether two states are equal in every bit."""
    return (
        first.template.same(second.template)
        and first.units == second.units
        and np.array_equal(first.values, second.values)
        and np.array_equal(first.mjd, second.mjd, equal_nan=True)
        and np.array_equal(first.facts, second.facts, equal_nan=True)
    )
