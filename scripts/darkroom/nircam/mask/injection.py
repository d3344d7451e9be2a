"""Completeness and false rate of the classes of bad pixels, by injection of simulated ramps.

Ramps with the number, length, read noise, dark current and cosmic rays of the exposures are made,
with bad pixels of known kind among good ones, and go through the same measurement. What is found
says how far the mask can be trusted for these exposures; how often real pixels are of these kinds
it does not say. Noise is white in time: where the scatter of rates is larger (the factor of the
dark), rates are classed with the larger errors, and fewer pixels are found than stated.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np

from darkroom.nircam.dark.measure import measure
from darkroom.nircam.dark.settings import DarkSettings
from darkroom.nircam.detector.readout import Readout
from darkroom.nircam.mask.classify import Class, classify
from darkroom.nircam.ramps.classes import Classes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from darkroom.nircam.dark.measure import DarkRates

#: Good pixels for each injected one of a class, and columns of the simulated image.
_GOOD, _COLUMNS = 20, 400
_KTC = 4.0  # kTC noise over read noise
_CHARGE, _LEAST = 800.0, 40.0  # e-, of a cosmic ray: exponential above the least


@dataclass(frozen=True)
class Conditions:
    """What the exposures are like.

    Attributes
    ----------
    nramps, ngroups : int
    tgroup : float
        Seconds.
    rate : float
        Dark current of usual pixels, e-/s.
    read : float
        Read noise of a group, e-.
    hits : float
        Cosmic rays a pixel and second.
    step_sigma : float
        Limit of the dark's test for them, standard deviations.
    """

    nramps: int
    ngroups: int
    tgroup: float
    rate: float
    read: float
    hits: float
    step_sigma: float = DarkSettings.step_sigma


#: Class, what is injected, and the words for it.
KINDS = {
    "warm": (Class.WARM, "rate 0.1 e-/s, or twice the limit for warm pixels"),
    "hot": (Class.HOT | Class.SATURATED_FIRST, "rate 1 e-/s, or twice the limit for hot pixels"),
    "noisy": (Class.NOISY, "read noise twice the usual one"),
    "telegraph": (Class.RTN, "two levels, 8 x the read noise apart, 20 % chance to switch a group"),
    "unstable": (Class.UNSTABLE, "0.3 e-/s in half of the integrations"),
    "bias": (Class.UNREL_BIAS, "kTC noise three times the usual one"),
}


class _Ramps:
    """Simulated ramps, as `darkroom.nircam.ramps.blocks.RampBlocks` offers them."""

    def __init__(self, data: np.ndarray, tgroup: float) -> None:
        self._data = data
        nramps, ngroups, ny, nx = data.shape
        header = {"NFRAMES": 1, "GROUPGAP": 0, "TFRAME": tgroup}
        file = SimpleNamespace(header=header, groupdq=None, path=Path("injection"))
        self.ramps = SimpleNamespace(
            shape=(ny, nx), files=[file], ramps=[(0, k) for k in range(nramps)], product="mask"
        )
        self.starts = np.arange(nramps + 1, dtype=np.int64) * ngroups

    def over(
        self,
        work: Callable,
        _threads: int = 1,
        layout: Sequence[tuple[slice, slice]] | None = None,
    ) -> list:
        """Call a function for every row, or the given blocks."""
        nramps, ngroups, ny, nx = self._data.shape
        layout = layout or [(slice(y, y + 1), slice(0, nx)) for y in range(ny)]
        return [
            work(
                np.ascontiguousarray(self._data[:, :, rows, columns]).reshape(nramps * ngroups, -1),
                rows, columns,
            )
            for rows, columns in layout
        ]  # fmt: skip


def simulate(
    conditions: Conditions, injected: int, limits: tuple[float, float], seed: int = 0
) -> tuple[np.ndarray, dict[str, slice]]:
    """Make ramps with bad pixels of each kind.

    Parameters
    ----------
    conditions : Conditions
    injected : int
        Pixels of each kind.
    limits : (float, float)
        For hot and warm pixels, e-/s.
    seed : int

    Returns
    -------
    data : (nramps, ngroups, ny, nx) float32 array
        e-.
    where : dict
        Pixels of each kind in the flattened image; those after the last are good.
    """
    rng = np.random.default_rng(seed)
    where = {kind: slice(k * injected, (k + 1) * injected) for k, kind in enumerate(KINDS)}
    npixels = injected * (len(KINDS) + _GOOD)
    ny = -(-npixels // _COLUMNS)
    npixels = ny * _COLUMNS
    c = conditions
    rate = np.full(npixels, c.rate)
    rate[where["hot"]] = max(1.0, 2 * limits[0])
    rate[where["warm"]] = max(0.1, 2 * limits[1])
    read = np.full(npixels, c.read)
    read[where["noisy"]] *= 2
    ktc = np.full(npixels, _KTC * c.read)
    ktc[where["bias"]] *= 3
    amplitude = np.zeros(npixels)
    amplitude[where["telegraph"]] = 8 * c.read
    data = np.empty((c.nramps, c.ngroups, npixels), np.float32)
    for ramp in data:
        mean = rate.copy()
        mean[where["unstable"]] += 0.3 * (rng.random(injected) < 0.5)
        level = ktc * rng.standard_normal(npixels)
        high = rng.random(npixels) < 0.5
        for group in ramp:
            level += rng.poisson(mean * c.tgroup)
            hit = rng.random(npixels) < c.hits * c.tgroup
            level[hit] += _LEAST + rng.exponential(_CHARGE, int(hit.sum()))
            high ^= rng.random(npixels) < 0.2
            group[:] = level + read * rng.standard_normal(npixels) + amplitude * high
    return data.reshape(c.nramps, c.ngroups, ny, _COLUMNS), where


def inject(
    conditions: Conditions, injected: int, limits: tuple[float, float], seed: int = 0
) -> list[dict]:
    """Measure completeness and false rate of each class.

    Parameters
    ----------
    conditions : Conditions
    injected : int
        Pixels of each kind; there are 20 good pixels for each.
    limits : (float, float)
        For hot and warm pixels, e-/s.
    seed : int

    Returns
    -------
    list of dict
        For each class: what was injected, the share found, good pixels so classed and their number,
        and the false rate: that found, or its upper limit (95 %) where none was.
    """
    data, where = simulate(conditions, injected, limits, seed)
    ny, nx = data.shape[2:]
    # Anywhere on the detector where there are no reference pixels.
    layout = Readout("NRCA1", "SUB400P", -1, 2, 801, 5, nx, ny, 1, ny + 8)
    classes = Classes.of_layout(layout)
    found = measure(
        _Ramps(data, conditions.tgroup),  # type: ignore[arg-type]
        classes, np.ones(1), step_sigma=conditions.step_sigma,
    )  # fmt: skip
    reasons = classify(found, classes, *limits).ravel()
    good = reasons[len(KINDS) * injected :]
    rows = []
    for kind, (flag, words) in KINDS.items():
        false = int((good & flag > 0).sum())
        rows.append({
            "class": kind,
            "injected": words,
            "share": float((reasons[where[kind]] & flag > 0).mean()),
            "false": false,
            "good": int(good.size),
            "false_rate": max(false, 3.0) / good.size,
        })  # fmt: skip
    return rows


def conditions_of(
    found: DarkRates, nramps: int, usable: np.ndarray, step_sigma: float
) -> Conditions:
    """Return what the exposures of a dark are like; medians over amplifiers.

    Parameters
    ----------
    found : DarkRates
    nramps : int
    usable : (ny, nx) bool array
        Good active pixels.
    step_sigma : float
        Limit of the test for cosmic rays, standard deviations.
    """
    ngroups = len(found.settling)
    seconds = nramps * (ngroups - 1) * found.timing.tgroup * max(int(usable.sum()), 1)
    return Conditions(
        nramps=nramps,
        ngroups=ngroups,
        tgroup=found.timing.tgroup,
        # A rate of about 0 can be measured below it.
        rate=max(0.0, float(np.median([one.rate for one in found.usual]))),
        read=float(np.sqrt(np.median([one.read for one in found.usual]))),
        hits=float(found.nhits[usable].sum()) / seconds,
        step_sigma=step_sigma,
    )
