"""Dark current of every pixel from dark ramps, with its error, by generalised least squares.

The rate of each integration is fitted to the differences of its groups with their covariance, cut
at steps up (cosmic rays); the rates are averaged with the information of each. Its scatter gives
the error: the pixel's own, drawn towards that of its amplifier. See `darkroom.nircam.dark.model`.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from darkroom.compiled import load_kernel
from darkroom.errors import InputError
from darkroom.nircam.dark.model import Timing, Usual, usual
from darkroom.nircam.detector.dq import Group
from darkroom.nircam.frames import frames_per_group
from darkroom.nircam.ramps.robust import clip_range, mad_deviation

if TYPE_CHECKING:
    from darkroom.nircam.ramps.blocks import RampBlocks
    from darkroom.nircam.ramps.classes import Classes
    from darkroom.nircam.ramps.ramps import RampSet

#: Groups needed for a rate with a step test.
MIN_GROUPS = 3
#: Weight of the amplifier's scatter in the error of a pixel, degrees of freedom.
PRIOR = 20
#: Steps up beyond this many standard deviations are cosmic rays.
STEP_SIGMA = 4.5
UNUSABLE = Group.DO_NOT_USE | Group.SATURATED
_SAMPLE_ROWS, _KEPT_ROWS = 12, 128


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


def timing_of(ramps: RampSet) -> Timing:
    """Return the timing of the groups, the same for all exposures.

    Raises
    ------
    InputError
        When exposures differ in it, or lack it.
    """
    nframes, header = frames_per_group(ramps), ramps.files[0].header
    cards = ("READPATT", "GROUPGAP", "TFRAME", "TGROUP", "DRPFRMS1")
    for file in ramps.files[1:]:
        for card in cards:
            if file.header.get(card) != header.get(card):
                raise InputError(
                    file.path,
                    f"{card} is {file.header.get(card)}, that of {ramps.files[0].path.name} is "
                    f"{header.get(card)}",
                    "one dark is made of exposures of one kind",
                )
    tframe, gap = header.get("TFRAME"), header.get("GROUPGAP")
    if not tframe or gap is None:
        raise InputError(
            ramps.files[0].path,
            "its header lacks TFRAME or GROUPGAP",
            "the rate follows from the time between groups",
        )
    return Timing(nframes, int(gap), float(tframe), int(header.get("DRPFRMS1") or 0))


def measure(
    blocks: RampBlocks,
    classes: Classes,
    gain: np.ndarray,
    *,
    step_sigma: float = STEP_SIGMA,
    threads: int = 1,
    measured: np.ndarray | None = None,
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
        Written to: mean of the differences of groups, DN, and its variance, by their place in a
        ramp (a memory map, for large images).

    Returns
    -------
    DarkRates

    Raises
    ------
    InputError
        For ramps of fewer than three groups.
    """
    ramps = blocks.ramps
    ngroups = int(np.diff(blocks.starts).max())
    if ngroups < MIN_GROUPS:
        raise InputError(
            ramps.files[0].path,
            f"{ngroups} groups: a rate with a test for cosmic rays needs {MIN_GROUPS}",
            "give longer ramps",
        )
    timing = timing_of(ramps)
    levels, known = sampled(blocks, classes, gain, timing)
    job = _Job(blocks, classes, gain, timing, known, levels, step_sigma, measured)
    blocks.over(job.work, threads)
    return job.finish()


def sampled(
    blocks: RampBlocks, classes: Classes, gain: np.ndarray, timing: Timing
) -> tuple[np.ndarray, list[Usual]]:
    """Return the level of group 0 of each ramp, DN, and what is usual, by amplifier.

    Returns
    -------
    levels : (nramps, noutputs) float64 array
    known : list of Usual

    Raises
    ------
    InputError
        When an amplifier has no sampled pixel with data in all groups.
    """
    nx = blocks.ramps.shape[1]
    active = np.flatnonzero(classes.usable.any(axis=1))
    rows = active[np.linspace(0, active.size - 1, min(_SAMPLE_ROWS, active.size)).astype(int)]
    layout = [(slice(y, y + 1), slice(0, nx)) for y in np.unique(rows)]
    firsts, nramps = blocks.starts[:-1], len(blocks.starts) - 1
    shortest = int(np.diff(blocks.starts).min())

    def work(values, rows, columns):
        good = classes.usable[rows, columns].ravel()
        ramps = np.stack([values[first : first + shortest] for first in firsts])
        return ramps, good

    parts = blocks.over(work, layout=layout)
    levels, known = np.zeros((nramps, classes.noutputs)), []
    for a in range(classes.noutputs):
        mine = classes.amplifier == a
        found = np.concatenate([ramps[:, :, mine & good] for ramps, good in parts], axis=2)
        with np.errstate(invalid="ignore"):
            levels[:, a] = [_median(ramp[0]) for ramp in found]
        whole = np.isfinite(found).all(axis=(0, 1))
        if whole.sum() < 2:  # many lost groups: what the ramps say that are whole
            raise InputError(
                blocks.ramps.files[0].path,
                f"amplifier {a}: no sampled pixel has data in every group of every integration",
                "leave out the integrations with lost groups",
            )
        steps = np.diff(found[:, :, whole].astype(np.float64), axis=1) * gain[a]
        known.append(usual(steps.transpose(0, 2, 1), timing))
    return levels, known


class _Job:
    """Images that are filled block by block."""

    def __init__(self, blocks, classes, gain, timing, known, levels, step_sigma, measured):
        self.blocks, self.classes, self.gain = blocks, classes, np.asarray(gain, np.float64)
        self.timing, self.known, self.levels, self.limit = timing, known, levels, step_sigma
        self.measured = measured
        shape, nramps = blocks.ramps.shape, len(levels)
        self.longest = int(np.diff(blocks.starts).max()) - 1
        self.rate, self.info, self.q, self.noise, self.pedestal = (
            np.full(shape, np.nan, np.float32) for _ in range(5)
        )
        self.nint, self.saturated = np.zeros(shape, np.int16), np.zeros(shape, np.int16)
        self.nhits, self.down = np.zeros(shape, np.int32), np.zeros(shape, np.int32)
        kept = np.flatnonzero(classes.usable.any(axis=1))
        kept = kept[:: max(1, kept.size // _KEPT_ROWS)]
        self.kept = {int(y): k for k, y in enumerate(kept)}
        self.sampled = np.full((nramps, kept.size, shape[1]), np.nan, np.float32)
        self.mean_ramp = np.full((self.longest, kept.size, shape[1]), np.nan, np.float32)
        steps = max(one.scales.size for one in known)
        self.scales = np.ones((len(known), max(steps, self.longest)))
        for row, one in zip(self.scales, known, strict=True):
            row[: one.scales.size] = one.scales
        self.kinds = np.array([
            (g, one.rate, one.read, one.factor) for g, one in zip(self.gain, known, strict=True)
        ])  # fmt: skip
        self.times = np.array([timing.tgroup, *timing.covariance])

    def work(self, values, rows, columns):
        nramps, npixels = len(self.levels), values.shape[1]
        where = (rows, columns)
        shape = self.rate[where].shape
        kind = np.where(self.classes.reference, -1, self.classes.amplifier)[where].astype(np.int8)
        rate, info = np.empty((nramps, npixels)), np.empty((nramps, npixels))
        chi2 = np.empty(npixels)
        free, hits, down = (np.empty(npixels, np.int32) for _ in range(3))
        kept = [y for y in range(rows.start, rows.stop) if y in self.kept]
        steps = self.longest if kept or self.measured is not None else 0
        sums = np.zeros((steps, npixels), np.float32)
        counts = np.zeros((steps, npixels), np.int16)
        load_kernel("darkroom.nircam.dark.kernel").rates(
            values, self.blocks.starts, kind.ravel(), self.kinds, self.times, self.limit,
            self.scales, rate, info, chi2, free, hits, down, sums, counts,
        )  # fmt: skip
        with np.errstate(invalid="ignore", divide="ignore"):
            known = info > 0
            total = info.sum(axis=0)
            mean = np.where(known, info * rate, 0.0).sum(axis=0) / total
            n = known.sum(axis=0)
            q = np.where(known, info * (rate - mean) ** 2, 0.0).sum(axis=0) / (n - 1)
            read = self.kinds[np.maximum(kind.ravel(), 0), 2]
            noise = np.sqrt(read * chi2 / free)
            averages = sums / counts
        for image, data in (
            (self.rate, mean), (self.info, total), (self.q, np.where(n > 1, q, np.nan)),
            (self.noise, noise), (self.nint, n), (self.nhits, hits), (self.down, down),
            (self.pedestal, self._pedestal(values, kind.ravel())),
        ):  # fmt: skip
            image[where] = data.reshape(shape)
        self.saturated[where] = self._saturated(rows, columns)
        for y in kept:
            part = slice((y - rows.start) * shape[1], (y - rows.start + 1) * shape[1])
            self.sampled[:, self.kept[y], columns] = rate[:, part]
            self.mean_ramp[:, self.kept[y], columns] = averages[:, part]
        if self.measured is not None:
            a, _ = self.timing.covariance
            gain = self.gain[np.maximum(kind.ravel(), 0)]
            with np.errstate(invalid="ignore", divide="ignore"):
                variance = (np.maximum(mean, 0) * a + 2 * read) / gain**2 / counts
            self.measured[0, :, rows, columns] = averages.reshape(-1, *shape)
            self.measured[1, :, rows, columns] = variance.reshape(-1, *shape)

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
        error, chi2 = np.full((2, *self.rate.shape), np.nan, np.float32)
        for a in range(nout):
            columns = np.flatnonzero(classes.amplifier == a)
            q, n = self.q[:, columns], self.nint[:, columns]
            factor[a] = self._factor(q, n, classes.usable[:, columns], a)
            free = np.maximum(n - 1, 0)
            own = np.where(free > 0, np.nan_to_num(q), 0.0)
            variance = (PRIOR * factor[a] + free * own) / (PRIOR + free)
            with np.errstate(invalid="ignore", divide="ignore"):
                error[:, columns] = np.sqrt(variance / self.info[:, columns])
            chi2[:, columns] = q / factor[a]
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
            self.rate, error, self.nint, self.nhits, chi2, self.info, self.noise, self.down,
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
            total += self.mean_ramp[k] * gain - rate * np.float32(self.timing.tgroup)
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
    from scipy.stats import chi2

    return float(chi2.median(free))


def _variance_of(values, n):
    """Return the variance that the median of sample variances of n normal values stands for."""
    return float(np.median(values)) * (n - 1) / chi2_median(n - 1)


def _median(values):
    values = values[np.isfinite(values)]
    if not values.size:
        return 0.0
    middle, reach = clip_range(values)
    return float(values[np.abs(values - middle) <= reach].mean())
