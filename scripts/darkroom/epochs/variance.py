"""States of variances that merge: squares of residuals and their degrees of freedom.

Read noise is the pooled variance of the residuals of ramps. Sums of squares merge as they are when
what belongs to a ramp is decided by that ramp and the series' template alone: where a cosmic ray
cuts it, and whether it is cut at all. Squares are rounded to whole steps of 2⁻¹⁰, so that no order
of additions rounds differently.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from darkroom.epochs.template import NO_CLASS, STEPS
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

#: Of the sum of one unit and pixel: so many sums can be added up to 2⁶².
_LARGEST = 2**46


#: What a state has of each unit.
_ROWS = ("mjd", "facts", "spread")


@dataclass(frozen=True)
class VarianceTemplate:
    """What the residuals of a series of variances are taken with; fixed for the whole series.

    Parameters
    ----------
    sigma : float64 array, shape (nclasses,)
        Noise of a class; jumps are judged by it.
    classes : uint8 array, shape (ny, nx)
        Class of each pixel; `NO_CLASS` where a pixel is never used.
    whole : bool array, shape (ny, nx)
        Pixels whose units are never cut: steps are part of their noise.
    names : tuple of str
        Name of each class.
    factor : float
        The product's noise is that of the residuals times this number.

    Raises
    ------
    ValueError
        When shapes or lengths differ, or a number is not positive.
    """

    sigma: np.ndarray
    classes: np.ndarray
    whole: np.ndarray
    names: tuple[str, ...]
    factor: float = 1.0

    def __post_init__(self) -> None:
        """Refuse a template that no series can be built on."""
        if self.classes.shape != self.whole.shape:
            raise ValueError("classes and whole of a template have different shapes")
        if len(self.names) != self.sigma.size or len(set(self.names)) != len(self.names):
            raise ValueError("the classes of a template have no names of their own")
        if not (np.isfinite(self.sigma).all() and (self.sigma > 0).all() and self.factor > 0):
            raise ValueError("the noise of a class is not a positive number")

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns."""
        return self.classes.shape

    def same(self, other: VarianceTemplate) -> bool:
        """Whether another template is equal in every number."""
        return (
            (self.names, self.factor) == (other.names, other.factor)
            and np.array_equal(self.sigma, other.sigma)
            and np.array_equal(self.classes, other.classes)
            and np.array_equal(self.whole, other.whole)
        )


@dataclass(frozen=True)
class VarianceState:
    """Sums of squares of the units of a series.

    Parameters
    ----------
    template : VarianceTemplate
    dof : uint32 array, shape (ny, nx)
        Degrees of freedom.
    total : int64 array, shape (ny, nx)
        Sum of squared residuals, in steps of 2⁻¹⁰ of the squared sample.
    units : tuple of str
        Names of the units, sorted.
    mjd : float64 array, shape (nunits,)
        Middle of each unit [days]; NaN where unknown.
    facts : float64 array, shape (nunits, nfacts)
        What else is known of each unit, in the order of `darkroom.epochs.units.FACTS`; NaN where
        unknown.
    spread : float64 array, shape (nunits, nclasses)
        Variance of each unit and class, of the pixels near what is usual; NaN where it has none.
    """

    template: VarianceTemplate
    dof: np.ndarray
    total: np.ndarray
    units: tuple[str, ...]
    mjd: np.ndarray
    facts: np.ndarray
    spread: np.ndarray


@dataclass(frozen=True)
class VarianceProduct:
    """The noise of a state.

    Parameters
    ----------
    noise, error : float64 array, shape (ny, nx)
        Root of the pooled variance times the template's factor, and its standard error; NaN
        without degrees of freedom.
    dof : uint32 array, shape (ny, nx)
    """

    noise: np.ndarray
    error: np.ndarray
    dof: np.ndarray


def empty(template: VarianceTemplate) -> VarianceState:
    """Return the state of no units."""
    return VarianceState(
        template,
        np.zeros(template.shape, np.uint32),
        np.zeros(template.shape, np.int64),
        (),
        np.zeros(0),
        facts_of(),
        np.zeros((0, template.sigma.size)),
    )


def of_unit(
    template: VarianceTemplate,
    name: str,
    squares: np.ndarray,
    dof: np.ndarray,
    mjd: float = np.nan,
    facts: Mapping[str, float] | None = None,
) -> VarianceState:
    """Return the state of one unit.

    Parameters
    ----------
    template : VarianceTemplate
    name : str
        Its name in the series: exposure and integration.
    squares : array, shape (ny, nx)
        Sum of squared residuals of each pixel.
    dof : int array, shape (ny, nx)
        Their degrees of freedom; 0 where there is nothing.
    mjd : float
        Middle of the unit [days].
    facts : dict, optional
        What else is known of it; names are those of `darkroom.epochs.units.FACTS`.

    Returns
    -------
    VarianceState

    Raises
    ------
    ValueError
        When the shape is another, no class has a pixel with data, a sum is too large, or the name
        is not one that a FITS table can hold.
    """
    check_name(name)
    if squares.shape != template.shape or dof.shape != template.shape:
        raise ValueError(f"{name}: {squares.shape} pixels, the series has {template.shape}")
    used = (dof > 0) & np.isfinite(squares) & (template.classes != NO_CLASS)
    whole = np.rint(np.where(used, squares, 0.0) * STEPS)
    if whole.max(initial=0.0) > _LARGEST or whole.min(initial=0.0) < 0:
        raise ValueError(f"{name}: a sum of squares is negative, or too large to be added")
    spread = np.full(template.sigma.size, np.nan)
    for k, sigma in enumerate(template.sigma):
        where = used & (template.classes == k) & ~template.whole
        if not where.any():
            continue
        part, free = squares[where], dof[where].astype(np.float64)
        # Of pixels with more than the noise that is usual, a few hold most of the squares. The
        # limit is that of the series: it cuts every unit alike.
        near = part <= sigma**2 * (free + 4 * np.sqrt(2 * free))
        spread[k] = part[near].sum() / max(free[near].sum(), 1.0)
    if np.isnan(spread).all():
        raise ValueError(f"{name}: no pixel of any class has data")
    return VarianceState(
        template,
        np.where(used, dof, 0).astype(np.uint32),
        whole.astype(np.int64),
        (name,),
        np.array([mjd], np.float64),
        facts_of(facts or {}),
        spread[None],
    )


def merge(first: VarianceState, second: VarianceState) -> VarianceState:
    """Return the state of the units of two states.

    Raises
    ------
    ValueError
        When the templates differ, or a unit is in both.
    """
    require_same_template(first.template.same(second.template))
    rows, _ = joined(first, second, _ROWS)
    return VarianceState(
        template=first.template,
        dof=first.dof + second.dof,
        total=first.total + second.total,
        **rows,
    )


def remove(whole: VarianceState, part: VarianceState) -> VarianceState:
    """Return a state without the units of another: ``remove(merge(a, b), b)`` is ``a``.

    Raises
    ------
    ValueError
        When the templates differ, a unit of the part is not in the whole, or its samples are
        others than those that were added.
    """
    require_same_template(whole.template.same(part.template))
    gone = leaving(whole.units, part.units)
    dof = whole.dof.astype(np.int64) - part.dof
    total = whole.total - part.total
    if (
        not np.array_equal(whole.spread[gone], part.spread, equal_nan=True)
        or dof.min(initial=0) < 0
        or total.min(initial=0) < 0
    ):
        raise ValueError(f"{part.units[0]} has other samples than those that were added")
    return replace(
        whole,
        dof=dof.astype(np.uint32),
        total=total,
        **without(whole, gone, _ROWS),
    )


def product(state: VarianceState) -> VarianceProduct:
    """Return the noise of a state: root of the pooled variance, with its error."""
    dof = state.dof.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        noise = np.where(dof > 0, np.sqrt(state.total / STEPS / dof), np.nan)
        error = noise / np.sqrt(2 * dof)
    return VarianceProduct(noise * state.template.factor, error * state.template.factor, state.dof)


def equal(first: VarianceState, second: VarianceState) -> bool:
    """Whether two states are equal in every bit."""
    return (
        first.template.same(second.template)
        and first.units == second.units
        and all(
            np.array_equal(getattr(first, name), getattr(second, name), equal_nan=True)
            for name in ("dof", "total", "spread")
        )
        and np.array_equal(first.mjd, second.mjd, equal_nan=True)
        and np.array_equal(first.facts, second.facts, equal_nan=True)
    )
