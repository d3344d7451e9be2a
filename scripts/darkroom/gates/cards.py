"""Power cards: the smallest fault that these data would have shown.

The statistics of the units themselves are the noise: they are centred, and the signs of whole units
are drawn at random. A fault is added to the statistic of the units, which for a linear statistic is
the same as adding it to the samples. No simulator is needed. Signs leave the scatter of the units
nearly as it is; that of other units would be another one, so that it is drawn too. What is
tolerated is part of the size of a fault: it is seen by the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.gates import gate as gates
from darkroom.gates.budget import power, size_seen, threshold
from darkroom.gates.statistic import all_left_out, shrunk

if TYPE_CHECKING:
    from darkroom.gates.gate import Gate

# Each draw begins with this: a card is the same when it is made again.
_SEED = 20190719


def card(one: Gate, chance: float, draws: int) -> dict[str, Any]:
    """Return what a gate would have seen with these data.

    Parameters
    ----------
    one : Gate
        With a deviation.
    chance : float
        Chance of a false alarm of the gate.
    draws : int
        Number of random signs.

    Returns
    -------
    dict
        ``seen50``, ``seen95``: the size of the fault that is seen in 50 and 95 % of cases, in the
        unit of the gate; None where that is not a size. ``power``: chance that a fault of the size
        of the harm is seen. ``draws`` and ``alarms``: signs drawn, and how many were alarmed
        without any fault.
    """
    found = one.found
    if one.kind == gates.EXACT or found is None:
        return {"seen50": None, "seen95": None, "power": 1.0 if found else 0.0,
                "draws": 0, "alarms": 0}  # fmt: skip
    limit = threshold(chance, found.dof, found.tests)
    if one.kind == gates.COUNTED:
        error = found.e, found.dof, limit, one.tolerance
        sizes = [size_seen(share, *error) for share in (0.5, 0.95)]
        seen = power(one.harm, *error)
        return {"seen50": sizes[0], "seen95": sizes[1], "power": seen, "draws": 0, "alarms": 0}
    need, alarms, number = _needed(one, limit, draws)
    return {
        "seen50": float(np.quantile(need, 0.5)),
        "seen95": float(np.quantile(need, 0.95)),
        "power": float((need <= one.harm).mean()),
        "draws": number,
        "alarms": alarms,
    }


def _needed(one, limit, draws):
    """Return the size of the fault needed in each draw, alarms without a fault, and draws."""
    values = np.asarray(one.values)
    n = len(values)
    rng = np.random.default_rng(_SEED)
    signs = rng.choice([-1.0, 1.0], (draws, n))
    # Residuals from a mean scatter by sqrt((n - 1) / n) less than the units.
    noise = signs * (values - values.mean()) * np.sqrt(n / (n - 1))
    freedom = n - 1 if one.kind == gates.MEAN else n - 2
    true, others = _sizes(rng, freedom, one, draws)
    noise = true * noise
    if one.kind == gates.LEFT_OUT:
        deviation, _, _ = all_left_out(noise, one.predicted, one.weight)
        _, error, _ = all_left_out(np.sqrt(others)[:, None] * noise, one.predicted, one.weight)
        need = (limit * error - deviation).ravel()
        alarms = int((np.abs(deviation) > limit * error).any(axis=1).sum())
        return np.maximum(need, 0), alarms, draws
    if one.kind == gates.HALVES:
        second = np.asarray(one.second, bool)
        parts = noise[:, ~second], noise[:, second]
        squares = sum(((p - p.mean(axis=1, keepdims=True)) ** 2).sum(axis=1) for p in parts)
        variance, _ = shrunk(others * squares / freedom, freedom, one.predicted, one.weight)
        error = np.sqrt(variance * sum(1 / p.shape[1] for p in parts))
        deviation = parts[1].mean(axis=1) - parts[0].mean(axis=1)
    else:
        found = others * noise.var(axis=1, ddof=1)
        variance, _ = shrunk(found, freedom, one.predicted, one.weight)
        # The expected value has an error of its own: what exceeds that of the mean.
        own, _ = shrunk(np.var(values, ddof=1), freedom, one.predicted, one.weight)
        expected = max(one.found.e**2 - own / n, 0.0)
        error = np.sqrt(variance / n + expected)
        deviation = noise.mean(axis=1) + np.sqrt(expected) * rng.standard_normal(draws)
    least = one.tolerance + limit * error
    alarms = int((np.abs(deviation) > least).sum())
    return np.maximum(least - deviation, 0), alarms, draws


def _sizes(rng, freedom, one, draws):
    """Return the true scatter over that of the units, and the variance of others over the true one.

    Both as uncertain as the number of units says; a prediction makes the true one more certain.
    """
    known = freedom + (one.weight if one.predicted is not None else 0.0)
    true = np.sqrt(known / rng.chisquare(known, draws))
    return true[:, None], rng.chisquare(freedom, draws) / freedom
