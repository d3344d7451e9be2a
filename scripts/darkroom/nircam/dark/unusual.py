"""Pixels whose dark current or noise is unusual: hot, warm, noisy, unstable."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from darkroom.nircam.ramps.robust import robust_upper_limit

if TYPE_CHECKING:
    from darkroom.nircam.dark.measure import DarkRates
    from darkroom.nircam.ramps.classes import Classes

#: Chance of a false alarm of a single pixel.
CHANCE = 1e-6
#: Significance that a hot pixel is above its limit, standard errors.
HOT_SIGMA = 3.0
#: Robust deviations beyond which read noise is high.
NOISY_SIGMA = 5.0
#: Excess of the limit of UNSTABLE over that of chi2: the scatter f of an amplifier is not exact.
UNSTABLE_EXCESS = 1.2
_ROWS = 64


def hot(found: DarkRates, limit: float) -> np.ndarray:
    """Return which pixels are hot: above the limit (e-/s), and significantly so."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return (found.rate > limit) & ((found.rate - limit) / found.error > HOT_SIGMA)


def warm(found: DarkRates, classes: Classes, limit: float) -> np.ndarray:
    """Return which pixels are above the limit (e-/s), and significantly above usual ones."""
    from darkroom.nircam.dark.measure import PRIOR

    usual = np.array([one.rate for one in found.usual], np.float32)[classes.amplifier]
    free = PRIOR + np.maximum(found.nint - 1, 0)
    reach = -special.stdtrit(np.arange(free.max() + 1).clip(1), CHANCE)[free]
    with np.errstate(invalid="ignore", divide="ignore"):
        return (found.rate > limit) & ((found.rate - usual) / found.error > reach)


def noisy(found: DarkRates, classes: Classes) -> np.ndarray:
    """Return which pixels have far more read noise than usual ones of their amplifier."""
    result = np.zeros(found.noise.shape, bool)
    for a in range(classes.noutputs):
        columns = classes.amplifier == a
        values = found.noise[:, columns]
        good = values[classes.usable[:, columns] & np.isfinite(values)]
        if good.size:
            with np.errstate(invalid="ignore"):
                result[:, columns] = values > robust_upper_limit(good, NOISY_SIGMA)
    return result


def unstable(found: DarkRates, classes: Classes) -> np.ndarray:
    """Return which pixels change their rate from one integration to the next.

    Of pixels with high read noise as much more scatter is expected as it exceeds the usual one.
    """
    read = np.sqrt([one.read for one in found.usual]).astype(np.float32)[classes.amplifier]
    excess = np.where(noisy(found, classes), found.noise / read, np.float32(1)) ** 2
    limits = UNSTABLE_EXCESS * special.chdtri(np.arange(found.nint.max() + 1).clip(1), CHANCE)
    result = np.zeros(found.chi2.shape, bool)
    for y in range(0, len(result), _ROWS):  # in bands: these are numbers of double precision
        rows = slice(y, y + _ROWS)
        free = np.maximum(found.nint[rows] - 1, 0)
        with np.errstate(invalid="ignore", divide="ignore"):
            beyond = free * found.chi2[rows] / excess[rows] > limits[free]
        result[rows] = (free >= 2) & beyond
    return result
