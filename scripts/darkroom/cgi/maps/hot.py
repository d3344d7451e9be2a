"""Pixels with more charge than their neighbours, whose noise is their own.

The variance of a sample is V + g² E² (excess of C + t D), V being the pooled one and E the excess
noise of the register: for a hot pixel it can be a thousand times the pooled one. A pixel is treated
so only when its excess is beyond what the noise of a normal pixel gives: the sum of few amplified
electrons has a long tail, and calling its upper end hot would take it out of the normal pixels'
statistics and bias their fit. The limit is a quantile of a gamma distribution with the variance
and the skewness of the estimate.
"""

from __future__ import annotations

import numpy as np

from darkroom.cgi.maps.pooling import gamma_limit

#: Bits of the flags.
CIC, DARK = 1, 2


def limits(weights_matrix, variance, gain, enf2, exptime, count, base):
    """Return how many standard errors of C and D an excess must have.

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
        Parameters of a normal pixel.

    Returns
    -------
    (2,) array
        For C and D.
    """
    # Where hardly any charge is, noise may make the parameters negative: the variance beyond that
    # of the quietest stack tells the electrons as well.
    told = (variance - variance.min()) / (gain**2 * enf2)
    electrons = np.maximum(base[1] + exptime * base[2], told)
    # Cumulants of exponentially amplified electrons, Poisson numbers of them.
    charge, third = gain**2 * enf2 * electrons / count, 6 * gain**3 * electrons / count**2
    found = []
    for row in weights_matrix[1:]:
        sigma2 = (row**2 * variance / count).sum()
        # Charge of stacks with a negative weight is no cause of an excess, but a part of sigma.
        upward = np.maximum(row, 0)
        bright2 = (upward**2 * charge).sum()
        skewed = (upward**3 * third).sum()
        tail = gamma_limit(np.sqrt(bright2), skewed) if bright2 > 0 else 0.0
        rest2 = max(sigma2 - bright2, 0)
        found.append(np.sqrt((tail**2 + gamma_limit(1.0, 0.0) ** 2 * rest2) / sigma2))
    return np.array(found)


def own_variance(pooled, gain, enf2, exptime, excess, flags):
    """Return the variance of a sample of hot pixels.

    Parameters
    ----------
    pooled : (M, nhot) array
        Pooled variance of the population of each [e-²].
    gain, enf2, exptime : (M,) arrays
        EM gain, squared excess-noise factor, exposure time [s].
    excess : (3, nhot) array
        Parameters over those of a normal pixel.
    flags : (nhot,) uint8 array
        Which excess counts.

    Returns
    -------
    (M, nhot) array
    """
    cic = np.where(flags & CIC, np.maximum(excess[1], 0), 0)
    dark = np.where(flags & DARK, np.maximum(excess[2], 0), 0)
    electrons = cic + exptime[:, None] * dark
    return pooled + (gain**2 * enf2)[:, None] * electrons
