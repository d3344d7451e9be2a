"""Offsets of stacks against each other, told by the prescan.

The bias is subtracted before a stack is made. What is left of it is common to all pixels of the
stack and would go into the maps. The prescan sees no light and no dark current, only the fixed
pattern and what charge the register makes: a stack whose prescan does not agree with the others'
has an offset. An offset that all stacks share cannot be told from the fixed pattern.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: Stacks needed: three parameters, and enough others to say which one is odd.
LEAST_STACKS = 7
#: A stack is odd when its level is this many standard errors off.
LIMIT = 6.0
# Pixels of the bias region that are looked at, about: more rows tell no more.
_PIXELS = 60_000


@dataclass
class Offsets:
    """Levels of the bias region.

    Attributes
    ----------
    level, error : (M,) arrays
        Mean of each stack over the bias region and its standard error, e-.
    offset, offset_error : (M,) arrays
        Deviation from what the stacks that agree predict, and its error, e-; NaN when it cannot
        be told.
    odd : (M,) bool array
        Stacks whose offset is significant.
    """

    level: np.ndarray
    error: np.ndarray
    offset: np.ndarray
    offset_error: np.ndarray
    odd: np.ndarray

    @property
    def measured(self):
        """True when offsets could be told."""
        return bool(np.isfinite(self.offset).all())


def measure(sources, geometry, design):
    """Measure the offsets of stacks.

    Parameters
    ----------
    sources : list of sources
        One a stack.
    geometry : darkroom.cgi.geometry.Geometry
    design : darkroom.cgi.maps.design.Design

    Returns
    -------
    Offsets
    """
    rows, columns = geometry.bias_region
    size = (rows.stop - rows.start) * (columns.stop - columns.start)
    rows = slice(rows.start, rows.stop, max(size // _PIXELS, 1))
    level, error = _levels([source.patch(rows, columns) for source in sources])
    nothing = np.full(len(level), np.nan)
    found = Offsets(level, error, nothing, nothing.copy(), np.zeros(len(level), bool))
    if len(level) >= LEAST_STACKS and np.isfinite(error).all() and (error > 0).all():
        found.offset, found.offset_error, found.odd = deviations(design.matrix, level, error)
    return found


def _levels(patches):
    """Return mean and error of each stack over the pixels that all of them have."""
    common = np.logical_and.reduce([patch.count > 0 for patch in patches])
    levels, errors = [], []
    for patch in patches:
        count, total = patch.count[common].astype(float), patch.total[common]
        freedom = np.maximum(count - 1, 0).sum()
        if not freedom:
            levels.append(np.nan)
            errors.append(np.nan)
            continue
        variance = patch.m2[common].sum() / freedom
        levels.append((total / count).mean())
        errors.append(np.sqrt(variance * (1 / count).mean() / count.size))
    return np.array(levels), np.array(errors)


def deviations(matrix, level, error):
    """Tell which levels do not agree with the others, and by how much.

    Parameters
    ----------
    matrix : (M, 3) array
        What each parameter contributes to each stack.
    level, error : (M,) arrays

    Returns
    -------
    offset, offset_error : (M,) arrays
        Level minus what the other stacks that agree predict, and its error.
    odd : (M,) bool array

    Notes
    -----
    The worst stack is taken out as long as it is off by `LIMIT` errors, at most a third of them.
    Errors are scaled by the robust scatter of the deviations when that is larger: rows share the
    noise of their bias, which the samples' scatter does not tell.
    """
    agree = np.ones(len(level), bool)
    while True:
        offset, offset_error = _predict(matrix, level, error, agree)
        score = np.abs(offset) / offset_error
        scale = max(1.0, 1.4826 * float(np.median(score[agree])))
        worst = int(np.argmax(np.where(agree, score, 0)))
        full = (~agree).sum() >= len(level) // 3
        if full or score[worst] <= LIMIT * scale:
            break
        agree[worst] = False
    odd = ~agree & (score > LIMIT * scale)
    return offset, offset_error * scale, odd


def _predict(matrix, level, error, agree):
    """Return each level's deviation from the fit to the others that agree, and its error."""
    offset, offset_error = np.empty_like(level), np.empty_like(level)
    scaled = matrix / np.sqrt((matrix**2).mean(axis=0))
    for m in range(len(level)):
        others = agree.copy()
        others[m] = False
        weighted = scaled[others] / error[others, None]
        inverse = np.linalg.pinv(weighted)
        parameters = inverse @ (level[others] / error[others])
        spread = scaled[m] @ inverse
        offset[m] = level[m] - scaled[m] @ parameters
        offset_error[m] = np.sqrt(error[m] ** 2 + spread @ spread)
    return offset, offset_error
