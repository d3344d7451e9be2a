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
from darkroom.wfc3.superdark.pixels import finish, unit_statistics

if TYPE_CHECKING:
    from darkroom.wfc3.superdark.settings import SuperdarkSettings

#: Pixels on which levels, usual noise and rate of cosmic rays are measured.
SAMPLE = 32768
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
    units : dict of (darks, 4) arrays
        Of each dark and amplifier, on a sample of pixels, last read: ``level`` minus that of the
        mean, DN; ``lnvar``, logarithm of the variance over the usual one; ``valid``, share of the
        pixels in which the dark is used; ``twin``, likeness to the dark most like it: 1 for a copy.
    """

    sci: np.ndarray
    err: np.ndarray
    dq: np.ndarray
    count: np.ndarray
    levels: Levels
    factors: np.ndarray
    cut: float
    units: dict[str, np.ndarray]


def combine(
    source: Source, noise: Noise, times: np.ndarray, settings: SuperdarkSettings
) -> Superdark:
    """Combine darks.

    Parameters
    ----------
    source : Source
        At least `darkroom.wfc3.superdark.pixels.MIN_DARKS` darks.
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
    found = Block(sample - offset, noise, some, settings.cut_sigma)
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
        units=unit_statistics(found, noise.amplifier[some].ravel(), factors, levels.offset[:, -1]),
    )
    height = max(1, _BLOCK // nx)
    for first in range(0, ny, height):
        rows = slice(first, first + height)
        block = Block(_pixels(source.rows(rows)) - offset, noise, rows, settings.cut_sigma)
        amplifier = noise.amplifier[rows].ravel()
        planes = finish(block, factors[amplifier], hit, np.asarray(times, float), settings)
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


class Block:
    """Some pixels: steps cut, mean and scatter of each read.

    Parameters
    ----------
    aligned : (pixels, darks, reads) float32 array
        DN since the zeroth read, levels aligned.
    noise : Noise
    rows : slice
        Rows of the pixels.
    limit : float
        Of the test for steps, standard deviations.

    Attributes
    ----------
    keep, whole : (pixels, darks) int16 arrays
        Reads that are used of each ramp, and that could be.
    mean, squares, count : (pixels, reads) float32 arrays
        Mean, squared deviations from it, and number of darks.
    """

    def __init__(self, aligned: np.ndarray, noise: Noise, rows: slice, limit: float) -> None:
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

    def measure(self) -> None:
        """Fill mean, squared deviations and number of darks."""
        self.code.moments(self.aligned, self.keep, self.mean, self.squares, self.count)

    def use_all(self, unstable: np.ndarray) -> None:
        """Use all reads of some pixels."""
        self.keep[unstable] = self.whole[unstable]
        self.measure()

    @property
    def variance(self) -> np.ndarray:
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
