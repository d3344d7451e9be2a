"""Compiled loops of the pooled estimator: sums of variances, and one weighted fit a pixel.

Import it through `darkroom.cgi.compiled`, which guards numba's cache. Pixels are taken in runs of
one population, whose stacks have one variance each: so the loops become vector instructions.
"""

from __future__ import annotations

import numpy as np
from numba import njit, types

LANES = 256
#: Pivots of the scaled normal matrix below this part of their diagonal mean: not determined.
SINGULAR = 1e-9

_helper = njit(nogil=True, inline="always", error_model="numpy")


@_helper
def _accumulate(count, total, offset, inverse, x, normal, right, moments, usable):
    """Add one stack to the normal equations of a run of pixels.

    `normal` (6, n) is the upper triangle, `right` (3, n), `moments` (3, n) the weighted sums of
    1, y and y squared.
    """
    x0, x1, x2 = x[0], x[1], x[2]
    for j in range(count.size):
        n = np.float64(count[j])
        w = n * inverse
        wy = (total[j] - n * offset) * inverse
        normal[0, j] += w * (x0 * x0)
        normal[1, j] += w * (x0 * x1)
        normal[2, j] += w * (x0 * x2)
        normal[3, j] += w * (x1 * x1)
        normal[4, j] += w * (x1 * x2)
        normal[5, j] += w * (x2 * x2)
        right[0, j] += wy * x0
        right[1, j] += wy * x1
        right[2, j] += wy * x2
        moments[0, j] += w
        moments[1, j] += wy
        moments[2, j] += wy * (total[j] / max(n, 1.0) - offset)
        usable[j] += 1.0 if n > 0.0 else 0.0


@_helper
def _solve(normal, right, least, usable, theta, covariance):
    """Invert 3 x 3 normal matrices; what is not determined becomes NaN."""
    for j in range(theta.shape[1]):
        a, b, c = normal[0, j], normal[1, j], normal[2, j]
        d, e, f = normal[3, j], normal[4, j], normal[5, j]
        pivot1 = d - b * b / a
        cross = e - b * c / a
        pivot2 = f - c * c / a - cross * cross / pivot1
        known = (pivot1 > SINGULAR * d) & (pivot2 > SINGULAR * f) & (usable[j] >= least)
        scale = 1.0 / (a * pivot1 * pivot2) if known else np.nan
        i0, i1, i2 = (d * f - e * e) * scale, (c * e - b * f) * scale, (b * e - c * d) * scale
        i3, i4, i5 = (a * f - c * c) * scale, (b * c - a * e) * scale, (a * d - b * b) * scale
        covariance[0, j], covariance[1, j], covariance[2, j] = i0, i1, i2
        covariance[3, j], covariance[4, j], covariance[5, j] = i3, i4, i5
        r0, r1, r2 = right[0, j], right[1, j], right[2, j]
        theta[0, j] = i0 * r0 + i1 * r1 + i2 * r2
        theta[1, j] = i1 * r0 + i3 * r1 + i4 * r2
        theta[2, j] = i2 * r0 + i4 * r1 + i5 * r2


@_helper
def _add_chi2(count, total, offset, inverse, x, theta, chi2, residual):
    """Add one stack to chi-square; leave its residuals, 0 where there is none."""
    x0, x1, x2 = x[0], x[1], x[2]
    for j in range(count.size):
        n = np.float64(count[j])
        fit = x0 * theta[0, j] + x1 * theta[1, j] + x2 * theta[2, j]
        difference = total[j] / max(n, 1.0) - offset - fit
        chi2[j] += n * inverse * difference * difference
        residual[j] = difference if (n > 0.0) & (theta[0, j] == theta[0, j]) else 0.0


def _fit(
    design, least, count, total, offset, inverse, runs,
    theta, covariance, chi2, null, usable, residuals,
):  # fmt: skip
    """Fit every pixel by weighted least squares.

    Parameters
    ----------
    design : (M, 3) float64 array
        What each parameter contributes to each stack; columns of like size.
    least : int
        Stacks that must be usable.
    count : (M, npixels) int32 array
    total : (M, npixels) float64 array
        Samples, and their sum.
    offset : (M,) float64 array
        Subtracted from every sample.
    inverse : (M, K) float64 array
        One over the variance of a sample, for each stack and population.
    runs : (nruns, 3) int64 array
        First pixel, stop pixel, population.
    theta : (3, npixels) float64 array
    covariance : (6, npixels) float64 array
    chi2, null : (npixels,) float64 array
        Written to: parameters, upper triangle of their covariance, chi-square, and that of a
        constant. NaN where the parameters are not determined.
    usable : (npixels,) float64 array
        Written to: stacks with a sample.
    residuals : (M, K) float64 array
        Added to: the sum of (mean - fit) over the pixels of each population.
    """
    nstacks = design.shape[0]
    residual = np.empty(LANES)
    normals, rights, sums = np.empty((6, LANES)), np.empty((3, LANES)), np.empty((3, LANES))
    for run in range(runs.shape[0]):
        population = runs[run, 2]
        for start in range(runs[run, 0], runs[run, 1], LANES):
            stop = min(start + LANES, runs[run, 1])
            width = stop - start
            normal, right, moments = normals[:, :width], rights[:, :width], sums[:, :width]
            normal[:] = 0.0
            right[:] = 0.0
            moments[:] = 0.0
            usable[start:stop] = 0.0
            chi2[start:stop] = 0.0
            for m in range(nstacks):
                _accumulate(
                    count[m, start:stop], total[m, start:stop], offset[m], inverse[m, population],
                    design[m], normal, right, moments, usable[start:stop],
                )  # fmt: skip
            _solve(
                normal, right, least, usable[start:stop], theta[:, start:stop],
                covariance[:, start:stop],
            )  # fmt: skip
            for m in range(nstacks):
                _add_chi2(
                    count[m, start:stop], total[m, start:stop], offset[m], inverse[m, population],
                    design[m], theta[:, start:stop], chi2[start:stop], residual[:width],
                )  # fmt: skip
                summed = 0.0
                for j in range(width):
                    summed += residual[j]
                residuals[m, population] += summed
            for j in range(width):
                null[start + j] = moments[2, j] - moments[1, j] * moments[1, j] / moments[0, j]


@_helper
def _add_pixels(count, m2, fixed, slope, square, freedom):
    for j in range(count.size):
        dof = max(np.float64(count[j]) - 1.0, 0.0)
        use = m2[j] <= fixed + slope * dof
        square[j] += m2[j] if use else 0.0
        freedom[j] += dof if use else 0.0


def _pool(count, m2, limit, runs, sums):
    """Sum squared deviations and degrees of freedom of one stack, by population.

    Parameters
    ----------
    count : (npixels,) int32 array
    m2 : (npixels,) float64 array
        Samples, and the sum of their squared deviations from their mean.
    limit : (K, 2) float64 array
        A pixel whose m2 exceeds limit[k, 0] + limit[k, 1] (count - 1) is left out.
    runs : (nruns, 3) int64 array
        First pixel, stop pixel, population.
    sums : (K, 2) float64 array
        Added to: sum of m2, and degrees of freedom.
    """
    square, freedom = np.empty(LANES), np.empty(LANES)
    for run in range(runs.shape[0]):
        k = runs[run, 2]
        square[:] = 0.0
        freedom[:] = 0.0
        for start in range(runs[run, 0], runs[run, 1], LANES):
            stop = min(start + LANES, runs[run, 1])
            width = stop - start
            _add_pixels(
                count[start:stop], m2[start:stop], limit[k, 0], limit[k, 1],
                square[:width], freedom[:width],
            )  # fmt: skip
        for j in range(LANES):
            sums[k, 0] += square[j]
            sums[k, 1] += freedom[j]


_ONE, _TWO = types.Array(types.float64, 1, "C"), types.Array(types.float64, 2, "C")
_COUNT1, _COUNT2 = types.Array(types.int32, 1, "C"), types.Array(types.int32, 2, "C")
_RUNS = types.Array(types.int64, 2, "C")
_options = {"nogil": True, "cache": True, "error_model": "numpy"}

fit = njit(
    [
        types.void(
            _TWO, types.int64, _COUNT2, _TWO, _ONE, _TWO, _RUNS,
            _TWO, _TWO, _ONE, _ONE, _ONE, _TWO,
        )
    ],
    **_options,
)(_fit)  # fmt: skip
pool = njit([types.void(_COUNT1, _ONE, _TWO, _RUNS, _TWO)], **_options)(_pool)
