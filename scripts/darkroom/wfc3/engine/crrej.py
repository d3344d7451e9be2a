"""CRCORR's numbers: the weights of samples in a line fit and the dark that it assumes."""

from __future__ import annotations

import math

import numpy as np

# Powers of the weights by signal-to-noise ratio: Fixsen et al. 2000, PASP 112, 1350, as in calwf3.
POWERS = tuple(float(np.float32(power)) for power in (0.0, 0.4, 1.0, 3.0, 6.0, 10.0))
# Constants of calwf3, whatever the tables say: noise of a difference of reads (e-), dark (e-/s).
_DIFFERENCE_NOISE = 21.0
_DARK_RATE = 0.036


def sample_weights(nsamp, gain):
    """Return the weights of samples in intervals of every length.

    Parameters
    ----------
    nsamp : int
        Reads of the ramp.
    gain : float32
        Mean gain, e-/DN.

    Returns
    -------
    (nsamp, nsamp, len(POWERS)) float32 array
        Weight of sample i of `count`: |i - m|^power / m^power over the variance of a difference,
        m = (count - 1) / 2; by count, i and power.
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


def dark_counts(times, gain):
    """Return the dark counts assumed up to each read, (n,) float32, DN."""
    return np.asarray(times, np.float32) * np.float32(_DARK_RATE / np.float64(gain))
