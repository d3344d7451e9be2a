"""A strip of rows: pooled variances, weighted fits and hot pixels, iterated until they agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from darkroom.cgi.geometry import IMAGING, POPULATIONS, TELEMETRY
from darkroom.cgi.maps import hot
from darkroom.cgi.maps.design import MIN_STACKS
from darkroom.cgi.maps.pooling import Pool, runs_of
from darkroom.compiled import load_kernel
from darkroom.errors import DarkroomError

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from darkroom.cgi.maps.design import Design
    from darkroom.cgi.stacks.moments import Moments

_MAX_ITERATIONS = 4
_HOT_ITERATIONS = 3
# Smaller relative changes of the pooled variances are ignored: errors are then off by half of it.
_SMALL_CHANGE = 0.01


# Planes per pixel: three parameters, six covariances, chi-square of the fit and of a constant, and
# usable stacks.
_PLANES = 12


def workspace_for(npixels: int) -> np.ndarray:
    """Return memory for strips of at most `npixels` pixels, which use it one after the other."""
    return np.empty(_PLANES * npixels)


class Strip:
    """The pixels of a strip: their statistics and their fit.

    Parameters
    ----------
    design : darkroom.cgi.maps.design.Design
    subtracted : (M,) array
        Offset that is subtracted from each stack [e-].
    moments : darkroom.cgi.stacks.moments.Moments
        Statistics of the stacks, arrays of shape (M, rows, columns).
    populations : (npixels,) uint8 array
        Population of each pixel.
    workspace : float64 array, optional
        Memory to work in (see `workspace_for`); results of an earlier strip are overwritten.

    Attributes
    ----------
    theta : (3, npixels) array
        Parameters F, C and D divided by `scale`; NaN where they are not determined.
    scale : (3,) array
        Unit of each parameter in the fit, which makes the columns of the design of like size.
    covariance : (6, npixels) array
        Upper triangle of the covariance matrix of `theta`.
    chi2, usable : (npixels,) arrays
        Chi-square, and number of stacks with a sample.
    hot : (npixels,) uint8 array
        `hot.CIC`, `hot.DARK` or both for a pixel that was fitted as hot.
    variance : (M, K) array
        Pooled variance of a sample [e-²].
    residuals : (M, K) array
        Sum of (mean - fit) over each population.
    absent : (M,) bool array
        Stacks without any usable sample in the strip.
    """

    def __init__(
        self,
        design: Design,
        subtracted: np.ndarray,
        moments: Moments,
        populations: np.ndarray,
        workspace: np.ndarray | None = None,
    ) -> None:
        nstacks, npixels = len(moments.count), populations.size
        self.design, self.subtracted, self.populations = design, subtracted, populations
        self.scale = 1 / np.sqrt((design.matrix**2).mean(axis=0))
        self._matrix = np.ascontiguousarray(design.matrix * self.scale)
        self.count, self.total, self.m2 = (
            a.reshape(nstacks, -1) for a in (moments.count, moments.total, moments.m2)
        )
        self.runs = runs_of(populations, TELEMETRY)
        self.absent = np.array(
            [not any(c[first:stop].any() for first, stop, _ in self.runs) for c in self.count]
        )
        npopulations = len(POPULATIONS)
        self._pool = Pool(self.count, self.m2, self.runs, populations, npopulations, design.gain)
        workspace = workspace_for(npixels) if workspace is None else workspace
        workspace = workspace[: _PLANES * npixels].reshape(_PLANES, npixels)
        workspace[:, populations == TELEMETRY] = np.nan
        self.theta, self.covariance = workspace[:3], workspace[3:9]
        self.chi2, self._null, self.usable = workspace[9:]
        self.usable[populations == TELEMETRY] = 0
        self.residuals = np.zeros((nstacks, npopulations))
        self._sums = np.zeros((npopulations, 4))
        self._base = np.zeros((npopulations, 3))
        self.hot = np.zeros(npixels, np.uint8)
        self.variance = None

    def fit(self) -> None:
        """Fit all pixels, and repeat while the set of hot pixels changes.

        The first iteration flags hot dark current only: as long as the noise of a normal pixel is
        assumed, a pixel with hot dark current also seems hot in clock-induced charge. A pixel
        flagged for dark current keeps its flag: with its own, larger noise it might lose it.
        """
        wanted = self.hot
        for turn in range(_MAX_ITERATIONS):
            self._fit_normal(wanted)
            self._fit_hot(np.flatnonzero(wanted | self.hot), wanted)
            self.hot = wanted
            found = self._find_hot()
            wanted = (found & hot.DARK) if turn == 0 else found | (self.hot & hot.DARK)
            if np.array_equal(wanted, self.hot):
                break

    def _fit_normal(self, flags):
        """Fit with the pooled variances of the pixels that are not hot, if they have changed."""
        places = np.flatnonzero(flags)
        variance = self._pool.variances(places)
        # A stack without a sample here has no weight, whatever its variance is.
        variance[self.absent] = 1.0
        self._check(variance)
        known = self.variance
        if known is not None and np.abs(variance / known - 1).max() < _SMALL_CHANGE:
            return
        self.variance = variance
        self.residuals[...] = 0
        self._sums[...] = 0
        arrays = (*self._results(), self.residuals, self._sums)
        self._run(self.count, self.total, 1 / variance, self.runs, arrays)
        self._base = self._parameters_without(places)

    def _results(self):
        return self.theta, self.covariance, self.chi2, self._null, self.usable

    def _check(self, variance):
        bad = ~(variance > 0).all(axis=1)
        if bad.any():
            m = int(np.argmax(bad))
            raise DarkroomError(
                f"stack of EM gain {self.design.gain[m]:g} and {self.design.exptime[m]:g} s: no "
                "pixel has two usable frames that differ, so its noise is unknown"
            )

    def _run(self, count, total, inverse, runs, arrays):
        load_kernel("darkroom.cgi.maps.pooled_kernel").fit(
            self._matrix, MIN_STACKS, count, total, self.subtracted, inverse, runs, *arrays
        )

    def _fit_hot(self, places, flags):
        """Fit hot pixels with the variance that follows from their own parameters, iteratively."""
        if not places.size:
            return
        flags, populations = flags[places], self.populations[places]
        design, pooled = self.design, self.variance[:, populations]
        count, total = (np.ascontiguousarray(a[:, places]) for a in (self.count, self.total))
        number = np.arange(places.size)
        runs = np.column_stack([number, number + 1, number])
        parts = [np.ascontiguousarray(a[..., places]) for a in self._results()]
        unused = np.zeros((len(count), places.size)), np.zeros((places.size, 4))
        for _ in range(_HOT_ITERATIONS):
            variance = hot.hot_variance(
                pooled, design.gain, design.enf2, design.exptime,
                self.scale[:, None] * (parts[0] - self._base[populations].T), flags,
            )  # fmt: skip
            self._run(count, total, 1 / variance, runs, (*parts, *unused))
        for whole, part in zip(self._results(), parts, strict=True):
            whole[..., places] = part

    def _parameters_without(self, places):
        """Return the mean parameters of each population, (K, 3), without some pixels."""
        sums, places = self._sums.copy(), places[np.isfinite(self.theta[0, places])]
        for column, values in enumerate([*self.theta[:, places], np.ones(places.size)]):
            np.subtract.at(sums[:, column], self.populations[places], values)
        return sums[:, :3] / np.maximum(sums[:, 3:], 1)

    def _find_hot(self):
        """Return flags of the pixels whose parameters exceed the limits of a normal pixel."""
        limit = np.array([self._limits(k) for k in range(len(POPULATIONS))])
        found = np.zeros(self.populations.size, np.uint8)
        load_kernel("darkroom.cgi.maps.pooled_kernel").flag(
            self.theta, self.covariance, self._base, limit, self.runs, found
        )
        return found

    def _limits(self, population):
        """Return the limits of `hot.excess_limits` for a normal pixel of a population."""
        count = self._pool.typical_count(population)
        if not count.all():
            return np.full(2, np.inf)
        variance = self.variance[:, population]
        weighted = self._matrix * (count / variance)[:, None]
        estimator = np.linalg.pinv(weighted.T @ self._matrix) @ weighted.T
        return hot.excess_limits(
            estimator * self.scale[:, None], variance, self.design.gain, self.design.enf2,
            self.design.exptime, count, self._base[population] * self.scale,
        )  # fmt: skip

    def results(self, dtype: DTypeLike) -> list[np.ndarray]:
        """Return maps, errors and covariances in their units.

        Parameters
        ----------
        dtype : float32 or float64

        Returns
        -------
        maps, errors, covariance : (3, npixels) arrays
            F [e-], C [e-] and D [e-/s], their standard errors, and their covariances in the order
            of `darkroom.cgi.maps.maps.PAIRS`. Dark current, its error and its covariances are 0
            outside the imaging area.
        """
        found = [np.empty((3, self.populations.size), dtype) for _ in range(3)]
        for planes in found:
            planes[:, self.populations == TELEMETRY] = np.nan
        load_kernel("darkroom.cgi.maps.pooled_kernel").scale(
            self.theta, self.covariance, self.scale, self.runs, IMAGING, *found
        )
        return found

    def adjusted_r2(self) -> np.ndarray:
        """Return the adjusted coefficient of determination of the weighted fit."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return 1 - self.chi2 / self._null * ((self.usable - 1) / (self.usable - 3))

    def imaging_sums(self) -> tuple[float, np.ndarray, np.ndarray]:
        """Return the sums over the imaging area for the stacks' reports.

        Returns
        -------
        number : float
            Number of pixels that could be fitted.
        residual, variance : (M,) arrays
            Sum over these pixels of (mean - fit) [e-], and the variance of that sum [e-²].
        """
        number, count = self._sums[IMAGING, 3], self._pool.typical_count(IMAGING)
        if not count.all():
            return number, self.residuals[:, IMAGING], np.full(len(count), np.nan)
        variance = self.variance[:, IMAGING] / count
        inverse = np.linalg.pinv(self._matrix.T @ (self._matrix / variance[:, None]))
        fitted = ((self._matrix @ inverse) * self._matrix).sum(axis=1)
        return number, self.residuals[:, IMAGING], number * (variance - fitted)
