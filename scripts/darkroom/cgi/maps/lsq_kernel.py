"""Compiled least squares: one small fit per pixel.

Import it through `darkroom.compiled`, which guards numba's cache.
"""

from __future__ import annotations

import numpy as np
from numba import njit, types

NPAR = 3


def _solve_weighted(design, means, weights, parameters):
    """Fit every pixel with its own weights, which multiply data and design.

    Parameters
    ----------
    design : (M, 3) float64 array
        Coefficient of each parameter in each stack.
    means, weights : (M, npixels) float64 arrays
        Data, and the factors that both sides of the equations are multiplied by.
    parameters : (3, npixels) float64 array
        Filled.

    Notes
    -----
    Modified Gram-Schmidt of the weighted design with the data as last column, which is backward
    stable (Björck 1996, Numerical Methods for Least Squares Problems, section 2.4): weights may
    span many powers of ten.
    """
    nstacks, npixels = means.shape
    work, upper = np.empty((NPAR + 1, nstacks)), np.zeros((NPAR, NPAR + 1))
    for p in range(npixels):
        for m in range(nstacks):
            for k in range(NPAR):
                work[k, m] = design[m, k] * weights[m, p]
            work[NPAR, m] = means[m, p] * weights[m, p]
        for k in range(NPAR):
            norm = 0.0
            for m in range(nstacks):
                norm += work[k, m] * work[k, m]
            norm = np.sqrt(norm)
            upper[k, k] = norm
            for m in range(nstacks):
                work[k, m] /= norm
            for j in range(k + 1, NPAR + 1):
                product = 0.0
                for m in range(nstacks):
                    product += work[k, m] * work[j, m]
                upper[k, j] = product
                for m in range(nstacks):
                    work[j, m] -= product * work[k, m]
        for k in range(NPAR - 1, -1, -1):
            value = upper[k, NPAR]
            for j in range(k + 1, NPAR):
                value -= upper[k, j] * parameters[j, p]
            parameters[k, p] = value / upper[k, k]


_PLANES = types.Array(types.float64, 2, "C")
solve_weighted = njit(
    [types.void(*(4 * (_PLANES,)))],
    nogil=True,
    cache=True,
    no_cfunc_wrapper=True,
    error_model="numpy",
)(_solve_weighted)
