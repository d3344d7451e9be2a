"""Fit of a straight line, bias + rate · exposure time, to every pixel.

One bias image for all cells and one rate image per temperature group, by linear least squares to
the cell means, weighted with their numbers of frames. The estimates are fixed linear combinations
of the means, so their errors follow from the scatter of the frames within each cell, which need not
have the same noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# Pixels fitted at a time, and up to twice as many: what the processor's cache holds. For fewer the
# library of matrices adds in another order, which moves the last digit.
_PIXELS = 1 << 14


@dataclass(frozen=True)
class Lines:
    """Fitted lines; arrays of shape (npixels,) or, per temperature group, (ngroups, npixels).

    Attributes
    ----------
    bias, bias_error : arrays
        Level at zero exposure time, and its standard error.
    rate, rate_error : arrays
        Counts per second; NaN where a group's rate cannot be determined.
    covariance : array
        Covariance of bias and rate.
    freedom : array
        Effective degrees of freedom of `rate_error` (Welch and Satterthwaite).
    samples : int array
        Number of samples in the darks of the group.
    chi2 : array
        Squared residuals of the cell means over their variances, per degree of freedom; NaN
        without degrees of freedom. See `fit_lines`.
    """

    bias: np.ndarray
    bias_error: np.ndarray
    rate: np.ndarray
    rate_error: np.ndarray
    covariance: np.ndarray
    freedom: np.ndarray
    samples: np.ndarray
    chi2: np.ndarray


def design(exptimes: Sequence[float], groups: Sequence[int]) -> np.ndarray:
    """Return the design matrix (ncells, 1 + ngroups) of bias and one rate per group."""
    numbers = sorted(set(groups))
    matrix = np.zeros((len(groups), 1 + len(numbers)))
    matrix[:, 0] = 1.0
    for i, (time, group) in enumerate(zip(exptimes, groups, strict=True)):
        matrix[i, 1 + numbers.index(group)] = time
    return matrix


def estimator(matrix: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the least-squares estimator: the matrix that turns cell means into parameters.

    Parameters
    ----------
    matrix : (ncells, nparameters) array
        Design matrix; rows of missing cells may be zero.
    weights : (ncells,) array
        Weight of each mean; zero leaves it out.

    Returns
    -------
    (nparameters, ncells) array
        Rows of parameters that the cells do not determine are NaN.
    """
    root = np.sqrt(weights)
    # Times range from microseconds to minutes: columns are scaled before the rank is determined.
    scaled = matrix * root[:, None]
    size = np.sqrt(np.square(scaled).sum(axis=0))
    size[size == 0] = 1.0
    inverse = np.linalg.pinv(scaled / size, rcond=1e-9)
    known = np.abs(inverse @ (scaled / size) - np.eye(len(size))).max(axis=1) < 1e-6
    result = inverse * root / size[:, None]
    result[~known] = np.nan
    return result


def fit_lines(
    matrix: np.ndarray,
    nominal: np.ndarray,
    means: np.ndarray,
    variances: np.ndarray,
    counts: np.ndarray,
    *,
    floor: np.ndarray | None = None,
    common: np.ndarray | None = None,
) -> Lines:
    """Fit bias and rates of many pixels.

    Parameters
    ----------
    matrix : (ncells, 1 + ngroups) array
        From `design`.
    nominal : (ncells,) array
        Number of frames in each cell: the weights, the same for all pixels that have all cells.
    means, variances : (ncells, npixels) arrays
        Mean of each cell and variance of one sample (ddof 1); means that are NaN are left out.
    counts : (ncells, npixels) int array
        Samples in each mean. The variance of a single sample is taken from the other cells of the
        pixel.
    floor : (ncells,) array, optional
        Typical variance of a sample in each cell: the least one that is used for chi2.
    common : (ncells,) array, optional
        Residual of each cell's mean level, common to all pixels; it is subtracted for chi2.

    Returns
    -------
    Lines
    """
    ncells, npixels = means.shape
    ngroups = matrix.shape[1] - 1
    floor = np.zeros(ncells) if floor is None else np.nan_to_num(floor)
    common = np.zeros(ncells) if common is None else common
    shape = (ngroups, npixels)
    lines = Lines(
        *(np.full(npixels, np.nan) for _ in range(2)),
        *(np.full(shape, np.nan) for _ in range(4)),
        np.zeros(shape, np.int32),
        np.full(npixels, np.nan),
    )
    edges = np.linspace(0, npixels, max(npixels // _PIXELS, 1) + 1).astype(int)
    for some in map(slice, edges[:-1], edges[1:]):
        part = Lines(*(getattr(lines, name)[..., some] for name in Lines.__dataclass_fields__))
        _fit(part, matrix, nominal, means[:, some], variances[:, some], counts[:, some], floor,
             common)  # fmt: skip
    return lines


def _fit(lines, matrix, nominal, means, variances, counts, floor, common):
    """Fit some pixels, into views of all."""
    freedom, of_mean, floored = _variances_of_means(variances, counts, floor)
    valid = np.isfinite(means) & (counts > 0)
    for pattern, where in _patterns(valid):
        solve = estimator(matrix * pattern[:, None], nominal * pattern)
        data, spread = means[:, where], of_mean[:, where]
        if not pattern.all():
            data, spread = (np.where(pattern[:, None], a, 0.0) for a in (data, spread))
        use = np.where(np.isnan(solve), 0.0, solve)
        value = solve @ data
        lines.bias[where] = value[0]
        lines.bias_error[where] = np.sqrt(solve[0] ** 2 @ spread)
        lines.rate[:, where] = value[1:]
        parts = solve[1:, :, None] ** 2 * spread
        total = parts.sum(axis=1)
        lines.rate_error[:, where] = np.sqrt(total)
        lines.covariance[:, where] = (solve[0] * solve[1:]) @ spread
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = np.where(parts > 0, parts**2 / freedom[:, where], 0.0)
            lines.freedom[:, where] = total**2 / terms.sum(axis=1)
        own = (matrix[:, 1:] > 0) & pattern[:, None]
        lines.samples[:, where] = own.T.astype(np.int32) @ counts[:, where].astype(np.int32)
        left = pattern.sum() - np.linalg.matrix_rank(matrix[pattern] / _scale(matrix))
        if left > 0:
            model = matrix @ (use @ data)
            residual = data - model - common[:, None]
            residual[~pattern] = 0.0
            with np.errstate(divide="ignore", invalid="ignore"):
                lines.chi2[where] = np.nansum(residual**2 / floored[:, where], axis=0) / left


def _variances_of_means(variances, counts, floor):
    """Return degrees of freedom and variance of each mean, and that of at least `floor`."""
    freedom = np.maximum(counts - 1.0, 0.0)
    known = freedom > 0
    with np.errstate(invalid="ignore", divide="ignore"):
        if not known.all():
            variances = np.where(known, variances, 0.0)
            shared = (variances * freedom).sum(axis=0) / freedom.sum(axis=0)
            variances = np.where(known, variances, shared)
            freedom = np.where(known, freedom, np.maximum(freedom.sum(axis=0), 1.0))
        of_mean = variances / counts
        floored = np.maximum(variances, floor[:, None]) / counts
    return freedom, of_mean, floored


def _scale(matrix):
    return np.maximum(np.abs(matrix).max(axis=0), 1e-300)


def _patterns(valid):
    """Yield each combination of usable cells and the pixels (index array) that have it.

    When all have all cells, these are a slice: no array of a band is copied for it.
    """
    complete = valid.all(axis=0)
    if complete.all():
        yield np.ones(len(valid), bool), slice(None)
        return
    if complete.any():
        yield np.ones(len(valid), bool), np.flatnonzero(complete)
    rest = np.flatnonzero(~complete)
    if rest.size:
        kinds, number = np.unique(valid[:, rest], axis=1, return_inverse=True)
        for k in range(kinds.shape[1]):
            if kinds[:, k].any():
                yield kinds[:, k], rest[np.ravel(number) == k]
