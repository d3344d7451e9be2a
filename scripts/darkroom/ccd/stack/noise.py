"""Noise from the scatter of many pixels over few frames."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from darkroom import order
from darkroom.ccd import distributions
from darkroom.combine.bias import c4, clipped_std_factor_mean, clipped_std_factor_rms

if TYPE_CHECKING:
    from darkroom.combine import Clip

# Probability that a pixel of normal noise is left out of a pooled variance.
_TAIL = 1e-7
# Blocks of rows whose scatter gives the error of a pooled variance.
_BLOCKS = 64


@dataclass(frozen=True)
class PooledVariance:
    """A variance pooled over the pixels of an image.

    Attributes
    ----------
    variance, variance_error : float
        The variance, and its standard error from the scatter between blocks of rows, which
        includes noise common to a row and similar noise of neighbouring pixels.
    used : float
        Fraction of the pixels used.
    """

    variance: float
    variance_error: float
    used: float

    @property
    def std(self) -> float:
        """Square root of the variance."""
        return float(np.sqrt(max(self.variance, 0.0)))

    @property
    def error(self) -> float:
        """Standard error of `std`."""
        return self.variance_error / (2 * self.std) if self.std else np.nan


def pooled(std: np.ndarray, count: np.ndarray, good: np.ndarray | None = None) -> PooledVariance:
    """Pool the variances of many pixels, without those too large for normal noise.

    Parameters
    ----------
    std : (ny, nx) array
        Standard deviation in time, count - 1 in its denominator.
    count : (ny, nx) array
        Samples in each.
    good : (ny, nx) bool array, optional
        Pixels to use.

    Returns
    -------
    PooledVariance
        The plain mean of the variances, which is what `clip_variance_factor` is for. A pixel is
        left out when its variance is one that normal noise reaches once in 10^7 cases: the good
        ones stay, and so there is no bias.
    """
    freedom = np.asarray(count) - 1
    variance = np.asarray(std, np.float32) ** 2
    usable = np.isfinite(variance) & (freedom > 0)
    if good is not None:
        usable &= good
    if not usable.any():
        return PooledVariance(np.nan, np.nan, 0.0)
    numbers = np.arange(1, freedom.max() + 1)
    median = np.append(1.0, distributions.chi2_median(numbers) / numbers).astype(np.float32)
    limit = np.append(0.0, distributions.chi2_above(_TAIL, numbers) / numbers).astype(np.float32)
    limit = limit[np.maximum(freedom, 0)]
    value = float(order.median(variance[usable] / median[freedom[usable]]))
    for _ in range(2):
        kept = usable & (variance <= value * limit)
        value = float(variance[kept].mean(dtype=np.float64))
    error = _block_error(np.where(kept, variance - np.float32(value), 0), kept.sum())
    return PooledVariance(float(value), error, float(kept.mean()))


def _block_error(deviations, number):
    """Return the standard error of a mean, from the scatter between blocks of rows."""
    nblocks = min(_BLOCKS, len(deviations))
    if nblocks < 2:
        return np.nan
    blocks = np.array_split(deviations, nblocks)
    squares = np.square([block.sum(dtype=np.float64) for block in blocks]).sum()
    return float(np.sqrt(squares * nblocks / (nblocks - 1)) / number)


def correct_std(
    std: np.ndarray, count: np.ndarray, clip: Clip, nframes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the unbiased standard deviation and its standard error.

    Parameters
    ----------
    std : array
        Standard deviation with count - 1 in its denominator, after `clip`.
    count : array of int
        Samples used for each.
    clip : Clip
        The clip that was applied. Its floor, if any, is taken as the true standard deviation.
    nframes : int
        Frames in the stack.

    Returns
    -------
    corrected, error : float32 arrays
        NaN where count < 2. The error is that of normal noise, σ sqrt(1 - c4²) / c4.

    Notes
    -----
    The mean of s over many pixels is c4(n) σ: 0.9727 σ for 10 samples, 0.9911 σ for 29. The
    further reduction by the clip is corrected with the factor of `darkroom.combine.bias`.
    """
    count = np.asarray(count)
    factor = c4(np.arange(max(int(count.max(initial=1)), 1) + 1))[count]
    corrected = std / factor
    if nframes > 1 and clip.method != "none":
        corrected = corrected * (
            c4(nframes) / clipped_std_factor_mean(nframes, _in_deviations(clip)).value
        )
    error = corrected * np.sqrt(1 - factor**2) / factor
    return corrected.astype(np.float32), error.astype(np.float32)


def clip_variance_factor(clip: Clip, nframes: int) -> float:
    """Return the mean variance after a clip in units of the true one, for normal noise."""
    if nframes < 2 or clip.method == "none":
        return 1.0
    return clipped_std_factor_rms(nframes, _in_deviations(clip)).value ** 2


def _in_deviations(clip):
    return replace(clip, floor=1.0) if clip.floor > 0 else clip
