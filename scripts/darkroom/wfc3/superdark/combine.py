"""The superdark of many darks: levels aligned, steps cut, means and errors by pixel and read.

A single dark differs from the others in level by more than the error of the mean, so each is moved
to the common level, read by read, before it is compared with the others; the levels' mean is that
of all darks, and their scatter is given beside the result (`Levels`). It is the same for all pixels
and not part of `Superdark.err`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from scipy import stats

from darkroom.compiled import load_kernel
from darkroom.wfc3.dq import HOT, SATURATED, UNSTABLE, WARM

if TYPE_CHECKING:
    from darkroom.wfc3.superdark.settings import SuperdarkSettings

#: Darks from which a superdark can be made: of two that differ neither can be said to be wrong.
MIN_DARKS = 3
#: Weight of the scatter that all pixels of an amplifier have, in degrees of freedom.
PRIOR_DOF = 20
#: Pixels on which levels, usual noise and rate of cosmic rays are measured.
SAMPLE = 32768
#: Chance that a good pixel is called unstable, for each of the tests.
UNSTABLE_CHANCE = 1e-6
# Scatter beyond that of chance from which a pixel is unstable; the usual noise is known to 1 %.
_UNSTABLE_FACTOR = 1.2
_HOT_SIGMA = 3.0
# Scatter over that of chance below which no pixel is unstable for its scatter alone: chi2 of up to
# 500 degrees of freedom exceeds it by chance more often than the limit allows.
_MUCH = 1.3
# Pixels of a block: a block of 20 darks with 15 reads is 40 MB.
_BLOCK = 32768


class Source(Protocol):
    """The reads of darks.

    Parameters
    ----------
    shape : (darks, reads, rows, columns)
        Reads after the zeroth.
    """

    shape: tuple[int, int, int, int]

    def rows(self, rows: slice) -> np.ndarray:
        """Return (darks, reads, rows, columns) float32, DN since the zeroth read, NaN if unfit."""


@dataclass(frozen=True)
class Noise:
    """What is known of the noise of a pixel.

    Parameters
    ----------
    read_variance : (rows, columns) float32 array
        Variance of one read, DN².
    gain : (rows, columns) float32 array
        e-/DN.
    amplifier : (rows, columns) int8 array
        0 to 3.
    """

    read_variance: np.ndarray
    gain: np.ndarray
    amplifier: np.ndarray


@dataclass(frozen=True)
class Levels:
    """Levels of single darks.

    Parameters
    ----------
    offset : (darks, reads) float64 array
        Level of each dark minus the mean of all, DN.
    scatter, error : (reads,) float64 arrays
        Standard deviation of the levels, and of their mean, DN.
    """

    offset: np.ndarray
    scatter: np.ndarray
    error: np.ndarray


@dataclass(frozen=True)
class Superdark:
    """A superdark, reads in time order after the zeroth.

    Parameters
    ----------
    sci, err : (reads, rows, columns) float32 arrays
        DN.
    dq : (reads, rows, columns) int16 array
    count : (reads, rows, columns) float32 array
        Number of darks in the mean.
    levels : Levels
    factors : (4, reads) float64 array
        Variance found in the darks over that of read noise and Poisson noise, by amplifier.
    cut : float
        Fraction of ramps that are cut in a pixel.
    """

    sci: np.ndarray
    err: np.ndarray
    dq: np.ndarray
    count: np.ndarray
    levels: Levels
    factors: np.ndarray
    cut: float


def combine(
    source: Source, noise: Noise, times: np.ndarray, settings: SuperdarkSettings
) -> Superdark:
    """Combine darks.

    Parameters
    ----------
    source : Source
        At least `MIN_DARKS` darks.
    noise : Noise
    times : (reads,) array
        Seconds since the zeroth read.
    settings : SuperdarkSettings

    Returns
    -------
    Superdark
    """
    darks, reads, ny, nx = source.shape
    step = max(1, ny * nx // SAMPLE)
    some = slice(step // 2, None, step)
    sample = _pixels(source.rows(some))
    levels = _levels(sample)
    offset = levels.offset.astype(np.float32)
    found = _Block(sample - offset, noise, some, settings.cut_sigma)
    number = (found.keep < found.whole).sum(axis=1)
    usual = number < darks / 2
    hit = float(number[usual].mean() / darks) if usual.any() else 0.0
    factors = _factors(found, noise.amplifier[some].ravel(), darks)
    out = Superdark(
        sci=np.empty((reads, ny, nx), np.float32),
        err=np.empty((reads, ny, nx), np.float32),
        dq=np.zeros((reads, ny, nx), np.int16),
        count=np.empty((reads, ny, nx), np.float32),
        levels=levels,
        factors=factors,
        cut=hit,
    )
    height = max(1, _BLOCK // nx)
    for first in range(0, ny, height):
        rows = slice(first, first + height)
        block = _Block(_pixels(source.rows(rows)) - offset, noise, rows, settings.cut_sigma)
        amplifier = noise.amplifier[rows].ravel()
        planes = _finish(block, factors[amplifier], hit, np.asarray(times, float), settings)
        for target, plane in zip((out.sci, out.err, out.dq, out.count), planes, strict=True):
            target[:, rows] = plane.T.reshape(reads, -1, nx)
    return out


def _pixels(cube):
    """Return (darks, reads, rows, columns) as (pixels, darks, reads)."""
    return np.ascontiguousarray(cube.reshape(*cube.shape[:2], -1).transpose(2, 0, 1))


def _levels(sample):
    """Measure the level of each dark in each read on a sample of pixels.

    Levels are differences between darks in the same pixels: what all have in common, such as the
    share of pixels hit by cosmic rays, cancels.
    """
    code = load_kernel("darkroom.wfc3.superdark.kernel")
    darks, reads = sample.shape[1:]
    offset = np.nanmedian(sample, axis=0).astype(float)
    offset -= offset.mean(axis=0)
    keep = np.empty(sample.shape[:2], np.int16)
    centre = np.empty((len(sample), reads), np.float32)
    for _ in range(2):
        aligned = sample - offset.astype(np.float32)
        code.whole(aligned, keep)
        code.medians(aligned, keep, centre)
        aligned -= centre[:, None, :]
        offset += np.nanmedian(aligned, axis=0)
        offset -= offset.mean(axis=0)
    scatter = offset.std(axis=0, ddof=1)
    return Levels(offset, scatter, scatter / np.sqrt(darks))


class _Block:
    """Some pixels: steps cut, mean and scatter of each read."""

    def __init__(self, aligned, noise, rows, limit):
        self.code = load_kernel("darkroom.wfc3.superdark.kernel")
        pixels, darks, reads = aligned.shape
        self.aligned = aligned
        self.read_variance = np.ascontiguousarray(noise.read_variance[rows]).ravel()
        self.gain = np.ascontiguousarray(noise.gain[rows]).ravel()
        shape = pixels, reads
        self.mean, self.squares, self.count = (np.empty(shape, np.float32) for _ in range(3))
        self.keep = np.empty((pixels, darks), np.int16)
        shares = step_shares(reads)
        self.code.whole(aligned, self.keep)
        self.whole = self.keep.copy()
        self.code.medians(aligned, self.keep, self.mean)
        self.count[:] = darks
        for alike in (0.0, 1.0):
            self.code.cut(
                aligned, self.keep, self.mean, self.count, self.read_variance, self.gain, shares,
                limit, alike,
            )  # fmt: skip
            self.measure()

    def measure(self):
        """Fill mean, squared deviations and number of darks."""
        self.code.moments(self.aligned, self.keep, self.mean, self.squares, self.count)

    def use_all(self, unstable):
        """Use all reads of some pixels."""
        self.keep[unstable] = self.whole[unstable]
        self.measure()

    @property
    def variance(self):
        """Variance of a read of one dark by read noise and dark current, DN²."""
        charge = np.maximum(np.nan_to_num(self.mean), 0) / self.gain[:, None]
        return 2 * self.read_variance[:, None] + charge


def step_shares(reads: int) -> np.ndarray:
    """Return the squared weight of each interval in a step, see `kernel.cut`.

    Parameters
    ----------
    reads : int
        Reads after the zeroth.

    Returns
    -------
    (reads + 1, reads + 1, reads) float64 array
        By number of reads used, read of the step, and interval.
    """
    shares = np.zeros((reads + 1, reads + 1, reads))
    for length in range(1, reads + 1):
        for j in range(1, length + 1):
            m = np.arange(1, length + 1)
            after = (length - np.maximum(m, j) + 1) / (length + 1 - j)
            shares[length, j, :length] = (after - np.maximum(j - m, 0) / j) ** 2
    return shares


def _factors(block, amplifier, darks):
    """Return by which factor the variance exceeds that of the noise model, by amplifier and read.

    Of the variances in pixels whose darks are all used the median is compared with that of chi2.
    """
    factors = np.ones((4, block.mean.shape[1]))
    usual = stats.chi2.median(darks - 1)
    ratio = block.squares / block.variance
    complete = block.count == darks
    for number in range(4):
        own = amplifier == number
        for k in range(factors.shape[1]):
            values = ratio[own & complete[:, k], k]
            if values.size:
                factors[number, k] = np.median(values) / usual
    return factors


def _finish(block, factors, hit, times, settings):
    """Return SCI, ERR, DQ and number of darks of a block, (pixels, reads) each."""
    reads = times.size
    unstable = _unstable(block, factors, hit)
    if unstable.any():
        block.use_all(unstable)
    usual = factors * block.variance
    dof = np.maximum(block.count - 1, 1)
    pooled = (PRIOR_DOF * usual + block.squares) / (PRIOR_DOF + dof)
    own = np.maximum(block.squares / dof, usual)
    variance = np.where(unstable[:, None], own, pooled)
    sci, err = block.mean, np.sqrt(variance / np.maximum(block.count, 1))
    flags = np.where(unstable, UNSTABLE, 0)[:, None] * np.ones(reads, int)
    _extend(sci, err, flags, block.count, times)
    rate = sci[:, -1] * block.gain / times[-1]
    error = err[:, -1] * block.gain / times[-1]
    hot = (rate > settings.hot) & (rate - settings.hot > _HOT_SIGMA * error)
    hot |= (flags[:, -1] & SATURATED) != 0
    flags[hot] |= HOT
    if settings.warm is not None:
        warm = (rate > settings.warm) & (rate - settings.warm > _HOT_SIGMA * error) & ~hot
        flags[warm] |= WARM
    return sci, err, flags.astype(np.int16), block.count


def _unstable(block, factors, hit):
    """Tell which pixels differ from dark to dark by more than their noise.

    Two chances are multiplied (Fisher's method): that of so much scatter among the reads that are
    used, and that of cosmic rays in so many darks; an unstable pixel has some of both. So is a
    pixel of which no dark is left in a read.
    """
    darks, reads = block.whole.shape[1], block.count.shape[1]
    cut = (block.keep < block.whole).sum(axis=1)
    scatter = np.where(block.count >= MIN_DARKS, block.squares / (factors * block.variance), 0)
    scatter /= _UNSTABLE_FACTOR
    dof = np.maximum(block.count - 1, 1)
    chance = stats.binom.sf(np.arange(-1, darks), darks, hit)[cut]
    seen = ((scatter / dof).max(axis=1) > 1) & (chance < 1)
    seen |= (scatter / dof).max(axis=1) > _MUCH
    smallest = stats.chi2.sf(scatter[seen], dof[seen]).min(axis=1)
    chance[seen] *= np.minimum(smallest * reads, 1)
    known = block.whole.max(axis=1)[:, None] > np.arange(reads)
    # Of a product x of two chances the chance to be smaller is x (1 - ln x).
    small = np.maximum(chance, 1e-300)
    small *= 1 - np.log(small)
    return (small < UNSTABLE_CHANCE) | ((block.count == 0) & known).any(axis=1)


def _extend(sci, err, flags, count, times):
    """Fill the reads in which a pixel is saturated in all darks, and flag them."""
    lost = count == 0
    for p in np.flatnonzero(lost.any(axis=1)):
        n = int(np.argmax(lost[p]))
        later = times[n:] / times[n - 1] if n else np.zeros(times.size)
        sci[p, n:] = sci[p, n - 1] * later if n else 0
        err[p, n:] = err[p, n - 1] * later if n else 0
        flags[p, n:] |= SATURATED
