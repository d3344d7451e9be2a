"""Sealed faults: what was put into the exposures is not known until the gates have run.

A program that does not see the gates draws fault, place and amplitude from a seed, a part of the
draws being nothing at all. The SHA-256 of the draws is written before the gates run; the draws are
opened after. What is alarmed among the draws of nothing is the realised rate of false alarms.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from darkroom.errors import DarkroomError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Share of the draws that are no fault at all.
NOTHING = 0.2


@dataclass(frozen=True)
class Draw:
    """One sealed fault.

    Attributes
    ----------
    fault : str
        Its name; empty: nothing.
    unit : int
        Exposure that has it, where it is one.
    amplifier : int
    amplitude : float
        In the unit that the fault has.
    seed : int
        Of the exposures.
    """

    fault: str
    unit: int
    amplifier: int
    amplitude: float
    seed: int


def draw(
    faults: Mapping[str, tuple[float, float]],
    count: int,
    seed: int,
    *,
    units: int,
    amplifiers: int,
) -> list[Draw]:
    """Draw faults.

    Parameters
    ----------
    faults : dict
        ``{name: (least, largest amplitude)}``.
    count : int
        Number of draws of each fault; draws of nothing are added.
    seed : int
    units, amplifiers : int
        Of the exposures into which they go.

    Returns
    -------
    list of Draw
        In random order.
    """
    rng = np.random.default_rng(seed)
    empty = round(count * len(faults) * NOTHING / (1 - NOTHING))
    names = [name for name in faults for _ in range(count)] + [""] * empty
    found = []
    for name in names:
        low, high = faults.get(name, (0.0, 0.0))
        found.append(
            Draw(
                name,
                int(rng.integers(units)),
                int(rng.integers(amplifiers)),
                float(rng.uniform(low, high)),
                int(rng.integers(2**31)),
            )
        )
    return [found[k] for k in rng.permutation(len(found))]


def sealed(draws: Sequence[Draw]) -> str:
    """Return the text of draws: it is kept until the gates have run."""
    return json.dumps([asdict(one) for one in draws], sort_keys=True)


def digest(text: str) -> str:
    """Return the SHA-256 of sealed draws, which is written before the gates run."""
    return hashlib.sha256(text.encode()).hexdigest()


def opened(text: str, expected: str) -> list[Draw]:
    """Return the draws of a sealed text.

    Raises
    ------
    DarkroomError
        When its SHA-256 is not the one that was written before the gates ran.
    """
    if digest(text) != expected:
        raise DarkroomError(
            f"the sealed faults have SHA-256 {digest(text)[:12]}, not {expected[:12]} as written "
            "before the gates ran: they were changed; draw new ones"
        )
    return [Draw(**row) for row in json.loads(text)]
