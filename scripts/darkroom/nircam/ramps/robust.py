"""Robust estimates of scatter."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from darkroom import order
from darkroom.nircam.ramps import medians

#: Standard deviation of a normal distribution over its median absolute deviation (MAD).
MAD_TO_STD = 1.482602218505602
_NSIGMA = 4.0
#: Standard deviation of a normal distribution truncated at ± _NSIGMA, over the full one's.
TRUNCATED_STD = math.sqrt(
    1
    - 2
    * _NSIGMA
    * math.exp(-(_NSIGMA**2) / 2)
    / math.sqrt(2 * math.pi)
    / math.erf(_NSIGMA / math.sqrt(2))
)


def median(values: np.ndarray) -> Any:
    """Return the median of finite values, at least one: number and type are those of numpy."""
    return order.median(values) if values.dtype.kind == "f" else medians.median(values)


def mad_deviation(values: np.ndarray) -> float:
    """Return 1.4826 times the median absolute deviation of finite values, NaN for none."""
    if not values.size:
        return math.nan
    return float(MAD_TO_STD * median(np.abs(values - median(values))))


def robust_upper_limit(values: np.ndarray, nsigma: float) -> float:
    """Return median + nsigma × 1.4826 MAD of finite values, NaN for none."""
    if not values.size:
        return math.nan
    return float(median(values) + nsigma * mad_deviation(values))


def clip_range(values: np.ndarray) -> tuple[float, float]:
    """Return the median of finite values, and the distance from it beyond which are outliers.

    The distance is 4 × 1.4826 MAD. The MAD of integers of small scatter is quantised: use it to
    reject outliers, and take the scatter itself as the standard deviation of the other values.
    """
    middle = median(values)
    return middle, _NSIGMA * MAD_TO_STD * median(np.abs(values - middle))


def clipped_deviation(values: np.ndarray) -> float:
    """Return the standard deviation of finite values without outliers, NaN for fewer than two.

    It is corrected for the part of a normal distribution that the clip removes.
    """
    if values.size < 2:
        return math.nan
    middle, reach = clip_range(values)
    kept = values[np.abs(values - middle) <= reach]
    return float(kept.std(ddof=1, dtype=np.float64)) / TRUNCATED_STD
