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
        Of fitted numbers.
    which : int array, shape (n,)
        Places of the units.

    Returns
    -------
    float64 array, shape (n, nnumbers)
        The fit, plus the influence of each unit on it times n: its residual about the fit, widened
        by its leverage (MacKinnon and White 1985, Journal of Econometrics 29, 305).

    Raises
    ------
    ValueError
        When the units do not tell every number.
    """
    design, level = state.values[which], state.rows[LEVEL][which, 0]
    weight = 1 / state.rows[SIGMA][which, 0]
    names = state.template.names
    # Numbers of unlike size would make the inverse inexact.
    size = np.sqrt(((design * weight[:, None]) ** 2).sum(axis=0))
    if not (size > 0).all():
        raise ValueError(f"no unit tells {names[int(np.argmin(size))]}")
    scaled = design * weight[:, None] / size
    if np.linalg.cond(scaled) > _CONDITION or len(which) <= len(names):
        raise ValueError(
            f"{len(which)} units do not tell {len(names)} numbers apart: {', '.join(names)}"
        )
    inverse = np.linalg.pinv(scaled)
    found = inverse @ (level * weight)
    residual = level * weight - scaled @ found
    leverage = np.einsum("ki,ik->i", inverse, scaled)
    free = np.maximum(1 - leverage, _FREE)
    influence = inverse * (residual / np.sqrt(free))
    influence -= influence.mean(axis=1, keepdims=True)
    values = ((found[:, None] + len(which) * influence) / size[:, None]).T
    fit = found / size
    inverted = state.template.constants.get(INVERSE, np.zeros(len(names))) > 0
    # A relation that is not linear is followed by its slope: the mean stays that of the fit.
    values[:, inverted] = 1 / fit[inverted] - (values[:, inverted] - fit[inverted]) / (
        fit[inverted] ** 2
    )
    return values


# The design of an epoch must tell its numbers apart to so many digits.
_CONDITION = 1e6
# Of a unit that alone tells a number nothing is known of the scatter.
_FREE = 0.05
