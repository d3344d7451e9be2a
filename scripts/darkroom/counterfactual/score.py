"""Proper scores of a candidate against the current file on exposures of which neither was made.

The score's expectation is the difference of the squared errors of the two files: the truth need not
be known, and what both share with an exposure cancels. One exposure gives one value; pixels of an
exposure share its noise and are no independent trials.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

#: Chance of a wrong "better" or "worse" of files that are equal.
LEVEL = 0.01
# More exposures than any campaign adds: then there is no number of them worth naming.
_MOST_FURTHER = 10_000
_LEAST_EXPOSURES = 3


@dataclass(frozen=True)
class Score:
    """A score over exposures; positive values speak for the candidate.

    Attributes
    ----------
    value : float
        Mean gain of an exposure.
    error : float or None
        Its standard error from the scatter between exposures; None with fewer than two.
    t, p : float or None
        Student's t, and its two-sided p.
    exposures : int
    verdict : str
        ``better``, ``worse`` or ``cannot tell``.
    further : int or None
        Further exposures with which this gain would decide; 0 when it does, None when no
        reasonable number would.
    """

    value: float
    error: float | None
    t: float | None
    p: float | None
    exposures: int
    verdict: str
    further: int | None


def variance_gains(
    frames: np.ndarray,
    candidate: np.ndarray,
    current: np.ndarray,
    use: np.ndarray | None = None,
) -> np.ndarray:
    """Return how much less variance a pixel of each frame has about the candidate.

    For files that are subtracted: superbias, darks, bias.

    Parameters
    ----------
    frames : (n, ny, nx) array
        Held-out frames, corrected as the consumer corrects them; NaN where unusable.
    candidate, current : (ny, nx) or (n, ny, nx) arrays
        What is subtracted from each frame, in the same unit.
    use : (ny, nx) bool array, optional
        Pixels that count; by default all.

    Returns
    -------
    (n,) array
        Mean over the pixels of (x - current)^2 - (x - candidate)^2; exactly 0 for a copy. NaN for
        a frame without a usable pixel.
    """
    step = np.asarray(candidate, float) - current
    gains = step * (2.0 * np.asarray(frames, float) - candidate - current)
    return _means(gains, use)


def noise_gains(
    residuals: np.ndarray,
    candidate: np.ndarray,
    current: np.ndarray,
    use: np.ndarray | None = None,
) -> np.ndarray:
    """Return how much more likely the residuals of each frame are with the candidate's noise.

    For files of noise: read noise, the ERR of noise maps. The residuals are normal.

    Parameters
    ----------
    residuals : (n, ..., ny, nx) array
        Residuals of held-out frames with expectation 0; NaN where unusable.
    candidate, current : (ny, nx) arrays
        Standard deviation of a residual, above 0, in the same unit.
    use : (ny, nx) bool array, optional
        Pixels that count; by default all with noise above 0 in both.

    Returns
    -------
    (n,) array
        Mean gain of the logarithmic likelihood (nats) of a residual; exactly 0 for a copy.
    """
    new, old = np.asarray(candidate, float), np.asarray(current, float)
    good = np.isfinite(new) & np.isfinite(old) & (new > 0) & (old > 0)
    good = good if use is None else good & use
    new, old = np.where(good, new, 1.0), np.where(good, old, 1.0)
    squares = np.asarray(residuals, float) ** 2
    return _means(np.log(old / new) - 0.5 * squares * (new**-2.0 - old**-2.0), good)


def decide(gains: Sequence[float] | np.ndarray, level: float = LEVEL) -> Score:
    """Return the verdict of the gains of exposures.

    Parameters
    ----------
    gains : (n,) array-like
        Gain of each exposure, as from `variance_gains`; not finite: not used.
    level : float
        Chance of a wrong verdict about equal files, two-sided.
    """
    values = np.asarray(gains, float)
    values = values[np.isfinite(values)]
    count, mean = len(values), float(values.mean()) if len(values) else 0.0
    if count < 2:
        return Score(mean, None, None, None, count, "cannot tell", _LEAST_EXPOSURES - count)
    scatter = float(values.std(ddof=1))
    error = scatter / math.sqrt(count)
    if not values.any():
        return Score(0.0, 0.0, 0.0, 1.0, count, "cannot tell", None)
    t = mean / error if error > 0 else math.copysign(math.inf, mean)
    p = float(2 * stats.t.sf(abs(t), count - 1))
    if p < level:
        return Score(mean, error, t, p, count, "better" if mean > 0 else "worse", 0)
    return Score(mean, error, t, p, count, "cannot tell", _further(mean, scatter, count, level))


def needed_samples(scatter: float, current_error: float) -> int | None:
    """Return of how many samples a mean must be made to be better than the current file.

    Parameters
    ----------
    scatter : float
        Scatter of one sample.
    current_error : float
        Error of the current file, in the same unit.

    Returns
    -------
    int or None
        None when the current file has no error.
    """
    if not (current_error > 0 and math.isfinite(scatter / current_error)):
        return None
    return math.floor((scatter / current_error) ** 2) + 1


def further_made_of(own_variance: float, score: Score, made_of: int) -> int | None:
    """Return how many exposures more would make a worse candidate as good as the current file.

    The candidate's squared error falls with the number of its exposures; that of the current file
    is the candidate's plus the score.

    Parameters
    ----------
    own_variance : float
        Squared error of the candidate, by its own ERR, in the unit of the score.
    score : Score
    made_of : int
        Exposures of which the candidate was made; 0: not known.

    Returns
    -------
    int or None
        None when the candidate is not worse, or no number of exposures would do.
    """
    if score.verdict != "worse" or made_of < 1:
        return None
    current = own_variance + score.value
    if not current > 0:
        return None
    return max(math.floor(made_of * own_variance / current) + 1 - made_of, 1)


def _further(mean: float, scatter: float, count: int, level: float) -> int | None:
    """Return the number of further exposures with which the same gain would decide."""
    if mean == 0:
        return None
    needed = np.arange(count + 1, count + _MOST_FURTHER + 1)
    t = abs(mean) / (scatter / np.sqrt(needed))
    enough = t >= stats.t.isf(level / 2, needed - 1)
    return int(needed[np.argmax(enough)] - count) if enough.any() else None


def _means(values: np.ndarray, use: np.ndarray | None) -> np.ndarray:
    """Return the mean over the pixels of each frame: (n, ..., ny, nx) to (n,)."""
    values = values if use is None else np.where(use, values, np.nan)
    flat = values.reshape(len(values), -1)
    good = np.isfinite(flat)
    counts = good.sum(axis=1)
    sums = np.where(good, flat, 0.0).sum(axis=1)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
