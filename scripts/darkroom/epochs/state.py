"""States of stacks that merge, lose a unit and are rebuilt to the same bits in any order.

A stack (superbias, master bias, mean dark of one exposure time) is a clipped mean over units. A
mean merges, a clip does not: what is clipped depends on what else is there. Two things make it
merge. Sums are of whole numbers, residuals about a fixed template in steps of 2⁻¹⁰ of the sample,
so that no order of additions rounds differently. And only samples that can never be clipped go
into the sums; all others are listed with their value and judged about the mean of the sums when a
product is made.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from darkroom.epochs.template import NO_CLASS, STEPS, Template
from darkroom.epochs.units import (
    check_name,
    facts_of,
    joined,
    leaving,
    mean_and_error,
    require_same_template,
    without,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What a state has of each unit.
_ROWS = ("offsets", "mjd", "facts", "spread")
#: Offset of a class that a unit does not tell.
UNKNOWN = int(np.iinfo(np.int32).min)
FAR = np.dtype([("pixel", np.int32), ("unit", np.int32), ("residual", np.int32)])


@dataclass(frozen=True)
class State:
    """Sums of the units of a series, and the samples that were not summed.

    Parameters
    ----------
    template : Template
    count : uint16 array, shape (ny, nx)
        Samples in the sums.
    total, squares : int64 array, shape (ny, nx)
        Sum of their residuals in steps, and of the squares.
    units : tuple of str
        Names of the units, sorted.
    offsets : int32 array, shape (nunits, nclasses)
        Offset of each unit and class from the template, in steps; `UNKNOWN` where the unit has no
        good pixel of the class to measure it with: no sample of that class is taken from it.
    mjd : float64 array, shape (nunits,)
        Middle of each unit [days]; NaN where unknown.
    facts : float64 array, shape (nunits, nfacts)
        What else is known of each unit, in the order of `darkroom.epochs.units.FACTS`; NaN where
        unknown.
    spread : float64 array, shape (nunits, nclasses)
        Mean square of the summed residuals of each unit and class [steps²], without the pixels
        that are noisier than their class.
    far : structured array of `FAR`
        Samples outside the inner limit: pixel (flat index), unit (index into `units`), residual in
        steps; sorted by pixel, then unit.
    """

    template: Template
    count: np.ndarray
    total: np.ndarray
    squares: np.ndarray
    units: tuple[str, ...]
    offsets: np.ndarray
    mjd: np.ndarray
    facts: np.ndarray
    spread: np.ndarray
    far: np.ndarray


@dataclass(frozen=True)
class Product:
    """The clipped mean of a state.

    Parameters
    ----------
    mean, error : float64 array, shape (ny, nx)
        Mean in samples, and its standard error from the scatter; NaN where there is none.
    count, clipped : int array, shape (ny, nx)
        Samples used and left out.
    certified : bool array, shape (ny, nx)
        Pixels whose sums hold no sample that the outer limit would have clipped.
    """

    mean: np.ndarray
    error: np.ndarray
    count: np.ndarray
    clipped: np.ndarray
    certified: np.ndarray


def empty(template: Template) -> State:
    """Return the state of no units."""
    shape = template.level.shape
    return State(
        template,
        np.zeros(shape, np.uint16),
        np.zeros(shape, np.int64),
        np.zeros(shape, np.int64),
        (),
        np.zeros((0, template.sigma.size), np.int32),
        np.zeros(0),
        facts_of(),
        np.zeros((0, template.sigma.size)),
        np.zeros(0, FAR),
    )


def of_unit(
    template: Template,
    name: str,
    frame: np.ndarray,
    bad: np.ndarray,
    mjd: float = np.nan,
    facts: Mapping[str, float] | None = None,
) -> State:
    """Return the state of one unit.

    Parameters
    ----------
    template : Template
    name : str
        Its name in the series: exposure and integration.
    frame : array, shape (ny, nx)
        Samples; those that are not finite are left out.
    bad : bool array, shape (ny, nx)
        Samples that are left out: saturated, hit, flagged.
    mjd : float
        Middle of the unit [days].
    facts : dict, optional
        What else is known of it; names are those of `darkroom.epochs.units.FACTS`.

    Returns
    -------
    State

    Raises
    ------
    ValueError
        When the shape is another, no class has a good anchor pixel, or the name is not one that a
        FITS table can hold.
    """
    check_name(name)
    if frame.shape != template.level.shape or bad.shape != frame.shape:
        raise ValueError(f"{name}: {frame.shape} pixels, the series has {template.level.shape}")
    good = ~bad & np.isfinite(frame) & (template.classes != NO_CLASS)
    difference = np.where(good, frame, 0).astype(np.float64) - template.level
    offsets = np.empty(template.sigma.size, np.int64)
    for k in range(offsets.size):
        where = template.anchor & good & (template.classes == k)
        if not where.any():
            offsets[k] = UNKNOWN
            good &= template.classes != k
            continue
        offsets[k] = np.rint(_level(difference[where], template.inner * template.sigma[k]) * STEPS)
    if (offsets == UNKNOWN).all():
        raise ValueError(f"{name}: no good pixel to measure an offset with")
    offset = template.spread(np.where(offsets == UNKNOWN, 0, offsets))
    largest = np.iinfo(np.int32).max
    residual = np.clip(np.rint(difference * STEPS) - offset, -largest, largest).astype(np.int64)
    inner = np.floor(template.inner * template.scatter(-1.0) * STEPS)
    near = good & (np.abs(residual) <= inner)
    pixel = np.flatnonzero(good & ~near)
    far = np.zeros(pixel.size, FAR)
    far["pixel"], far["residual"] = pixel, residual.ravel()[pixel]
    summed = np.where(near, residual, 0)
    squares = summed * summed
    usual = near if template.noise is None else near & (template.noise == 0)
    number = np.bincount(template.classes[usual], minlength=offsets.size)
    # Whole numbers below 2⁵³: no order of additions changes the sum.
    total = np.bincount(template.classes[usual], squares[usual], minlength=offsets.size)
    return State(
        template,
        near.astype(np.uint16),
        summed,
        squares,
        (name,),
        offsets[None].astype(np.int32),
        np.array([mjd], np.float64),
        facts_of(facts or {}),
        (total / np.maximum(number, 1))[None],
        far,
    )


def _level(values, reach):
    """Return the mean of the values within reach of their median, which is a whole number too."""
    middle = np.median(values)
    near = values[np.abs(values - middle) <= reach]
    return near.mean() if near.size else middle


def merge(first: State, second: State) -> State:
    """Return the state of the units of two states.

    Raises
    ------
    ValueError
        When the templates differ, a unit is in both, or a pixel has more samples than are counted.
    """
    require_same_template(first.template.same(second.template))
    rows, places = joined(first, second, _ROWS)
    count = first.count.astype(np.int64) + second.count
    if count.max(initial=0) > np.iinfo(np.uint16).max:
        raise ValueError("more samples of a pixel than 65535")
    rank = np.empty(places.size, np.int32)
    rank[places] = np.arange(places.size)
    far = np.concatenate([first.far, second.far])
    far["unit"][: first.far.size] = rank[first.far["unit"]]
    far["unit"][first.far.size :] = rank[second.far["unit"] + len(first.units)]
    return State(
        template=first.template,
        count=count.astype(np.uint16),
        total=first.total + second.total,
        squares=first.squares + second.squares,
        far=far[np.lexsort((far["unit"], far["pixel"]))],
        **rows,
    )


def remove(whole: State, part: State) -> State:
    """Return a state without the units of another: ``remove(merge(a, b), b)`` is ``a``.

    Raises
    ------
    ValueError
        When the templates differ, a unit of the part is not in the whole, or its samples are
        others than those that were added.
    """
    require_same_template(whole.template.same(part.template))
    gone = leaving(whole.units, part.units)
    left = gone[whole.far["unit"]]
    where = {unit: k for k, unit in enumerate(whole.units)}
    expected = part.far.copy()
    expected["unit"] = np.array([where[unit] for unit in part.units], np.int32)[part.far["unit"]]
    count = whole.count.astype(np.int64) - part.count
    squares = whole.squares - part.squares
    if (
        not np.array_equal(whole.offsets[gone], part.offsets)
        or not np.array_equal(whole.spread[gone], part.spread)
        or not np.array_equal(whole.far[left], expected)
        or count.min(initial=0) < 0
        or squares.min(initial=0) < 0
    ):
        raise ValueError(f"{part.units[0]} has other samples than those that were added")
    rank = np.cumsum(~gone) - 1
    far = whole.far[~left].copy()
    far["unit"] = rank[far["unit"]]
    return replace(
        whole,
        count=count.astype(np.uint16),
        total=whole.total - part.total,
        squares=squares,
        far=far,
        **without(whole, gone, _ROWS),
    )


def product(state: State) -> Product:
    """Return the clipped mean of a state.

    Samples of the list count when they lie within the outer limit of the mean of the sums. The
    sums themselves hold nothing that would be clipped as long as this mean is nearer to the
    template than the outer limit is to the inner one: the certificate of a pixel.

    Parameters
    ----------
    state : State

    Returns
    -------
    Product
        Levels are those of the template: offsets are not added.
    """
    template = state.template
    n = state.count.astype(np.int64)
    with np.errstate(invalid="ignore", divide="ignore"):
        core = np.where(n > 0, state.total / n, 0.0)
    sigma = template.scatter(np.inf) * STEPS
    certified = (n > 0) & (np.abs(core) < (template.outer - template.inner) * sigma)
    pixel = state.far["pixel"]
    residual = state.far["residual"].astype(np.int64)
    kept = np.abs(residual - core.ravel()[pixel]) <= template.outer * sigma.ravel()[pixel]
    # A pixel without any sum has no centre to judge its samples about.
    kept &= n.ravel()[pixel] > 0

    def added(values):
        total = np.zeros(n.size, np.int64)
        np.add.at(total, pixel[kept], values[kept])
        return total.reshape(n.shape)

    count = n + added(np.ones_like(residual))
    total, squares = state.total + added(residual), state.squares + added(residual * residual)
    clipped = np.bincount(pixel[~kept], minlength=n.size).reshape(n.shape)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(count > 0, total / count, np.nan)
        # Squares of steps about the mean; whole numbers until the last division.
        spread = np.maximum(squares - total * mean, 0)
        error = np.where(count > 1, np.sqrt(spread / (count - 1) / count), np.nan)
    return Product(
        template.level + mean / STEPS, error / STEPS, count, clipped, certified & (count > 1)
    )


def levels(state: State) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean offset of each class from the template, and its standard error.

    Parameters
    ----------
    state : State

    Returns
    -------
    level, error : float64 array, shape (nclasses,)
        In samples; NaN without a unit that tells it, the error NaN with one.
    """
    return mean_and_error(known_offsets(state) / STEPS)


def known_offsets(state: State) -> np.ndarray:
    """Return the offset of each unit and class in steps, NaN where it does not tell it."""
    return np.where(state.offsets == UNKNOWN, np.nan, state.offsets)


def equal(first: State, second: State) -> bool:
    """Whether two states are equal in every bit."""
    return (
        first.template.same(second.template)
        and first.units == second.units
        and all(
            np.array_equal(getattr(first, name), getattr(second, name))
            for name in ("count", "total", "squares", "offsets", "spread", "far")
        )
        and np.array_equal(first.mjd, second.mjd, equal_nan=True)
        and np.array_equal(first.facts, second.facts, equal_nan=True)
    )
