"""Robust scatter of many values."""

from __future__ import annotations

import math

import numpy as np

#: Standard deviation of a normal distribution per MAD.
MAD_TO_STD = 1.482602218505602
_NSIGMA = 4.0
#: Standard deviation of a normal distribution cut at ± _NSIGMA, over that of the whole.
CUT = math.sqrt(
    1
    - 2
    * _NSIGMA
    * math.exp(-(_NSIGMA**2) / 2)
    / math.sqrt(2 * math.pi)
    / math.erf(_NSIGMA / math.sqrt(2))
)


def mad_deviation(values):
    """Return 1.4826 times the median absolute deviation of finite values, NaN for none."""
    if not values.size:
        return math.nan
    return float(MAD_TO_STD * np.median(np.abs(values - np.median(values))))


def far_above(values, nsigma):
    """Return the median of finite values plus so many robust deviations, NaN for none."""
    if not values.size:
        return math.nan
    return float(np.median(values) + nsigma * mad_deviation(values))


def middle_part(values):
    """Return the median of finite values, and how far from it values belong to the middle part.

    Four robust deviations; what lies farther is outliers. Whole numbers of little scatter have a
    coarse MAD, which is why the scatter itself is better taken from the middle part.
    """
    middle = np.median(values)
    return middle, _NSIGMA * MAD_TO_STD * np.median(np.abs(values - middle))


def clipped_deviation(values):
    """Return the standard deviation of finite values, outliers left out, NaN for fewer than two.

    Corrected for what the cut takes off a normal distribution.
    """
    if values.size < 2:
        return math.nan
    middle, reach = middle_part(values)
    kept = values[np.abs(values - middle) <= reach]
    return float(kept.std(ddof=1, dtype=np.float64)) / CUT
