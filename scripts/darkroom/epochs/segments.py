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


@dataclass(frozen=True)
class Terms:
    """What segments of a series add to the chance of a partition into them.

    Parameters
    ----------
    inside : array, shape (n, n)
        Of the segment of epochs i to j, both included: log marginal likelihood, and log chance that
        nothing changes in it; -inf below the diagonal.
    change : float
        Log chance of a change between two epochs.
    level, variance : array, shape (n, n)
        Of the segment's level.
    """

    inside: np.ndarray
    change: float
    level: np.ndarray
    variance: np.ndarray


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


def terms(value: np.ndarray, error: np.ndarray, hazard: float = HAZARD) -> Terms:
    """Return what every segment of a series adds to the chance of a partition.

    Parameters
    ----------
    value, error : array, shape (n,)
        Values in the order of time with their standard errors.
    hazard : float
        Chance of a change between two epochs, before the data.

    Returns
    -------
    Terms
    """
    mean, width = level_prior(value, error)
    like, level, variance = _segments(value, error, mean, width)
    n = value.size
    length = np.arange(n)[None, :] - np.arange(n)[:, None]
    inside = like + np.where(length >= 0, length, 0) * np.log1p(-hazard)
    return Terms(inside, float(np.log(hazard)), level, variance)


def level_prior(value: np.ndarray, error: np.ndarray) -> tuple[float, float]:
    """Return mean and width of the prior of a level, by values with their errors, (n,) each."""
    mean = float(np.average(value, weights=1 / error**2))
    # A level far outside the usual width must not be pulled back by it.
    return mean, max(WIDTH * float(np.sqrt(np.mean(error**2))), float(np.abs(value - mean).max()))


def evidence(found: Terms, fewest: int = 0, most: int | None = None) -> float:
    """Return the log chance of the values and of a number of changes in these bounds.

    Parameters
    ----------
    found : Terms
    fewest : int
        Changes at least.
    most : int, optional
        Changes at most, at least `fewest`; by default any number.
    """
    count = _Count(fewest, most)
    forward = _forward(found, count)[0]
    return float(np.logaddexp.reduce(forward[count.fewest :, -1]))


def partition(
    value: np.ndarray,
    error: np.ndarray,
    confidence: float = 0.95,
    hazard: float = HAZARD,
    fewest: int = 0,
    most: int | None = None,
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
    fewest : int
        Number of changes that are known to be there at least, less than n.
    most : int, optional
        Number of changes at most, at least `fewest`; by default any.

    Returns
    -------
    Partition
    """
    value, error = np.asarray(value, np.float64), np.asarray(error, np.float64)
    n, found, count = value.size, terms(value, error, hazard), _Count(fewest, most)
    forward, best, previous = _forward(found, count)
    total = np.logaddexp.reduce(forward[count.fewest :, n])
    backward = _backward(found, count)
    chance, start = np.zeros(n), np.full(n, -np.inf)
    start[0] = found.inside[0, n - 1] if count.fewest == 0 else -np.inf
    for c in range(count.states):
        for source in count.sources(c):
            begun = forward[source, :n] + found.change
            chance += np.exp(np.minimum(begun + backward[c, :n] - total, 0.0))
            if c >= count.fewest:
                start[1:] = np.logaddexp(start[1:], (begun + found.inside[:, n - 1])[1:])
    chance[0] = 0.0
    start = np.exp(start - total)

    firsts: list[int] = []
    t, c = n, count.fewest + int(best[count.fewest :, n].argmax())
    while t > 0:
        t, c = (int(one) for one in previous[c, t])
        if t:
            firsts.append(t)
    firsts = sorted(firsts)
    edges = [0, *firsts, n]
    changes = tuple(
        Change(first, float(chance[first]), *hull(chance, left + 1, right, confidence))
        for left, first, right in zip(edges, firsts, edges[2:], strict=False)
    )
    level, variance = found.level[:, n - 1], found.variance[:, n - 1]
    low, now, high = _mixture(start, level, variance, confidence)
    return Partition(changes, chance, start, now, low, high)


@dataclass(frozen=True)
class _Count:
    """States of a sum over partitions: the number of changes so far, the last one open above."""

    fewest: int
    most: int | None

    @property
    def states(self):
        return (self.fewest if self.most is None else self.most) + 1

    def sources(self, c):
        """Return the states from which a further change leads to state c."""
        before = [c - 1] if c else []
        return [*before, c] if self.most is None and c == self.states - 1 else before


def _forward(found, count):
    """Log chance of the first t epochs by number of changes; its largest part, and where from.

    Each is an array (states, n + 1), the last one of (epoch, state) of the segment's beginning.
    """
    n = len(found.inside)
    forward = np.full((count.states, n + 1), -np.inf)
    best = forward.copy()
    previous = np.zeros((count.states, n + 1, 2), int)
    forward[0, 1:] = best[0, 1:] = found.inside[0]
    for t in range(2, n + 1):
        inside = found.change + found.inside[1:t, t - 1]
        for c in range(count.states):
            for source in count.sources(c):
                paths = forward[source, 1:t] + inside
                forward[c, t] = np.logaddexp(forward[c, t], np.logaddexp.reduce(paths))
                candidates = best[source, 1:t] + inside
                at = int(candidates.argmax())
                if candidates[at] > best[c, t]:
                    best[c, t] = candidates[at]
                    previous[c, t] = at + 1, source
    return forward, best, previous


def _backward(found, count):
    """Log chance of the epochs from t on, by number of changes up to the one at t."""
    n = len(found.inside)
    backward = np.full((count.states, n + 1), -np.inf)
    for t in range(n - 1, -1, -1):
        for c in range(count.states):
            if c >= count.fewest:
                backward[c, t] = found.inside[t, n - 1]
            for after in range(count.states):
                if c in count.sources(after):
                    paths = found.inside[t, t : n - 1] + found.change + backward[after, t + 1 : n]
                    further = np.logaddexp.reduce(paths) if paths.size else -np.inf
                    backward[c, t] = np.logaddexp(backward[c, t], further)
    return backward


def hull(chance: np.ndarray, first: int, stop: int, confidence: float = 0.95) -> tuple[int, int]:
    """Return the range of the most probable epochs of [first, stop) that hold the stated share."""
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
