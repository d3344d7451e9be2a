"""Units of states: names checked, put in order, found again when withdrawn; facts about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: What is kept of a unit, beside its time, to look for the cause of a change.
FACTS = ("temperature", "visit")


def facts_of(*units: Mapping[str, float]) -> np.ndarray:
    """Return facts of units as states hold them: (nunits, nfacts) float64, NaN where unknown."""
    rows = [[float(one.get(name, np.nan)) for name in FACTS] for one in units]
    return np.array(rows, np.float64).reshape(len(units), len(FACTS))


def mean_and_error(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean over units of each number, and its standard error by their scatter.

    Parameters
    ----------
    values : array, shape (nunits, n)
        NaN where a unit does not tell a number.

    Returns
    -------
    mean, error : float64 array, shape (n,)
        NaN where no unit tells it, the error also where a single one does.
    """
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(known, values, 0.0).sum(axis=0) / count
        apart = np.where(known, values - mean, 0.0)
        error = np.sqrt((apart * apart).sum(axis=0) / (count - 1)) / np.sqrt(count)
    return mean, np.where(count > 1, error, np.nan)


def check_name(name: str) -> None:
    """Refuse a name that a FITS table cannot hold.

    Raises
    ------
    ValueError
    """
    if not (name.isascii() and name.isprintable() and name):
        raise ValueError(f"the name of a unit is {name!r}: letters, digits and signs of ASCII only")


def order(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the names of two states, sorted, and their places in ``first + second``.

    Raises
    ------
    ValueError
        When a unit is in both.
    """
    twice = sorted(set(first) & set(second))
    if twice:
        raise ValueError(f"{twice[0]} is in both states ({len(twice)} units are)")
    units = (*first, *second)
    places = np.argsort(np.array(units, dtype=str), kind="stable") if units else np.zeros(0, int)
    return tuple(units[k] for k in places), places


def leaving(whole: tuple[str, ...], part: tuple[str, ...]) -> np.ndarray:
    """Return which units of a state leave it with those of another, bool (len(whole),).

    Raises
    ------
    ValueError
        When one of them is not there.
    """
    names = set(part)
    missing = sorted(names - set(whole))
    if missing:
        raise ValueError(f"{missing[0]} is not in the state ({len(missing)} units are not)")
    return np.array([unit in names for unit in whole], bool)


def staying(whole: tuple[str, ...], gone: np.ndarray) -> tuple[str, ...]:
    """Return the names that are not gone."""
    return tuple(unit for unit, left in zip(whole, gone, strict=True) if not left)


def joined(first: Any, second: Any, columns: Iterable[str]) -> tuple[dict[str, Any], np.ndarray]:
    """Return what two states know of each of their units, in the order of the names.

    Parameters
    ----------
    first, second : State, VarianceState or TableState
    columns : iterable of str
        Attributes with a row for each unit.

    Returns
    -------
    dict
        ``units`` and the columns.
    places : int array
        Of the units in ``first + second``.

    Raises
    ------
    ValueError
        When a unit is in both.
    """
    names, places = order(first.units, second.units)
    rows = {
        name: np.concatenate([getattr(first, name), getattr(second, name)])[places]
        for name in columns
    }
    return {"units": names} | rows, places


def without(whole: Any, gone: np.ndarray, columns: Iterable[str]) -> dict[str, Any]:
    """Return ``units`` and the columns of a state without the units that are gone."""
    return {"units": staying(whole.units, gone)} | {
        name: getattr(whole, name)[~gone] for name in columns
    }


def require_same_template(same: bool) -> None:
    """Refuse to join states of two series.

    Raises
    ------
    ValueError
    """
    if not same:
        raise ValueError("the states are about different templates: they are of two series")
