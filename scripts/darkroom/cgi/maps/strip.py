"""A strip of rows: pooled variances, weighted fits, and which pixels are hot, until all agree."""

from __future__ import annotations

import numpy as np

from darkroom.cgi.geometry import IMAGING, POPULATIONS, TELEMETRY
from darkroom.cgi.maps import hot
from darkroom.cgi.maps.design import LEAST_STACKS
from darkroom.cgi.maps.pooling import Pool, runs_of
from darkroom.compiled import load_kernel
from darkroom.errors import DarkroomError

_MOST_TURNS = 4
_HOT_TURNS = 3
# Pooled variances that change less are left as they are: errors are wrong by half as much.
_SMALL_CHANGE = 0.01


# Three parameters, six covariances, chi-square, that of a constant, usable stacks.
_PLANES = 12


def room_for(npixels):
    """Return memory that strips of at most so many pixels may work in, one after the other."""
    return np.empty(_PLANES * npixels)


class Strip:
    """The pixels of a strip: their statistics, and their fit.

    Parameters
    ----------
    design : darkroom.cgi.maps.design.Design
    subtracted : (M,) array
        Offset that is subtracted from each stack [e-].
    moments : darkroom.cgi.stacks.moments.Moments
        Arrays of shape (M, rows, columns).
    kinds : (npixels,) uint8 array
        Population of each pixel.
    room : float64 array, optional
        Memory to work in (see `room_for`); what an earlier strip left there is lost.

    Attributes
    ----------
    theta : (3, npixels) array
        Parameters in the scale of the fit (see `scale`); NaN where not determined.
    covariance : (6, npixels) array
        Upper triangle, in that scale.
    chi2, usable : (npixels,) arrays
        Chi-square, and stacks with a sample.
    hot : (npixels,) uint8 array
        `hot.CIC`, `hot.DARK` or both: how a pixel was fitted.
    variance : (M, K) array
        Pooled variance of a sample [e-²].
    residuals : (M, K) array
        Sum of (mean - fit) over each population.
    absent : (M,) bool array
        Stacks without any usable sample in the strip.
    """

    def __init__(self, design, subtracted, moments, kinds, room=None):
        nstacks, npixels = len(moments.count), kinds.size
        self.design, self.subtracted, self.kinds = design, subtracted, kinds
        self.scale = 1 / np.sqrt((design.matrix**2).mean(axis=0))
        self._matrix = np.ascontiguousarray(design.matrix * self.scale)
        self.count, self.total, self.m2 = (
            a.reshape(nstacks, -1) for a in (moments.count, moments.total, moments.m2)
        )
        self.runs = runs_of(kinds, TELEMETRY)
        self.absent = np.array(
            [not any(c[first:stop].any() for first, stop, _ in self.runs) for c in self.count]
        )
        self._pool = Pool(self.count, self.m2, self.runs, kinds, len(POPULATIONS), design.gain)
        room = np.empty(_PLANES * npixels) if room is None else room[: _PLANES * npixels]
        room = room.reshape(_PLANES, npixels)
        room[:, kinds == TELEMETRY] = np.nan
        self.theta, self.covariance = room[:3], room[3:9]
        self.chi2, self._null, self.usable = room[9:]
        self.usable[kinds == TELEMETRY] = 0
        npopulations = len(POPULATIONS)
        self.residuals = np.zeros((nstacks, npopulations))
        self._sums = np.zeros((npopulations, 4))
        self._base = np.zeros((npopulations, 3))
        self.hot = np.zeros(npixels, np.uint8)
        self.variance = None

    def fit(self):
        """Fit all pixels, again as long as it changes which of them are hot.

        The first look is for dark current alone: a pixel hot in that also seems hot in
        clock-induced charge, as long as its noise is taken for that of a normal one. And one
        that was found hot in dark current stays so: with its own, larger noise it may not be.
        """
        wanted = self.hot
        for turn in range(_MOST_TURNS):
            self._fit_normal(wanted)
            self._fit_hot(np.flatnonzero(wanted | self.hot), wanted)
            self.hot = wanted
            found = self._look()
            wanted = (found & hot.DARK) if turn == 0 else found | (self.hot & hot.DARK)
            if np.array_equal(wanted, self.hot):
                break

    def _fit_normal(self, flags):
        """Fit with pooled variances of the pixels that are not hot, if these have changed."""
        places = np.flatnonzero(flags)
        variance = self._pool.variances(places)
        # A stack without a sample here has no weight, whatever its variance.
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
            self._matrix, LEAST_STACKS, count, total, self.subtracted, inverse, runs, *arrays
        )

    def _fit_hot(self, places, flags):
        """Fit pixels with the variance that their own parameters tell, a few times over."""
        if not places.size:
            return
        flags, kinds = flags[places], self.kinds[places]
        count, total = (np.ascontiguousarray(a[:, places]) for a in (self.count, self.total))
        number = np.arange(places.size)
        runs = np.column_stack([number, number + 1, number])
        parts = [np.ascontiguousarray(a[..., places]) for a in self._results()]
        unused = np.zeros((len(count), places.size)), np.zeros((places.size, 4))
        for _ in range(_HOT_TURNS):
            variance = hot.own_variance(
                self.variance[:, kinds], self.design.gain, self.design.enf2, self.design.exptime,
                self.scale[:, None] * (parts[0] - self._base[kinds].T), flags,
            )  # fmt: skip
            self._run(count, total, 1 / variance, runs, (*parts, *unused))
        for whole, part in zip(self._results(), parts, strict=True):
            whole[..., places] = part

    def _parameters_without(self, places):
        """Return the mean parameters of each population, (K, 3), some pixels left out."""
        sums, places = self._sums.copy(), places[np.isfinite(self.theta[0, places])]
        for column, values in enumerate([*self.theta[:, places], np.ones(places.size)]):
            np.subtract.at(sums[:, column], self.kinds[places], values)
        return sums[:, :3] / np.maximum(sums[:, 3:], 1)

    def _look(self):
        """Return which pixels exceed the limits of a normal one now."""
        limit = np.array([self._limits(k) for k in range(len(POPULATIONS))])
        found = np.zeros(self.kinds.size, np.uint8)
        load_kernel("darkroom.cgi.maps.pooled_kernel").flag(
            self.theta, self.covariance, self._base, limit, self.runs, found
        )
        return found

    def _limits(self, kind):
        """Return the limits of `hot.limits` for a normal pixel of a population."""
        count = self._pool.typical_count(kind)
        if not count.all():
            return np.full(2, np.inf)
        variance = self.variance[:, kind]
        weighted = self._matrix * (count / variance)[:, None]
        estimator = np.linalg.pinv(weighted.T @ self._matrix) @ weighted.T
        return hot.limits(
            estimator * self.scale[:, None], variance, self.design.gain, self.design.enf2,
            self.design.exptime, count, self._base[kind] * self.scale,
        )  # fmt: skip

    def results(self, dtype):
        """Return maps, errors and covariance in their units.

        Parameters
        ----------
        dtype : float32 or float64

        Returns
        -------
        maps, errors, covariance : (3, npixels) arrays
            In the order of `darkroom.cgi.maps.maps.PAIRS` the covariance; dark current and all
            about it is 0 outside the imaging area.
        """
        found = [np.empty((3, self.kinds.size), dtype) for _ in range(3)]
        for planes in found:
            planes[:, self.kinds == TELEMETRY] = np.nan
        load_kernel("darkroom.cgi.maps.pooled_kernel").scale(
            self.theta, self.covariance, self.scale, self.runs, IMAGING, *found
        )
        return found

    def adjusted_r2(self):
        """Return the adjusted coefficient of determination of the weighted fit."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return 1 - self.chi2 / self._null * ((self.usable - 1) / (self.usable - 3))

    def imaging_sums(self):
        """Return what the imaging area adds to the stacks' reports.

        Returns
        -------
        number : float
            Pixels that could be fitted.
        residual, variance : (M,) arrays
            Sum over them of (mean - fit), and the variance of that sum.
        """
        number, count = self._sums[IMAGING, 3], self._pool.typical_count(IMAGING)
        if not count.all():
            return number, self.residuals[:, IMAGING], np.full(len(count), np.nan)
        variance = self.variance[:, IMAGING] / count
        inverse = np.linalg.pinv(self._matrix.T @ (self._matrix / variance[:, None]))
        fitted = ((self._matrix @ inverse) * self._matrix).sum(axis=1)
        return number, self.residuals[:, IMAGING], number * (variance - fitted)
