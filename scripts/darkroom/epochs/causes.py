"""What changed together with a series: candidates for the cause of a change, never the cause."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from darkroom.epochs.units import FACTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from darkroom.epochs.folder import Epoch

#: Epochs that must state a fact.
_FEWEST = 4
# A fact whose values differ by less than this part of them is the same in all epochs.
_SAME = 3e-4
NAMES = {
    "temperature": "detector temperature",
    "visit": "number of the visit",
    "pause": "pause before the epoch",
    "hours": "length of the epoch",
}


@dataclass(frozen=True)
class Candidate:
    """A fact about the epochs, and how it goes with a series.

    Parameters
    ----------
    name : str
        One of `NAMES`.
    correlation : float
        Of the means of the epochs (Pearson).
    chance : float
        Of a correlation as strong, either sign, were they independent.
    epochs : int
        Number of epochs that state the fact.
    """

    name: str
    correlation: float
    chance: float
    epochs: int


def facts_by_epoch(epochs: Sequence[Epoch]) -> dict[str, np.ndarray]:
    """Return facts about epochs: (nepochs,) arrays by name, NaN where one is not known."""
    found = {}
    for k, name in enumerate(FACTS):
        values = [one.facts[:, k] for one in epochs]
        found[name] = np.array(
            [np.mean(one) if np.isfinite(one).all() else np.nan for one in values]
        )
    start = np.array([one.mjd.min() for one in epochs])
    end = np.array([one.mjd.max() for one in epochs])
    found["pause"] = np.concatenate([[np.nan], start[1:] - end[:-1]])
    found["hours"] = 24 * (end - start)
    return found


def candidates(value: np.ndarray, facts: dict[str, np.ndarray]) -> list[Candidate]:
    """Return the facts that differ between epochs, those that go with a series best first.

    Parameters
    ----------
    value : array, shape (nepochs,)
    facts : dict of arrays, shape (nepochs,)

    Returns
    -------
    list of Candidate
        A fact that is the same in all epochs, or known in few, is left out.
    """
    from scipy.stats import pearsonr

    found = []
    for name, values in facts.items():
        known = np.isfinite(values)
        if known.sum() < _FEWEST or np.ptp(values[known]) <= _SAME * np.abs(values[known]).max():
            continue
        if np.ptp(value[known]) == 0:
            continue
        r, p = pearsonr(values[known], value[known])
        found.append(Candidate(name, float(r), float(p), int(known.sum())))
    return sorted(found, key=lambda one: one.chance)
