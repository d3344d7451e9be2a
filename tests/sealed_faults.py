"""Sealed faults of a product: each drawn 50 times, put in, and looked for by the gates."""

from __future__ import annotations

import numpy as np

from darkroom.gates.decide import FAIL, WARN, decide
from darkroom.gates.seal import digest, draw, opened, sealed
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
