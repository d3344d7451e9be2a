"""Faults put into raw exposures: how often sizes that power cards state are seen in fresh products.

A card is made of the exposures of one campaign. A fault of the size that it states as seen in 50 %
of cases is put into raw files of another campaign, of which the product is made anew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits

from darkroom.gates.budget import threshold
from darkroom.gates.cards import card
from darkroom.gates.gate import EXACT, LEFT_OUT, Gate

#: Injections of each fault, random signs of a card, chance of a false alarm of a campaign.
INJECTIONS, DRAWS, BUDGET = 60, 200, 0.001
#: A card is right when its 50 % point is seen in so many of cases.
RIGHT = (0.33, 0.68)


@dataclass(frozen=True)
class Fault:
    """A fault of one exposure, or of half of the exposures.

    Attributes
    ----------
    gate : str
        Name of the gate whose card states its size.
    added : callable
        ``added(pixels, size, rng)`` returns what is added to the pixels of an exposure.
    """

    gate: str
    added: Callable[[np.ndarray, float, np.random.Generator], np.ndarray]

    @property
    def drifts(self) -> bool:
        """Whether it is in the earlier or the later half of the exposures."""
        return self.gate.startswith("drift")


@dataclass(frozen=True)
class Case:
    """A product, and the raw exposures of which campaigns take theirs.

    Attributes
    ----------
    exposures : list of pathlib.Path
        Raw files in the order of their times, of which each campaign has some.
    units : int
        Exposures of a campaign.
    gates : callable
        ``gates(paths)`` makes the product of raw files and returns its gates.
    groups : list of list of Fault
        Those of a group are put in at once, into other exposures, amplifiers and statistics.
    extension : int
        That of the pixels.
    """

    exposures: list[Path]
    units: int
    gates: Callable[[list[Path]], list[Gate]]
    groups: list[list[Fault]]
    extension: int = 0

    def drawn(self, rng: np.random.Generator) -> tuple[list[Path], list[Path]]:
        """Return the exposures of two campaigns, in the order of their times; none is in both.

        One is that of the cards, faults are put into the other.
        """
        chosen = rng.permutation(len(self.exposures))
        parts = chosen[: self.units], chosen[self.units : 2 * self.units]
        first, second = ([self.exposures[k] for k in np.sort(part)] for part in parts)
        return first, second


def put(
    source: Path, target: Path, extension: int, faults: list[tuple[Fault, float]],
    rng: np.random.Generator,
) -> None:  # fmt: skip
    """Write a raw file with faults of some sizes.

    Counts are rounded up or down at random, so that a fault of less than one count remains.
    """
    with fits.open(source, memmap=False) as hdus:
        data = hdus[extension].data
        whole = data.dtype.kind in "iu"
        pixels = data.astype(np.float64)
        for fault, size in faults:
            pixels += fault.added(pixels, size, rng)
        if whole:
            pixels = np.floor(pixels + rng.random(pixels.shape))
            pixels = np.clip(pixels, 0, np.iinfo(np.uint16).max)
        hdus[extension].data = pixels.astype(data.dtype)
        hdus.writeto(target, overwrite=True)


def chance(gates: list[Gate]) -> float:
    """Return the chance of a false alarm that each gate of a product has."""
    return BUDGET / sum(one.kind != EXACT and one.found is not None for one in gates)


def stated(gates: list[Gate], faults: list[Fault]) -> list[float]:
    """Return the sizes that cards state as seen in 50 % of cases, of each fault."""
    named = {one.name: one for one in gates}
    return [card(named[fault.gate], chance(gates), DRAWS)["seen50"] for fault in faults]


def seen(gates: list[Gate], faults: list[Fault], units: list[int]) -> list[bool]:
    """Return which faults are seen, in their own exposure."""
    named, found = {one.name: one for one in gates}, []
    for fault, unit in zip(faults, units, strict=True):
        gate = named[fault.gate]
        limit = threshold(chance(gates), gate.found.dof, gate.found.tests)
        at = gate.kind != LEFT_OUT or gate.found.unit == unit
        found.append(bool(at and abs(gate.found.t) > limit))
    return found


def shares(case: Case, folder: Path, count: int = INJECTIONS) -> dict[str, float]:
    """Return how often the size of each card is seen in fresh exposures: ``{gate: share}``."""
    found: dict[str, list[bool]] = {}
    for k in range(count):
        rng = np.random.default_rng([19, k])
        earlier, later = case.drawn(rng)
        clean = case.gates(earlier)
        for faults in case.groups:
            sizes = stated(clean, faults)
            hit = [int(unit) for unit in rng.integers(case.units, size=len(faults))]
            half, paths = bool(rng.integers(2)), []
            for unit, source in enumerate(later):
                mine = [
                    (fault, size)
                    for fault, size, one in zip(faults, sizes, hit, strict=True)
                    if ((unit >= case.units // 2) == half if fault.drifts else unit == one)
                ]
                paths.append(folder / source.name)
                put(source, paths[-1], case.extension, mine, rng)
            for fault, was in zip(faults, seen(case.gates(paths), faults, hit), strict=True):
                found.setdefault(fault.gate, []).append(was)
    return {gate: float(np.mean(was)) for gate, was in found.items()}


def assert_right(product: str, found: dict[str, float]) -> None:
    """Assert that nine cards of ten state what is seen."""
    values = np.array(list(found.values()))
    right = (values >= RIGHT[0]) & (values <= RIGHT[1])
    print(
        f"{product}: {right.sum()} of {right.size} cards within {RIGHT}, mean {values.mean():.3f}"
    )
    for name, value in found.items():
        print(f"  {value:.2f} {name}")
    assert right.mean() >= 0.9
