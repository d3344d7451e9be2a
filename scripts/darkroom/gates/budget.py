"""The budget of false alarms of a campaign, thresholds, and the power of a gate."""

from __future__ import annotations

import math

import numpy as np
from scipy import special

#: Most units that are asked for; beyond it no number helps.
MOST_UNITS = 4096
# Gauss's rule on (0, 1): chances of a standard error, and what each counts.
_NODES, _HALVES = np.polynomial.legendre.leggauss(256)
_CHANCES, _WEIGHTS = (1 + _NODES) / 2, _HALVES / 2
# Of an interval, to the last digits of a number.
_HALVINGS = 50


def threshold(chance: float, dof: float, tests: int = 1) -> float:
    """Return the |t| that is exceeded by chance only, of the largest of some tests.

    Parameters
    ----------
    chance : float
        Chance of a false alarm of this gate.
    dof : float
        Degrees of freedom; infinite for a normal deviate.
    tests : int
        Number of deviations of which the largest counts.
    """
    single = chance / tests / 2
    if math.isinf(dof):
        return float(-special.ndtri(single))
    return float(-special.stdtrit(dof, single))


def holm(chances: list[float], budget: float) -> tuple[list[bool], float]:
    """Return which tests are rejected by Holm's rule, and the chance that the next one has.

    Parameters
    ----------
    chances : list of float
        p of each test.
    budget : float
        Chance of any false rejection.

    Returns
    -------
    rejected : list of bool
    level : float
        The p below which a further test would be rejected: that of thresholds.
    """
    total, count = len(chances), 0
    rejected = [False] * total
    for place in sorted(range(total), key=lambda k: (chances[k], k)):
        if chances[place] > budget / (total - count):
            break
        rejected[place], count = True, count + 1
    return rejected, budget / max(total - count, 1)


def discoveries(chances: np.ndarray, rate: float) -> np.ndarray:
    """Return which of many tests are rejected by the rule of Benjamini and Hochberg: bool array.

    Parameters
    ----------
    chances : (n,) array
        p of each test.
    rate : float
        Share of false ones among the rejected.
    """
    order = np.argsort(chances, kind="stable")
    below = chances[order] <= rate * np.arange(1, len(chances) + 1) / max(len(chances), 1)
    last = np.flatnonzero(below)
    rejected = np.zeros(len(chances), bool)
    if last.size:
        rejected[order[: last[-1] + 1]] = True
    return rejected


def power(effect: float, error: float, dof: float, limit: float, tolerance: float = 0.0) -> float:
    """Return the chance that an effect is seen: that |t| exceeds its threshold.

    Parameters
    ----------
    effect : float
        Size of the effect.
    error : float
        Standard error of the deviation.
    dof : float
        Degrees of freedom of the error.
    limit : float
        The threshold.
    tolerance : float
        A deviation begins beyond it.
    """
    if error <= 0:
        return 1.0 if effect > tolerance else 0.0
    above, below = (effect - tolerance) / error, (effect + tolerance) / error
    if math.isinf(dof):
        return float(special.ndtr(above - limit) + special.ndtr(-below - limit))
    # The mean over what the standard error may be found to be. The noncentral t of scipy is NaN at
    # sizes in between that matter (dof 8.67, shift 17.4), and the sum of its tails too.
    found_over_true = np.sqrt(special.chdtri(dof, _CHANCES) / dof)
    seen = special.ndtr(above - limit * found_over_true)
    seen += special.ndtr(-below - limit * found_over_true)
    return float(min(1.0, _WEIGHTS @ seen))


def size_seen(
    share: float, error: float, dof: float, limit: float, tolerance: float = 0.0
) -> float:
    """Return the size of the effect that is seen in a share of cases: the inverse of `power`.

    Parameters
    ----------
    share : float
        Between 0.5 and 1.
    error, dof, limit, tolerance : float
        As of `power`.
    """
    if error <= 0:
        return tolerance
    if math.isinf(dof):
        return tolerance + (limit + float(special.ndtri(share))) * error
    allowed = tolerance / error
    small, large = allowed, allowed + limit + 1.0
    while power(large, 1.0, dof, limit, allowed) < share:
        large += large - allowed
    for _ in range(_HALVINGS):
        middle = (small + large) / 2
        if power(middle, 1.0, dof, limit, allowed) < share:
            small = middle
        else:
            large = middle
    return large * error


def units_needed(
    harm: float, scatter: float, chance: float, kind: str, weight: float = 0.0
) -> int | None:
    """Return the number of units with which an effect that matters is seen in half of the cases.

    Parameters
    ----------
    harm : float
        The effect: of the mean, or of one unit on the mean.
    scatter : float
        Standard deviation of a unit.
    chance : float
        Chance of a false alarm of this gate.
    kind : str
        ``"mean"``, ``"halves"``, ``"left out"`` (the harm is that of the mean, to which a unit
        contributes 1/n) or ``"one unit"`` (the harm is that of the unit).
    weight : float
        ν0.

    Returns
    -------
    int or None
        None: more than 4096.
    """
    for n in _counts():
        if kind == "left out":
            limit = threshold(chance, weight + n - 2, n)
            error, effect = scatter * math.sqrt(n / (n - 1)), harm * n
        elif kind == "one unit":
            limit = threshold(chance, weight + n - 2, n)
            error, effect = scatter * math.sqrt(n / (n - 1)), harm
        elif kind == "halves":
            limit = threshold(chance, weight + n - 2)
            error, effect = scatter * math.sqrt(1 / (n // 2) + 1 / (n - n // 2)), harm
        else:
            limit = threshold(chance, weight + n - 1)
            error, effect = scatter / math.sqrt(n), harm
        if limit * error <= effect:
            return n
    return None


def _counts():
    n = 6
    while n <= MOST_UNITS:
        yield n
        n += max(1, n // 50)
