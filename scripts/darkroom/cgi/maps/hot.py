"""Hot pixels, whose extra charge increases their noise.

The variance of a sample is V + g² E² (excess of C + t D), with the pooled variance V and the excess
noise factor E of the register: for a hot pixel it can be a thousand times V. A pixel is treated as
hot only when its excess is larger than noise makes in a normal pixel. The sum of a few amplified
electrons has a long tail: if its upper end were called hot, it would be missing in the statistics
of the normal pixels, and their fit would be biased. The limit is therefore a quantile of a gamma
distribution with the variance and the skewness of the estimate.

`darkroom.cgi.maps.hot_search` finds hot pixels, `darkroom.cgi.maps.hot_fit` fits them.
"""

from __future__ import annotations

import numpy as np

from darkroom.cgi.maps.pooling import gamma_limit

#: Bits of the flags: excess of clock-induced charge, of dark current.
CIC, DARK = 1, 2
# Fraction of a variance that is as good as none.
_TINY = 1e-12


def excess_limits(
    rows: np.ndarray,
    variance: np.ndarray,
    gain: np.ndarray,
    enf2: np.ndarray,
    exptime: np.ndarray,
    count: np.ndarray,
    base: np.ndarray,
    false_alarms: float,
) -> np.ndarray:
    """Return the excess of C or D that noise alone makes with a small probability.

    Parameters
    ----------
    rows : (2, M, ...) or (1, M, ...) array
        Linear estimators of C, of D or of both: estimate = row @ means.
    variance : (M, ...) array
        Variance of a sample [e-²].
    gain, enf2, exptime : (M,) arrays
        EM gain, squared excess-noise factor, exposure time [s].
    count : (M, ...) array
        Samples of the pixel.
    base : (3, ...) array
        F [e-], C [e-] and D [e-/s] of the pixel.
    false_alarms : float
        Probability that noise makes more, at most 1e-3.

    Returns
    -------
    (2, ...) or (1, ...) array [standard errors]
        One for each row.
    """
    gain, enf2, exptime = (
        values.reshape(-1, *(1,) * (variance.ndim - 1)) for values in (gain, enf2, exptime)
    )
    # With hardly any charge, noise may make the parameters negative: the variance in excess of that
    # of the quietest stack also measures the electrons.
    implied = (variance - variance.min(axis=0)) / (gain**2 * enf2)
    electrons = np.maximum(base[1] + exptime * base[2], implied)
    # Second and third cumulant of a Poisson number of exponentially amplified electrons.
    charge, third = gain**2 * enf2 * electrons / count, 6 * gain**3 * electrons / count**2
    found = []
    for row in rows:
        sigma2 = (row**2 * variance / count).sum(axis=0)
        # Charge in stacks with a negative weight cannot cause an excess, but contributes to sigma.
        upward = np.maximum(row, 0)
        bright2 = np.maximum((upward**2 * charge).sum(axis=0), _TINY * sigma2)
        tail = gamma_limit(np.sqrt(bright2), (upward**3 * third).sum(axis=0), false_alarms)
        rest = gamma_limit(1.0, 0.0, false_alarms) ** 2 * np.maximum(sigma2 - bright2, 0)
        found.append(np.sqrt((tail**2 + rest) / sigma2))
    return np.array(found)


def hot_variance(
    pooled: np.ndarray,
    gain: np.ndarray,
    enf2: np.ndarray,
    exptime: np.ndarray,
    excess: np.ndarray,
    flags: np.ndarray,
) -> np.ndarray:
    """Return the variance of a sample of hot pixels [e-²].

    Parameters
    ----------
    pooled : (M, nhot) array
        Pooled variance of the population of each pixel [e-²].
    gain, enf2, exptime : (M,) arrays
        EM gain, squared excess-noise factor, exposure time [s].
    excess : (3, nhot) array
        Parameters minus those of a normal pixel.
    flags : (nhot,) uint8 array
        `CIC`, `DARK` or both: which excess increases the variance.

    Returns
    -------
    (M, nhot) array
    """
    cic = np.where(flags & CIC, np.maximum(excess[1], 0), 0)
    dark = np.where(flags & DARK, np.maximum(excess[2], 0), 0)
    electrons = cic + exptime[:, None] * dark
    return pooled + (gain**2 * enf2)[:, None] * electrons
