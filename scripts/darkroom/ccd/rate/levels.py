"""Mean levels of the cells, their common-mode errors, and the straight line fitted to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from darkroom.ccd import distributions
from darkroom.ccd.rate.line_fit import design, estimator
from darkroom.ccd.robust import robust_mean

if TYPE_CHECKING:
    from darkroom.ccd.cells import Cell
    from darkroom.ccd.stack.survey import Survey

# Probability below which the offsets of the cells are taken to scatter differently.
_SAME_SCATTER = 1e-3


@dataclass(frozen=True)
class Levels:
    """Mean levels of the cells and the line fitted to them.

    Attributes
    ----------
    level, error : (ncells,) arrays
        Robust mean level, and its error, which is common to all pixels: the scatter of the frame
        offsets, or that which the noise of the pixels makes where it is larger, over the square
        root of the number of frames.
    residual : (ncells,) array
        Level minus the fitted line.
    above_bias, above_error : (ncells,) arrays
        Level minus that of all bias frames, and its error; NaN without bias frames.
    rate, rate_error : (ngroups,) arrays
        Rate from the levels; its error is the common-mode error of the rates of all pixels.
    rate_covariance : (ngroups, ngroups) array
        Common-mode covariance of the rates (they share the bias frames).
    rate_freedom : (ngroups,) array
        Degrees of freedom of `rate_error` (Welch and Satterthwaite where cells differ).
    offset_scatter : (ncells,) array
        Standard deviation of the frame offsets: pooled over all cells, or the cell's own where
        Bartlett's test finds that the cells differ (probability below 0.1 %).
    chi2, freedom : float, int
        Sum of squared residuals over squared errors, and degrees of freedom of the fit.
    error_freedom : float
        Degrees of freedom of the errors (Welch and Satterthwaite where cells differ).
    """

    level: np.ndarray
    error: np.ndarray
    residual: np.ndarray
    above_bias: np.ndarray
    above_error: np.ndarray
    rate: np.ndarray
    rate_error: np.ndarray
    rate_covariance: np.ndarray
    rate_freedom: np.ndarray
    offset_scatter: np.ndarray
    chi2: float
    freedom: int
    error_freedom: float

    @property
    def chance(self) -> float:
        """Probability of residuals as large as these if the line were right; 1 if unknown.

        The errors are themselves measured, from few frames, so chi-square over its degrees of
        freedom follows the F distribution.
        """
        if not self.freedom or not np.isfinite(self.chi2) or not self.error_freedom > 0:
            return 1.0
        return distributions.f_chance(self.chi2 / self.freedom, self.freedom, self.error_freedom)

    @property
    def misfit(self) -> float:
        """Square root of the reduced chi-square, at least 1; 1 without degrees of freedom."""
        return float(np.sqrt(max(self.chi2 / self.freedom, 1.0))) if self.freedom else 1.0


def fit_levels(cells: Sequence[Cell], surveys: Sequence[Survey]) -> Levels:
    """Measure the level of each cell and fit bias and one rate per temperature group.

    Parameters
    ----------
    cells : sequence of darkroom.ccd.cells.Cell
        Cells of biases and darks.
    surveys : sequence of darkroom.ccd.stack.survey.Survey
        One per cell, of one detector.

    Returns
    -------
    Levels
        In the unit of the frames.

    Notes
    -----
    Levels are robust means of the difference from the first cell, which removes the fixed pattern
    and leaves out hot pixels. More frames reduce a common-mode error, more pixels do not.
    """
    counts = np.array([len(cell.frames) for cell in cells], float)
    reference = surveys[0].sample
    level = np.array([robust_mean(seen.sample - reference) for seen in surveys])
    level += robust_mean(reference)
    scatter, freedom = _offset_scatter([seen.offsets for seen in surveys])
    error = np.maximum(scatter, [seen.least_scatter for seen in surveys]) / np.sqrt(counts)

    matrix = design([cell.exptime for cell in cells], [cell.group for cell in cells])
    solve = estimator(matrix, counts)
    known = np.where(np.isnan(solve), 0.0, solve)
    residual = level - matrix @ (known @ level)
    covariance = (solve * error**2) @ solve.T
    left = len(cells) - np.linalg.matrix_rank(matrix / np.abs(matrix).max(axis=0))
    above, above_error = _above_bias(cells, counts, level, error)
    return Levels(
        level=level,
        error=error,
        residual=residual,
        above_bias=above,
        above_error=above_error,
        rate=(solve @ level)[1:],
        rate_error=np.sqrt(np.diag(covariance)[1:]),
        rate_covariance=covariance[1:, 1:],
        rate_freedom=_welch(solve[1:] ** 2 * error**2, freedom),
        offset_scatter=scatter,
        chi2=float(np.square(residual / error).sum()) if left else np.nan,
        freedom=int(left),
        error_freedom=float(_welch((error**2)[None], freedom)[0]),
    )


def _offset_scatter(offsets):
    """Return the scatter of the offsets in each cell and its degrees of freedom."""
    several = [values for values in offsets if len(values) > 1]
    freedom = sum(len(values) - 1 for values in several)
    squares = sum(float(np.square(values).sum()) for values in several)
    shared = np.sqrt(squares / freedom) if freedom else np.nan
    scatter, own = np.full(len(offsets), shared), np.full(len(offsets), freedom)
    testable = len(several) > 1 and all(np.ptp(values) > 0 for values in several)
    if testable and distributions.bartlett_chance(several) < _SAME_SCATTER:
        for i, values in enumerate(offsets):
            if len(values) > 1:
                scatter[i], own[i] = values.std(ddof=1), len(values) - 1
    return scatter, own


def _welch(parts, freedom):
    """Return the effective degrees of freedom of sums of variances (rows of `parts`)."""
    if np.ptp(freedom) == 0:
        return np.full(len(parts), float(freedom[0]))
    with np.errstate(divide="ignore", invalid="ignore"):
        return parts.sum(axis=1) ** 2 / (parts**2 / freedom).sum(axis=1)


def _above_bias(cells, counts, level, error):
    """Return each cell's level above the mean of the bias frames, and its error."""
    bias = np.array([cell.role == "bias" for cell in cells])
    if not bias.any():
        return np.full(len(level), np.nan), np.full(len(level), np.nan)
    weights = counts[bias] / counts[bias].sum()
    zero, zero_error = weights @ level[bias], np.sqrt(weights**2 @ error[bias] ** 2)
    return level - zero, np.hypot(error, zero_error)
