"""The quiet part of a ramp, in which the sky is constant, and the intervals that deviate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from darkroom.wfc3.reads.diagnose import Differences
    from darkroom.wfc3.settings import Wfc3Settings

# Quantile at which the search for the quiet level starts: low, since light is only ever added.
_START_QUANTILE = 0.3
# Pixels that a cosmic ray hits: the number of rays, not of pixels, has Poisson scatter.
_RAY_PIXELS = 4


class QuietPart:
    """The quiet part of a ramp, found by excluding deviating intervals until nothing changes.

    Parameters
    ----------
    differences : darkroom.wfc3.reads.diagnose.Differences
        The sky in every interval.
    rule : darkroom.wfc3.settings.Wfc3Settings
        Limits of the deviations.
    judged : (n-1,) bool array
        Intervals that can be judged.

    Attributes
    ----------
    level, ratio : float
        Sky (e-/s) and left / right of the quiet part.
    """

    def __init__(self, differences: Differences, rule: Wfc3Settings, judged: np.ndarray) -> None:
        self.differences, self.rule, self.judged = differences, rule, judged
        steps = differences.steps
        level, ratio = differences.full.median, differences.ratio
        self.level = weighted_quantile(level[judged], steps[judged], _START_QUANTILE)
        self.ratio = weighted_quantile(ratio[judged], steps[judged], 0.5)
        quiet = judged & ~self.brighter()
        for _ in range(differences.nsamp):
            if not quiet.any():
                break
            self.level = weighted_quantile(level[quiet], steps[quiet], 0.5)
            self.ratio = weighted_quantile(ratio[quiet], steps[quiet], 0.5)
            found = judged & ~self.brighter() & ~self.asymmetric()
            if np.array_equal(found, quiet):
                break
            quiet = found

    def brighter(self) -> np.ndarray:
        """Return in which intervals the field is significantly brighter than the quiet level."""
        excess, error = self.differences.full.median - self.level, self.differences.level_error
        return (excess > self.rule.level_excess * self.level) & (excess > self.rule.nsigma * error)

    def asymmetric(self) -> np.ndarray:
        """Return in which intervals left / right deviates significantly from the quiet part."""
        off = np.abs(self.differences.ratio - self.ratio)
        error = self.differences.ratio_error
        return (off > self.rule.ratio_excess) & (off > self.rule.nsigma * error)

    def extra_light(self) -> list[int]:
        """Return the judged intervals j with extra light over the field or on one side."""
        found = np.flatnonzero((self.brighter() | self.asymmetric()) & self.judged)
        return [int(i) + 1 for i in found]

    def with_trail(self) -> np.ndarray:
        """Return in which intervals more pixels are bright than cosmic rays explain."""
        bright, steps = self.differences.bright, self.differences.steps
        expected = np.median((bright / steps)[self.judged]) * steps
        count = np.maximum(self.differences.full.count, 1)
        error = np.sqrt(_RAY_PIXELS * np.maximum(expected, 1 / count) / count)
        excess = bright - expected
        return (excess > self.rule.trail_excess) & (excess > self.rule.nsigma * error)

    def findings(self) -> dict[int, str]:
        """Return ``{j: why it is bad}`` of the bad intervals."""
        brighter, asymmetric = self.brighter() & self.judged, self.asymmetric() & self.judged
        with_trail = self.with_trail() & self.judged
        found = {}
        for i in np.flatnonzero(brighter | asymmetric | with_trail):
            words = []
            if asymmetric[i]:
                ratio, error = self.differences.ratio[i], self.differences.ratio_error[i]
                words.append(
                    f"left/right {ratio:.3f} instead of {self.ratio:.3f} "
                    f"({abs(ratio - self.ratio) / error:.0f} sigma)"
                )
            if brighter[i]:
                level, error = self.differences.full.median[i], self.differences.level_error[i]
                words.append(
                    f"level {level:.3f} instead of {self.level:.3f} "
                    f"({(level - self.level) / error:.0f} sigma)"
                )
            if with_trail[i]:
                bright = self.differences.bright
                typical = np.median(bright[self.judged])
                words.append(f"{bright[i]:.2%} of the pixels bright instead of {typical:.2%}")
            found[int(i) + 1] = ", ".join(words)
        return found

    def kind(self) -> str:
        """Return the kind of light found: "scattered light", "airglow" or "trail"."""
        if (self.asymmetric() & self.judged).any():
            return "scattered light"
        return "airglow" if self.extra_light() else "trail"


def weighted_quantile(values: np.ndarray, weights: np.ndarray, fraction: float) -> float:
    """Return the value below which lies a fraction of the total weight.

    Parameters
    ----------
    values, weights : (n,) arrays
        Values and their weights.
    fraction : float
        Between 0 and 1.
    """
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, fraction * total[-1])])
