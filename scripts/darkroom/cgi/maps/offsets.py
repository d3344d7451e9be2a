"""Offsets between stacks, measured in the prescan.

The bias is subtracted before a stack is made. A residual bias is common to all pixels of the stack
and would bias the maps. The prescan has neither light nor dark current, only the fixed pattern and
clock-induced charge of the register: a stack whose prescan disagrees with that of the others has an
offset. An offset that all stacks share cannot be distinguished from the fixed pattern.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from darkroom.cgi.geometry import Geometry
    from darkroom.cgi.maps.design import Design
    from darkroom.cgi.stacks.sources import Source

#: Stacks needed: three parameters, and enough others to identify an anomalous one.
MIN_STACKS = 7
#: A stack is anomalous when its level deviates by more than this many standard errors.
LIMIT = 6.0
# Approximate number of pixels of the bias region that are read: more would not help.
_PIXELS = 60_000


@dataclass
class Offsets:
    """Levels of the bias region.

    Attributes
    ----------
    level, error : (M,) arrays
        Mean of each stack over the bias region, and its standard error [e-].
    offset, offset_error : (M,) arrays
        Level minus the prediction from the other stacks that agree, and its error [e-]; NaN when
        it cannot be measured.
    anomalous : (M,) bool array
        Stacks whose offset is significant.
    """

    level: np.ndarray
    error: np.ndarray
    offset: np.ndarray
    offset_error: np.ndarray
    anomalous: np.ndarray

    @property
    def measured(self) -> bool:
        """True when offsets could be measured."""
        return bool(np.isfinite(self.offset).any())


def read(sources: Sequence[Source], geometry: Geometry) -> tuple[np.ndarray, np.ndarray]:
    """Read the levels of the bias region.

    Parameters
    ----------
    sources : sequence of darkroom.cgi.stacks.sources.Source
        One per stack.
    geometry : darkroom.cgi.geometry.Geometry

    Returns
    -------
    level, error : (M,) arrays
        Mean of each stack over the pixels with samples in all stacks that have any there, and its
        standard error [e-]; NaN for a stack without samples.
    """
    rows, columns = geometry.bias_region
    size = (rows.stop - rows.start) * (columns.stop - columns.start)
    rows = slice(rows.start, rows.stop, max(size // _PIXELS, 1))
    patches = [source.patch(rows, columns) for source in sources]
    used = [patch.count for patch in patches if patch.count.any()]
    common = np.logical_and.reduce([count > 0 for count in used]) if used else np.zeros(0, bool)
    levels, errors = np.full((2, len(patches)), np.nan)
    for m, patch in enumerate(patches):
        if not patch.count.any():
            continue
        count, total = patch.count[common].astype(float), patch.total[common]
        freedom = np.maximum(count - 1, 0).sum()
        if freedom:
            variance = patch.m2[common].sum() / freedom
            levels[m] = (total / count).mean()
            errors[m] = np.sqrt(variance * (1 / count).mean() / count.size)
    return levels, errors


def measure(design: Design, level: np.ndarray, error: np.ndarray) -> Offsets:
    """Measure the offsets of stacks.

    Parameters
    ----------
    design : darkroom.cgi.maps.design.Design
    level, error : (M,) arrays
        Of `read`.

    Returns
    -------
    Offsets
    """
    nothing = np.full(len(level), np.nan)
    found = Offsets(level, error, nothing, nothing.copy(), np.zeros(len(level), bool))
    known = np.isfinite(error) & (error > 0)
    if known.sum() >= MIN_STACKS:
        found.offset[known], found.offset_error[known], found.anomalous[known] = deviations(
            design.matrix[known], level[known], error[known]
        )
    return found


def deviations(
    matrix: np.ndarray,
    level: np.ndarray,
    error: np.ndarray,
    limit: float = LIMIT,
    *,
    scale_without: bool = False,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Measure the deviation of each level from the others, and find the anomalous ones.

    Parameters
    ----------
    matrix : (M, 3) array
        Design matrix: coefficient of each parameter in each stack.
    level, error : (M,) arrays
        Level of each stack and its standard error [e-].
    limit : float
        Standard errors by which an anomalous one deviates.
    scale_without : bool
        Measure the scatter of the deviations without the stack that is tested: with few stacks it
        draws the predictions of all others along, and would widen the errors that judge it.

    Returns
    -------
    offset, offset_error : (M,) arrays
        Level minus the prediction from the other stacks that agree, and its error [e-].
    anomalous : (M,) bool array
        Stacks whose offset is significant.

    Notes
    -----
    The most deviant stack is excluded while it deviates by more than `limit` errors; at most a
    third of the stacks are excluded. Errors are scaled by the robust scatter of the deviations when
    that is larger: the noise of a row's bias is common to its pixels, so that the scatter of the
    samples does not show it.
    """
    agree = np.ones(len(level), bool)
    while True:
        offset, offset_error = _predict(matrix, level, error, agree)
        score = np.abs(offset) / offset_error
        scale = max(1.0, 1.4826 * float(np.median(score[agree])))
        worst = int(np.argmax(np.where(agree, score, 0)))
        if scale_without:
            rest = agree.copy()
            rest[worst] = False
            others, others_error = _predict(matrix, level, error, rest)
            seen = (np.abs(others) / others_error)[rest]
            scale = max(1.0, 1.4826 * float(np.median(seen)))
        full = (~agree).sum() >= len(level) // 3
        if full or score[worst] <= limit * scale:
            break
        agree[worst] = False
    anomalous = ~agree & (score > limit * scale)
    return offset, offset_error * scale, anomalous


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
