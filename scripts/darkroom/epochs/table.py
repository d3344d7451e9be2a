"""States of numbers that each unit has by itself: a row a unit, and sums of whole numbers.

The level of a frame, the noise spectrum of a ramp need no other unit. Their state is the table of
the units; merging it joins rows. Where a product needs more of each unit than can be kept, it is
summed: rounded to whole steps of 2⁻³⁴, so that no order of additions rounds differently.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from darkroom.epochs.fitted import is_fitted, of_units
from darkroom.epochs.units import (
    check_name,
    facts_of,
    joined,
    leaving,
    mean_and_error,
    require_same_template,
    without,
)

#: Steps that one is divided into in a sum.
STEPS = 2.0**34
#: Of the sum of one unit, in steps: a thousand of them can be added.
_LARGEST = 2.0**52
#: What a state has of each unit, beside further rows.
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
    rows : dict of int, optional
        Further numbers of each unit that a product needs: how many, by name.
    sums : dict of tuples of int, optional
        Shapes of what is summed over the units, by name.
    constants : dict of float64 arrays, optional
        What the units were measured with, by name.

    Raises
    ------
    ValueError
        When there is no number, two have one name, or a unit is lacking.
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    rows: Mapping[str, int] = field(default_factory=dict)
    sums: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    constants: Mapping[str, np.ndarray] = field(default_factory=dict)

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
        return (
            (self.names, self.kinds) == (other.names, other.kinds)
            and dict(self.rows) == dict(other.rows)
            and dict(self.sums) == dict(other.sums)
            and self.constants.keys() == other.constants.keys()
            and all(np.array_equal(self.constants[name], other.constants[name])
                    for name in self.constants)
        )  # fmt: skip


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
    rows : dict of float64 arrays, shape (nunits, n)
    sums : dict of int64 arrays
        In steps.
    """

    template: TableTemplate
    units: tuple[str, ...]
    mjd: np.ndarray
    facts: np.ndarray
    values: np.ndarray
    rows: Mapping[str, np.ndarray] = field(default_factory=dict)
    sums: Mapping[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class TableProduct:
    """The means of a state.

    Parameters
    ----------
    mean, error : float64 array, shape (nnumbers,)
        Mean over the units, or the fit to them, and its standard error from their scatter; NaN
        where no unit tells it, the error where a single one does.
    """

    mean: np.ndarray
    error: np.ndarray


def empty(template: TableTemplate) -> TableState:
    """Return the state of no units."""
    return TableState(
        template,
        (),
        np.zeros(0),
        facts_of(),
        np.zeros((0, len(template.names))),
        {name: np.zeros((0, count)) for name, count in template.rows.items()},
        {name: np.zeros(shape, np.int64) for name, shape in template.sums.items()},
    )


def of_unit(
    template: TableTemplate,
    name: str,
    values: np.ndarray,
    mjd: float = np.nan,
    facts: Mapping[str, float] | None = None,
    rows: Mapping[str, np.ndarray] | None = None,
    sums: Mapping[str, np.ndarray] | None = None,
) -> TableState:
    """Return the state of one unit.

    Parameters
    ----------
    template : TableTemplate
    name : str
        Its name in the series: exposure and integration.
    values : array, shape (nnumbers,)
        A number that is not known is NaN.
    mjd : float
        Middle of the unit [days].
    facts : dict, optional
        What else is known of it; names are those of `darkroom.epochs.units.FACTS`.
    rows : dict of arrays, shape (n,), optional
        Those that the template names; a number that is not known is NaN.
    sums : dict of arrays, optional
        What the unit adds to the sums; rounded to steps.

    Returns
    -------
    TableState

    Raises
    ------
    ValueError
        When it has not every number, one is infinite, a sum has another shape or cannot be added,
        or the name is not one that a FITS table can hold.
    """
    check_name(name)
    row = np.array(values, np.float64)
    if row.shape != (len(template.names),):
        raise ValueError(f"{name}: {row.size} numbers, the series has {len(template.names)}")
    for value, what in zip(row, template.names, strict=True):
        if np.isinf(value):
            raise ValueError(f"{name}: {what} is infinite")
    return TableState(
        template,
        (name,),
        np.array([mjd], np.float64),
        facts_of(facts or {}),
        row[None],
        _further(name, rows or {}, template.rows),
        _whole(name, sums or {}, template.sums),
    )


def _further(name, rows, counts):
    """Return further rows of a unit, (1, n) each."""
    sizes = {key: np.size(row) for key, row in rows.items()}
    if sizes != dict(counts):
        raise ValueError(f"{name}: rows of {sizes} numbers, the series has {dict(counts)}")
    return {key: np.array(rows[key], np.float64).reshape(1, -1) for key in counts}


def _whole(name, sums, shapes):
    """Return what a unit adds to the sums, in steps."""
    sizes = {key: np.shape(one) for key, one in sums.items()}
    if sizes != {key: tuple(shape) for key, shape in shapes.items()}:
        raise ValueError(f"{name}: sums of shapes {sizes}, the series has {dict(shapes)}")
    found = {}
    for key, shape in shapes.items():
        found[key] = np.empty(shape, np.int64)
        # A row at a time: the system would clear the memory of several large images.
        rows = np.atleast_2d(sums[key])
        for row, whole in zip(rows, found[key].reshape(rows.shape), strict=True):
            steps = np.asarray(row, np.float64) * STEPS
            np.rint(steps, out=steps)
            if not max(steps.max(initial=0.0), -steps.min(initial=0.0)) <= _LARGEST:
                raise ValueError(f"{name}: {key} is not a number, or too large to be added")
            whole[:] = steps
    return found


def merge(first: TableState, second: TableState) -> TableState:
    """Return the state of the units of two states.

    Raises
    ------
    ValueError
        When the templates differ, or a unit is in both.
    """
    require_same_template(first.template.same(second.template))
    columns, places = joined(first, second, _ROWS)
    return TableState(
        template=first.template,
        rows={
            name: np.concatenate([first.rows[name], second.rows[name]])[places]
            for name in first.rows
        },
        sums={name: first.sums[name] + second.sums[name] for name in first.sums},
        **columns,
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
    for here, there in [
        (whole.values, part.values),
        *((whole.rows[name], part.rows[name]) for name in part.rows),
    ]:
        if not np.array_equal(here[gone], there, equal_nan=True):
            raise ValueError(f"{part.units[0]} has other numbers than those that were added")
    return replace(
        whole,
        rows={name: one[~gone] for name, one in whole.rows.items()},
        sums={name: one - part.sums[name] for name, one in whole.sums.items()},
        **without(whole, gone, _ROWS),
    )


def within(state: TableState, bounds: tuple[float, float]) -> TableState:
    """Return the units of a state between some times [MJD]; those without time too.

    Raises
    ------
    ValueError
        When it has sums: they cannot be divided.
    """
    gone = (state.mjd < bounds[0]) | (state.mjd >= bounds[1])
    if state.sums and gone.any():
        raise ValueError("the sums of a state cannot be divided")
    return replace(
        state,
        rows={name: one[~gone] for name, one in state.rows.items()},
        **without(state, gone, _ROWS),
    )


def product(state: TableState) -> TableProduct:
    """Return the mean of each number with its error, or their fit; of at least one unit.

    Raises
    ------
    ValueError
        When the units tell none of the numbers.
    """
    values = state.values
    if is_fitted(state.template):
        values = of_units(state, np.arange(len(state.units)))
    if np.isnan(values).all():
        names = state.template.names
        raise ValueError(f"{len(values)} units do not tell any of {', '.join(names)}")
    return TableProduct(*mean_and_error(values))


def equal(first: TableState, second: TableState) -> bool:
    """Whether two states are equal in every bit."""
    return (
        first.template.same(second.template)
        and first.units == second.units
        and np.array_equal(first.values, second.values, equal_nan=True)
        and all(
            np.array_equal(first.rows[name], second.rows[name], equal_nan=True)
            for name in first.rows
        )
        and all(np.array_equal(first.sums[name], second.sums[name]) for name in first.sums)
        and np.array_equal(first.mjd, second.mjd, equal_nan=True)
        and np.array_equal(first.facts, second.facts, equal_nan=True)
    )
