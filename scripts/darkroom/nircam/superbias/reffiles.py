"""Superbias as jwst_reffiles 1.0.1 makes it, to the last bit.

The sample of a file is group 0 of its first integration. Every pixel's samples are clipped about
their median and averaged; their standard deviation (n in its denominator) is the error image,
which is the scatter of one read and not the error of the mean. One threshold on the error image,
reference pixels included, flags pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from darkroom.combine import Clip, combine_stack
from darkroom.nircam.superbias.settings import SuperbiasSettings

CLIP = Clip("sigma", 3.0, 3)
# Values whose percentiles say where the median of an image is to be looked for.
_SAMPLE = 10_000


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


def clipped_mean(stack, clip=CLIP, *, threads=1):
    """Clip and average a stack of frames.

    Parameters
    ----------
    stack : object with nframes, shape and read(rows)
        Frames of float32 values.
    clip : Clip
    threads : int
        Bands worked on at once.

    Returns
    -------
    darkroom.combine.Combined
        With mean64 and std064 (n in its denominator): nothing is rounded yet.
    """
    return combine_stack(stack, clip, threads=threads, outputs=("mean64", "std064"))


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
    """Return mean and standard deviation of all pixels of an image that survive a clip.

    Bit for bit those of ``astropy.stats.sigma_clip`` with its masked mean and deviation, at half
    the cost.
    """
    values = image[np.isfinite(image)]
    if not values.size:
        return np.nan, np.nan
    low, high = -np.inf, np.inf
    for _ in range(clip.iterations):
        centre, reach = _median(values), clip.nsigma * values.std()
        low, high = max(low, centre - reach), min(high, centre + reach)
        kept = values[(values >= low) & (values <= high)]
        if kept.size == values.size:
            break
        values = kept
    # Of the image as a whole, which decides in what order numbers are added.
    inside = (image >= low) & (image <= high)
    number = np.count_nonzero(inside)
    mean = np.where(inside, image, 0.0).sum() / number
    deviation = np.where(inside, image, mean) - mean
    return float(mean), float(np.sqrt((deviation * deviation).sum() / number))


def _median(values):
    """Return the median, looked for among the values between two percentiles of a sample."""
    sample = values[:: max(1, values.size // _SAMPLE)]
    low, high = np.percentile(sample, (45, 55))
    near = values[(values >= low) & (values <= high)]
    below = np.count_nonzero(values < low)
    middle = (values.size - 1) // 2 - below, values.size // 2 - below
    if middle[0] < 0 or middle[1] >= near.size:
        return np.median(values)
    return np.mean(np.partition(near, middle)[list(middle)])


def fill_high(bias, reference, rule=Threshold(), box_width=SuperbiasSettings.box_width):
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
