"""Least squares of photon transfer: variance of blocks against their signal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from darkroom.ccd.gain.pairs import PairBlocks


@dataclass(frozen=True)
class Priors:
    """What is known before the flats, ADU; an error that is 0 or NaN takes no part.

    Attributes
    ----------
    read_noise, read_noise_error : float
    offset_rms : float
        Standard deviation of the offset of a frame.
    bias_error : float
        Error of the bias that all flats share.
    """

    read_noise: float
    read_noise_error: float
    offset_rms: float
    bias_error: float


def fit_blocks(
    pairs: Sequence[PairBlocks], priors: Priors, *, square: bool
) -> tuple[np.ndarray, np.ndarray, float, int]:
    """Fit slope (and square term) to the blocks of all pairs.

    The weights are those of the model. Errors that blocks share are fitted along with them, each
    held by its prior: the read noise, the offset of each pair and the error of the bias.

    Parameters
    ----------
    pairs : sequence of PairBlocks
    priors : Priors
    square : bool
        Whether a square term is fitted.

    Returns
    -------
    found, variance : arrays
        Slope (and square term), and their variances.
    chi2 : float
        Squared residuals over errors, with those of the priors.
    freedom : int
        Degrees of freedom: each prior is a datum, and what it holds is a parameter.
    """
    signal = np.concatenate([pair.signal for pair in pairs])
    variance = np.concatenate([pair.variance for pair in pairs])
    relative = np.concatenate([pair.error / pair.variance for pair in pairs])
    read = np.concatenate([pair.read for pair in pairs])
    number = np.repeat(np.arange(len(pairs)), [pair.signal.size for pair in pairs])
    target = variance - read * priors.read_noise**2
    wanted = [signal, signal**2] if square else [signal]
    model, slope = np.full_like(variance, variance.mean()), 0.0
    for _ in range(20):
        shared, precision = _shared(number, read, slope, priors)
        basis = np.column_stack([*wanted, *shared])
        weight = 1 / (relative * model) ** 2
        # Columns of unlike size would make the inverse inexact.
        size = np.sqrt((weight[:, None] * basis**2).sum(axis=0))
        size[len(wanted) :] = np.hypot(size[len(wanted) :], np.sqrt(precision))
        scaled = basis / size
        held = np.concatenate([np.zeros(len(wanted)), precision]) / size**2
        covariance = np.linalg.inv(scaled.T @ (weight[:, None] * scaled) + np.diag(held))
        found = covariance @ (scaled.T @ (weight * target)) / size
        before, model = model, np.maximum(variance - target + basis @ found, 1e-3 * variance)
        settled = abs(found[0] - slope) <= 1e-8 * abs(found[0])
        slope = found[0]
        if settled and np.allclose(before, model, rtol=1e-8):
            break
    chi2 = (weight * (target - basis @ found) ** 2).sum()
    chi2 += (precision * found[len(wanted) :] ** 2).sum()
    errors = np.diag(covariance) / size**2
    keep = slice(len(wanted))
    return found[keep], errors[keep], float(chi2), len(signal) - len(wanted)


def _shared(number, read, slope, priors):
    """Return the columns of errors that blocks share, and one over the squares of their priors."""
    columns, sigmas = [], []
    if priors.read_noise_error > 0:
        columns.append(2 * priors.read_noise * read)
        sigmas.append(priors.read_noise_error)
    if slope and priors.offset_rms > 0:
        # The signal of a pair is the mean of two frames.
        columns += [-slope * (number == k) for k in range(number[-1] + 1)]
        sigmas += [priors.offset_rms / np.sqrt(2)] * (number[-1] + 1)
    if slope and priors.bias_error > 0:
        columns.append(np.full(len(read), -slope))
        sigmas.append(priors.bias_error)
    return columns, 1 / np.square(sigmas)
