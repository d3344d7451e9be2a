"""Noise of dark ramps frame by frame: residuals of a straight-line fit to each pixel.

The line removes bias, kTC noise, dark current and everything that repeats in every frame. Each
integration is read twice, so memory does not grow with the number of groups. The first time, all
groups of a band of rows are read before the next band: the flags of ramps that are computed when
they are read follow from all groups before (`darkroom.nircam.chain.bands`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from darkroom.errors import DarkroomError, InputError
from darkroom.nircam.detector.dq import Group
from darkroom.nircam.ramps.classes import Classes
from darkroom.nircam.ramps.ramps import GroupStack
from darkroom.nircam.ramps.robust import mad_deviation, median
from darkroom.nircam.spectrum.sums import LineFitSums, add_rows
from darkroom.nircam.spectrum.weak import weak_noise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from darkroom.nircam.ramps.ramps import RampSet

#: Groups that the residuals of a straight line need.
MIN_GROUPS = 3
#: An amplifier with a smaller fraction of usable pixels, or with less noise (DN) than rounding
#: makes, is dead.
MIN_USABLE, MIN_NOISE = 0.25, 0.25
_UNUSABLE = Group.DO_NOT_USE | Group.SATURATED | Group.JUMP_DET
_FULL_SCALE = 65535  # of the 16 bits of raw exposures
_SAMPLE_ROWS = 64
# A pixel is left out of an integration when its residuals are too large or too small (probabilities
# _LARGE, _SMALL), when a step between groups deviates from the slope by more than _JUMP standard
# deviations, or when its slope exceeds the median by more than _HOT standard deviations: the shot
# noise of hot pixels is not read-out noise.
_LARGE, _SMALL, _JUMP, _HOT = 1e-4, 1e-7, 5.0, 5.0
# Standard deviations within which pixels count in the mean of their row.
_ROW_LIMIT = 6.0
# Rows worked on together: what is needed of them fits into a processor's cache.
_BAND = 64


class RampSource:
    """Groups of dark ramps in the detector frame.

    Parameters
    ----------
    ramps : darkroom.nircam.ramps.ramps.RampSet
        The files of the ramps.

    Attributes
    ----------
    readout : darkroom.nircam.detector.readout.Readout
        Readout of the ramps.
    nramps : int
        Number of integrations of all files.
    usable : (ny, nx) bool array
        Active pixels that are not marked DO_NOT_USE, detector frame.
    nframes : int
        Number of frames averaged into a group.
    """

    def __init__(self, ramps: RampSet) -> None:
        self._ramps = ramps
        self.readout = ramps.readout
        self.nramps = len(ramps.ramps)
        self.usable = ramps.readout.flip(Classes.from_ramps(ramps).usable)
        self.nframes = int(ramps.files[0].header.get("NFRAMES") or 1)

    def ngroups(self, ramp: int) -> int:
        """Return the number of groups of a ramp."""
        return self._ramps.files[self._ramps.ramps[ramp][0]].sci.shape[1]

    def label(self, ramp: int) -> str:
        """Return the name of a ramp for messages."""
        return self._ramps.label(ramp)

    def forget(self) -> None:
        """Give up memory that only helps to read the ramps."""
        self._ramps.forget()

    def read(
        self, ramp: int, group: int, rows: slice = slice(None), flagged: bool = True
    ) -> np.ndarray:
        """Read rows of a group.

        Parameters
        ----------
        ramp, group : int
            Counted from 0.
        rows : slice
            Of the detector frame, step 1; all by default.
        flagged : bool
            False: flags are not looked at, which is faster where bad pixels are known.

        Returns
        -------
        (nrows, nx) float32 array
            DN, detector frame; NaN where it is unusable.
        """
        which, ny = self._ramps.ramps[ramp], self.readout.ny
        first, stop, _ = rows.indices(ny)
        if self.readout.slowaxis < 0:
            first, stop = ny - stop, ny - first
        values = np.empty((stop - first, self.readout.nx), np.float32)
        flags = _UNUSABLE if flagged else 0
        GroupStack(self._ramps, group, [which], flags).read_frame(0, first, values)
        if self._ramps.files[which[0]].sci.first.dtype.kind in "iu":
            values[values >= _FULL_SCALE] = np.nan
        return self.readout.flip(values)


@dataclass
class RampFit:
    """Straight-line fits to every pixel of one ramp.

    Attributes
    ----------
    first : (ny, nx) float32 array
        Group 0, DN.
    mean : (ny, nx) float32 array
        Mean of the line above group 0, DN; 0 where not `good`.
    slope : (ny, nx) float32 array
        Slope of the line, DN per group; 0 where not `good`.
    offsets : (ngroups, noutputs) float64 array
        Median of each amplifier above group 0, DN; subtracted before the fit.
    good : (ny, nx) bool array
        Pixels that are usable in all groups, without jump, and with normal noise.
    noise : (noutputs,) float64 array
        Typical noise of one read, DN; NaN for an amplifier without usable pixels.
    dof : float
        Expected sum of squared residuals of a good pixel, over the variance of its noise.
    weak, weak_error : (noutputs,) float64 arrays
        Mean square noise that weak telegraph pixels and cosmic rays add to the good pixels, DN²,
        and its statistical error.
    watched : (ngroups, n) float32 array
        Values of the pixels that were asked for, DN; NaN where they are unusable. Gone after
        `take_watched`.
    """

    first: np.ndarray
    mean: np.ndarray
    slope: np.ndarray
    offsets: np.ndarray
    good: np.ndarray
    noise: np.ndarray
    dof: float
    weak: np.ndarray
    weak_error: np.ndarray
    watched: np.ndarray

    def take_watched(self) -> np.ndarray:
        """Return `watched`, and give it up: of long ramps it is large."""
        taken, self.watched = self.watched, self.watched[:0]
        return taken

    def centred(self, group: int) -> float:
        """Return the number of a group, counted from the middle of the ramp."""
        return group - (len(self.offsets) - 1) / 2

    def line(self, group: int, rows: slice = slice(None)) -> tuple[Any, ...]:
        """Return what the loops of `darkroom.nircam.spectrum.kernel` need of the line in a group.

        Parameters
        ----------
        group : int
        rows : slice
            Which rows.

        Returns
        -------
        first, mean, slope, good : (nrows, nx) arrays
        offsets : (noutputs,) float32 array
        place : float
        """
        images = (image[rows] for image in (self.first, self.mean, self.slope, self.good))
        return *images, self.offsets[group].astype(np.float32), self.centred(group)


def bands(nrows: int) -> list[slice]:
    """Return the bands of rows that cover an image."""
    return [slice(first, min(first + _BAND, nrows)) for first in range(0, nrows, _BAND)]


def check_uncorrected(ramps: RampSet) -> None:
    """Refuse ramps after a reference-pixel correction, which removes part of the noise.

    Raises
    ------
    InputError
        Naming the first such file.
    """
    for file in ramps.files:
        if file.header.get("S_REFPIX") == "COMPLETE":
            raise InputError(
                file.path,
                "was corrected by reference pixels (S_REFPIX is COMPLETE)",
                f"a {ramps.product} needs ramps before that step, e.g. raw ones",
            )


def check_groups(source: RampSource) -> None:
    """Refuse ramps with too few groups for residuals of a straight line.

    Raises
    ------
    DarkroomError
        Naming the first such ramp.
    """
    for ramp in range(source.nramps):
        if source.ngroups(ramp) < MIN_GROUPS:
            raise DarkroomError(
                f"{source.label(ramp)}: {source.ngroups(ramp)} group(s), at least {MIN_GROUPS} "
                "are needed to measure noise as residuals of a straight line"
            )


def fit_ramp(
    source: RampSource,
    ramp: int,
    watched: tuple[np.ndarray, np.ndarray] | None = None,
    *,
    weak: bool = True,
) -> RampFit:
    """Fit a straight line to every pixel of a ramp, and select the good pixels.

    Parameters
    ----------
    source : RampSource
        Dark ramps of one detector.
    ramp : int
        Number of the ramp, from 0.
    watched : pair of (n,) int arrays, optional
        Rows, in ascending order, and columns of pixels whose values are returned.
    weak : bool
        Estimate the noise of weak telegraph pixels and cosmic rays; NaN without.

    Returns
    -------
    RampFit
    """
    readout, ngroups, typical = source.readout, source.ngroups(ramp), _Typical(source, ramp)
    first, mean, slope, squares = (np.empty(readout.shape, np.float32) for _ in range(4))
    good = np.empty(readout.shape, bool)
    y, x = watched or (np.empty(0, int),) * 2
    seen = np.empty((ngroups, y.size), np.float32)
    row_means = np.empty((ngroups, readout.ny, readout.noutputs))
    for rows in bands(readout.ny):
        first[rows] = start = source.read(ramp, 0, rows)
        sums = LineFitSums(start.shape, ngroups, readout.noutputs)
        here = slice(*np.searchsorted(y, (rows.start, rows.stop)))
        place = y[here] - rows.start, x[here]
        seen[0, here] = start[place]
        for group in range(1, ngroups):
            values = source.read(ramp, group, rows)
            seen[group, here] = values[place]
            typical.add(sums, values, start, group)
        mean[rows], slope[rows] = sums.line
        row_means[:, rows] = sums.rows
        squares[rows], largest_step = sums.residual_statistics()
        good[rows] = typical.good(source.usable[rows], squares[rows], largest_step, slope[rows])
    nothing = np.full((2, readout.noutputs), np.nan)
    noise, error = typical.weak(squares, good) if weak else nothing
    del squares
    add_rows(mean, slope, row_means)
    for image in (mean, slope):
        image[~good] = 0
    return RampFit(
        first, mean, slope, typical.offsets, good, typical.noise, typical.dof, noise, error, seen
    )


@dataclass
class Selected:
    """Pixels of a ramp that are selected as `fit_ramp` selects them.

    Attributes
    ----------
    good, noise
        As of `RampFit`.
    """

    good: np.ndarray
    noise: np.ndarray


def select_pixels(sources: Sequence[RampSource], ramp: int) -> list[Selected]:
    """Select the good pixels of the same ramp in several sources, which are read together.

    Parameters
    ----------
    sources : sequence of RampSource
        The same exposures, e.g. after several corrections.
    ramp : int
        Number of the ramp, from 0.

    Returns
    -------
    list of Selected
        Of each source.
    """
    readout, ngroups = sources[0].readout, sources[0].ngroups(ramp)
    typical = [_Typical(source, ramp) for source in sources]
    found = [Selected(np.empty(readout.shape, bool), each.noise) for each in typical]
    for rows in bands(readout.ny):
        first = [source.read(ramp, 0, rows) for source in sources]
        sums = [LineFitSums(start.shape, ngroups, readout.noutputs) for start in first]
        for group in range(1, ngroups):
            for k, source in enumerate(sources):
                values = source.read(ramp, group, rows)
                typical[k].add(sums[k], values, first[k], group)
        for k, source in enumerate(sources):
            usable, slope = source.usable[rows], sums[k].line[1]
            found[k].good[rows] = typical[k].good(usable, *sums[k].residual_statistics(), slope)
    return found


class _Typical:
    """What is typical of the pixels of each amplifier of a ramp, from a sample of rows.

    Attributes
    ----------
    offsets, noise, dof
        As of `RampFit`.
    """

    def __init__(self, source, ramp):
        readout, ngroups = source.readout, source.ngroups(ramp)
        self._width, self._nu = readout.columns_per_amplifier, ngroups - 2
        sample = _Sample(source)
        first = sample.read(source, ramp, 0)
        sums = LineFitSums(first.shape, ngroups, readout.noutputs)
        self.offsets = np.zeros((ngroups, readout.noutputs))
        step_noise = np.zeros((ngroups - 1, readout.noutputs))
        for group in range(1, ngroups):
            values = sample.read(source, ramp, group)
            values -= first
            self.offsets[group] = sample.medians(values)
            if group == 1:
                level = self._by_column(self.offsets[group].astype(np.float32))
                self._limit = _ROW_LIMIT * sample.deviations(values - level)
            before = sums.last.copy()
            sums.add(values, group, self._limit, np.zeros_like(values), self.offsets[group])
            step_noise[group - 1] = sample.deviations(before - sums.last)
        slope = sums.slope
        squares, _ = sums.residual_statistics()
        nu, typical = (
            self._nu,
            sample.medians(squares) / (2 * special.gammaincinv(self._nu / 2, 0.5)),
        )
        self.noise = np.sqrt(np.maximum(typical, 0.0))
        self._largest = special.chdtri(nu, _LARGE)
        # Leaving out the largest residuals makes the mean of the others a little too small.
        above, below = (special.chdtr(n, self._largest) for n in (nu + 2, nu))
        self.dof = float(nu * above / below)
        steps = _JUMP * np.median(step_noise, axis=0)
        limits = typical * self._largest, typical * (2 * special.gammaincinv(nu / 2, _SMALL)), steps
        self._limits = [self._by_column(limit) for limit in limits]
        hot = sample.medians(slope) + _HOT * sample.deviations(slope)
        self._hot = self._by_column(hot)

    def _by_column(self, values):
        return np.repeat(values, self._width)

    def add(self, sums, values, first, group):
        """Add rows of a group to running sums."""
        sums.add(values, group, self._limit, first, self.offsets[group])

    def good(self, usable, squares, largest_step, slope):
        """Return the pixels with normal noise and no jump that are not hot."""
        high, low, step = self._limits
        # Comparisons with NaN are false: a pixel without a value is not good.
        with np.errstate(invalid="ignore"):
            good = usable & (squares <= high) & (squares >= low)
            good &= largest_step <= step
            good &= slope <= self._hot
        return good

    def weak(self, squares, good):
        """Return `RampFit.weak` and its error."""
        return weak_noise(squares, good, self.noise**2, self._nu, self._largest)


class _Sample:
    """A sample of rows, large enough for medians over each amplifier."""

    def __init__(self, source):
        readout = source.readout
        with_pixels = np.flatnonzero(source.usable.any(axis=1))
        self.rows = with_pixels[:: max(1, with_pixels.size // _SAMPLE_ROWS)]
        self.shape = (self.rows.size, readout.noutputs, readout.columns_per_amplifier)
        self.usable = source.usable[self.rows].reshape(self.shape)

    def read(self, source, ramp, group):
        """Return the rows of a group: (nrows, nx) float32, DN."""
        nx = self.shape[1] * self.shape[2]
        # With the strides of rows that are read together, so that sums have the same bits.
        values = source.readout.flip(np.empty((self.rows.size, nx), np.float32))
        for place, row in enumerate(self.rows):
            values[place] = source.read(ramp, group, slice(row, row + 1))[0]
        return values

    def _of_amplifiers(self, image):
        values = image.reshape(self.shape)
        for amplifier in range(self.shape[1]):
            here = values[:, amplifier][self.usable[:, amplifier]]
            yield here[np.isfinite(here)]

    def medians(self, image):
        """Return medians of the rows by amplifier, NaN without a pixel: (noutputs,) float64."""
        found = [median(v) if v.size else np.nan for v in self._of_amplifiers(image)]
        return np.array(found, np.float64)

    def deviations(self, image):
        """Return the robust standard deviation of each amplifier: (noutputs,) float64."""
        found = [mad_deviation(values) for values in self._of_amplifiers(image)]
        return np.array(found, np.float64)
