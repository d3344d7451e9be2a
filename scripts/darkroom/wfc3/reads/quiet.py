"""The quiet part of a ramp, and what departs from it."""

from __future__ import annotations

import numpy as np

# Where the search for the quiet level starts: light is only ever added to it.
_START_QUANTILE = 0.3
# Pixels that a cosmic ray hits; the number of rays is what scatters.
_RAY_PIXELS = 4


class Quiet:
    """The quiet part of a ramp, found by leaving out what exceeds it until nothing changes.

    Parameters
    ----------
    differences : darkroom.wfc3.reads.diagnose.Differences
    rule : darkroom.wfc3.settings.Wfc3Settings
    judged : (n-1,) bool array
        Intervals that can be judged.

    Attributes
    ----------
    level, ratio : float
        Sky (e-/s) and left / right of the quiet part.
    """

    def __init__(self, differences, rule, judged):
        self.differences, self.rule, self.judged = differences, rule, judged
        steps = differences.steps
        level, ratio = differences.full.median, differences.ratio
        self.level = weighted_quantile(level[judged], steps[judged], _START_QUANTILE)
        self.ratio = weighted_quantile(ratio[judged], steps[judged], 0.5)
        calm = judged & ~self.brighter()
        for _ in range(differences.nsamp):
            if not calm.any():
                break
            self.level = weighted_quantile(level[calm], steps[calm], 0.5)
            self.ratio = weighted_quantile(ratio[calm], steps[calm], 0.5)
            found = judged & ~self.brighter() & ~self.lopsided()
            if np.array_equal(found, calm):
                break
            calm = found

    def brighter(self):
        """Return the intervals whose field is brighter than the quiet level."""
        excess, error = self.differences.full.median - self.level, self.differences.level_error
        return (excess > self.rule.level_excess * self.level) & (excess > self.rule.nsigma * error)

    def lopsided(self):
        """Return the intervals whose sides differ otherwise than in the quiet part."""
        off = np.abs(self.differences.ratio - self.ratio)
        error = self.differences.ratio_error
        return (off > self.rule.ratio_excess) & (off > self.rule.nsigma * error)

    def light(self):
        """Return the intervals j with light over the field or at a side."""
        return (np.flatnonzero((self.brighter() | self.lopsided()) & self.judged) + 1).tolist()

    def streaked(self):
        """Return the intervals with more bright pixels than the rate of cosmic rays makes."""
        bright, steps = self.differences.bright, self.differences.steps
        usual = np.median((bright / steps)[self.judged]) * steps
        count = np.maximum(self.differences.full.count, 1)
        error = np.sqrt(_RAY_PIXELS * np.maximum(usual, 1 / count) / count)
        excess = bright - usual
        return (excess > self.rule.trail_excess) & (excess > self.rule.nsigma * error)

    def findings(self):
        """Return ``{j: why}`` of the bad intervals."""
        brighter, lopsided = self.brighter() & self.judged, self.lopsided() & self.judged
        streaked = self.streaked() & self.judged
        found = {}
        for i in np.flatnonzero(brighter | lopsided | streaked):
            words = []
            if lopsided[i]:
                ratio, error = self.differences.ratio[i], self.differences.ratio_error[i]
                words.append(
                    f"left/right {ratio:.3f} against {self.ratio:.3f} "
                    f"({abs(ratio - self.ratio) / error:.0f} sigma)"
                )
            if brighter[i]:
                level, error = self.differences.full.median[i], self.differences.level_error[i]
                words.append(
                    f"level {level:.3f} against {self.level:.3f} "
                    f"({(level - self.level) / error:.0f} sigma)"
                )
            if streaked[i]:
                usual = np.median(self.differences.bright[self.judged])
                words.append(
                    f"{self.differences.bright[i]:.2%} of the pixels bright against {usual:.2%}"
                )
            found[int(i) + 1] = ", ".join(words)
        return found

    def kind(self):
        """Name what was found."""
        if (self.lopsided() & self.judged).any():
            return "scattered light"
        return "airglow" if self.light() else "trail"


def weighted_quantile(values, weights, fraction):
    """Return the value below which lies a fraction of the weight."""
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, fraction * total[-1])])
