"""Numbers that only several units together tell: a straight model is fitted to a level of each.

A pair of flats does not tell a gain, nor a dark of one EM gain and exposure time its clock-induced
charge: all of an epoch do. Their state is a table whose numbers are the coefficients of the model:
each unit has its level, the error of it that is expected, and how much of each number is in it.
What an epoch says is the fit to its units, and the scatter of its units about the fit says how sure
that is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from darkroom.epochs.table import TableState, TableTemplate

#: Rows of a state of fitted numbers: level of each unit, and its error that is expected.
LEVEL, SIGMA = "LEVEL", "SIGMA"
#: Constant of its template: 1 for a number that is one over its coefficient, else 0.
INVERSE = "INVERSE"


def is_fitted(template: TableTemplate) -> bool:
    """Return whether the numbers of a table are those of a fit to its units."""
    return LEVEL in template.rows


def of_units(state: TableState, which: np.ndarray) -> np.ndarray:
    """Return values of some units whose mean is the fit to them, and whose scatter its error.

    Parameters
    ----------
    state : TableState
        Of fitted numbers. A unit whose level is NaN tells nothing.
    which : int array, shape (n,)
        Places of the units.

    Returns
    -------
    float64 array, shape (n, nnumbers)
        The fit, plus the influence of each unit on it times n: its residual about the fit, widened
        by its leverage (MacKinnon and White 1985, Journal of Econometrics 29, 305). NaN for units
        that tell nothing, and for a number that the units do not tell apart from others, or of
        which no unit is left that says how sure it is.
    """
    known = np.isfinite(state.rows[LEVEL][which, 0])
    values = np.full((len(which), len(state.template.names)), np.nan)
    if known.any():
        values[known] = _of_known(state, which[known])
    return values


def _of_known(state, which):
    design, level = state.values[which], state.rows[LEVEL][which, 0]
    weight = 1 / state.rows[SIGMA][which, 0]
    # Numbers of unlike size would make the inverse inexact.
    size = np.sqrt(((design * weight[:, None]) ** 2).sum(axis=0))
    scaled = design * weight[:, None] / np.where(size > 0, size, 1.0)
    inverse, told = _inverse(scaled)
    told &= size > 0
    found = inverse @ (level * weight)
    residual = level * weight - scaled @ found
    leverage = np.einsum("ki,ik->i", inverse, scaled)
    # Whatever says nothing of a number says nothing of its scatter.
    part = np.abs(inverse) > _NOTHING * np.abs(inverse).max(axis=1, keepdims=True, initial=0.0)
    told &= part @ (1 - leverage) > _ENOUGH
    free = np.maximum(1 - leverage, _FREE)
    influence = inverse * (residual / np.sqrt(free))
    influence -= influence.mean(axis=1, keepdims=True)
    size[~told] = np.nan
    values = ((found[:, None] + len(which) * influence) / size[:, None]).T
    fit = found / size
    inverted = told & (state.template.constants.get(INVERSE, np.zeros(len(told))) > 0)
    # A relation that is not linear is followed by its slope: the mean stays that of the fit.
    values[:, inverted] = 1 / fit[inverted] - (values[:, inverted] - fit[inverted]) / (
        fit[inverted] ** 2
    )
    return values


def _inverse(scaled):
    """Return the inverse of a design, and which of its numbers it tells apart from the others."""
    left, size, right = np.linalg.svd(scaled, full_matrices=False)
    sure = size > size.max(initial=0.0) / _CONDITION
    told = (right[sure] ** 2).sum(axis=0) > 1 - _NOTHING
    return (right[sure].T / size[sure]) @ left[:, sure].T, told


# The design of an epoch must tell its numbers apart to so many digits.
_CONDITION = 1e6
# Of a unit that alone tells a number nothing is known of the scatter.
_FREE = 0.05
# Share of a number's own size below which it is rounding.
_NOTHING = 1e-8
# Degrees of freedom that the units of a number must leave, nearly one.
_ENOUGH = 0.99
