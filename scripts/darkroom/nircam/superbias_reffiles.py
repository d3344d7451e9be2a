"""Superbias as jwst_reffiles 1.0.1 makes it, to the last bit.

The sample of a file is group 0 of its first integration. Every pixel's samples are clipped about
their median and averaged; their standard deviation (n in its denominator) is the error image,
which is the scatter of one read and not the error of the mean. One threshold on the error image,
reference pixels included, flags pixels.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from astropy.stats import sigma_clip

from darkroom.combine import Clip, clip_block
from darkroom.nircam.bands import over_bands
from darkroom.nircam.compiled import kernel

CLIP = Clip("sigma", 3.0, 3)


@dataclass(frozen=True)
class ClippedMean:
    """Clipped mean of a stack with nothing rounded.

    Attributes
    ----------
    mean, std : (ny, nx) float64 arrays
        In the unit of the frames; std has n in its denominator. NaN where nothing is left.
    count : (ny, nx) int16 array
        Values used.
    """

    mean: np.ndarray
    std: np.ndarray
    count: np.ndarray

    def rounded(self):
        """Return the same in float32."""
        return ClippedMean(self.mean.astype(np.float32), self.std.astype(np.float32), self.count)


@dataclass(frozen=True)
class Threshold:
    """Rule that flags pixels of an error image.

    Attributes
    ----------
    clip : Clip
        How the image is clipped before its mean and deviation are taken.
    nsigma : float
        Pixels more than so many deviations above the mean are flagged.
    """

    clip: Clip = CLIP
    nsigma: float = 5.0


def clipped_mean(stack, clip=CLIP, *, narrow=False, threads=1, band_rows=None):
    """Clip and average a stack of frames as astropy and numpy's masked arrays do.

    Parameters
    ----------
    stack : object with nframes, shape and read(rows)
        Frames of float32 values.
    clip : Clip
    narrow : bool
        Sum for the mean in float32, as numpy does for masked arrays of float32.
    threads : int
        Bands worked on at once.
    band_rows : int, optional
        Rows of a band; the result does not depend on it.

    Returns
    -------
    ClippedMean
    """
    ny, nx = stack.shape
    result = ClippedMean(np.empty((ny, nx)), np.empty((ny, nx)), np.empty((ny, nx), np.int16))
    moments = kernel("superbias").moments

    def work(rows):
        values = np.ascontiguousarray(stack.read(rows).reshape(stack.nframes, -1))
        limits = clip_block(values, clip, ("low", "high"))
        images = (image[rows].reshape(-1) for image in (result.mean, result.std, result.count))
        moments(values, limits.low, limits.high, narrow, *images)

    over_bands(work, ny, 8 * nx * stack.nframes, threads, band_rows)
    return result


def find_unreliable(error, rule=Threshold()):
    """Flag pixels of an error image that lie above the rest, and those without a value.

    Parameters
    ----------
    error : (ny, nx) float64 array
    rule : Threshold

    Returns
    -------
    flagged : (ny, nx) bool array
    threshold : float
        In the unit of `error`; NaN when no pixel has a value.
    """
    mean, std = flat_clip(error, rule.clip)
    threshold = mean + rule.nsigma * std
    with np.errstate(invalid="ignore"):
        return ~np.isfinite(error) | (error > threshold), float(threshold)


def flat_clip(image, clip):
    """Return mean and standard deviation of all pixels of an image that survive a clip."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # not finite values are left out, as they should be
        kept = sigma_clip(image, sigma=clip.nsigma, maxiters=clip.iterations)
        mean, std = np.mean(kept), np.std(kept)
    return float(np.ma.filled(mean, np.nan)), float(np.ma.filled(std, np.nan))


def fill_high(bias, reference, rule=Threshold(), box_width=3):
    """Replace pixels far above their neighbours by the median of their surroundings.

    Parameters
    ----------
    bias : (ny, nx) float64 array
        Superbias, DN.
    reference : (ny, nx) bool array
        Reference pixels: what lies outside the box around all others stays as it is.
    rule : Threshold
        On the difference between the image and its running median.
    box_width : int
        Side of the median's box, pixels.

    Returns
    -------
    (ny, nx) float64 array
    """
    from scipy.ndimage import median_filter

    rows, columns = (np.flatnonzero((~reference).any(axis=axis)) for axis in (1, 0))
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    inner = bias[box].copy()
    inner[~np.isfinite(inner)] = np.nanmedian(inner)
    smooth = median_filter(inner, box_width)
    excess = inner - smooth
    mean, std = flat_clip(excess, rule.clip)
    filled = bias.copy()
    high = excess > mean + rule.nsigma * std
    filled[box][high] = smooth[high]
    return filled
