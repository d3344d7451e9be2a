"""A small noisy image that tests of figures share."""

import numpy as np

NY, NX = 48, 60


def noise(seed=0, shape=(NY, NX), level=1000.0, sigma=10.0):
    """Return whole numbers, normally distributed."""
    return np.rint(np.random.default_rng(seed).normal(level, sigma, shape)).astype(np.float32)
