"""The day from which a file should serve, and the time it stays good."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# One-sided 95 % point of the normal law.
ONE_SIDED = 1.645


@dataclass(frozen=True)
class Start:
    """Day from which a file should serve.

    Parameters
    ----------
    useafter : float
        First exposure of the current segment [MJD].
    after, before : float
        The change lies between these times [MJD]: the last exposure that may still belong to
        the old level, and the first that may belong to the new one at the latest.
    changed : bool
        Whether a change was found; else `useafter` is the file's own, that is kept.
    """

    useafter: float
    after: float
    before: float
    changed: bool


def began_between(began: np.ndarray, confidence: float = 0.95) -> tuple[int, int]:
    """Return the first and the last of the most probable epochs that hold the stated share.

    Parameters
    ----------
    began : array, shape (nepochs,)
        Posterior chance that the current segment began with each epoch.
    confidence : float

    Returns
    -------
    (int, int)
    """
    order = np.argsort(began)[::-1]
    share = np.cumsum(began[order]) / began.sum()
    taken = order[: int(np.searchsorted(share, confidence)) + 1]
    return int(taken.min()), int(taken.max())


def start_of_validity(
    first: np.ndarray,
    last: np.ndarray,
    began: np.ndarray,
    changed: bool,
    used: float,
    current: float | None = None,
    confidence: float = 0.95,
) -> Start:
    """Propose the USEAFTER of a file made from the current segment.

    Parameters
    ----------
    first, last : array, shape (nepochs,)
        Times of the first and last exposure of each epoch [MJD].
    began : array, shape (nepochs,)
        Posterior chance that the current segment began with each epoch.
    changed : bool
        Whether a change was found since the file in use was made.
    used : float
        Time of the first exposure the product was made from [MJD]; never earlier than it.
    current : float, optional
        USEAFTER of the file in use [MJD]: kept where nothing changed, so that this file is
        replaced exactly.
    confidence : float
        Of the interval of the change.

    Returns
    -------
    Start
    """
    earliest, latest = began_between(began, confidence)
    after = float(last[earliest - 1]) if earliest else float(first[0])
    if not changed and current is not None:
        return Start(current, after, float(first[latest]), changed=False)
    begin = float(first[int(began.argmax())]) if changed else float(first[0])
    return Start(max(begin, used), after, float(first[latest]), changed)


def good_for(tolerance: float, slope: float, error: float) -> float:
    """Return how long a product stays within its tolerance, at 95 % confidence.

    Parameters
    ----------
    tolerance : float
        Largest change that does no harm [unit].
    slope, error : float
        Of the quantity against time, with standard error [unit/day].

    Returns
    -------
    float
        Days; infinite where slope and error are zero. Where the slope is not significant this
        is a lower limit, not a date.

    Raises
    ------
    ValueError
        When the tolerance is not positive or the error negative.
    """
    if not tolerance > 0 or not error >= 0:
        raise ValueError("a time of validity needs a positive tolerance and an error")
    rate = abs(slope) + ONE_SIDED * error
    return tolerance / rate if rate > 0 else np.inf


def change_rate(changes: int, years: float, confidence: float = 0.95) -> tuple[float, float, float]:
    """Return the rate of change points a year with its Poisson interval.

    Parameters
    ----------
    changes : int
        Change points found.
    years : float
        Span of the series.
    confidence : float
        Of the interval (Garwood 1936, Biometrika 28, 437).

    Returns
    -------
    (float, float, float)
        Rate, low end and high end [1/year].

    Raises
    ------
    ValueError
        When the span is not positive.
    """
    from scipy.stats import chi2

    if not years > 0:
        raise ValueError("a rate needs a positive span of time")
    tail = (1 - confidence) / 2
    low = chi2.ppf(tail, 2 * changes) / 2 if changes else 0.0
    high = chi2.isf(tail, 2 * changes + 2) / 2
    return changes / years, float(low) / years, float(high) / years
