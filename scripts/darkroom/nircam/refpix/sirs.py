"""SIRS: which weights of left and right reference pixels leave least noise in rows of pixels.

Simple improved reference subtraction (Rauscher et al. 2022, JATIS 8, 028002) predicts the row means
n of an amplifier from those of the left and right reference pixels, l and r: at every frequency
n = γ l + ζ r, with γ and ζ by least squares from the cross spectra. The JWST pipeline applies γ and
ζ as kernels of finite length along the rows. The same least squares over kernels of that length are
solved here, so that what is cut off is accounted for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft, linalg, optimize

from darkroom.nircam.detector.readout import OUTPUTS

#: Rows to either side of a row that count for it, and the width (rows, standard deviation) of the
#: Gaussian that the pipeline smooths kernels with: defaults of its step refpix.
HALF_WIDTH, GAUSSIAN = 30, 1.0
_TAPS = 2 * HALF_WIDTH + 1
# Fewer rows than this many kernels do not tell what the kernel should be.
_LEAST_ROWS = 4 * _TAPS
# The pipeline divides by sums of a kernel over the pixels it does not reject: a weight below 0
# could let them vanish, and a kernel of zeros does. 61 such weights pass 6e-5 of the sides' noise.
_LEAST_WEIGHT = 1e-6
SIDES = ("left", "right")


@dataclass(frozen=True)
class Sirs:
    """Kernels of the side reference pixels.

    Attributes
    ----------
    weights : (noutputs, 2, 2 * HALF_WIDTH + 1) array
        Of the left and the right pixels: element 30 + j is what the pixels j rows before a row
        count for it; before the pipeline's smoothing.
    before, left : (noutputs,) arrays
        Scatter of row means, without and with the kernels, DN.
    """

    weights: np.ndarray
    before: np.ndarray
    left: np.ndarray

    def gains(self):
        """Return the part of a slow change that each side is given: (noutputs, 2)."""
        return self.weights.sum(axis=2)


def enough_rows(nrows):
    """Tell whether so many rows with side pixels are enough for kernels."""
    return nrows >= _LEAST_ROWS


class SirsSums:
    """Covariances of row means at all distances in rows: side pixels and amplifiers.

    Parameters
    ----------
    nrows : int
        Rows with side pixels.
    noutputs : int

    Attributes
    ----------
    dof : float
        What sums are divided by: over the frames, the degrees of freedom that residuals of lines
        have left.
    """

    def __init__(self, nrows, noutputs=OUTPUTS):
        self.nrows = nrows
        self._length = fft.next_fast_len(nrows + 2 * _TAPS, real=True)
        frequencies = self._length // 2 + 1
        self._sides = np.zeros((2, 2, frequencies), np.complex128)
        self._follow = np.zeros((noutputs, 2, frequencies), np.complex128)
        self._variance = np.zeros(noutputs)
        self.dof = 0.0

    def add(self, left, right, active):
        """Add a frame's row means: (nrows,), (nrows,) and (nrows, noutputs), DN."""
        sides = np.stack([left - left.mean(), right - right.mean()])
        active = (active - active.mean(axis=0)).T
        self._variance += (active**2).mean(axis=1)
        side = fft.rfft(sides, self._length)
        self._sides += side[:, None] * np.conj(side)[None]
        self._follow += fft.rfft(active, self._length)[:, None] * np.conj(side)[None]

    def solve(self):
        """Return the kernels that leave least noise.

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
        lags = fft.irfft(self._follow, self._length) / scale
        weights, left = [], []
        for variance, follow in zip(self._variance / self.dof, lags, strict=True):
            taps = np.arange(-HALF_WIDTH, HALF_WIDTH + 1)
            with_side = np.concatenate([smooth.T @ follow[s, taps] for s in range(2)])
            found = np.maximum(_least_squares(sides, with_side), _LEAST_WEIGHT)
            weights.append(found.reshape(2, _TAPS))
            left.append(variance - 2 * found @ with_side + found @ sides @ found)
        return Sirs(np.array(weights), np.sqrt(self._variance / self.dof), np.sqrt(left))


def _smoothing():
    """Return the matrix by which the pipeline smooths a kernel: (ntaps, ntaps)."""
    window = np.exp(-(np.arange(HALF_WIDTH + 1) ** 2) / (2 * GAUSSIAN**2))
    window /= 2 * window.sum() - window[0]
    return linalg.toeplitz(np.pad(window, (0, HALF_WIDTH)))


def smoothed(weights):
    """Return a kernel, (ntaps,), as the pipeline applies it."""
    return _smoothing() @ weights


def _toeplitz(lags):
    """Return lags[k - j] as a matrix over taps j and k."""
    return linalg.toeplitz(lags[-np.arange(_TAPS)], lags[:_TAPS])


def _least_squares(square, side):
    """Return x >= 0 that makes x' square x - 2 x' side least."""
    # Sides that never change have no covariance at all.
    ridge = 1e-9 * np.trace(square) / len(square) or 1.0
    root = linalg.cholesky(square + ridge * np.eye(len(square)), lower=True)
    wanted = linalg.solve_triangular(root, side, lower=True)
    return optimize.nnls(root.T, wanted, maxiter=30 * len(side))[0]
