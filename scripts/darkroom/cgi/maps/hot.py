"""Hot pixels, whose extra charge increases their noise.

The variance of a sample is V + g² E² (excess of C + t D), with the pooled variance V and the excess
noise factor E of the register: for a hot pixel it can be a thousand times V. A pixel is treated as
hot only when its excess is larger than noise makes in a normal pixel. The sum of a few amplified
electrons has a long tail: if its upper end were called hot, it would be missing in the statistics
of the normal pixels, and their fit would be biased. The limit is therefore a quantile of a gamma
distribution with the variance and the skewness of the estimate.
"""

from __future__ import annotations

import numpy as np

from darkroom.cgi.maps.pooling import gamma_limit

#: Bits of the flags: excess of clock-induced charge, of dark current.
CIC, DARK = 1, 2


def excess_limits(
    weights_matrix: np.ndarray,
    variance: np.ndarray,
    gain: np.ndarray,
    enf2: np.ndarray,
    exptime: np.ndarray,
    count: np.ndarray,
    base: np.ndarray,
) -> np.ndarray:
    """Return the excess of C and of D above which a pixel is hot [standard errors].

    Parameters
    ----------
    weights_matrix : (3, M) array
        The linear estimator of a normal pixel: parameters = matrix @ means.
    variance : (M,) array
        Pooled variance of a sample [e-²].
    gain, enf2, exptime : (M,) arrays
        EM gain, squared excess-noise factor, exposure time [s].
    count : (M,) array
        Samples of a normal pixel.
    base : (3,) array
        F [e-], C [e-] and D [e-/s] of a normal pixel.

    Returns
    -------
    (2,) array
        For C and D.
    """
    # With hardly any charge, noise may make the parameters negative: the variance in excess of that
    # of the quietest stack also measures the electrons.
    implied = (variance - variance.min()) / (gain**2 * enf2)
    electrons = np.maximum(base[1] + exptime * base[2], implied)
    # Second and third cumulant of a Poisson number of exponentially amplified electrons.
    charge, third = gain**2 * enf2 * electrons / count, 6 * gain**3 * electrons / count**2
    found = []
    for row in weights_matrix[1:]:
        sigma2 = (row**2 * variance / count).sum()
        # Charge in stacks with a negative weight cannot cause an excess, but contributes to sigma.
        upward = np.maximum(row, 0)
        bright2 = (upward**2 * charge).sum()
        skewed = (upward**3 * third).sum()
        tail = gamma_limit(np.sqrt(bright2), skewed) if bright2 > 0 else 0.0
        rest2 = max(sigma2 - bright2, 0)
        found.append(np.sqrt((tail**2 + gamma_limit(1.0, 0.0) ** 2 * rest2) / sigma2))
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
