"""Noise of dark ramps frame by frame: residuals of a straight-line fit to each pixel.

The line removes bias, kTC noise, dark current and everything that repeats in every frame. Each
integration is read twice, so memory does not grow with the number of groups.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from darkroom.errors import DarkroomError, InputError
from darkroom.nircam.detector.dq import Group
from darkroom.nircam.ramps.classes import Classes
from darkroom.nircam.ramps.ramps import GroupStack
from darkroom.nircam.ramps.robust import mad_deviation
from darkroom.nircam.spectrum.sums import LineFitSums
from darkroom.nircam.spectrum.weak import weak_noise

if TYPE_CHECKING:
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

    def read(self, ramp: int, group: int) -> np.ndarray:
        """Return a group: (ny, nx) float32, DN, detector frame; NaN where it is unusable."""
        which = self._ramps.ramps[ramp]
        values = np.empty(self._ramps.shape, np.float32)
        GroupStack(self._ramps, group, [which], _UNUSABLE).read_frame(0, 0, values)
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

    def centred(self, group: int) -> float:
        """Return the number of a group, counted from the middle of the ramp."""
        return group - (len(self.offsets) - 1) / 2

    def residual(self, values: np.ndarray, group: int) -> np.ndarray:
        """Return the residual of a group from the line: (ny, nx) float32, DN; 0 where not good."""
        width = values.shape[1] // self.offsets.shape[1]
        residual = values - self.first
        residual -= np.repeat(self.offsets[group].astype(np.float32), width)
        residual -= self.mean
        residual -= self.slope * np.float32(self.centred(group))
        residual[~self.good] = 0
        return residual


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


def fit_ramp(source: RampSource, ramp: int) -> RampFit:
    """Fit a straight line to every pixel of a ramp, and select the good pixels.

    Parameters
    ----------
    source : RampSource
        Dark ramps of one detector.
    ramp : int
        Number of the ramp, from 0.

    Returns
    -------
    RampFit
    """
    readout, ngroups = source.readout, source.ngroups(ramp)
    sample = _Sample(source)
    first = np.ascontiguousarray(source.read(ramp, 0))
    sums = LineFitSums(readout.shape, ngroups, readout.noutputs)
    offsets = np.zeros((ngroups, readout.noutputs))
    step_noise = np.zeros((ngroups - 1, readout.noutputs))
    for group in range(1, ngroups):
        values = source.read(ramp, group)
        values -= first
        offsets[group] = sample.medians(values)
        values -= np.repeat(offsets[group].astype(np.float32), readout.columns_per_amplifier)
        if group == 1:
            limit = _ROW_LIMIT * sample.deviations(values)
        step_noise[group - 1] = sample.deviations(sums.add(values, group, limit))
    del values
    squares, largest_step = sums.residual_statistics()
    nu = ngroups - 2
    step_noise = np.median(step_noise, axis=0)
    good, noise = _good_pixels(source, sample, squares, largest_step, step_noise, nu)
    good &= _not_hot(source, sample, sums.slope)
    # Leaving out pixels with the largest residuals makes the mean of the others a little too small.
    largest = stats.chi2.isf(_LARGE, nu)
    dof = nu * stats.chi2.cdf(largest, nu + 2) / stats.chi2.cdf(largest, nu)
    weak = weak_noise(squares, good, noise**2, nu, largest)
    del squares, largest_step
    mean, slope = (np.where(good, x, np.float32(0)) for x in sums.line())
    return RampFit(first, mean, slope, offsets, good, noise, float(dof), *weak)


def _not_hot(source, sample, slope):
    """Return the pixels whose slope is not far above the median of their amplifier."""
    limit = sample.medians(slope) + _HOT * sample.deviations(slope)
    with np.errstate(invalid="ignore"):
        return slope <= np.repeat(limit, source.readout.columns_per_amplifier)


def _good_pixels(source, sample, squares, largest_step, step_noise, nu):
    """Return the pixels with normal noise and no jump, and the typical noise of each amplifier."""
    readout = source.readout
    typical = sample.medians(squares) / stats.chi2.median(nu)
    noise = np.sqrt(np.maximum(typical, 0.0))
    high, low = stats.chi2.isf(_LARGE, nu), stats.chi2.ppf(_SMALL, nu)
    by_column = np.repeat(
        np.stack([typical * high, typical * low, _JUMP * step_noise]),
        readout.columns_per_amplifier,
        axis=1,
    )
    # Comparisons with NaN are false: a pixel without a value is not good.
    with np.errstate(invalid="ignore"):
        good = source.usable & (squares <= by_column[0]) & (squares >= by_column[1])
        good &= largest_step <= by_column[2]
    return good, noise


class _Sample:
    """A sample of rows, large enough for medians over each amplifier."""

    def __init__(self, source):
        readout = source.readout
        with_pixels = np.flatnonzero(source.usable.any(axis=1))
        self.rows = with_pixels[:: max(1, with_pixels.size // _SAMPLE_ROWS)]
        self.shape = (self.rows.size, readout.noutputs, readout.columns_per_amplifier)
        self.usable = source.usable[self.rows].reshape(self.shape)

    def _of_amplifiers(self, image):
        values = image[self.rows].reshape(self.shape)
        for amplifier in range(self.shape[1]):
            here = values[:, amplifier][self.usable[:, amplifier]]
            yield here[np.isfinite(here)]

    def medians(self, image):
        """Return the median of each amplifier, NaN without a pixel: (noutputs,) float64."""
        found = [np.median(v) if v.size else np.nan for v in self._of_amplifiers(image)]
        return np.array(found, np.float64)

    def deviations(self, image):
        """Return the robust standard deviation of each amplifier: (noutputs,) float64."""
        found = [mad_deviation(values) for values in self._of_amplifiers(image)]
        return np.array(found, np.float64)
