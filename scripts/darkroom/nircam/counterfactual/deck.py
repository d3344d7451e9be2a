"""Exposures on which files are compared: held-out darks, and the same with injected sources."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from darkroom.nircam.detector.patterns import PATTERNS

#: Distance of injected sources: rows, columns.
GRID = (6, 8)
#: Largest signal of a source at the end of its ramp, DN.
MOST_SIGNAL = 40_000.0
_LARGEST = 65_535
_STEPS_OF_NEWTON = 6


def source_slopes(
    usable: np.ndarray, limits: Sequence[float], duration: float, rng: np.random.Generator
) -> np.ndarray:
    """Return the slope of the source in each pixel, DN/s; 0 where there is none.

    Parameters
    ----------
    usable : (ny, nx) bool array
        Pixels that may have a source.
    limits : (2,) sequence
        Smallest and largest slope; the largest is lowered so that no source exceeds `MOST_SIGNAL`.
    duration : float
        Duration of a ramp (s).
    rng : numpy.random.Generator

    Returns
    -------
    (ny, nx) array
    """
    rows, columns = np.indices(usable.shape)
    places = usable & (rows % GRID[0] == GRID[0] // 2) & (columns % GRID[1] == GRID[1] // 2)
    low = float(limits[0])
    high = max(min(float(limits[1]), MOST_SIGNAL / duration), low)
    values = np.geomspace(low, high, max(int(places.sum()), 1))[: int(places.sum())]
    slopes = np.zeros(usable.shape)
    slopes[places] = rng.permutation(values)
    return slopes


def with_sources(
    groups: np.ndarray,
    bias: np.ndarray,
    coefficients: np.ndarray,
    slopes: np.ndarray,
    timing: tuple[float, str],
    gain: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return raw ramps to which sources were added, non-linear and with Poisson noise.

    Parameters
    ----------
    groups : (nints, ngroups, ny, nx) array
        Raw counts.
    bias : (ny, nx) array
        Level from which the linearity is counted (DN).
    coefficients : (n, ny, nx) array
        Of the linearity: corrected = sum of c_i measured^i.
    slopes : (ny, nx) array
        Linear rate of each source (DN/s), 0: none.
    timing : (float, str)
        Frame time (s) and read pattern.
    gain : (ny, nx) array
        Electrons per DN.
    rng : numpy.random.Generator

    Returns
    -------
    uint16 array like `groups`
    """
    frame_time, pattern = timing
    nframes, gap = PATTERNS[pattern]
    where = slopes > 0
    nints, ngroups = groups.shape[:2]
    coeffs, level = coefficients[:, where].astype(float), bias[where].astype(float)
    expected = slopes[where] * gain[where] * frame_time
    out = np.array(groups)
    for number in range(nints):
        frames = np.cumsum(
            rng.poisson(expected, (ngroups * (nframes + gap), len(expected))), axis=0
        )
        frames = frames.reshape(ngroups, nframes + gap, -1)[:, :nframes].mean(axis=1)
        signal = frames / gain[where]
        for group in range(ngroups):
            measured = groups[number, group][where] - level
            target = _linear(coeffs, measured) + signal[group]
            found = measured + signal[group]
            for _ in range(_STEPS_OF_NEWTON):
                found -= (_linear(coeffs, found) - target) / _slope(coeffs, found)
            raw = np.rint(found + level)
            out[number, group][where] = np.clip(raw, 0, _LARGEST).astype(out.dtype)
    return out


def white_ramps(
    shape: tuple[int, int, int], sigma: np.ndarray, least: int, rng: np.random.Generator
) -> np.ndarray:
    """Return ramps of white noise, with at least so many differences of groups.

    Parameters
    ----------
    shape : (int, int, int)
        Groups, rows, columns.
    sigma : (ny, nx) array
        Noise of a group (DN).
    least : int
        Smallest number of differences.
    rng : numpy.random.Generator

    Returns
    -------
    (nints, ngroups, ny, nx) float32 array
    """
    ngroups, ny, nx = shape
    count = max(1, -(-least // ((ngroups - 1) * ny * nx)))
    return (rng.standard_normal((count, *shape), np.float32) * sigma).astype(np.float32)


def _linear(coefficients: np.ndarray, values: np.ndarray) -> np.ndarray:
    total = np.zeros_like(values)
    for one in coefficients[::-1]:
        total = total * values + one
    return total


def _slope(coefficients: np.ndarray, values: np.ndarray) -> np.ndarray:
    total = np.zeros_like(values)
    for power in range(len(coefficients) - 1, 0, -1):
        total = total * values + power * coefficients[power]
    return total
