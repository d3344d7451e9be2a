"""Counters of simulated photon-counting frames, for tests."""

import numpy as np

from darkroom.cgi.counting.counters import Counters

GAIN, NOISE, THRESHOLD = 5000.0, 100.0, 500.0


def counted(mean, frames, seed, shape=(192, 192), gain=GAIN, drift=1.0):
    """Count simulated frames of an exponential register; `mean` in e- per frame."""
    rng = np.random.default_rng(seed)
    counters = Counters.zeros(shape)
    dq = np.zeros(shape, np.uint16)
    for number in range(frames):
        here = np.broadcast_to(mean, shape) * (drift if 2 * number >= frames else 1.0)
        electrons = rng.poisson(here)
        value = NOISE * rng.standard_normal(shape, np.float32)
        some = electrons > 0
        value[some] += gain * rng.standard_gamma(electrons[some])
        counters.add(0, value, None, dq, THRESHOLD)
        if 2 * (number + 1) == frames:
            counters.end_first_half()
    return counters
