"""The cube of a DARK reference file: level of the dark in every group, DN."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from darkroom.nircam.dark.measure import DarkRates
    from darkroom.nircam.ramps.classes import Classes

#: Standard errors below which the settling of an amplifier counts as 0.
SIGNIFICANT = 3.0
_ROWS = 64  # of a plane, made at once


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

    def _plane(self, make: Callable[[slice], np.ndarray]) -> np.ndarray:
        """Return a plane, made by rows: float64 images of a whole detector are large."""
        plane = np.empty(self.found.rate.shape, np.float32)
        for first in range(0, len(plane), _ROWS):
            rows = slice(first, first + _ROWS)
            plane[rows] = np.nan_to_num(make(rows))
        return plane

    def sci(self) -> Iterator[np.ndarray]:
        """Yield the planes of SCI: (ny, nx) float32, DN; 0 where there is no rate."""
        found, gain = self.found, self.found.gain[self.classes.amplifier]
        if self.kind == "measured":
            level = found.rate / gain
            level *= self.start
            yield self._plane(level.__getitem__)
            for steps in found.measured[0, : self.ngroups - 1]:
                level += steps
                yield self._plane(level.__getitem__)
            return
        settling = self.settling
        for group in range(self.ngroups):
            time = self.start + group * found.timing.tgroup
            last = settling[min(group, len(settling) - 1)][self.classes.amplifier] / gain
            yield self._plane(
                lambda rows, time=time, last=last: found.rate[rows] / gain * time + last
            )

    def err(self) -> Iterator[np.ndarray]:
        """Yield the planes of ERR: (ny, nx) float32, DN; 0 where there is no rate."""
        found, gain = self.found, self.found.gain[self.classes.amplifier]
        if self.kind == "measured":
            variance = found.error / gain
            variance *= self.start
            variance **= 2
            yield self._plane(partial(_root, variance))
            for steps in found.measured[1, : self.ngroups - 1]:
                variance += steps
                yield self._plane(partial(_root, variance))
            return
        for group in range(self.ngroups):
            time = self.start + group * found.timing.tgroup
            yield self._plane(lambda rows, time=time: found.error[rows] / gain * time)


def _root(variance, rows):
    return np.sqrt(variance[rows])
