"""One superbias for each phase of a bias that repeats every few integrations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from darkroom.combine import Clip, clip_block
from darkroom.nircam.superbias.offsets import OffsetSubtracted
from darkroom.threads import over_bands

if TYPE_CHECKING:
    from collections.abc import Sequence

    from darkroom.nircam.ramps.classes import Classes
    from darkroom.nircam.ramps.ramps import SampleStack
    from darkroom.nircam.superbias.cycle import CycleRow
    from darkroom.nircam.superbias.measure import Superbias

#: Ramps that a phase needs for a superbias of its own.
MIN_RAMPS = 3
#: Phases of a bias that depends on the number of the integration without a period: the first ones.
MOST = 8


@dataclass(frozen=True)
class PhaseRow:
    """Level of one phase.

    Attributes
    ----------
    phase : int
        First integration of the phase, counted from 1.
    ramps : int
    name : str
        Amplifier and parity.
    level : float
        Its level minus that of all integrations, DN.
    error : float
        Its standard error from the scatter of the ramps of the phase, DN.
    """

    phase: int
    ramps: int
    name: str
    level: float
    error: float


@dataclass(frozen=True)
class Phases:
    """Superbiases of the phases.

    Attributes
    ----------
    period : int
        Integrations after which the bias repeats; 0: it does not repeat within an exposure, and
        the last phase is that of all later integrations.
    mean, error : (nphases, ny, nx) float32 arrays
        Superbias of each phase, DN, and the standard error of each pixel; NaN for a phase of fewer
        than `MIN_RAMPS` ramps.
    rows : list of PhaseRow
    """

    period: int
    mean: np.ndarray
    error: np.ndarray
    rows: list[PhaseRow]


def significant(cycles: Sequence[CycleRow]) -> CycleRow | None:
    """Return the row of a bias that depends on the integration, or None."""
    return next((row for row in cycles if row.warning), None)


def phase_of(integrations: np.ndarray, period: int) -> np.ndarray:
    """Return the phase of integrations that are counted from 0: (nramps,) int array."""
    return integrations % period if period else np.minimum(integrations, MOST - 1)


def phase_superbiases(
    stack: SampleStack,
    classes: Classes,
    integrations: np.ndarray,
    period: int,
    found: Superbias,
    clip: tuple[float, int],
    *,
    threads: int = 1,
) -> Phases:
    """Make a superbias of the ramps of each phase.

    Parameters
    ----------
    stack : SampleStack
        One sample image per ramp, DN.
    classes : Classes
    integrations : (nramps,) int array
        Number of the integration in its exposure, from 0.
    period : int
        As of `Phases`.
    found : Superbias
        That of all ramps, of the same stack.
    clip : (float, int)
        Rejection limit of samples in units of 1.4826 MAD, and the number of rounds.
    threads : int
        Bands worked on at once.

    Returns
    -------
    Phases
        The level of a phase is the mean offset of its ramps: what the reference pixels see of it,
        their correction removes.
    """
    phase = phase_of(integrations, period)
    count = int(phase.max()) + 1
    members = [np.flatnonzero(phase == k) for k in range(count)]
    mean, error = np.full((2, count, *stack.shape), np.nan, np.float32)
    aligned = OffsetSubtracted(stack, found.offsets.columns(classes))
    floor = np.where(classes.reference, found.floors["reference"], found.floors["active"])

    def work(rows: slice) -> None:
        values = aligned.read(rows)
        for k, ramps in enumerate(members):
            if ramps.size < MIN_RAMPS:
                continue
            own, low = values[ramps].reshape(ramps.size, -1), floor[rows].ravel()
            for limit in np.unique(low):
                where = np.flatnonzero(low == limit)
                rule = Clip("mad", *clip, float(limit))
                part = clip_block(np.take(own, where, axis=1), rule, ("mean", "error"))
                mean[k, rows].reshape(-1)[where] = part.mean
                error[k, rows].reshape(-1)[where] = part.error

    over_bands(work, stack.shape[0], 16 * stack.shape[1] * stack.nframes, threads)
    rows = []
    for k, ramps in enumerate(members):
        if not ramps.size:
            continue
        offsets = found.offsets.value[ramps]
        level = offsets.mean(axis=0)
        scatter = offsets.std(axis=0, ddof=1) if ramps.size > 1 else np.full(len(level), np.nan)
        mean[k] += (found.offsets.level + level).astype(np.float32)[classes.column]
        rows += [
            PhaseRow(k + 1, ramps.size, name, float(one), float(spread / np.sqrt(ramps.size)))
            for name, one, spread in zip(classes.names, level, scatter, strict=True)
        ]
    return Phases(period, mean, error, rows)
