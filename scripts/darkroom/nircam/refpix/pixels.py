"""Single reference pixels: noise, level, drift, jumps; which of them are bad."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag

import numpy as np
from scipy import stats

from darkroom.nircam.refpix.levels import line_residuals

_MAD_TO_STD = 1.482602218505602
_NOISY, _DEAD, _LEVEL = 5.0, 0.2, 6.0
_ROUNDING = 1 / 12  # DN², of whole numbers
# What chance alone gives to fewer pixels than this share is taken for theirs.
_CHANCE = 1e-6
# Two levels leave this share of the variance within them; a normal distribution cut at its middle
# leaves 0.36 on average. With fewer groups it cannot be told.
_TWO_LEVELS, _ENOUGH = 0.22, 30


class Bad(IntFlag):
    """What is wrong with a reference pixel."""

    NOISY = 1
    DEAD = 2
    DRIFT = 4
    TELEGRAPH = 8
    LEVEL = 16
    NO_VALUE = 32


MEANING = {
    Bad.NOISY: "noise 5 robust deviations above that of its class, p < 1e-6",
    Bad.DEAD: "noise below 0.2 of that of its class, p < 1e-6",
    Bad.DRIFT: "drifts against its class within ramps, p < 1e-6",
    Bad.TELEGRAPH: "noisy, and at one of two levels",
    Bad.LEVEL: "level 6 robust deviations from that of its class",
    Bad.NO_VALUE: "no usable group",
}


@dataclass
class Pixels:
    """Reference pixels one by one, in the order of `darkroom.nircam.refpix.levels.Regions`.

    Attributes
    ----------
    sigma : (npixels,) array
        Noise of one read about its class, DN.
    level : (npixels,) array
        Mean of the first groups above the median of its class, DN.
    slope, slope_t : (npixels,) array
        Drift against its class, DN per group; over its error.
    jump : (npixels,) array
        Largest step between groups against its class, DN.
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


def judge(levels):
    """Judge every reference pixel against its class: edge, amplifier, parity.

    Parameters
    ----------
    levels : darkroom.nircam.refpix.levels.Levels

    Returns
    -------
    Pixels
    """
    count = levels.regions.y.size
    found = Pixels(*(np.full(count, np.nan) for _ in range(6)), np.zeros(count, np.int32))
    with_value = np.all([np.isfinite(ramp).all(axis=0) for ramp in levels.reference], axis=0)
    for *_, pixels in levels.regions.classes():
        if not with_value[pixels].any():
            found.bad[pixels] = Bad.NO_VALUE
            continue
        _measure(levels, pixels, found)
        _flag(found, pixels, sum(len(ramp) - 2 for ramp in levels.reference))
    return found


def _measure(levels, pixels, found):
    residuals, squares, slopes, weights = [], 0.0, 0.0, 0.0
    jump = np.zeros(pixels.size)
    for ramp in levels.reference:
        values = ramp[:, pixels].astype(np.float64)
        values -= np.nanmedian(values - values[0], axis=1)[:, None]
        left, slope = line_residuals(values)
        ngroups = len(values)
        lever = ngroups * (ngroups**2 - 1) / 12
        residuals.append(left)
        squares = squares + (left**2).sum(axis=0)
        slopes, weights = slopes + lever * slope, weights + lever
        jump = np.maximum(jump, np.abs(np.diff(values, axis=0)).max(axis=0))
    dof = sum(len(left) - 2 for left in residuals)
    left = np.concatenate(residuals)
    sigma = np.sqrt(squares / dof)
    level = np.mean([ramp[0, pixels] for ramp in levels.reference], axis=0, dtype=np.float64)
    found.sigma[pixels] = sigma
    found.level[pixels] = level - np.nanmedian(level)
    found.slope[pixels] = slopes / weights
    found.jump[pixels] = jump
    with np.errstate(invalid="ignore", divide="ignore"):
        found.slope_t[pixels] = slopes / np.sqrt(weights) / sigma
        found.kurtosis[pixels] = (left**4).mean(axis=0) / (left**2).mean(axis=0) ** 2 - 3
    if len(left) >= _ENOUGH:
        found.bad[pixels[_share_within(left) < _TWO_LEVELS]] |= Bad.TELEGRAPH


def _share_within(left):
    """Return the share of variance that the best cut into two levels leaves, by pixel."""
    ordered = np.sort(left, axis=0)
    n = len(ordered)
    below = np.cumsum(ordered, axis=0)[:-1]
    count = np.arange(1, n)[:, None]
    total = ordered.sum(axis=0)
    # What the two means explain, for every cut that leaves a tenth on each side.
    explained = below**2 / count + (total - below) ** 2 / (n - count) - total**2 / n
    spread = ((ordered - total / n) ** 2).sum(axis=0)
    margin = n // 10
    with np.errstate(invalid="ignore", divide="ignore"):
        return 1 - explained[margin : n - 1 - margin].max(axis=0) / spread


def _flag(found, pixels, dof):
    sigma, level = found.sigma[pixels], found.level[pixels]
    bad = found.bad[pixels]
    middle, spread = _robust(sigma)
    # With few groups noise scatters so much that chance alone goes far up and down.
    high, low = np.sqrt(
        [stats.chi2.isf(_CHANCE, dof), stats.chi2.ppf(_CHANCE, dof)] / stats.chi2.median(dof)
    )
    noisy = sigma > max(middle + _NOISY * spread, high * middle)
    # Two levels far apart are noise; what looks like two levels in quiet pixels is chance.
    bad &= np.where(noisy, -1, 0)
    bad |= np.where(noisy, Bad.NOISY, 0)
    # Whole numbers may lie on a line by chance.
    rounded = np.sqrt(sigma**2 + _ROUNDING)
    bad |= np.where(rounded < min(_DEAD, low) * middle, Bad.DEAD, 0)
    limit = stats.t.isf(_CHANCE / 2, dof)
    # Nor is a pixel quieter than its class, a dead one apart, which has no drift either.
    with np.errstate(invalid="ignore"):
        drift = np.abs(found.slope_t[pixels]) * np.minimum(sigma / middle, 1)
        bad |= np.where(drift > limit, Bad.DRIFT, 0)
    bad |= np.where(np.abs(level) > _LEVEL * _robust(level)[1], Bad.LEVEL, 0)
    bad |= np.where(np.isfinite(sigma), 0, Bad.NO_VALUE)
    found.bad[pixels] = bad


def _robust(values):
    middle = np.nanmedian(values)
    return middle, _MAD_TO_STD * np.nanmedian(np.abs(values - middle))
