"""Common noise and that of each amplifier, bin by bin, without a law of frequency."""

from __future__ import annotations

import numpy as np


def split(matrix, gains, expected):
    """Split spectra into the part common to the amplifiers and those of their own.

    Least squares over all elements of each matrix, C_ab = g_a g_b S_c + δ_ab S_a, weighted with
    their covariance for an expected matrix. The result has no bias whatever is expected; where
    common noise dominates, the products of common and own noise, which a difference of averages
    would keep, drop out.

    Parameters
    ----------
    matrix : (nbins, n, n) complex array
        Cross spectra, DN²/Hz.
    gains : (n,) array
        What each amplifier sees of the common noise.
    expected : (nbins, n, n) float64 array
        Model of `matrix`.

    Returns
    -------
    common : (nbins,) float64 array
        DN²/Hz; negative values of noise are kept. NaN for one amplifier.
    own : (nbins, n) float64 array
    errors : (nbins, n + 1) float64 array
        Standard errors, common part first, of one independent value.
    """
    n = len(gains)
    if n == 1:
        own = matrix[:, 0, 0].real[:, None]
        nothing = np.full(len(matrix), np.nan)
        return nothing, own, np.stack([nothing, expected[:, 0, 0]], axis=1)
    shapes = np.zeros((n + 1, n, n))
    shapes[0] = np.outer(gains, gains)
    shapes[np.arange(1, n + 1), np.arange(n), np.arange(n)] = 1
    inverse = np.linalg.inv(expected)[:, None]
    weighted = inverse @ shapes @ inverse
    scores = np.einsum("fkij,fji->fk", weighted, matrix.real)
    covariance = np.linalg.inv(np.einsum("fkij,lji->fkl", weighted, shapes))
    found = np.einsum("fkl,fl->fk", covariance, scores)
    errors = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
    return found[:, 0], found[:, 1:], errors


def to_matrix(values, pairs, count):
    """Return (n, count, count) Hermitian matrices of (npairs, n) spectra."""
    matrix = np.empty((values.shape[1], count, count), np.complex128)
    for k, (a, b) in enumerate(pairs):
        matrix[:, a, b] = values[k]
        matrix[:, b, a] = np.conj(values[k])
    return matrix
