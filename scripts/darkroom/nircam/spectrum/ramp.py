"""Dark ramps as streams of noise: what a straight line through each pixel leaves, frame by frame.

The line takes off bias, kTC noise, dark current and everything that repeats in every frame. Each
integration is read twice, so memory does not grow with the number of groups.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from darkroom.errors import DarkroomError, InputError
from darkroom.nircam.detector.dq import Group
from darkroom.nircam.ramps.classes import Classes
from darkroom.nircam.ramps.ramps import GroupStack
from darkroom.nircam.spectrum.sums import LineSums
from darkroom.nircam.spectrum.weak import weak_noise

LEAST_GROUPS = 3
#: An amplifier with a smaller share of pixels to trust, or less noise (DN) than rounding makes, is
#: dead.
LEAST_KEPT, LEAST_NOISE = 0.25, 0.25
_UNUSABLE = Group.DO_NOT_USE | Group.SATURATED | Group.JUMP_DET
_FULL_SCALE = 65535  # of the 16 bits of raw exposures
_SAMPLE_ROWS = 64
_MAD_TO_STD = 1.482602218505602
# A pixel is left out of an integration where its residuals are this improbably large or small,
# where a step is this many deviations from its slope, or its slope from that of others: the shot
# noise of hot pixels is not the detector's.
_LARGE, _SMALL, _JUMP, _HOT = 1e-4, 1e-7, 5.0, 5.0
# Deviations within which pixels count in the mean of their row.
_ROW_LIMIT = 6.0


class RampSource:
    """Groups of dark ramps in the detector frame.

    Parameters
    ----------
    ramps : darkroom.nircam.ramps.ramps.RampSet

    Attributes
    ----------
    readout : darkroom.nircam.detector.readout.Readout
    nramps : int
        Integrations of all files.
    usable : (ny, nx) bool array
        Active pixels that are not marked DO_NOT_USE, detector frame.
    nframes : int
        Frames that the detector averages into a group.
    """

    def __init__(self, ramps):
        self._ramps = ramps
        self.readout = ramps.readout
        self.nramps = len(ramps.ramps)
        self.usable = ramps.readout.flip(Classes.from_ramps(ramps).usable)
        self.nframes = int(ramps.files[0].header.get("NFRAMES") or 1)

    def ngroups(self, ramp):
        """Return the number of groups of a ramp."""
        return self._ramps.files[self._ramps.ramps[ramp][0]].sci.shape[1]

    def label(self, ramp):
        """Name a ramp in messages."""
        return self._ramps.label(ramp)

    def read(self, ramp, group):
        """Return a group: (ny, nx) float32, DN, detector frame; NaN where it cannot be used."""
        which = self._ramps.ramps[ramp]
        values = np.empty(self._ramps.shape, np.float32)
        GroupStack(self._ramps, group, [which], _UNUSABLE).read_frame(0, 0, values)
        if self._ramps.files[which[0]].sci.first.dtype.kind in "iu":
            values[values >= _FULL_SCALE] = np.nan
        return self.readout.flip(values)


@dataclass
class Lines:
    """Straight lines through every pixel of one ramp.

    Attributes
    ----------
    first : (ny, nx) float32 array
        Group 0, DN.
    mean, slope : (ny, nx) float32 array
        Of the line: DN above group 0, DN per group; 0 where not `good`.
    offsets : (ngroups, noutputs) float64 array
        Median of each amplifier above group 0, DN; taken off before.
    good : (ny, nx) bool array
        Pixels that are usable in all groups, without jump, and as noisy as others.
    noise : (noutputs,) float64 array
        Typical noise of one read, DN; NaN for an amplifier without usable pixels.
    dof : float
        Sum over the groups of a good pixel's squared residuals, over the variance of its noise.
    weak, weak_error : (noutputs,) float64 arrays
        Mean square noise that weak telegraph pixels and cosmic rays add to the good pixels, DN²,
        and its error of chance.
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

    def place(self, group):
        """Return the place of a group, counted from the middle of the ramp."""
        return group - (len(self.offsets) - 1) / 2

    def residual(self, values, group):
        """Return what the line leaves of a group: (ny, nx) float32, DN; 0 where not good."""
        width = values.shape[1] // self.offsets.shape[1]
        left = values - self.first
        left -= np.repeat(self.offsets[group].astype(np.float32), width)
        left -= self.mean
        left -= self.slope * np.float32(self.place(group))
        left[~self.good] = 0
        return left


def check_uncorrected(ramps):
    """Refuse ramps whose reference pixels were already used: part of the noise is taken off.

    Raises
    ------
    InputError
        Naming the first such file of a `darkroom.nircam.ramps.ramps.RampSet`.
    """
    for file in ramps.files:
        if file.header.get("S_REFPIX") == "COMPLETE":
            raise InputError(
                file.path,
                "was corrected by reference pixels (S_REFPIX is COMPLETE)",
                f"a {ramps.product} needs ramps before that step, raw ones for instance",
            )


def check_groups(source):
    """Refuse a ramp that a line would describe perfectly."""
    for ramp in range(source.nramps):
        if source.ngroups(ramp) < LEAST_GROUPS:
            raise DarkroomError(
                f"{source.label(ramp)}: {source.ngroups(ramp)} group(s), at least {LEAST_GROUPS} "
                "are needed: noise is what a straight line through the groups of a pixel leaves"
            )


def fit_lines(source, ramp):
    """Fit a straight line to every pixel of a ramp, and find the pixels to trust.

    Parameters
    ----------
    source : RampSource
    ramp : int

    Returns
    -------
    Lines
    """
    readout, ngroups = source.readout, source.ngroups(ramp)
    sample = _Sample(source)
    first = np.ascontiguousarray(source.read(ramp, 0))
    sums = LineSums(readout.shape, ngroups, readout.noutputs)
    offsets = np.zeros((ngroups, readout.noutputs))
    step_noise = np.zeros((ngroups - 1, readout.noutputs))
    for group in range(1, ngroups):
        values = source.read(ramp, group) - first
        offsets[group] = sample.medians(values)
        values -= np.repeat(offsets[group].astype(np.float32), readout.columns_per_amplifier)
        if group == 1:
            limit = _ROW_LIMIT * sample.deviations(values)
        step_noise[group - 1] = sample.deviations(sums.add(values, group, limit))
    squares, farthest = sums.judge()
    nu = ngroups - 2
    good, noise = _trust(source, sample, squares, farthest, np.median(step_noise, axis=0), nu)
    good &= _not_hot(source, sample, sums.slope)
    mean, slope = (np.where(good, x, np.float32(0)) for x in sums.line())
    # Without the largest residuals the mean of the others is a little too small.
    largest = stats.chi2.isf(_LARGE, nu)
    dof = nu * stats.chi2.cdf(largest, nu + 2) / stats.chi2.cdf(largest, nu)
    weak = weak_noise(squares, good, noise**2, nu, largest)
    return Lines(first, mean, slope, offsets, good, noise, float(dof), *weak)


def _not_hot(source, sample, slope):
    """Return the pixels whose slope is not far above the others' of their amplifier."""
    limit = sample.medians(slope) + _HOT * sample.deviations(slope)
    with np.errstate(invalid="ignore"):
        return slope <= np.repeat(limit, source.readout.columns_per_amplifier)


def _trust(source, sample, squares, farthest, step_noise, nu):
    """Return the pixels to trust and the typical noise of each amplifier."""
    readout = source.readout
    typical = sample.medians(squares) / stats.chi2.median(nu)
    noise = np.sqrt(np.maximum(typical, 0.0))
    high, low = stats.chi2.isf(_LARGE, nu), stats.chi2.ppf(_SMALL, nu)
    by_column = np.repeat(
        np.stack([typical * high, typical * low, _JUMP * step_noise]),
        readout.columns_per_amplifier,
        axis=1,
    )
    # Comparisons with NaN are false: what has no value is not good.
    with np.errstate(invalid="ignore"):
        good = source.usable & (squares <= by_column[0]) & (squares >= by_column[1])
        good &= farthest <= by_column[2]
    return good, noise


class _Sample:
    """Some rows of each amplifier, enough for a median."""

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
        found = []
        for values in self._of_amplifiers(image):
            middle = np.median(values) if values.size else np.nan
            found.append(
                _MAD_TO_STD * np.median(np.abs(values - middle)) if values.size else middle
            )
        return np.array(found, np.float64)
