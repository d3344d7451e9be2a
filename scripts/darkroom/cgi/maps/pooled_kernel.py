"""Compiled loops of the pooled estimator: sums of variances, and one weighted fit per pixel.

Import it through `darkroom.compiled`, which guards numba's cache. Pixels are processed in
runs of one population, in which each stack has one variance, so that loops are compiled to vector
instructions.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numba import njit, types

if TYPE_CHECKING:
    from typing import Any

LANES = 256
#: Parameters are not determined when a pivot of the scaled normal matrix is below this fraction of
#: its diagonal element.
SINGULAR = 1e-9

_helper = njit(nogil=True, inline="always", error_model="numpy")


@_helper
def _weigh(count, total, offset, inverse, mean, weight, product, usable):
    """Turn samples of one stack into means, weights, and weighted means."""
    for j in range(count.size):
        n = np.float64(count[j])
        mean[j] = total[j] / max(n, 1.0) - offset
        weight[j] = n * inverse
        product[j] = weight[j] * mean[j]
        usable[j] += 1.0 if n > 0.0 else 0.0


@_helper
def _add_scaled(values, factor, sums):
    for j in range(values.size):
        sums[j] += factor * values[j]


@_helper
def _add_products(first, second, sums):
    for j in range(first.size):
        sums[j] += first[j] * second[j]


@_helper
def _accumulate(x, mean, weight, product, normal, right, moments):
    """Add one stack to the normal equations of a run of pixels.

    `normal` (6, n) is the upper triangle of the normal matrix, `right` (3, n) the right side, and
    `moments` (3, n) the weighted sums of 1, y and y squared. Each sum has its own loop: joined
    loops are not compiled to vector instructions.
    """
    row = 0
    for i in range(3):
        for j in range(i, 3):
            _add_scaled(weight, x[i] * x[j], normal[row])
            row += 1
        _add_scaled(product, x[i], right[i])
    _add_scaled(weight, 1.0, moments[0])
    _add_scaled(product, 1.0, moments[1])
    _add_products(product, mean, moments[2])


@_helper
def _solve(normal, right, least, usable, theta, covariance):
    """Invert 3 x 3 normal matrices; parameters that are not determined are NaN."""
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
def _add_chi2(x, mean, weight, theta, chi2):
    """Add one stack to chi-square; `mean` then holds its residuals, 0 where there is none."""
    for k in range(3):
        _add_scaled(theta[k], -x[k], mean)
    for j in range(mean.size):
        chi2[j] += weight[j] * mean[j] * mean[j]
        mean[j] = mean[j] if (weight[j] > 0.0) & (mean[j] == mean[j]) else 0.0


@_helper
def _add_parameters(theta, sums):
    for k in range(3):
        total = 0.0
        for j in range(theta.shape[1]):
            total += theta[k, j] if theta[k, j] == theta[k, j] else 0.0
        sums[k] += total
    number = 0.0
    for j in range(theta.shape[1]):
        number += 1.0 if theta[0, j] == theta[0, j] else 0.0
    sums[3] += number


def _fit(
    design, least, count, total, offset, inverse, runs,
    theta, covariance, chi2, null, usable, residuals, sums,
):  # fmt: skip
    """Fit every pixel by weighted least squares.

    Parameters
    ----------
    design : (M, 3) float64 array
        Coefficient of each parameter in each stack; columns of similar size.
    least : int
        Smallest number of usable stacks.
    count : (M, npixels) int32 array
    total : (M, npixels) float64 array
        Usable samples, and their sum.
    offset : (M,) float64 array
        Subtracted from every sample.
    inverse : (M, K) float64 array
        One over the variance of a sample, for each stack and population.
    runs : (nruns, 3) int64 array
        First pixel, stop pixel, population.
    theta : (3, npixels) float64 array
    covariance : (6, npixels) float64 array
    chi2, null : (npixels,) float64 array
        Filled: parameters, upper triangle of their covariance, and chi-square of the fit and of a
        constant. NaN where the parameters are not determined.
    usable : (npixels,) float64 array
        Filled: stacks with a sample.
    residuals : (M, K) float64 array
        Increased by the sum of (mean - fit) over the pixels of each population.
    sums : (K, 4) float64 array
        Increased by the sums of the parameters over each population, and its number of determined
        pixels.
    """
    nstacks = design.shape[0]
    means, weights, product = (
        np.empty((nstacks, LANES)),
        np.empty((nstacks, LANES)),
        np.empty(LANES),
    )
    normals, rights, weighted = np.empty((6, LANES)), np.empty((3, LANES)), np.empty((3, LANES))
    for run in range(runs.shape[0]):
        population = runs[run, 2]
        for start in range(runs[run, 0], runs[run, 1], LANES):
            stop = min(start + LANES, runs[run, 1])
            width = stop - start
            normal, right, moments = normals[:, :width], rights[:, :width], weighted[:, :width]
            normal[:] = 0.0
            right[:] = 0.0
            moments[:] = 0.0
            usable[start:stop] = 0.0
            chi2[start:stop] = 0.0
            for m in range(nstacks):
                mean, weight = means[m, :width], weights[m, :width]
                _weigh(
                    count[m, start:stop], total[m, start:stop], offset[m], inverse[m, population],
                    mean, weight, product[:width], usable[start:stop],
                )  # fmt: skip
                _accumulate(design[m], mean, weight, product[:width], normal, right, moments)
            _solve(
                normal, right, least, usable[start:stop], theta[:, start:stop],
                covariance[:, start:stop],
            )  # fmt: skip
            for m in range(nstacks):
                mean = means[m, :width]
                _add_chi2(
                    design[m], mean, weights[m, :width], theta[:, start:stop], chi2[start:stop]
                )
                summed = 0.0
                for j in range(width):
                    summed += mean[j]
                residuals[m, population] += summed
            for j in range(width):
                null[start + j] = moments[2, j] - moments[1, j] * moments[1, j] / moments[0, j]
            _add_parameters(theta[:, start:stop], sums[population])


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
        Usable samples, and the sum of their squared deviations from their mean.
    limit : (K, 2) float64 array
        A pixel whose m2 exceeds limit[k, 0] + limit[k, 1] (count - 1) is left out.
    runs : (nruns, 3) int64 array
        First pixel, stop pixel, population.
    sums : (K, 2) float64 array
        Increased by the sum of m2, and the degrees of freedom.
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


def _stand_out(theta, covariance, base, limit, runs, found):
    """Find pixels with more charge than normal ones.

    The excess of the second parameter is that of an estimate in which the third is that of a normal
    pixel, and the reverse.

    Parameters
    ----------
    theta : (3, npixels) float64 array
    covariance : (6, npixels) float64 array
    base : (K, 3) float64 array
        Parameters of a normal pixel of each population, in the units of `theta`.
    limit : float
        Excess above which a pixel is found [standard errors].
    runs : (nruns, 3) int64 array
        First pixel, stop pixel, population.
    found : (npixels,) bool array
        Filled within the runs.
    """
    for run in range(runs.shape[0]):
        k = runs[run, 2]
        low1, low2 = base[k, 1], base[k, 2]
        for p in range(runs[run, 0], runs[run, 1]):
            free1, free2 = theta[1, p] - low1, theta[2, p] - low2
            variance1, mixed, variance2 = covariance[3, p], covariance[4, p], covariance[5, p]
            excess1 = free1 - mixed / variance2 * free2
            excess2 = free2 - mixed / variance1 * free1
            own = 1.0 - mixed * mixed / (variance1 * variance2)
            found[p] = (excess1 > limit * np.sqrt(variance1 * own)) | (
                excess2 > limit * np.sqrt(variance2 * own)
            )


def _scale(theta, covariance, scale, runs, dark, maps, errors, mixed):
    """Convert parameters and covariances to their units.

    Parameters
    ----------
    theta, covariance : (3, npixels) and (6, npixels) float64 arrays
    scale : (3,) float64 array
        Unit of each parameter.
    runs : (nruns, 3) int64 array
        First pixel, stop pixel, population.
    dark : int
        The population that has dark current; elsewhere it and its errors are set to 0.
    maps, errors, mixed : (3, npixels) float32 or float64 arrays
        Filled within the runs: parameters, their standard errors, and the covariances of the
        first and second, first and third, second and third.
    """
    for run in range(runs.shape[0]):
        last = scale[2] if runs[run, 2] == dark else 0.0
        unit = (scale[0], scale[1], last)
        first, stop = runs[run, 0], runs[run, 1]
        diagonal, row, mixed_row = 0, 0, 0
        for i in range(3):
            for p in range(first, stop):
                maps[i, p] = theta[i, p] * unit[i]
                errors[i, p] = np.sqrt(covariance[diagonal, p]) * unit[i]
            for j in range(i, 3):
                factor = unit[i] * unit[j]
                if j > i:
                    for p in range(first, stop):
                        mixed[mixed_row, p] = covariance[row, p] * factor
                    mixed_row += 1
                row += 1
            diagonal = row


def _summarize(count, seen, nframes, flags, unreliable):
    """Join the flags of stacks without a sample; count stacks that lack half of their frames.

    Parameters
    ----------
    count : (M, npixels) int32 array
        Usable samples.
    seen : (M, npixels) uint16 array
        Flags of all frames, joined.
    nframes : (M,) int64 array
        Frames of each stack.
    flags : (npixels,) uint16 array
    unreliable : (npixels,) uint8 array
        Filled.
    """
    flags[:] = 0
    unreliable[:] = 0
    for m in range(count.shape[0]):
        for p in range(count.shape[1]):
            flags[p] |= seen[m, p] if count[m, p] == 0 else np.uint16(0)
            unreliable[p] += np.uint8(1) if 2 * count[m, p] < nframes[m] else np.uint8(0)


@_helper
def _upper_gamma(shape, x):
    """Return the logarithm of the regularized upper incomplete gamma function, for x > shape + 1.

    Lentz's evaluation of its continued fraction (Press et al. 2007, Numerical Recipes, 6.2).
    """
    b = x + 1.0 - shape
    c, d = 1e300, 1.0 / b
    product = d
    for i in range(1, 500):
        a = -i * (i - shape)
        b += 2.0
        d = 1.0 / (a * d + b)
        c = b + a / c
        product *= c * d
        if abs(c * d - 1.0) < 1e-12:
            break
    return shape * math.log(x) - x - math.lgamma(shape) + math.log(product)


def _gamma_tail(shape, chance, limit):
    """Find the values that gamma-distributed numbers of scale 1 exceed with a given probability.

    Parameters
    ----------
    shape : (n,) float64 array
        Shape parameters.
    chance : float
        Probability, at most 1e-3: the value then lies where the continued fraction converges.
    limit : (n,) float64 array
        Filled.
    """
    wanted = math.log(chance)
    for k in range(shape.size):
        if not 0.0 < shape[k] < np.inf:
            limit[k] = np.nan
            continue
        low, high = shape[k] + 1.0, shape[k] + 40.0 + 40.0 * math.sqrt(shape[k])
        for _ in range(60):
            middle = 0.5 * (low + high)
            if _upper_gamma(shape[k], middle) > wanted:
                low = middle
            else:
                high = middle
        limit[k] = 0.5 * (low + high)


_ONE, _TWO = types.Array(types.float64, 1, "C"), types.Array(types.float64, 2, "C")
_COUNT1, _COUNT2 = types.Array(types.int32, 1, "C"), types.Array(types.int32, 2, "C")
_RUNS = types.Array(types.int64, 2, "C")
_options: dict[str, Any] = {
    "nogil": True,
    "cache": True,
    "no_cfunc_wrapper": True,
    "error_model": "numpy",
}

fit = njit(
    [
        types.void(
            _TWO, types.int64, _COUNT2, _TWO, _ONE, _TWO, _RUNS,
            _TWO, _TWO, _ONE, _ONE, _ONE, _TWO, _TWO,
        )
    ],
    **_options,
)(_fit)  # fmt: skip
pool = njit([types.void(_COUNT1, _ONE, _TWO, _RUNS, _TWO)], **_options)(_pool)
stand_out = njit(
    [types.void(_TWO, _TWO, _TWO, types.float64, _RUNS, types.Array(types.boolean, 1, "C"))],
    **_options,
)(_stand_out)
scale = njit(
    [
        types.void(_TWO, _TWO, _ONE, _RUNS, types.int64, *(3 * (types.Array(number, 2, "C"),)))
        for number in (types.float32, types.float64)
    ],
    **_options,
)(_scale)
summarize = njit(
    [
        types.void(
            _COUNT2, types.Array(types.uint16, 2, "C"), types.Array(types.int64, 1, "C"),
            types.Array(types.uint16, 1, "C"), types.Array(types.uint8, 1, "C"),
        )
    ],
    **_options,
)(_summarize)  # fmt: skip
gamma_tail = njit([types.void(_ONE, types.float64, _ONE)], **_options)(_gamma_tail)
