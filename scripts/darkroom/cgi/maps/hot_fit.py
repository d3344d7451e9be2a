"""The fit of hot pixels, with the noise of their own charge.

With the noise of a normal pixel, one with hot dark current also seems hot in clock-induced charge,
and the reverse. So both are tried alone: the other excess must be significant with the noise that
the tried one causes. If it is with both, the pixel has both; if it is with none, the likelier one.
An excess that is not significant, but may well be real, counts in the noise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from darkroom.cgi.maps.design import MIN_STACKS
from darkroom.cgi.maps.hot import CIC, DARK, excess_limits, hot_variance
from darkroom.compiled import load_kernel

if TYPE_CHECKING:
    from darkroom.cgi.maps.design import Design

# Fits of a hot pixel, each with the noise that follows from the one before.
_ITERATIONS = 3
# Fraction of pixels hot in one of the two that may be taken for hot in both.
_FALSE_SECOND = 1e-3
# An insignificant excess that is larger than this makes noise all the same [standard errors].
_POSSIBLE = 2.0


class HotFit(NamedTuple):
    """A fit of hot pixels.

    Attributes
    ----------
    arrays : tuple of arrays
        Parameters, covariances, chi-square of the fit and of a constant, and usable stacks, as
        `darkroom.cgi.maps.strip.Strip` has them.
    variance : (M, nhot) array
        Variance of a sample [e-²].
    """

    arrays: tuple[np.ndarray, ...]
    variance: np.ndarray


class HotPixels:
    """Hot pixels, and their fit.

    Parameters
    ----------
    design : darkroom.cgi.maps.design.Design
    scale : (3,) array
        Unit of each parameter in the fit.
    subtracted : (M,) array
        Offset that is subtracted from each stack [e-].
    count, total : (M, nhot) arrays
        Usable samples and their sum [e-].
    pooled : (M, nhot) array
        Pooled variance of a sample of normal pixels [e-²].
    base : (3, nhot) array
        Parameters of a normal pixel, divided by `scale`.
    start : (3, nhot) array
        Parameters in the fit with the noise of a normal pixel, divided by `scale`.
    """

    def __init__(
        self,
        design: Design,
        scale: np.ndarray,
        subtracted: np.ndarray,
        count: np.ndarray,
        total: np.ndarray,
        pooled: np.ndarray,
        base: np.ndarray,
        start: np.ndarray,
    ) -> None:
        self._design, self._scale, self._subtracted = design, scale, subtracted
        self._matrix = np.ascontiguousarray(design.matrix * scale)
        self._count, self._total = count, total
        self._pooled, self._base, self._start = pooled, base, start

    def classify(self) -> tuple[np.ndarray, np.ndarray]:
        """Decide what each pixel is hot in.

        Returns
        -------
        flags, noisy : (nhot,) uint8 arrays
            `CIC`, `DARK` or both: what it is hot in, and which excess makes noise.
        """
        cic, dark = self.fit(np.uint8(CIC)), self.fit(np.uint8(DARK))
        excess, limit = zip(self._excess(cic), self._excess(dark), strict=True)
        also_dark, also_cic = excess[0][1] > limit[0][1], excess[1][0] > limit[1][0]
        single = np.where(self._misfit(cic) <= self._misfit(dark), CIC, DARK)
        single = np.where(also_dark & ~also_cic, DARK, np.where(also_cic & ~also_dark, CIC, single))
        flags = np.where(also_dark & also_cic, CIC | DARK, single)
        possible = CIC * (excess[1][0] > _POSSIBLE) | DARK * (excess[0][1] > _POSSIBLE)
        return flags.astype(np.uint8), (flags | possible).astype(np.uint8)

    def fit(self, flags: np.ndarray) -> HotFit:
        """Fit with the noise of the charge that is said to be hot, which the fit itself tells.

        Parameters
        ----------
        flags : (nhot,) uint8 array or uint8
            `CIC`, `DARK` or both.
        """
        design, number = self._design, np.arange(self._count.shape[1])
        runs = np.column_stack([number, number + 1, number])
        theta = self._start.copy()
        covariance, planes = np.empty((6, number.size)), np.empty((3, number.size))
        unused = np.zeros((len(self._count), number.size)), np.zeros((number.size, 4))
        for _ in range(_ITERATIONS):
            variance = hot_variance(
                self._pooled, design.gain, design.enf2, design.exptime,
                self._scale[:, None] * (theta - self._base), flags,
            )  # fmt: skip
            load_kernel("darkroom.cgi.maps.pooled_kernel").fit(
                self._matrix, MIN_STACKS, self._count, self._total, self._subtracted,
                1 / variance, runs, theta, covariance, *planes, *unused,
            )  # fmt: skip
        return HotFit((theta, covariance, *planes), variance)

    def _excess(self, fit):
        """Return the excess of C and D, and what noise makes of it [standard errors]: (2, nhot)."""
        theta, covariance, *_ = fit.arrays
        weight = np.where(self._count > 0, self._count / fit.variance, 0)
        inverse = covariance[[[0, 1, 2], [1, 3, 4], [2, 4, 5]]]
        rows = np.einsum("ijp,mj,mp->imp", inverse, self._matrix, weight)[1:]
        design = self._design
        limit = excess_limits(
            rows, fit.variance, design.gain, design.enf2, design.exptime,
            np.maximum(self._count, 1), self._base * self._scale[:, None], _FALSE_SECOND,
        )  # fmt: skip
        return (theta[1:] - self._base[1:]) / np.sqrt(covariance[[3, 5]]), limit

    def _misfit(self, fit):
        """Return -2 ln of the likelihood of each pixel's means, apart from a constant."""
        used = self._count > 0
        return fit.arrays[2] + np.where(used, np.log(fit.variance), 0).sum(axis=0)
