"""Dating changes: exact posterior of all partitions of a series into constant segments.

Between two epochs a new segment begins with a fixed chance; each segment has one level. The sums
over all partitions are exact and cost the square of the number of epochs (Fearnhead 2006,
Statistics and Computing 16, 203).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Chance of a change between two epochs, before the data.
HAZARD = 0.02
# Width of the prior of a segment's level, in errors of one epoch.
WIDTH = 5.0


@dataclass(frozen=True)
class Change:
    """One change of the most probable partition.

    Parameters
    ----------
    first : int
        Index of the first epoch after the change.
    posterior : float
        Chance that the level changed right there.
    earliest, latest : int
        Smallest and largest index of the epochs that may be the first after it, with the stated
        confidence.
    """

    first: int
    posterior: float
    earliest: int
    latest: int


@dataclass(frozen=True)
class Partition:
    """What the series says about its segments.

    Parameters
    ----------
    changes : tuple of Change
        Changes of the most probable partition, in the order of time.
    chance : array, shape (n,)
        Posterior chance of a change just before each epoch; 0 for the first.
    start : array, shape (n,)
        Posterior chance that the current segment began with each epoch.
    level, low, high : float
        Current level, averaged over all partitions, and its interval.
    """

    changes: tuple[Change, ...]
    chance: np.ndarray
    start: np.ndarray
    level: float
    low: float
    high: float


def _segments(value, error, mean, width):
    """Log marginal likelihood of every segment, and mean and variance of its level.

    Element [i, j] is the segment of epochs i to j, both included; -inf below the diagonal.
    """
    n = value.size
    weight = 1 / error**2
    residual = value - mean

    def sums(terms):
        cumulated = np.concatenate([[0.0], np.cumsum(terms)])
        return cumulated[None, 1:] - cumulated[:-1, None]

    w, s, q = sums(weight), sums(weight * residual), sums(weight * residual**2)
    logs = sums(np.log(2 * np.pi * error**2))
    valid = np.arange(n)[None, :] >= np.arange(n)[:, None]
    w = np.where(valid, w, 1.0)
    precision = w + 1 / width**2
    like = -0.5 * (logs + q - s**2 / precision + np.log(width**2 * precision))
    return np.where(valid, like, -np.inf), mean + s / precision, 1 / precision


def partition(
    value: np.ndarray, error: np.ndarray, confidence: float = 0.95, hazard: float = HAZARD
) -> Partition:
    """Return the changes of a series with their posterior, and the level it has now.

    Parameters
    ----------
    value, error : array, shape (n,)
        Values in the order of time with their standard errors.
    confidence : float
        Of the intervals of dates and of the current level.
    hazard : float
        Chance of a change between two epochs, before the data.

    Returns
    -------
    Partition
    """
    value, error = np.asarray(value, np.float64), np.asarray(error, np.float64)
    n = value.size
    mean = float(np.average(value, weights=1 / error**2))
    # A level far outside the usual width must not be pulled back by it.
    width = max(WIDTH * float(np.sqrt(np.mean(error**2))), float(np.abs(value - mean).max()))
    like, level, variance = _segments(value, error, mean, width)
    stay, change = np.log1p(-hazard), np.log(hazard)
    length = np.arange(n)[None, :] - np.arange(n)[:, None]
    term = like + np.where(length >= 0, length, 0) * stay

    # forward[t]: log chance of epochs 0 to t-1 with a segment that ends there;
    # backward[t]: of epochs t to n-1 with a segment that begins there.
    forward, best, previous = np.zeros(n + 1), np.zeros(n + 1), np.zeros(n + 1, int)
    begin = np.where(np.arange(n) > 0, change, 0.0)
    for t in range(1, n + 1):
        paths = begin[:t] + term[:t, t - 1]
        forward[t] = np.logaddexp.reduce(forward[:t] + paths)
        candidates = best[:t] + paths
        previous[t] = int(candidates.argmax())
        best[t] = candidates[previous[t]]
    backward = np.zeros(n + 1)
    for t in range(n - 1, -1, -1):
        after = np.append(change + backward[t + 1 : n], 0.0)
        backward[t] = np.logaddexp.reduce(term[t, t:] + after)
    chance = np.exp(np.minimum(forward[:n] + begin + backward[:n] - forward[n], 0.0))
    chance[0] = 0.0
    start = np.exp(forward[:n] + begin + term[:, n - 1] - forward[n])

    firsts = []
    t = n
    while t > 0:
        t = int(previous[t])
        if t:
            firsts.append(t)
    firsts = sorted(firsts)
    edges = [0, *firsts, n]
    changes = tuple(
        Change(first, float(chance[first]), *_hull(chance, left + 1, right, confidence))
        for left, first, right in zip(edges, firsts, edges[2:], strict=False)
    )
    low, now, high = _mixture(start, level[:, n - 1], variance[:, n - 1], confidence)
    return Partition(changes, chance, start, now, low, high)


def _hull(chance, first, stop, confidence):
    """Range of the most probable epochs of [first, stop) that hold the stated share."""
    inside = chance[first:stop]
    order = np.argsort(inside)[::-1]
    share = np.cumsum(inside[order]) / inside.sum()
    taken = order[: int(np.searchsorted(share, confidence)) + 1]
    return first + int(taken.min()), first + int(taken.max())


def _mixture(weight, mean, variance, confidence):
    """Low end, mean and high end of a mixture of normal laws."""
    from scipy.optimize import brentq
    from scipy.special import ndtr

    weight, scale = weight / weight.sum(), np.sqrt(variance)
    ends = (mean - 40 * scale).min(), (mean + 40 * scale).max()

    def quantile(share):
        return float(brentq(lambda x: (weight * ndtr((x - mean) / scale)).sum() - share, *ends))

    tail = (1 - confidence) / 2
    return quantile(tail), float((weight * mean).sum()), quantile(1 - tail)
