"""What a simulated WFC3/IR dark holds in the place of light, and its truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.simulate.settings import stream
from darkroom.wfc3.simulate.plan import is_dark

if TYPE_CHECKING:
    from collections.abc import Sequence

    from darkroom.wfc3.simulate.detector import Detector
    from darkroom.wfc3.simulate.plan import Exposure

#: e-folding time of the settling, s; charge (e-) and e-folding time (s) of persistence.
SETTLING_S, PERSISTENT, PERSISTENT_S = 60.0, 200.0, 200.0


@dataclass(frozen=True)
class Dark:
    """The dark current of an exposure, e-/s.

    Parameters
    ----------
    current : (side, side) float32 array
        Of the detector, e-/s.
    gain : (side, side) float32 array
        e-/DN.
    flags : (side, side) int16 array
        Of the bad-pixel table.
    level : float
        Change of the level in this exposure, e-/s.
    settling : float
        Charge beside the dark current, e-.
    persistent : (side, side) bool array
        Pixels in which charge of an earlier exposure comes out.
    """

    current: np.ndarray
    gain: np.ndarray
    flags: np.ndarray
    level: float
    settling: float
    persistent: np.ndarray

    @classmethod
    def of(cls, full: dict[str, Any], exposure: Exposure, detector: Detector) -> Dark | None:
        """Return the dark current of an exposure; None of one that is no dark."""
        if not is_dark(full, exposure.number):
            return None
        level = full["dark_level"] * stream(full, "dark_level", exposure.name).standard_normal()
        chance = stream(full, "persistent", exposure.name).random(detector.dark.shape)
        return cls(
            detector.dark, detector.gain, detector.flags, float(level), full["dark_settling"],
            chance < full["persistent_fraction"],
        )  # fmt: skip

    def rate(self, start: float, stop: float) -> np.ndarray:
        """Return the mean rate between two times since the zeroth read, (side, side) e-/s."""
        rate = self.current + self._common(start, stop) / (stop - start)
        after = np.exp(-max(start, 0.0) / PERSISTENT_S) - np.exp(-max(stop, 0.0) / PERSISTENT_S)
        rate[self.persistent] += PERSISTENT * after / (stop - start)
        return np.maximum(rate, 0)

    def _common(self, start, stop):
        """Return the charge between two times that all pixels get beside their dark current, e-."""
        settled = np.exp(-max(start, 0.0) / SETTLING_S) - np.exp(-max(stop, 0.0) / SETTLING_S)
        return np.float32(self.level * (stop - start) + self.settling * settled)

    def truth(self, times: Sequence[float]) -> dict[str, np.ndarray]:
        """Return the truth of a dark.

        Parameters
        ----------
        times : sequence of float
            Seconds since the zeroth read, one per read.

        Returns
        -------
        dict of arrays
            ``dark`` (side, side): dark current, e-/s; ``gain`` (side, side): e-/DN; ``flags``
            (side, side): of the bad-pixel table; ``persistent`` (side, side) bool; ``level``:
            change of the level, e-/s; ``settling`` (n,): charge that all pixels have beside it at
            each read, e-.
        """
        settling = [self.settling * -np.expm1(-time / SETTLING_S) for time in times]
        return {
            "dark": self.current,
            "gain": self.gain,
            "flags": self.flags,
            "persistent": self.persistent,
            "level": np.array(self.level),
            "settling": np.array(settling),
        }
