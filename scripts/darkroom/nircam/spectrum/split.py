"""Separation of common noise and noise of each amplifier, bin by bin, without a spectral model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence


def split(
    matrix: np.ndarray, gains: np.ndarray, expected: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Split spectra into the part common to the amplifiers and the part of each amplifier.

    Least squares over all elements of each matrix, C_ab = g_a g_b S_c + δ_ab S_a, weighted with
    their covariance for an expected matrix. The result is unbiased for any expected matrix. Where
    common noise dominates, the chance products of common and own noise cancel; a difference of
    averages would keep them.

    Parameters
    ----------
    matrix : (nbins, n, n) complex array
        Cross spectra, DN²/Hz.
    gains : (n,) array
        Gain of each amplifier for the common noise.
    expected : (nbins, n, n) float64 array
        Model of `matrix`, DN²/Hz.

    Returns
    -------
    common : (nbins,) float64 array
        Common part S_c, DN²/Hz; values negative by chance are kept. NaN for one amplifier.
    own : (nbins, n) float64 array
        Own part S_a of each amplifier, DN²/Hz.
    errors : (nbins, n + 1) float64 array
        Standard errors for one independent value, common part first, DN²/Hz.
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


def to_matrix(values: np.ndarray, pairs: Sequence[tuple[int, int]], count: int) -> np.ndarray:
    """Return spectra of pairs as Hermitian matrices.

    Parameters
    ----------
    values : (npairs, n) complex array
        Auto and cross spectra.
    pairs : sequence of (int, int)
        Row and column of each, upper triangle.
    count : int
        Number of amplifiers.

    Returns
    -------
    (n, count, count) complex128 array
    """
    matrix = np.empty((values.shape[1], count, count), np.complex128)
    for k, (a, b) in enumerate(pairs):
        matrix[:, a, b] = values[k]
        matrix[:, b, a] = np.conj(values[k])
    return matrix
