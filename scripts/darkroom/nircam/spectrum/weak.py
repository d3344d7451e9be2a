"""Noise of pixels whose telegraph noise or cosmic ray is too weak to be found, in all of a ramp.

One such pixel looks like a noisy one among many, all of them together give the distribution of
squared residuals a longer tail than chance: χ², widened by what the noise of normal pixels differs.
Their noise is white on the clock, so it must come off the white noise of the detector.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import stats

_BINS = 400
# Noncentralities of weak pixels: weaker than the first is like the spread of normal pixels.
_WEAKEST, _STEPS = 1.0, 60
# Of the power found: how the heights of steps are distributed is not known. It comes out 1.25 times
# too high for telegraph noise with as many steps in each octave above 5 deviations.
_SHAPE_ERROR = 0.5
_NODES = 15
_ROUNDS = 8
_STEP = 1e-3  # of ln σ², for derivatives
_MOST_SPREAD = 1.0  # of ln σ², variance


def weak_noise(squares, good, typical, nu, largest):
    """Estimate the noise of weak telegraph pixels and cosmic rays.

    Parameters
    ----------
    squares : (ny, nx) float array
        Sum of squared residuals of every pixel, DN².
    good : (ny, nx) bool array
        Pixels taken.
    typical : (noutputs,) array
        Variance of a normal pixel's noise, DN²; need not be exact.
    nu : int
        Degrees of freedom of a sum.
    largest : float
        Pixels with sums above `largest` × `typical` were not taken.

    Returns
    -------
    power, error : (noutputs,) float64 arrays
        What weak pixels add to the mean square of all pixels taken, DN²; by chance also negative.
        NaN for an amplifier without pixels. The error is that of chance alone.
    """
    count = len(typical)
    power, error = (np.full(count, np.nan) for _ in range(2))
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = (_BINS / largest / typical).astype(squares.dtype)
        scaled = squares * np.repeat(scale, squares.shape[1] // count)
    # Each amplifier has its bins, and one for pixels not taken. Rounding leaves sums just below 0.
    taken = good & (scaled < _BINS)
    places = np.where(taken, np.maximum(scaled, 0), _BINS).astype(np.int32)
    places = places.reshape(len(squares), count, -1)
    places += (_BINS + 1) * np.arange(count, dtype=np.int32)[:, None]
    counts = np.bincount(places.ravel(), minlength=count * (_BINS + 1)).reshape(count, -1)
    for a in range(count):
        if typical[a] > 0 and counts[a, :-1].any():
            share, scatter = _fit(counts[a, :-1], nu, largest)
            power[a], error[a] = typical[a] * share, typical[a] * scatter
    return power, error


def mean_weak_noise(powers, errors, dofs):
    """Return the mean of `weak_noise` over ramps, with an error that knows what the method cannot.

    Parameters
    ----------
    powers, errors : (nramps, namplifiers) arrays
        DN².
    dofs : (nramps,) array
        Degrees of freedom, the weights.

    Returns
    -------
    power, error : (namplifiers,) float64 arrays
    """
    weights = np.asarray(dofs) / np.sum(dofs)
    power = weights @ powers
    chance = np.sqrt(weights**2 @ np.square(errors))
    # What is beyond chance depends on how steps are distributed, in all ramps alike.
    beyond = np.sqrt(np.maximum(power**2 - chance**2, 0))
    return power, np.hypot(chance, _SHAPE_ERROR * beyond)


def _fit(counts, nu, largest):
    """Return the mean excess of weak pixels over `typical`, and its error."""
    edges, weak, excess = _weak_pixels(nu, float(largest))
    total, scale, spread = counts.sum(), 0.0, 0.0
    for _ in range(_ROUNDS):
        normal, by_scale, by_spread = _normal_pixels(edges, nu, scale, spread)
        shapes = np.stack([normal, by_scale, by_spread, weak], axis=1)
        weight = 1 / np.maximum(normal + weak * 1e-6, 1e-12)
        covariance = np.linalg.inv((shapes.T * weight) @ shapes)
        found = covariance @ (shapes.T @ (weight * counts)) / total
        scale += np.clip(found[1] / found[0], -0.2, 0.2)
        spread = float(np.clip(spread + found[2] / found[0], 0, _MOST_SPREAD))
    return excess * found[3], excess * np.sqrt(covariance[3, 3] / total)


def _normal_pixels(edges, nu, scale, spread):
    """Return the distribution of normal pixels by bin, and how it changes with scale and spread.

    Parameters
    ----------
    edges : (nbins + 1,) array
        Of sums of squares over the typical variance.
    nu : int
    scale, spread : float
        Mean and variance of ln σ² over the pixels.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    weights = weights / weights.sum()
    moves = scale + np.sqrt(spread) * nodes[:, None] + np.array([-_STEP, 0, _STEP])
    shares = np.diff(stats.chi2.cdf(edges / np.exp(moves)[..., None], nu))
    below, here, above = np.einsum("k,kmb->mb", weights, shares)
    # A wider normal distribution of ln σ² is diffusion in it.
    return here, (above - below) / (2 * _STEP), (above - 2 * here + below) / (2 * _STEP**2)


@lru_cache(maxsize=8)
def _weak_pixels(nu, largest):
    """Return edges of bins, the distribution of weak pixels, and their mean excess over typical.

    All heights of steps are equally frequent, as those of small cosmic rays are; those above the
    limit count with what chance leaves below it.
    """
    edges = np.linspace(0, largest, _BINS + 1)
    added = np.geomspace(_WEAKEST, 6 * largest, _STEPS)
    weak = np.sqrt(added) @ np.diff(stats.ncx2.cdf(edges, nu, added[:, None]))
    weak /= np.sqrt(added).sum()
    middle = (edges[:-1] + edges[1:]) / 2
    return edges, weak, float((middle / nu - 1) @ weak)
