"""Samples of hot pixels that are missing because they are high.

A sample that saturates is masked. In a pixel whose own charge does that now and then, the samples
that are left are the lower ones, and their mean is too low. A stack is not used in such a pixel;
those of lower gain or shorter time measure it without bias.
"""

from __future__ import annotations

import numpy as np

#: Flag of a saturated sample.
SATURATED = 32
# Largest probability of a loss of so many samples that is not taken for chance.
_CHANCE = 1e-3
# The same, for a loss that tells the signal at which samples are lost.
_CERTAIN = 1e-6
# Fraction of that signal from which on a stack is not used in a hot pixel.
_NEAR = 0.5


def lost(
    count: np.ndarray, seen: np.ndarray, nframes: np.ndarray, loss: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Tell which pixels lack more samples in a stack than chance makes.

    Parameters
    ----------
    count : (M, n) array
        Usable samples.
    seen : (M, n) array of integers
        Flags of all frames, joined.
    nframes : (M,) array
        Frames of each stack.
    loss : (M,) array
        Fraction of the samples that normal pixels lack.

    Returns
    -------
    likely, certain : (M, n) bool arrays
        Where samples are probably, or certainly, missing because they are high: where one is
        missing and one was saturated, or where too many are missing.
    """
    frames = nframes[:, None].astype(float)
    missing = np.clip(1 - count / frames, 0, 1)
    usual = np.clip(loss, 0.5 / nframes, 1 - 1e-9)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        # Chernoff's bound of the binomial distribution.
        upper = np.where(missing > 0, missing * np.log(missing / usual), 0)
        lower = np.where(missing < 1, (1 - missing) * np.log((1 - missing) / (1 - usual)), 0)
    chance = np.where(missing > usual, np.exp(-frames * (upper + lower)), 1)
    saturated = (seen & SATURATED > 0) & (missing > 0)
    return saturated | (chance < _CHANCE), chance < _CERTAIN


def unusable(likely: np.ndarray, certain: np.ndarray, signal: np.ndarray) -> np.ndarray:
    """Tell which stacks are not used in which hot pixels.

    Parameters
    ----------
    likely, certain : (M, n) bool arrays
        Of `lost`.
    signal : (M, n) array
        Expected signal [EM e-].

    Returns
    -------
    (M, n) bool array
    """
    known = certain & np.isfinite(signal) & (signal > 0)
    ceiling = signal[known].min() if known.any() else np.inf
    return likely | (signal > _NEAR * ceiling)
