"""SIRS kernels: weights of the left and right reference pixels that minimise row noise.

Simple improved reference subtraction (Rauscher et al. 2022, JATIS 8, 028002) predicts the row means
n of an amplifier from those of the left and right reference pixels, l and r: at every frequency
n = γ l + ζ r, with γ and ζ by least squares from the cross spectra. The JWST pipeline applies γ and
ζ as kernels of finite length along the rows. Here the least-squares problem is solved for kernels
of that length, which accounts for the truncation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft, linalg

from darkroom.nircam.detector.readout import OUTPUTS

#: Half width of the kernels, rows: default of the pipeline's step refpix.
HALF_WIDTH = 30
#: Standard deviation of the Gaussian with which the pipeline smooths kernels, rows: its default.
GAUSSIAN = 1.0
_TAPS = 2 * HALF_WIDTH + 1
# Rows needed to determine kernels.
_MIN_ROWS = 4 * _TAPS
# The pipeline divides by the sum of a kernel over the pixels it does not reject. Negative weights
# could make that sum vanish, and a kernel of zeros would. 61 weights of this size pass 6e-5 of the
# noise of the sides.
_MIN_WEIGHT = 1e-6
#: Sides of the detector with reference pixels, in the order of the weights.
SIDES = ("left", "right")


@dataclass(frozen=True)
class Sirs:
    """Kernels of the side reference pixels.

    Attributes
    ----------
    weights : (noutputs, 2, 2 * HALF_WIDTH + 1) array
        Weights of the left and of the right pixels, before the pipeline's smoothing; element
        30 + j is for the pixels j rows before the corrected row.
    before : (noutputs,) array
        Scatter of row means before the correction, DN.
    residual : (noutputs,) array
        Scatter of row means after it, DN.
    """

    weights: np.ndarray
    before: np.ndarray
    residual: np.ndarray

    def gains(self) -> np.ndarray:
        """Return the fraction of a slow change subtracted by each side: (noutputs, 2)."""
        return self.weights.sum(axis=2)


def enough_rows(nrows: int) -> bool:
    """Tell whether `nrows` rows with side pixels are enough to determine kernels."""
    return nrows >= _MIN_ROWS


class SirsSums:
    """Covariances of row means of side pixels and amplifiers, at all distances in rows.

    Parameters
    ----------
    nrows : int
        Number of rows with side pixels.
    noutputs : int
        Number of amplifiers.

    Attributes
    ----------
    dof : float
        Divisor of the sums: degrees of freedom of the residuals, added by the caller.
    """

    #: Attributes that together are the sums.
    STORED = ("_sides", "_cross", "_variance", "dof")

    def __init__(self, nrows: int, noutputs: int = OUTPUTS) -> None:
        self.nrows = nrows
        self._length = fft.next_fast_len(nrows + 2 * _TAPS, real=True)
        frequencies = self._length // 2 + 1
        self._sides = np.zeros((2, 2, frequencies), np.complex128)
        self._cross = np.zeros((noutputs, 2, frequencies), np.complex128)
        self._variance = np.zeros(noutputs)
        self.dof = 0.0

    def add(self, left: np.ndarray, right: np.ndarray, active: np.ndarray) -> None:
        """Add the row means of a frame.

        Parameters
        ----------
        left, right : (nrows,) arrays
            Means of the side reference pixels, DN.
        active : (nrows, noutputs) array
            Means of the active pixels of each amplifier, DN.
        """
        sides = np.stack([left - left.mean(), right - right.mean()])
        active = (active - active.mean(axis=0)).T
        self._variance += (active**2).mean(axis=1)
        side = fft.rfft(sides, self._length)
        self._sides += side[:, None] * np.conj(side)[None]
        self._cross += fft.rfft(active, self._length)[:, None] * np.conj(side)[None]

    def solve(self) -> Sirs:
        """Return the kernels that minimise row noise.

        Returns
        -------
        Sirs
        """
        scale = self.nrows * self.dof
        smooth = _smoothing()
        # Covariance of the smoothed sides at taps j and k of sides s and t is R_st(k - j).
        lags = fft.irfft(self._sides, self._length) / scale
        blocks = [[smooth.T @ _toeplitz(lags[s, t]) @ smooth for t in range(2)] for s in range(2)]
        sides = np.block(blocks)
        lags = fft.irfft(self._cross, self._length) / scale
        weights, residual = [], []
        for variance, cross in zip(self._variance / self.dof, lags, strict=True):
            taps = np.arange(-HALF_WIDTH, HALF_WIDTH + 1)
            with_side = np.concatenate([smooth.T @ cross[s, taps] for s in range(2)])
            found = np.maximum(_least_squares(sides, with_side), _MIN_WEIGHT)
            weights.append(found.reshape(2, _TAPS))
            residual.append(variance - 2 * found @ with_side + found @ sides @ found)
        return Sirs(np.array(weights), np.sqrt(self._variance / self.dof), np.sqrt(residual))


def _smoothing():
    """Return the matrix by which the pipeline smooths a kernel: (ntaps, ntaps)."""
    window = np.exp(-(np.arange(HALF_WIDTH + 1) ** 2) / (2 * GAUSSIAN**2))
    window /= 2 * window.sum() - window[0]
    return linalg.toeplitz(np.pad(window, (0, HALF_WIDTH)))


def smoothed(weights: np.ndarray) -> np.ndarray:
    """Return a kernel, (ntaps,), with the smoothing that the pipeline applies."""
    return _smoothing() @ weights


def _toeplitz(lags):
    """Return lags[k - j] as a matrix over taps j and k."""
    return linalg.toeplitz(lags[-np.arange(_TAPS)], lags[:_TAPS])


def _least_squares(square, side):
    """Return the x >= 0 that minimises xᵀ square x - 2 xᵀ side."""
    # Side pixels that never change have no covariance; the ridge makes the problem solvable.
    ridge = 1e-9 * np.trace(square) / len(square) or 1.0
    root = linalg.cholesky(square + ridge * np.eye(len(square)), lower=True)
    wanted = linalg.solve_triangular(root, side, lower=True)
    from scipy.optimize import nnls  # most programs that read this module need none

    return nnls(root.T, wanted, maxiter=30 * len(side))[0]
