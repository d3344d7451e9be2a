"""The cube of a DARK reference file: level of the dark in every group, DN."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from darkroom.nircam.dark.measure import DarkRates
    from darkroom.nircam.ramps.classes import Classes

#: Standard errors below which the settling of an amplifier counts as 0.
SIGNIFICANT = 3.0


@dataclass(frozen=True)
class Cube:
    """Planes of a cube, made one at a time: a full frame of 100 groups has 3.4 GB.

    Parameters
    ----------
    found : DarkRates
    classes : Classes
    kind : str
        ``fit`` or ``measured``.
    origin : str
        ``reset``: the superbias does not hold the dark of group 0; others: it does.
    ngroups : int
    """

    found: DarkRates
    classes: Classes
    kind: str
    origin: str
    ngroups: int

    @property
    def start(self) -> float:
        """Time of group 0, seconds."""
        return self.found.timing.first if self.origin == "reset" else 0.0

    @property
    def settling(self) -> np.ndarray:
        """S of every group and amplifier, e-; 0 where it is not significant."""
        found = self.found
        with np.errstate(invalid="ignore"):
            real = np.abs(found.settling) > SIGNIFICANT * found.settling_error
        real[0] = False
        return np.where(real, found.settling, 0.0)

    def sci(self) -> Iterator[np.ndarray]:
        """Yield the planes of SCI: (ny, nx) float32, DN; 0 where there is no rate."""
        gain = self.found.gain[self.classes.amplifier]
        rate = self.found.rate / gain
        if self.kind == "measured":
            level = rate * self.start
            yield np.nan_to_num(level).astype(np.float32)
            for steps in self.found.measured[0, : self.ngroups - 1]:
                level = level + steps
                yield np.nan_to_num(level).astype(np.float32)
            return
        settling = self.settling
        for group in range(self.ngroups):
            time = self.start + group * self.found.timing.tgroup
            last = settling[min(group, len(settling) - 1)][self.classes.amplifier] / gain
            level = rate * time + last
            yield np.nan_to_num(level).astype(np.float32)

    def err(self) -> Iterator[np.ndarray]:
        """Yield the planes of ERR: (ny, nx) float32, DN; 0 where there is no rate."""
        gain = self.found.gain[self.classes.amplifier]
        error = self.found.error / gain
        if self.kind == "measured":
            variance = (error * self.start) ** 2
            yield np.nan_to_num(np.sqrt(variance)).astype(np.float32)
            for steps in self.found.measured[1, : self.ngroups - 1]:
                variance = variance + steps
                yield np.nan_to_num(np.sqrt(variance)).astype(np.float32)
            return
        for group in range(self.ngroups):
            time = self.start + group * self.found.timing.tgroup
            yield np.nan_to_num(error * time).astype(np.float32)
