"""Noise of telegraph pixels and cosmic rays that are too weak to be detected one by one.

A single such pixel cannot be told from a noisy one. All of them together give the distribution of
squared residuals a longer tail than that of normal pixels, which is χ² widened by the spread of
their noise. The noise of weak pixels is white in the time series, so it has to be subtracted from
the white noise of the detector.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from collections.abc import Sequence

_BINS = 400
_ROWS = 64  # counted together: temporary images of a full frame would take much memory
# Noncentralities of weak pixels; weaker ones cannot be told from the spread of normal pixels.
_WEAKEST, _STEPS = 1.0, 60
# Systematic error, a fraction of the estimated power: the distribution of step heights is unknown.
# The estimate is 1.25 times too high for telegraph noise whose step heights are equally frequent in
# each octave above 5 standard deviations.
_SHAPE_ERROR = 0.5
_NODES = 15
_ROUNDS = 8
_STEP = 1e-3  # of ln σ², for derivatives
_MAX_SPREAD = 1.0  # variance of ln σ²


def weak_noise(
    squares: np.ndarray, good: np.ndarray, typical: np.ndarray, nu: int, largest: float
) -> tuple[np.ndarray, np.ndarray]:
    """Estimate the noise of weak telegraph pixels and cosmic rays.

    Parameters
    ----------
    squares : (ny, nx) float array
        Sum of squared residuals of every pixel, DN².
    good : (ny, nx) bool array
        Pixels used.
    typical : (noutputs,) array
        Variance of the noise of a normal pixel, DN²; need not be exact.
    nu : int
        Degrees of freedom of a sum.
    largest : float
        Pixels with sums above `largest` × `typical` are not among those used.

    Returns
    -------
    power, error : (noutputs,) float64 arrays
        Contribution of weak pixels to the mean square of all pixels used, DN², negative values by
        chance included, and its statistical error. NaN for an amplifier without pixels.
    """
    count = len(typical)
    power, error = (np.full(count, np.nan) for _ in range(2))
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = np.repeat((_BINS / largest / typical).astype(squares.dtype), good.shape[1] // count)
    counts = np.zeros((count, _BINS + 1), np.int64)
    for first in range(0, len(squares), _ROWS):
        rows = slice(first, first + _ROWS)
        counts += _counts(squares[rows], good[rows], scale, count)
    for a in range(count):
        if typical[a] > 0 and counts[a, :-1].any():
            share, scatter = _fit(counts[a, :-1], nu, largest)
            power[a], error[a] = typical[a] * share, typical[a] * scatter
    return power, error


def _counts(squares, good, scale, count):
    """Return the numbers of pixels of each amplifier in each bin, and of those not used."""
    with np.errstate(invalid="ignore"):
        scaled = squares * scale
    # Each amplifier has its own bins, and one for pixels not used. By rounding, sums may lie just
    # below 0.
    used = good & (scaled < _BINS)
    places = np.where(used, np.maximum(scaled, 0), _BINS).astype(np.int32)
    places = places.reshape(len(squares), count, -1)
    places += (_BINS + 1) * np.arange(count, dtype=np.int32)[:, None]
    return np.bincount(places.ravel(), minlength=count * (_BINS + 1)).reshape(count, -1)


def mean_weak_noise(
    powers: Sequence[np.ndarray], errors: Sequence[np.ndarray], dofs: Sequence[float]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean of `weak_noise` over ramps, with statistical and systematic error.

    Parameters
    ----------
    powers, errors : (nramps, namplifiers) arrays
        Results of `weak_noise`, DN².
    dofs : (nramps,) array
        Degrees of freedom of the ramps, used as weights.

    Returns
    -------
    power, error : (namplifiers,) float64 arrays
        DN².
    """
    weights = np.asarray(dofs) / np.sum(dofs)
    power = weights @ powers
    chance = np.sqrt(weights**2 @ np.square(errors))
    # Power beyond the statistical error depends on the distribution of step heights, which is the
    # same in all ramps.
    beyond = np.sqrt(np.maximum(power**2 - chance**2, 0))
    return power, np.hypot(chance, _SHAPE_ERROR * beyond)


def _fit(counts, nu, largest):
    """Return the mean excess of weak pixels, in units of `typical`, and its error."""
    edges, weak, excess = _weak_pixels(nu, float(largest))
    total, scale, spread = counts.sum(), 0.0, 0.0
    for _ in range(_ROUNDS):
        normal, by_scale, by_spread = _normal_pixels(edges, nu, scale, spread)
        shapes = np.stack([normal, by_scale, by_spread, weak], axis=1)
        weight = 1 / np.maximum(normal + weak * 1e-6, 1e-12)
        covariance = np.linalg.inv((shapes.T * weight) @ shapes)
        found = covariance @ (shapes.T @ (weight * counts)) / total
        scale += np.clip(found[1] / found[0], -0.2, 0.2)
        spread = float(np.clip(spread + found[2] / found[0], 0, _MAX_SPREAD))
    return excess * found[3], excess * np.sqrt(covariance[3, 3] / total)


def _normal_pixels(edges, nu, scale, spread):
    """Return the distribution of normal pixels by bin and its derivatives by scale and spread.

    Parameters
    ----------
    edges : (nbins + 1,) array
        Edges of the bins, sums of squares over the typical variance.
    nu : int
        Degrees of freedom of a sum.
    scale, spread : float
        Mean and variance of ln σ² over the pixels.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    weights = weights / weights.sum()
    moves = scale + np.sqrt(spread) * nodes[:, None] + np.array([-_STEP, 0, _STEP])
    shares = np.diff(special.chdtr(nu, edges / np.exp(moves)[..., None]))
    below, here, above = np.einsum("k,kmb->mb", weights, shares)
    # Widening a normal distribution of ln σ² is diffusion: second derivative over two.
    return here, (above - below) / (2 * _STEP), (above - 2 * here + below) / (2 * _STEP**2)


@lru_cache(maxsize=8)
def _weak_pixels(nu, largest):
    """Return edges of bins, the distribution of weak pixels, and their mean excess over `typical`.

    All step heights are taken as equally frequent, as they are for small cosmic rays. Steps above
    the limit contribute the fraction that stays below it by chance.
    """
    edges = np.linspace(0, largest, _BINS + 1)
    added = np.geomspace(_WEAKEST, 6 * largest, _STEPS)
    weak = np.sqrt(added) @ np.diff(special.chndtr(edges, nu, added[:, None]))
    weak /= np.sqrt(added).sum()
    middle = (edges[:-1] + edges[1:]) / 2
    return edges, weak, float((middle / nu - 1) @ weak)
