"""Electrons through the EM register of the coronagraph's detector, and cosmic rays with them."""

from __future__ import annotations

import numpy as np

#: Width of a pixel in cm.
PIXEL_WIDTH = 13e-4


def excess_noise2(gain, stages):
    """Return the square of the excess-noise factor: 2 (g - 1) g^(-(N+1)/N) + 1/g."""
    return 2 * (gain - 1) * gain ** (-(stages + 1) / stages) + 1 / gain


def amplify(electrons, gain, stages, rng):
    """Send electrons through the whole register.

    Parameters
    ----------
    electrons : integer array
        Electrons at its entrance.
    gain : float
        EM gain g, at least 1.
    stages : int
        Stages N.
    rng : numpy.random.Generator

    Returns
    -------
    float64 array
        Electrons at its exit: n plus a gamma-distributed number with mean n (g - 1) and the
        variance n g² (E² - 1) of a register of N stages (E the excess-noise factor).
    """
    out = electrons.astype(np.float64)
    growth = gain - 1
    variance = gain**2 * (excess_noise2(gain, stages) - 1)
    if growth > 0 and variance > 0:
        some = electrons > 0
        shape = electrons[some] * growth**2 / variance
        out[some] += rng.gamma(shape, variance / growth)
    return out


def partial_charge(rate, shape, gain, rng):
    """Make clock-induced charge inside the register.

    Parameters
    ----------
    rate : float
        Electrons made over all stages, mean number a pixel.
    shape : tuple of int
    gain : float
        EM gain of the whole register.
    rng : numpy.random.Generator

    Returns
    -------
    float64 array
        Electrons at its exit. One made after a part u of the stages, uniform in (0, 1), is
        amplified by g^(1 - u): 1 to g.
    """
    out = np.zeros(shape)
    number = rng.poisson(rate, shape)
    for more in range(1, int(number.max(initial=0)) + 1):
        some = number >= more
        left = gain ** rng.random(int(some.sum()))
        out[some] += 1 + rng.gamma(1.0, np.maximum(left - 1, 1e-12))
    return out


def add_cosmic_rays(image, area, fluence, gain, full_well, rng, *, charges=(1e4, 1e5), wrap=False):
    """Add cosmic rays with the tails that a saturated register leaves.

    Parameters
    ----------
    image : (ny, nx) float array
        Electrons behind the register; changed in place.
    area : tuple of two slices
        Where they hit.
    fluence : float
        Hits per cm² (a pixel is 13 µm wide).
    gain : float
    full_well : float
        Largest charge of the register, in electrons.
    rng : numpy.random.Generator
    charges : tuple of float
        Least and most electrons of a hit (log-uniform).
    wrap : bool
        Tails go on in the next row, as the register is read.

    Returns
    -------
    (ny, nx) bool array
        Pixels that hold charge of a hit or its tail.

    Notes
    -----
    A hit lies on one to three pixels of a row, is amplified and cut at the full well; its tail
    falls exponentially along the row over 0.04 g pixels, starting at a tenth of the hit.
    """
    rows, columns = area
    size = (rows.stop - rows.start) * (columns.stop - columns.start)
    touched = np.zeros(image.shape, bool)
    length = 0.04 * gain
    low, high = np.log10(charges)
    flat, flat_touched = image.reshape(-1), touched.reshape(-1)
    for _ in range(rng.poisson(fluence * size * PIXEL_WIDTH**2)):
        row, column = rng.integers(rows.start, rows.stop), rng.integers(columns.start, columns.stop)
        charge = min(10 ** rng.uniform(low, high) * gain, full_well)
        stop = min(column + rng.integers(1, 4), image.shape[1])
        image[row, column:stop] += charge
        start = row * image.shape[1] + stop
        room = image.size - start if wrap else image.shape[1] - stop
        reach = max(min(int(6 * length), room), 0)
        flat[start : start + reach] += 0.1 * charge * np.exp(-np.arange(reach) / max(length, 1e-9))
        flat_touched[start - stop + column : start + reach] = True
    return touched
