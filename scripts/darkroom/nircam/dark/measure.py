"""Dark current of every pixel from dark ramps, with its error, by generalised least squares.

The rate of each integration is fitted to the differences of its groups with their covariance, cut
at steps up (cosmic rays); the rates are averaged with the information of each. Its scatter gives
the error: the pixel's own, drawn towards that of its amplifier. See `darkroom.nircam.dark.model`.
"""

from __future__ import annotations

import tempfile
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from darkroom.nircam.dark.fit import RampFit, combined
from darkroom.nircam.dark.sampled import SampledRamps
from darkroom.nircam.dark.settings import DarkSettings
from darkroom.nircam.detector.dq import Group
from darkroom.nircam.ramps.robust import mad_deviation

if TYPE_CHECKING:
    from darkroom.hints import StrPath
    from darkroom.nircam.dark.model import Timing, Usual
    from darkroom.nircam.ramps.blocks import RampBlocks
    from darkroom.nircam.ramps.classes import Classes

#: Weight of the amplifier's scatter in the error of a pixel, degrees of freedom.
PRIOR = 20
UNUSABLE = Group.DO_NOT_USE | Group.SATURATED
_KEPT_ROWS = 128


@dataclass
class DarkRates:
    """Dark current of all pixels; images (ny, nx) in the DMS frame.

    Attributes
    ----------
    rate, error : float32 arrays
        e-/s; NaN where there is no value, and in reference pixels.
    nint : int16 array
        Integrations with a rate.
    nhits : int32 array
        Steps up that were cut out.
    chi2 : float32 array
        Scatter of the rates of integrations over that of the amplifier (q/f); 1 when usual, NaN
        for a single integration.
    info : float32 array
        Inverse variance of the rate by the noise model, s2/e-2.
    noise : float32 array
        Read noise of a group from the residuals within ramps, e-.
    down : int32 array
        Steps down beyond five standard deviations.
    pedestal : float32 array
        Variance of group 0 about the level of its ramp over that of the amplifier, without
        outliers; NaN for fewer than three integrations.
    saturated : int16 array
        Integrations whose group 0 is saturated.
    gain : (noutputs,) float64 array
        e-/DN.
    usual : list of Usual
        By amplifier.
    factor : (noutputs,) float64 array
        Scatter of rates over that of the noise model (f), by amplifier.
    by_ramp : (nramps, noutputs) float64 array
        Median rate of each integration, e-/s.
    by_ramp_error : (nramps, noutputs) float64 array
        Standard error of it for independent pixels.
    timing : Timing
    settling : (ngroups, noutputs) float64 array
        Departure of the mean ramp from a straight line (S), e-, before any test.
    settling_error : (ngroups, noutputs) float64 array
    """

    rate: np.ndarray
    error: np.ndarray
    nint: np.ndarray
    nhits: np.ndarray
    chi2: np.ndarray
    info: np.ndarray
    noise: np.ndarray
    down: np.ndarray
    pedestal: np.ndarray
    saturated: np.ndarray
    gain: np.ndarray
    usual: list[Usual]
    factor: np.ndarray
    by_ramp: np.ndarray
    by_ramp_error: np.ndarray
    timing: Timing
    settling: np.ndarray
    settling_error: np.ndarray
    measured: np.ndarray | None = field(default=None, repr=False)


def measure(
    blocks: RampBlocks,
    classes: Classes,
    gain: np.ndarray,
    *,
    step_sigma: float = DarkSettings.step_sigma,
    threads: int = 1,
    measured: np.ndarray | None = None,
    scratch: StrPath | None = None,
) -> DarkRates:
    """Measure the dark current of every pixel.

    Parameters
    ----------
    blocks : RampBlocks
        The samples of all ramps; unusable ones (`UNUSABLE`) are NaN.
    classes : Classes
    gain : (noutputs,) float64 array
        e-/DN, by amplifier.
    step_sigma : float
        Limit of the test for cosmic rays, standard deviations.
    threads : int
        Blocks worked on at once.
    measured : (2, nsteps, ny, nx) float32 array, optional
        Written to: mean of the differences of groups, DN, and what each adds to the variance of
        their sum, DN2, by their place in a ramp (a memory map, for large images).
    scratch : path-like, optional
        Folder for mean ramps of a sample of rows (by default the system's temporary folder).

    Returns
    -------
    DarkRates

    Raises
    ------
    InputError
        For ramps of fewer than three groups.
    """
    fit = RampFit(blocks, classes, gain, step_sigma)
    with tempfile.TemporaryFile(dir=scratch) as file:
        job = _Job(blocks, classes, gain, fit, measured, file)
        blocks.over(job.work, threads)
        return job.finish()


class _Job:
    """Images that are filled block by block."""

    def __init__(self, blocks, classes, gain, ramp_fit, measured, file):
        self.blocks, self.classes, self.gain = blocks, classes, np.asarray(gain, np.float64)
        self.fit, self.measured = ramp_fit, measured
        self.timing, self.known, self.levels = ramp_fit.timing, ramp_fit.known, ramp_fit.levels
        self.longest = ramp_fit.longest
        shape, nramps = blocks.ramps.shape, len(self.levels)
        self.rate, self.info, self.q, self.noise, self.pedestal = (
            np.full(shape, np.nan, np.float32) for _ in range(5)
        )
        self.nint, self.saturated = np.zeros(shape, np.int16), np.zeros(shape, np.int16)
        self.nhits, self.down = np.zeros(shape, np.int32), np.zeros(shape, np.int32)
        kept = np.flatnonzero(classes.usable.any(axis=1))
        kept = kept[:: max(1, kept.size // _KEPT_ROWS)]
        self.kept = {int(y): k for k, y in enumerate(kept)}
        self.sampled = np.full((nramps, kept.size, shape[1]), np.nan, np.float32)
        self.mean_ramp = SampledRamps((self.longest, kept.size, shape[1]), file)

    def work(self, values, rows, columns):
        where = (rows, columns)
        shape = self.rate[where].shape
        kind = self.fit.kind(rows, columns)
        kept = [y for y in range(rows.start, rows.stop) if y in self.kept]
        one = self.fit.fit(values, rows, columns, steps=bool(kept) or self.measured is not None)
        rate, info = one.rate, one.info
        mean, total = combined(one)
        with np.errstate(invalid="ignore", divide="ignore"):
            known = info > 0
            n = known.sum(axis=0)
            q = np.where(known, info * (rate - mean) ** 2, 0.0).sum(axis=0) / (n - 1)
            read = self.fit.kinds[np.maximum(kind, 0), 2]
            noise = np.sqrt(read * one.chi2 / one.free)
            averages = one.sums / one.counts
        for image, data in (
            (self.rate, mean), (self.info, total), (self.q, np.where(n > 1, q, np.nan)),
            (self.noise, noise), (self.nint, n), (self.nhits, one.hits), (self.down, one.down),
            (self.pedestal, self._pedestal(values, kind)),
        ):  # fmt: skip
            image[where] = data.reshape(shape)
        self.saturated[where] = self._saturated(rows, columns)
        for y in kept:
            part = slice((y - rows.start) * shape[1], (y - rows.start + 1) * shape[1])
            self.sampled[:, self.kept[y], columns] = rate[:, part]
            self.mean_ramp.write(self.kept[y], columns.start, averages[:, part])
        if self.measured is not None:
            self.measured[0, :, rows, columns] = averages.reshape(-1, *shape)
            variance = self._variance(np.maximum(mean, 0), read, one.counts)
            variance /= self.gain[np.maximum(kind, 0)] ** 2
            self.measured[1, :, rows, columns] = variance.reshape(-1, *shape)

    def _variance(self, rate, read, counts):
        """Return by how much each mean difference adds to the variance of their sum, e-2.

        Neighbouring differences of a ramp share a group, whose noise leaves the sum again where
        both are used. That of two hits in a pixel no two are of one ramp is assumed: the error is
        never too small.
        """
        own, shared = self.timing.covariance
        lengths = np.diff(self.blocks.starts) - 1
        reach = (lengths[:, None] > np.arange(len(counts))).sum(axis=0)[:, None]
        counts = counts.astype(np.float64)
        both = np.maximum(counts[:-1] + counts[1:] - reach[:-1], 0)
        with np.errstate(invalid="ignore", divide="ignore"):
            variance = (rate * own + 2 * read) / counts
            variance[1:] += 2 * (rate * shared - read) * both / (counts[:-1] * counts[1:])
        return np.maximum(variance, 0)

    def _pedestal(self, values, kind):
        """Return the variance of group 0 about its ramp's level, without samples far off, DN2."""
        first = values[self.blocks.starts[:-1]] - self.levels[:, np.maximum(kind, 0)]
        if len(first) < 3:
            return np.full(values.shape[1], np.nan)
        with np.errstate(invalid="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pixels without samples
            deviation = np.abs(first - np.median(first, axis=0))
            spread = 1.4826 * np.median(deviation, axis=0)
            typical = np.zeros(len(self.known))
            for a in range(len(typical)):
                mine = spread[(kind == a) & np.isfinite(spread)]
                typical[a] = np.median(mine) if mine.size else 0.0
            far = deviation > 5 * np.maximum(spread, typical[np.maximum(kind, 0)])
            return np.nanvar(np.where(far, np.nan, first), axis=0, ddof=1)

    def _saturated(self, rows, columns):
        count = np.zeros(self.rate[rows].shape, np.int16)
        for number, integration in self.blocks.ramps.ramps:
            cube = self.blocks.ramps.files[number].groupdq
            if cube is not None:
                bits = cube.plane(integration, 0).stored(rows.start, rows.stop - rows.start)
                count += (bits & bits.dtype.type(Group.SATURATED)) != 0
        return count[:, columns]

    def finish(self):
        """Return the results that need all pixels."""
        classes, nout = self.classes, len(self.known)
        factor = np.ones(nout)
        error = np.full(self.rate.shape, np.nan, np.float32)
        for a in range(nout):
            columns = np.flatnonzero(classes.amplifier == a)
            q, n = self.q[:, columns], self.nint[:, columns]
            factor[a] = self._factor(q, n, classes.usable[:, columns], a)
            free = np.maximum(n - 1, 0)
            own = np.where(free > 0, np.nan_to_num(q), 0.0)
            variance = (PRIOR * factor[a] + free * own) / (PRIOR + free)
            with np.errstate(invalid="ignore", divide="ignore"):
                error[:, columns] = np.sqrt(variance / self.info[:, columns])
            self.q[:, columns] = q / factor[a]
            # Pixels of the amplifier, as the variance of group 0 is compared.
            typical = self.pedestal[:, columns][classes.usable[:, columns]]
            typical = typical[np.isfinite(typical)]
            if typical.size:
                self.pedestal[:, columns] /= np.float32(_variance_of(typical, len(self.levels)))
        self.rate[self.nint == 0] = np.nan
        error[self.nint == 0] = np.nan
        by_ramp, by_ramp_error = self._ramps()
        settling, settling_error = self._settling()
        return DarkRates(
            self.rate, error, self.nint, self.nhits, self.q, self.info, self.noise, self.down,
            self.pedestal, self.saturated, self.gain, self.known, factor, by_ramp, by_ramp_error,
            self.timing, settling, settling_error, self.measured,
        )  # fmt: skip

    def _factor(self, q, n, usable, amplifier):
        """Return the class factor f: from the scatter of rates, or of residuals for one ramp."""
        most = int(n[usable].max()) if usable.any() else 0
        if most < 2:
            return self.known[amplifier].factor
        values = q[usable & (n == most)]
        return float(np.median(values)) * (most - 1) / chi2_median(most - 1)

    def _ramps(self):
        usable = self.classes.usable[list(self.kept)]
        shape = len(self.levels), len(self.known)
        median, error = np.full(shape, np.nan), np.full(shape, np.nan)
        for a in range(shape[1]):
            where = usable & (self.classes.amplifier == a)
            for r, image in enumerate(self.sampled):
                values = image[where]
                values = values[np.isfinite(values)]
                if values.size:
                    median[r, a] = np.median(values)
                    error[r, a] = np.sqrt(np.pi / 2 / values.size) * mad_deviation(values)
        return median, error

    def _settling(self):
        """Return the median departure of mean ramps from a line, by group and amplifier, e-."""
        rows = list(self.kept)
        rate, usable = self.rate[rows], self.classes.usable[rows]
        shape = self.longest + 1, len(self.known)
        median, error = np.zeros(shape), np.zeros(shape)
        gain = self.gain[self.classes.amplifier].astype(np.float32)
        total = np.zeros_like(rate)
        for k in range(self.longest):
            total += self.mean_ramp.plane(k) * gain - rate * np.float32(self.timing.tgroup)
            for a in range(shape[1]):
                values = total[usable & (self.classes.amplifier == a)]
                values = values[np.isfinite(values)]
                if values.size > 1:
                    median[k + 1, a] = np.median(values)
                    spread = mad_deviation(values)
                    error[k + 1, a] = np.sqrt(np.pi / 2 / values.size) * spread
        return median, error


def chi2_median(free: int) -> float:
    """Return the median of chi2 with `free` degrees of freedom."""
    # Of scipy.stats, which gives the same number, the import alone takes 50 MB.
    return float(2 * special.gammaincinv(free / 2, 0.5))


def _variance_of(values, n):
    """Return the variance that the median of sample variances of n normal values stands for."""
    return float(np.median(values)) * (n - 1) / chi2_median(n - 1)
