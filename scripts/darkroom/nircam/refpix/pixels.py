"""Noise, level, drift and jumps of each reference pixel, and flags of bad ones."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from darkroom.nircam.ramps.robust import MAD_TO_STD
from darkroom.nircam.refpix.levels import line_residuals

if TYPE_CHECKING:
    from darkroom.nircam.refpix.levels import Levels

_NOISY, _DEAD, _LEVEL = 5.0, 0.2, 6.0
_ROUNDING = 1 / 12  # variance of rounding to whole numbers, DN²
# False-alarm probability of a flag for one pixel.
_CHANCE = 1e-6
# Telegraph noise: a split into two levels leaves less than this fraction of the variance within
# them. A normal distribution split at its middle leaves 0.36 on average. Tested only with at least
# _ENOUGH groups.
_TWO_LEVELS, _ENOUGH = 0.22, 30


class Bad(IntFlag):
    """Flags of a bad reference pixel."""

    NOISY = 1
    DEAD = 2
    DRIFT = 4
    TELEGRAPH = 8
    LEVEL = 16
    NO_VALUE = 32


#: Definition of each flag.
MEANING = {
    Bad.NOISY: "noise 5 robust standard deviations above its class, p < 1e-6",
    Bad.DEAD: "noise below 0.2 of that of its class, p < 1e-6",
    Bad.DRIFT: "drifts relative to its class within ramps, p < 1e-6",
    Bad.TELEGRAPH: "noisy, with values at two levels",
    Bad.LEVEL: "level 6 robust standard deviations from that of its class",
    Bad.NO_VALUE: "no usable group",
}


@dataclass
class Pixels:
    """Properties of the reference pixels, in the order of `darkroom.nircam.refpix.levels.Regions`.

    Attributes
    ----------
    sigma : (npixels,) array
        Noise of one read relative to the class, DN.
    level : (npixels,) array
        Mean of the first groups above the median of the class, DN.
    slope : (npixels,) array
        Drift relative to the class, DN per group.
    slope_t : (npixels,) array
        Drift over its standard error.
    jump : (npixels,) array
        Largest step between groups relative to the class, DN.
    kurtosis : (npixels,) array
        Excess kurtosis of the residuals.
    bad : (npixels,) int32 array
        Bits of `Bad`.
    """

    sigma: np.ndarray
    level: np.ndarray
    slope: np.ndarray
    slope_t: np.ndarray
    jump: np.ndarray
    kurtosis: np.ndarray
    bad: np.ndarray


def measure(levels: Levels) -> Pixels:
    """Measure every reference pixel relative to its class (edge, amplifier, parity) and flag it.

    Parameters
    ----------
    levels : darkroom.nircam.refpix.levels.Levels
        Measured levels.

    Returns
    -------
    Pixels
    """
    count = levels.regions.y.size
    found = Pixels(*(np.full(count, np.nan) for _ in range(6)), np.zeros(count, np.int32))
    with_value, ngroups = np.ones(count, bool), 0
    classes = [_ClassSums(pixels) for *_, pixels in levels.regions.classes()]
    for ramp in levels.reference:
        with_value &= np.isfinite(ramp).all(axis=0)
        ngroups += len(ramp)
        for one in classes:
            one.add(ramp)
    for one in classes:
        if with_value[one.pixels].any():
            one.fill(found)
            _flag(found, one.pixels, ngroups - 2 * len(levels.reference))
        else:
            found.bad[one.pixels] = Bad.NO_VALUE
    if ngroups >= _ENOUGH:
        _flag_telegraph(found, levels.reference, classes)
    return found


class _ClassSums:
    """Sums over ramps of the pixels of one class, relative to the class."""

    def __init__(self, pixels):
        self.pixels = pixels
        self._ngroups, self._dof, self._nramps = 0, 0, 0
        self._squares = self._fourth = self._slopes = self._level = 0.0
        self._weights, self._jump = 0.0, np.zeros(pixels.size)

    def add(self, ramp):
        """Add a ramp of all pixels."""
        if not np.isfinite(ramp[:, self.pixels]).all(axis=0).any():
            return  # the class has no value
        values = self._relative(ramp)
        residual, slope = line_residuals(values)
        ngroups = len(values)
        lever = ngroups * (ngroups**2 - 1) / 12
        self._squares = self._squares + (residual**2).sum(axis=0)
        self._fourth = self._fourth + (residual**4).sum(axis=0)
        self._slopes, self._weights = self._slopes + lever * slope, self._weights + lever
        self._jump = np.maximum(self._jump, np.abs(np.diff(values, axis=0)).max(axis=0))
        self._level = self._level + ramp[0, self.pixels].astype(np.float64)
        self._ngroups, self._dof = self._ngroups + ngroups, self._dof + ngroups - 2
        self._nramps += 1

    def _relative(self, ramp):
        values = ramp[:, self.pixels].astype(np.float64)
        values -= np.nanmedian(values - values[0], axis=1)[:, None]
        return values

    def residuals(self, ramp, which):
        """Return the residuals of some pixels of the class in a ramp: (ngroups, n), DN."""
        return line_residuals(self._relative(ramp)[:, which])[0]

    def fill(self, found):
        """Fill in the properties of the pixels."""
        pixels, level = self.pixels, self._level / self._nramps
        sigma = np.sqrt(self._squares / self._dof)
        found.sigma[pixels] = sigma
        found.level[pixels] = level - np.nanmedian(level)
        found.slope[pixels] = self._slopes / self._weights
        found.jump[pixels] = self._jump
        with np.errstate(invalid="ignore", divide="ignore"):
            found.slope_t[pixels] = self._slopes / np.sqrt(self._weights) / sigma
            square = self._squares / self._ngroups
            found.kurtosis[pixels] = self._fourth / self._ngroups / square**2 - 3


def _flag_telegraph(found, reference, classes):
    """Flag noisy pixels with values at two levels; in a quiet pixel these are chance."""
    noisy = [np.flatnonzero(found.bad[one.pixels] & Bad.NOISY) for one in classes]
    asked = [(one, which) for one, which in zip(classes, noisy, strict=True) if which.size]
    if not asked:
        return
    residuals = [[one.residuals(ramp, which) for one, which in asked] for ramp in reference]
    for (one, which), parts in zip(asked, zip(*residuals, strict=True), strict=True):
        two = _fraction_within(np.concatenate(parts)) < _TWO_LEVELS
        found.bad[one.pixels[which[two]]] |= Bad.TELEGRAPH


def _fraction_within(residual):
    """Return the fraction of variance within two levels, for the best split of each pixel."""
    ordered = np.sort(residual, axis=0)
    n = len(ordered)
    below = np.cumsum(ordered, axis=0)[:-1]
    count = np.arange(1, n)[:, None]
    total = ordered.sum(axis=0)
    # Variance explained by two means, for every split with at least a tenth on each side.
    explained = below**2 / count + (total - below) ** 2 / (n - count) - total**2 / n
    spread = ((ordered - total / n) ** 2).sum(axis=0)
    margin = n // 10
    with np.errstate(invalid="ignore", divide="ignore"):
        return 1 - explained[margin : n - 1 - margin].max(axis=0) / spread


def _flag(found, pixels, dof):
    """Set the flags of the pixels of one class, but for TELEGRAPH."""
    sigma, level = found.sigma[pixels], found.level[pixels]
    bad = found.bad[pixels]
    middle, spread = _robust(sigma)
    # With few groups the estimate of the noise itself has a large scatter.
    high, low = np.sqrt(
        [special.chdtri(dof, _CHANCE), 2 * special.gammaincinv(dof / 2, _CHANCE)]
        / (2 * special.gammaincinv(dof / 2, 0.5))
    )
    noisy = sigma > max(middle + _NOISY * spread, high * middle)
    bad |= np.where(noisy, Bad.NOISY, 0)
    # Rounded values may lie exactly on a line by chance.
    rounded = np.sqrt(sigma**2 + _ROUNDING)
    bad |= np.where(rounded < min(_DEAD, low) * middle, Bad.DEAD, 0)
    limit = -special.stdtrit(dof, _CHANCE / 2)
    # The error of the slope is at least that of the class: by chance a pixel may look too quiet.
    with np.errstate(invalid="ignore"):
        drift = np.abs(found.slope_t[pixels]) * np.minimum(sigma / middle, 1)
        bad |= np.where(drift > limit, Bad.DRIFT, 0)
    bad |= np.where(np.abs(level) > _LEVEL * _robust(level)[1], Bad.LEVEL, 0)
    bad |= np.where(np.isfinite(sigma), 0, Bad.NO_VALUE)
    found.bad[pixels] = bad


def _robust(values):
    middle = np.nanmedian(values)
    return middle, MAD_TO_STD * np.nanmedian(np.abs(values - middle))
