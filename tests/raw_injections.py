"""Faults put into raw exposures: how often sizes that power cards state are seen in fresh products.

A card is made of the exposures of one campaign. A fault of the size that it states as seen in 50 %
of cases is put into raw files of another campaign, of which the product is made anew.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits

from darkroom.gates.budget import threshold
from darkroom.gates.cards import card
from darkroom.gates.gate import EXACT, LEFT_OUT, Gate
from programs import load

#: Injections of each fault, random signs of a card, chance of a false alarm of a campaign.
INJECTIONS, DRAWS, BUDGET = 60, 200, 0.001
#: A card is right when its 50 % point is seen in so many of cases.
RIGHT = (0.33, 0.68)


@dataclass(frozen=True)
class Fault:
    """A fault of one exposure, of half of the exposures, or of all.

    Attributes
    ----------
    gate : str
        Name of the gate whose card states its size.
    added : callable
        ``added(pixels, size, rng)`` returns what is added to the pixels of an exposure.
    everywhere : bool
        Whether it is in all exposures.
    unit : int or None
        Unit that differs, where units are parts of an exposure.
    exposure : int or None
        Exposure that has it, where its gate is that of one exposure; else any.
    """

    gate: str
    added: Callable[[np.ndarray, float, np.random.Generator], np.ndarray]
    everywhere: bool = False
    unit: int | None = None
    exposure: int | None = None

    def is_in(self, exposure: int, hit: int, later: bool, units: int) -> bool:
        """Whether it is in an exposure of a campaign, of which one, or one half, is hit."""
        if self.everywhere:
            return True
        if self.gate.startswith("drift"):
            return (exposure >= units // 2) == later
        return exposure == (hit if self.exposure is None else self.exposure)


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
    extension : int or str
        That of the pixels; a name for all extensions of this name, in the order of the file.
    each : int
        Injections for which the cards of one campaign serve.
    """

    exposures: list[Path]
    units: int
    gates: Callable[[list[Path]], list[Gate]]
    groups: list[list[Fault]]
    extension: int | str = 0
    each: int = 1

    def drawn(self, rng: np.random.Generator) -> tuple[list[Path], list[Path]]:
        """Return the exposures of two campaigns, in the order of their times; none is in both.

        One is that of the cards, faults are put into the other.
        """
        chosen = rng.permutation(len(self.exposures))
        parts = chosen[: self.units], chosen[self.units : 2 * self.units]
        first, second = ([self.exposures[k] for k in np.sort(part)] for part in parts)
        return first, second

    def others(self, rng: np.random.Generator, used: list[Path]) -> list[Path]:
        """Return the exposures of another campaign, of which none is among some."""
        left = [path for path in self.exposures if path not in used]
        return [left[k] for k in np.sort(rng.permutation(len(left))[: self.units])]


def put(
    source: Path, target: Path, extension: int | str, faults: list[tuple[Fault, float]],
    rng: np.random.Generator,
) -> None:  # fmt: skip
    """Write a raw file with faults of some sizes.

    Counts are rounded up or down at random, so that a fault of less than one count remains.
    """
    with fits.open(source, memmap=False) as hdus:
        several = isinstance(extension, str)
        images = [one for one in hdus if one.name == extension] if several else [hdus[extension]]
        dtype = images[0].data.dtype
        pixels = np.stack([one.data for one in images]).astype(np.float64)
        pixels = pixels if several else pixels[0]
        for fault, size in faults:
            pixels += fault.added(pixels, size, rng)
        if dtype.kind in "iu":
            pixels = np.floor(pixels + rng.random(pixels.shape))
            pixels = np.clip(pixels, 0, np.iinfo(np.uint16).max)
        for one, plane in zip(images, pixels if several else [pixels], strict=True):
            one.data = plane.astype(dtype)
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
        unit = unit if fault.unit is None else fault.unit
        at = gate.kind != LEFT_OUT or gate.found.unit == unit
        found.append(bool(at and abs(gate.found.t) > limit))
    return found


def shares(case: Case, folder: Path, count: int = INJECTIONS) -> dict[str, float]:
    """Return how often the size of each card is seen in fresh exposures: ``{gate: share}``."""
    found: dict[str, list[bool]] = {}
    earlier, clean = [], []
    for k in range(count):
        rng = np.random.default_rng([19, k])
        if k % case.each:
            later = case.others(rng, earlier)
        else:
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
                    if fault.is_in(unit, one, half, case.units)
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


# -- Faults and exposures --------------------------------------------------------------------------


class Programs:
    """Programs of the workflow, run in this process.

    Parameters
    ----------
    monkeypatch : pytest.MonkeyPatch
    """

    def __init__(self, monkeypatch) -> None:
        self._monkeypatch, self._loaded = monkeypatch, {}

    def __call__(self, name: str, *arguments: object) -> None:
        """Run a program, e.g. ``"ccd/gates"``."""
        self._monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        if name not in self._loaded:
            self._loaded[name] = load(name)
        self._loaded[name].main()


def exposures(module, settings, folder):
    """Write the exposures of a simulator; return those in the order of their times."""
    paths = []
    for exposure in module.plan(settings):
        paths.append(folder / exposure.file)
        module.deliver(settings, exposure.name, paths[-1])
    return paths


def centred(shape, where):
    """Return an image that is zero outside of some pixels, and in the mean over them."""
    return np.where(where, shape - shape[where].mean(), 0.0)


def scatter(images, where):
    """Return the noise of a pixel in one exposure from several of them, (n, ny, nx).

    A median of whole counts would be one of steps.
    """
    difference = np.diff(images, axis=0)[:, where]
    difference -= difference.mean(axis=1, keepdims=True)
    near = np.abs(difference) <= 5 * 1.4826 * np.median(np.abs(difference))
    return difference[near].std() / np.sqrt(2)


def constant(shape):
    """Return what adds an image, times the size."""
    return lambda _pixels, size, _rng: size * shape


def noisier(noise, where, *, reads=False):
    """Return noise of resets, or of reads, that raises the variance of pixels by exp(size)."""

    def added(pixels, size, rng):
        extra = rng.standard_normal(pixels.shape if reads else where.shape) * where
        return noise * np.sqrt(np.expm1(size)) * extra

    return added


def both(label, added):
    """Return the faults of one statistic in one exposure, and in half of them."""
    return Fault(f"one bad exposure: {label}", added), Fault(f"drift: {label}", added)
