"""The hottest pixels, and their rates in the earlier and in the later half of the darks.

Halves of every other frame tell a pixel that switches from one that is steady; only halves in time
tell a detector that warmed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from darkroom.ccd.dq import DQ

if TYPE_CHECKING:
    from darkroom.ccd.products.dark_rate import Rate
    from darkroom.ccd.rate.cell_stacks import CellStacks

#: Pixels that are listed.
LISTED = 50


def hottest(dq: np.ndarray, excess: np.ndarray) -> np.ndarray:
    """Return the hottest flagged pixels, at most `LISTED`; those without a rate come first.

    Parameters
    ----------
    dq, excess : (ny, nx) arrays
        Flags, and the dark rate minus that of the surroundings.

    Returns
    -------
    (n,) int array
        Places in the flattened image.
    """
    where = np.flatnonzero((dq & (DQ.HOT | DQ.UNSTABLE | DQ.SATURATED)) > 0)
    key = np.where(np.isfinite(excess), excess, np.inf).ravel()[where]
    return where[np.argsort(-key, kind="stable")][:LISTED]


def early_and_late(
    stacks: CellStacks, rate: Rate, weights: np.ndarray, background: np.ndarray, where: np.ndarray
) -> np.ndarray:
    """Return the rates of some pixels above their surroundings, by halves of the darks in time.

    Parameters
    ----------
    stacks : darkroom.ccd.rate.cell_stacks.CellStacks
        The darks (and biases) that the rate was measured from.
    rate : darkroom.ccd.products.dark_rate.Rate
        Bias and dark rate of one temperature group.
    weights : (ncells,) array
        What the mean of each cell contributes to the rate.
    background : (ny, nx) array
        Rate of the surroundings, as in all darks: frames are aligned by the level of normal pixels.
    where : (n,) int array
        Places in the flattened image.

    Returns
    -------
    (2, n) float64 array
        Of the earlier and of the later half.
    """
    found = np.zeros((2, where.size))
    if not where.size:
        return found
    y, x = np.unravel_index(where, background.shape)
    for means, cell, weight in zip(stacks.early_and_late(y, x), stacks.cells, weights, strict=True):
        if weight:
            # Where a cell is saturated, the rate came from the others: the model stands for it.
            model = rate.bias[y, x] + rate.rate[y, x] * cell.exptime
            found += weight * np.where(np.isfinite(means), means, model)
    return found - background[y, x]
