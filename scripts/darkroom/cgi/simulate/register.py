"""Simulated EM register of the coronagraph's detector, and cosmic rays with their tails."""

from __future__ import annotations

from math import erf
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Width of a pixel [cm].
PIXEL_WIDTH = 13e-4
# Pixels over which a tail decays, and which corgidrp masks after a hit, at a gain of 1.
_TAIL = 0.04


def excess_noise2(gain: float, stages: int) -> float:
    """Return the squared excess-noise factor: 2 (g - 1) g^(-(N+1)/N) + 1/g."""
    return 2 * (gain - 1) * gain ** (-(stages + 1) / stages) + 1 / gain


def amplify(
    electrons: np.ndarray, gain: float, stages: int, rng: np.random.Generator
) -> np.ndarray:
    """Amplify electrons in the whole register.

    Parameters
    ----------
    electrons : integer array
        Electrons before the register.
    gain : float
        EM gain g, at least 1.
    stages : int
        Stages N.
    rng : numpy.random.Generator

    Returns
    -------
    float64 array
        Electrons after the register: n plus a gamma-distributed number with mean n (g - 1) and the
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


def partial_charge(
    rate: float, shape: tuple[int, int], gain: float, rng: np.random.Generator
) -> np.ndarray:
    """Simulate clock-induced charge that arises inside the register.

    Parameters
    ----------
    rate : float
        Mean number of electrons per pixel that arise in all stages.
    shape : tuple of int
        Rows and columns.
    gain : float
        EM gain of the whole register.
    rng : numpy.random.Generator

    Returns
    -------
    float64 array
        Electrons after the register. An electron that arises after a fraction u of the stages,
        uniform in (0, 1), is amplified by g^(1 - u), between 1 and g.
    """
    out = np.zeros(shape)
    number = rng.poisson(rate, shape)
    for more in range(1, int(number.max(initial=0)) + 1):
        some = number >= more
        left = gain ** rng.random(int(some.sum()))
        out[some] += 1 + rng.gamma(1.0, np.maximum(left - 1, 1e-12))
    return out


def add_cosmic_rays(
    image: np.ndarray,
    area: tuple[slice, slice],
    fluence: float,
    gain: float,
    full_well: float,
    rng: np.random.Generator,
    *,
    charges: Sequence[float] = (1e4, 1e5),
    wrap: bool = False,
    spread: float = 0.0,
) -> np.ndarray:
    """Add cosmic rays with the tails of a saturated register.

    Parameters
    ----------
    image : (ny, nx) float array
        Electrons after the register; changed in place.
    area : tuple of two slices
        Rows and columns that are hit.
    fluence : float
        Hits per cm² (a pixel is 13 µm wide).
    gain : float
        EM gain.
    full_well : float
        Full well of the register [e-].
    rng : numpy.random.Generator
    charges : sequence of float
        Smallest and largest charge of a hit before the register [e-] (log-uniform).
    wrap : bool
        True when tails continue in the next row, in the order of readout.
    spread : float
        Standard deviation of a hit's charge cloud [pixels]; 0 for hits of one to three pixels of a
        row that have the whole charge each.

    Returns
    -------
    (ny, nx) bool array
        Pixels with charge of a hit or its tail.

    Notes
    -----
    A hit covers one to three pixels of a row, is amplified and clipped at the full well; its tail
    decays exponentially along the row over 0.04 g pixels, starting at a tenth of the hit.
    """
    rows, columns = area
    size = (rows.stop - rows.start) * (columns.stop - columns.start)
    touched = np.zeros(image.shape, bool)
    length = _TAIL * gain
    low, high = np.log10(charges)
    flat, flat_touched = image.reshape(-1), touched.reshape(-1)
    for _ in range(rng.poisson(fluence * size * PIXEL_WIDTH**2)):
        row, column = rng.integers(rows.start, rows.stop), rng.integers(columns.start, columns.stop)
        if spread:
            charge = 10 ** rng.uniform(low, high) * gain
            _add_cloud(image, touched, area, (row, column), charge, full_well, length, spread, rng)
            continue
        charge = min(10 ** rng.uniform(low, high) * gain, full_well)
        stop = min(column + rng.integers(1, 4), image.shape[1])
        image[row, column:stop] += charge
        start = row * image.shape[1] + stop
        room = image.size - start if wrap else image.shape[1] - stop
        reach = max(min(int(6 * length), room), 0)
        flat[start : start + reach] += 0.1 * charge * np.exp(-np.arange(reach) / max(length, 1e-9))
        flat_touched[start - stop + column : start + reach] = True
    return touched


def core_mask(charge: np.ndarray, threshold: float, gain: float) -> np.ndarray:
    """Return the mask of software that knows neither wings nor the true length of tails.

    Parameters
    ----------
    charge : (ny, nx) array
        Charge of cosmic rays after the register [e-].
    threshold : float
        Pixels with more are masked [e-].
    gain : float
        EM gain.

    Returns
    -------
    (ny, nx) bool array
        The bright pixels, and 0.04 g pixels after each in its row, as corgidrp masks them.
    """
    mask = charge > threshold
    for row in np.flatnonzero(mask.any(axis=1)):
        for column in np.flatnonzero(mask[row]):
            mask[row, column : column + 1 + round(_TAIL * gain)] = True
    return mask


def _add_cloud(image, touched, area, place, charge, full_well, length, spread, rng):
    """Add a Gaussian cloud of charge, and a tail after the brightest pixel of a saturated row."""
    reach = int(np.ceil(5 * spread)) + 1
    within = (rng.random(2) - 0.5).tolist()
    edges = [
        np.array(
            [erf((k + 0.5 - shift) / spread / np.sqrt(2)) for k in range(-reach - 1, reach + 1)]
        )
        for shift in within
    ]
    cloud = charge * np.outer(*(np.diff(edge) / 2 for edge in edges))
    for k, line in enumerate(cloud):
        row = place[0] - reach + k
        if not area[0].start <= row < area[0].stop:
            continue
        columns = place[1] - reach + np.arange(line.size)
        inside = (columns >= area[1].start) & (columns < area[1].stop)
        columns, line = columns[inside], np.minimum(line[inside], full_well)
        if not line.size:
            continue
        image[row, columns] += line
        touched[row, columns] = True
        if line.max() < full_well:
            continue
        start = columns[np.argmax(line)] + 1
        tail = 0.1 * full_well * np.exp(-np.arange(image.shape[1] - start) / max(length, 1e-9))
        image[row, start:][tail > 1] += tail[tail > 1]
        touched[row, start:][tail > 1] = True
