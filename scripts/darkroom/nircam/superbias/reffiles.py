"""Superbias of jwst_reffiles 1.0.1, reproduced to the last bit.

The sample of a file is group 0 of its first integration. The samples of every pixel are clipped
about their median and averaged. Their standard deviation (n in its denominator) is the error image;
it is the scatter of one read and not the error of the mean. Pixels above a single threshold on the
error image, which is derived with reference pixels included, are flagged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from darkroom.combine import Clip, combine_stack
from darkroom.nircam.superbias.settings import SuperbiasSettings

if TYPE_CHECKING:
    from darkroom.combine import Combined
    from darkroom.nircam.ramps.ramps import SampleStack

CLIP = Clip("sigma", 3.0, 3)
# Size of the sample whose percentiles bracket the median of an image.
_SAMPLE = 10_000


@dataclass(frozen=True)
class Threshold:
    """Rule that flags pixels of an error image.

    Attributes
    ----------
    clip : Clip
        Clip of the image, before its mean and standard deviation are computed.
    nsigma : float
        Pixels more than this many standard deviations above the mean are flagged.
    """

    clip: Clip = CLIP
    nsigma: float = 5.0


def clipped_mean(stack: SampleStack, clip: Clip = CLIP, *, threads: int = 1) -> Combined:
    """Clip and average a stack of frames.

    Parameters
    ----------
    stack : GroupStack
        Frames of float32 values, DN.
    clip : Clip
    threads : int
        Bands worked on at once.

    Returns
    -------
    darkroom.combine.Combined
        With mean64 and std064 (n in its denominator), both float64, DN.
    """
    return combine_stack(stack, clip, threads=threads, outputs=("mean64", "std064"))


def find_unreliable(error: np.ndarray, rule: Threshold = Threshold()) -> tuple[np.ndarray, float]:
    """Flag pixels whose error is above a threshold, or that have no value.

    Parameters
    ----------
    error : (ny, nx) float64 array
        Error image, DN.
    rule : Threshold

    Returns
    -------
    flagged : (ny, nx) bool array
    threshold : float
        DN; NaN when no pixel has a value.
    """
    mean, std = flat_clip(error, rule.clip)
    threshold = mean + rule.nsigma * std
    with np.errstate(invalid="ignore"):
        return ~np.isfinite(error) | (error > threshold), float(threshold)


def flat_clip(image: np.ndarray, clip: Clip) -> tuple[float, float]:
    """Return mean and standard deviation over the pixels of an image after sigma clipping.

    The values are those of ``astropy.stats.sigma_clip`` with masked mean and deviation to the last
    bit, at half the cost.
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
    # Summed over the whole image: the order of the additions determines the last bits.
    inside = (image >= low) & (image <= high)
    number = np.count_nonzero(inside)
    mean = np.where(inside, image, 0.0).sum() / number
    deviation = np.where(inside, image, mean) - mean
    return float(mean), float(np.sqrt((deviation * deviation).sum() / number))


def _median(values):
    """Return the median, searched for between two percentiles of a sample of the values."""
    sample = values[:: max(1, values.size // _SAMPLE)]
    low, high = np.percentile(sample, (45, 55))
    near = values[(values >= low) & (values <= high)]
    below = np.count_nonzero(values < low)
    middle = (values.size - 1) // 2 - below, values.size // 2 - below
    if middle[0] < 0 or middle[1] >= near.size:
        return np.median(values)
    return np.mean(np.partition(near, middle)[list(middle)])


def rule_of(settings: SuperbiasSettings) -> Threshold:
    """Return the rule by which pixels are flagged and `fill_high` fills."""
    clip = Clip("sigma", settings.bad_clipping_sigma, settings.bad_max_clipping_iters)
    return Threshold(clip, settings.bad_sigma_threshold)


def fill_high(
    bias: np.ndarray,
    reference: np.ndarray,
    rule: Threshold = Threshold(),
    box_width: int = SuperbiasSettings.box_width,
) -> np.ndarray:
    """Replace pixels far above their neighbours by the median of their surroundings.

    Parameters
    ----------
    bias : (ny, nx) float64 array
        Superbias, DN.
    reference : (ny, nx) bool array
        Reference pixels. Only pixels within the bounding box of all other pixels are replaced.
    rule : Threshold
        Applied to the difference between the image and its running median.
    box_width : int
        Side of the box of the running median, pixels.

    Returns
    -------
    (ny, nx) float64 array
        DN.
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
