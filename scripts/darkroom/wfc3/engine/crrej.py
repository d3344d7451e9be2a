"""Constants of CRCORR: the weights of samples in a line fit, and the dark counts it assumes."""

from __future__ import annotations

import math

import numpy as np

# Exponents of the weights, for increasing signal-to-noise ratio, as in calwf3 (Fixsen et al. 2000,
# PASP 112, 1350).
POWERS = tuple(float(np.float32(power)) for power in (0.0, 0.4, 1.0, 3.0, 6.0, 10.0))
# Constants of calwf3, independent of the tables: noise of a difference of two reads (e-), and dark
# rate (e-/s).
_DIFFERENCE_NOISE = 21.0
_DARK_RATE = 0.036


def sample_weights(nsamp: int, gain: np.float32) -> np.ndarray:
    """Return the weights of the samples of a line fit, for every number of samples.

    Parameters
    ----------
    nsamp : int
        Number of reads of the ramp.
    gain : float32
        Mean gain, e-/DN.

    Returns
    -------
    (nsamp, nsamp, len(POWERS)) float32 array
        Weight of sample i of `count` samples, by count, i and exponent p: (|i - m| / m)^p divided
        by the variance of a difference of two reads (DN²), with m = (count - 1) / 2.
    """
    noise = np.float32(_DIFFERENCE_NOISE / np.float64(gain))
    inverse = np.float32(1.0 / np.float64(noise * noise))
    weights = np.zeros((nsamp, nsamp, len(POWERS)), np.float32)
    for count in range(2, nsamp):
        middle = (count - 1) / 2.0
        for i in range(count):
            for p, power in enumerate(POWERS):
                weight = np.float32(math.pow(abs(i - middle) / middle, power))
                weights[count, i, p] = weight * inverse
    return weights


def dark_counts(times: np.ndarray, gain: np.float32) -> np.ndarray:
    """Return the dark counts that CRCORR assumes up to each read, (n,) float32, DN."""
    return np.asarray(times, np.float32) * np.float32(_DARK_RATE / np.float64(gain))
