"""Sealed faults of a product, each drawn 50 times, and 1,000 campaigns without any."""

from __future__ import annotations

import numpy as np

from darkroom.gates.budget import holm
from darkroom.gates.decide import FAIL, WARN, decide
from darkroom.gates.gate import EXACT
from darkroom.gates.seal import Draw, digest, draw, opened, sealed
from darkroom.gates.settings import JudgeSettings

COUNT = 50


def seen(gates):
    """Whether a fault is found: a gate fails, or is beyond its threshold."""
    rows = decide(gates, JudgeSettings(injections=20))
    return any(row["verdict"] == FAIL or
               (row["verdict"] == WARN and abs(row["t"] or 0) > (row["threshold"] or np.inf))
               for row in rows)  # fmt: skip


def assert_found(product, made, faults, seed, *, units, amplifiers, alarms=1):
    """Assert that each fault is found in every draw, and next to nothing where there is none.

    `made` returns the gates of the product for a draw; the budget of false alarms is 0.001 each.
    """
    text = sealed(draw(faults, COUNT, seed, units=units, amplifiers=amplifiers))
    written = digest(text)
    found, false = dict.fromkeys(faults, 0), 0
    for one in opened(text, written):
        was = seen(made(one))
        if one.fault:
            found[one.fault] += was
        else:
            false += was
    print(product, written[:12], found, "false alarms", false)
    assert found == dict.fromkeys(faults, COUNT)
    assert false <= alarms


def assert_quiet(product, made, trials=1000):
    """Assert that clean campaigns are alarmed no more often than their gates and budget say.

    Conditions (`EXACT`) have no chance: one that does not hold is an alarm of the campaign.
    """
    chances, alarmed, budget = [], 0, 0.01
    for seed in range(trials):
        gates = made(Draw("", 0, 0, 0.0, seed))
        own = [one.found.p for one in gates if one.kind != EXACT and one.found is not None]
        chances += own
        alarmed += any(holm(own, budget)[0]) or any(one.why for one in gates if one.kind == EXACT)
    # A product that has conditions alone has no chances.
    values = np.array(chances or [1.0])
    rates = [float((values < level).mean()) for level in (0.05, 0.01, 0.001)]
    print(product, "alarms at 5, 1, 0.1 %:", rates, "campaigns at 1 %:", alarmed / trials)
    assert rates[0] <= 0.07
    assert rates[1] <= 0.015
    assert rates[2] <= 0.004
    assert alarmed / trials <= budget + 3 * np.sqrt(budget * (1 - budget) / trials)
