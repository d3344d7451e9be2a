"""A strip of rows: pooled variances, weighted fits and hot pixels, iterated until they agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from darkroom.cgi.geometry import IMAGING, POPULATIONS, TELEMETRY
from darkroom.cgi.maps import censored, hot_search
from darkroom.cgi.maps.design import MIN_STACKS
from darkroom.cgi.maps.hot_fit import HotPixels
from darkroom.cgi.maps.pooling import Pool, runs_of
from darkroom.compiled import load_kernel
from darkroom.errors import DarkroomError

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from darkroom.cgi.maps.design import Design
    from darkroom.cgi.stacks.moments import Moments

_MAX_ITERATIONS = 8
_CENSORED_ITERATIONS = 3
# Approximate number of pixels that tell how many samples normal ones lack.
_SAMPLE = 8192
# Pixels with less excess than this are not looked at by the search for hot ones [standard errors].
_NEAR = 3.0
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
        `darkroom.cgi.maps.hot.CIC`, ``DARK`` or both for a pixel that was fitted as hot.
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
        self._seen = moments.seen.reshape(nstacks, -1)
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
        """Fit all pixels, and repeat while pixels are found that may not be normal.

        As long as hot pixels are among those that the variances are pooled over, the noise of a
        normal pixel seems larger than it is, and the weaker hot ones are hidden. A pixel that is
        found is therefore kept. What its charge depends on is decided at the end: with the noise
        of a normal pixel, one with hot dark current also seems hot in clock-induced charge.
        """
        doubtful = np.zeros(self.populations.size, bool)
        is_hot = doubtful.copy()
        for _ in range(_MAX_ITERATIONS):
            changed = self._fit_normal(np.flatnonzero(doubtful))
            found = self._find_hot()
            is_hot |= found[1]
            more = doubtful | found[0]
            if not changed or np.array_equal(more, doubtful):
                break
            doubtful = more
        self._fit_hot(np.flatnonzero(doubtful), is_hot)

    def _fit_normal(self, places):
        """Fit with the pooled variances of the normal pixels; False if these are old."""
        variance = self._pool.variances(places)
        # A stack without a sample here has no weight, whatever its variance is.
        variance[self.absent] = 1.0 if self.absent.all() else variance[~self.absent].min(axis=0)
        self._check(variance)
        known = self.variance
        changed = known is None or np.abs(variance / known - 1).max() >= _SMALL_CHANGE
        if changed:
            self.variance = variance
            self.residuals[...] = 0
            self._sums[...] = 0
            arrays = (*self._results(), self.residuals, self._sums)
            self._run(self.count, self.total, 1 / variance, self.runs, arrays)
        self._base = self._parameters_without(places)
        return changed

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

    def _fit_hot(self, places, is_hot):
        """Fit pixels that may not be normal with the noise of their own charge; flag the hot."""
        if not places.size:
            return
        populations = self.populations[places]
        count, total = (np.ascontiguousarray(a[:, places]) for a in (self.count, self.total))
        likely, certain = censored.lost(count, self._seen[:, places], *self._losses(places))
        left_out = likely
        for _ in range(_CENSORED_ITERATIONS):
            kept = np.where(left_out, 0, count)
            pixels = HotPixels(
                self.design, self.scale, self.subtracted, kept, total,
                self.variance[:, populations], self._base[populations].T, self.theta[:, places],
            )  # fmt: skip
            flags, noisy = pixels.classify()
            fit = pixels.fit(noisy)
            signal = self._matrix[:, 1:] @ fit.arrays[0][1:]
            more = left_out | censored.unusable(likely, certain, signal)
            if np.array_equal(more, left_out):
                break
            left_out = more
        self.hot[places] = np.where(is_hot[places], flags, 0)
        for whole, part in zip(self._results(), fit.arrays, strict=True):
            whole[..., places] = part

    def _losses(self, places):
        """Return the frames of each stack, and the fraction that normal pixels lack: (M,) each."""
        normal = self.populations != TELEMETRY
        normal[places] = False
        some = np.flatnonzero(normal)
        some = some[:: max(some.size // _SAMPLE, 1)]
        nframes = np.maximum(self.count.max(axis=1), 1)
        if not some.size:
            return nframes, np.zeros(len(nframes))
        return nframes, 1 - self.count[:, some].mean(axis=1) / nframes

    def _parameters_without(self, places):
        """Return the mean parameters of each population, (K, 3), without some pixels."""
        sums, places = self._sums.copy(), places[np.isfinite(self.theta[0, places])]
        for column, values in enumerate([*self.theta[:, places], np.ones(places.size)]):
            np.subtract.at(sums[:, column], self.populations[places], values)
        return sums[:, :3] / np.maximum(sums[:, 3:], 1)

    def _find_hot(self):
        """Tell which pixels are doubtful, and which hot (see `hot_search`): (2, npixels)."""
        near = np.zeros(self.populations.size, bool)
        load_kernel("darkroom.cgi.maps.pooled_kernel").stand_out(
            self.theta, self.covariance, self._base, _NEAR, self.runs, near
        )
        found = np.zeros((2, near.size), bool)
        for population in range(len(POPULATIONS)):
            places = np.flatnonzero(near & (self.populations == population))
            if not places.size:
                continue
            count = self.count[:, places]
            mean = self.total[:, places] / np.maximum(count, 1) - self.subtracted[:, None]
            found[:, places] = hot_search.find(
                self.design, self.variance[:, population], self._base[population] * self.scale,
                self._pool.typical_count(population), count, mean,
            )  # fmt: skip
        return found

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

    def imaging_sums(self) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
        """Return the sums over the imaging area for the stacks' reports.

        Returns
        -------
        number : float
            Number of pixels that could be fitted.
        residual, variance : (M,) arrays
            Sum over these pixels of (mean - fit) [e-], and the variance of that sum [e-²].
        alone : (M,) array
            Variance of the sum of the mean alone [e-²]. A level of one stack alone leaves the share
            variance / alone of itself in the residual: the fit follows the rest.
        """
        number, count = self._sums[IMAGING, 3], self._pool.typical_count(IMAGING)
        if not count.all():
            unknown = np.full(len(count), np.nan)
            return number, self.residuals[:, IMAGING], unknown, unknown
        variance = self.variance[:, IMAGING] / count
        inverse = np.linalg.pinv(self._matrix.T @ (self._matrix / variance[:, None]))
        fitted = ((self._matrix @ inverse) * self._matrix).sum(axis=1)
        left = number * (variance - fitted)
        return number, self.residuals[:, IMAGING], left, number * variance
