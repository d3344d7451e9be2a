"""The quiet part of a ramp, in which the sky is constant, and the intervals that deviate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from darkroom.wfc3.reads.diagnose import Differences
    from darkroom.wfc3.settings import Wfc3Settings

# Quantile at which the search for the quiet level starts: low, since light is mostly added.
_START_QUANTILE = 0.3
# Pixels that a cosmic ray hits: the number of rays, not of pixels, has Poisson scatter.
_RAY_PIXELS = 4
# Bright pixels per pixel and second: the usual 11 rays per second and field of 4 pixels each, and
# when rays are many in all intervals.
_USUAL_RAYS = 4.4e-5
_MANY_RAYS = 2e-4
# A trail crosses the field within seconds: during one interval, or while a read is taken.
_TRAIL_INTERVALS = 2
# Fraction of the bright pixels in excess that must lie on one line for a trail.
_ON_LINE = 0.5
# An interval is without light when its level is below this fraction of the quiet one.
_NO_LIGHT = 0.5
# Extra light is uniform when left and right differ by no more than this fraction of it.
_UNIFORM = 0.25


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
    quiet : (n-1,) bool array
        Its intervals.
    level_error, ratio_error : (n-1,) arrays
        Errors of the deviations of intervals from these two.
    """

    def __init__(self, differences: Differences, rule: Wfc3Settings, judged: np.ndarray) -> None:
        self.differences, self.rule, self.judged = differences, rule, judged
        steps = differences.steps
        level, ratio = differences.full.median, differences.ratio
        self._dark = judged & self._without_light()
        lit = judged & ~self._dark
        if not lit.any():
            lit = judged
        self.level = weighted_quantile(level[lit], steps[lit], _START_QUANTILE)
        self.ratio = weighted_quantile(ratio[lit], steps[lit], 0.5)
        self._measure_errors(lit)
        # Light may go on fading: what is darker than the start of the search is too dark.
        self._lowest = self.level
        quiet = lit & ~self.brighter()
        for _ in range(differences.nsamp):
            if not quiet.any():
                break
            self.level = weighted_quantile(level[quiet], steps[quiet], 0.5)
            self.ratio = weighted_quantile(ratio[quiet], steps[quiet], 0.5)
            self._measure_errors(quiet)
            found = lit & ~self.brighter() & ~self.darker() & ~self.asymmetric()
            if np.array_equal(found, quiet):
                break
            quiet = found
        self.quiet = quiet

    def _measure_errors(self, used: np.ndarray) -> None:
        """Set the errors by which intervals differ from the quiet part: of both together.

        The quiet part is the median of intervals, of three perhaps: its own error counts.
        """
        both = []
        for error in (self.differences.level_error, self.differences.ratio_error):
            known = error[used & np.isfinite(error) & (error > 0)]
            median2 = np.pi / 2 / (known**-2).sum() if known.size else 0.0
            both.append(np.sqrt(error**2 + median2))
        self.level_error, self.ratio_error = both

    def _without_light(self) -> np.ndarray:
        """Return in which intervals the sky is consistent with none while most others have some."""
        level, error = self.differences.full.median, self.differences.level_error
        if not self.judged.any():
            return np.zeros(level.size, bool)
        brightest = float(np.nanmax(level[self.judged]))
        with np.errstate(invalid="ignore"):
            none = level <= np.maximum(self.rule.nsigma * error, 0.02 * brightest)
            none &= brightest - level > self.rule.nsigma * error
        # The faintest sky is a tenth of an electron a second: below it none is there.
        return none & (level < 0.05)

    def brighter(self) -> np.ndarray:
        """Return in which intervals the field is significantly brighter than the quiet level."""
        excess, error = self.differences.full.median - self.level, self.level_error
        return (excess > self.rule.level_excess * self.level) & (excess > self.rule.nsigma * error)

    def darker(self) -> np.ndarray:
        """Return in which intervals the field is significantly darker than the quiet level."""
        reference = min(self.level, self._lowest)
        lack, error = reference - self.differences.full.median, self.level_error
        found = (lack > self.rule.level_excess * reference) & (lack > self.rule.nsigma * error)
        return found | self._dark

    def asymmetric(self) -> np.ndarray:
        """Return in which intervals left / right deviates significantly from the quiet part."""
        off = np.abs(self.differences.ratio - self.ratio)
        error = self.ratio_error
        found = (off > self.rule.ratio_excess) & (off > self.rule.nsigma * error)
        return found & ~self._dark

    def gradients(self) -> set[int]:
        """Return the judged intervals j whose light differs between left and right."""
        return _numbers(self.judged & (self.asymmetric() | (self.brighter() & ~self._uniform())))

    def uniform_light(self) -> set[int]:
        """Return the judged intervals j with more or less light that is alike over the field."""
        off = self.judged & (self.brighter() | self.darker())
        return _numbers(off) - self.gradients() - self.without_light()

    def bright_light(self) -> set[int]:
        """Return the judged intervals j that are brighter than the quiet level."""
        return _numbers(self.judged & self.brighter())

    def without_light(self) -> set[int]:
        """Return the judged intervals j in which most of the light is missing."""
        level = self.differences.full.median
        return _numbers(self.judged & self.darker() & (level < _NO_LIGHT * self.level))

    def _uniform(self):
        """Return in which intervals the extra light is alike on both sides."""
        sides = []
        steps, quiet = self.differences.steps, self.quiet
        for part in (self.differences.left, self.differences.right):
            usual = weighted_quantile(part.median[quiet], steps[quiet], 0.5) if quiet.any() else 0
            sides.append(part.median - usual)
        off, mean = np.abs(sides[0] - sides[1]), np.abs(sides[0] + sides[1]) / 2
        error = self.rule.nsigma * self.differences.delta_error
        return off <= np.maximum(error, _UNIFORM * mean)

    def drift(self) -> tuple[float, float, float] | None:
        """Return the drift of left / right over the quiet part.

        Returns
        -------
        first, last, significance : float
            Ratio at the start and the end by a straight line, and its change in sigma; None when
            the change is within the limits, or fewer than four intervals are quiet.
        """
        ratio, error = self.differences.ratio, self.differences.ratio_error
        middle = (self.differences.times[1:] + self.differences.times[:-1]) / 2
        used = self.quiet & np.isfinite(ratio) & (error > 0)
        if used.sum() < 4:
            return None
        time, weight = middle[used], error[used] ** -2
        origin = np.average(time, weights=weight)
        spread = (weight * (time - origin) ** 2).sum()
        if spread <= 0:
            return None
        slope = (weight * (time - origin) * ratio[used]).sum() / spread
        centre = np.average(ratio[used], weights=weight)
        residual = ratio[used] - centre - slope * (time - origin)
        misfit = (weight * residual**2).sum() / (used.sum() - 2)
        sigma = np.sqrt(max(misfit, 1.0) / spread)
        first, last = (centre + slope * (t - origin) for t in (time[0], time[-1]))
        if abs(last - first) <= self.rule.ratio_excess or abs(slope) <= self.rule.nsigma * sigma:
            return None
        return float(first), float(last), float(abs(slope) / sigma)

    def _usual_bright(self):
        """Return the rate of bright pixels in the intervals with few of them, per second."""
        rate = self.differences.bright / self.differences.steps
        steps = self.differences.steps[self.judged]
        return weighted_quantile(rate[self.judged], steps, _START_QUANTILE)

    def _many_bright(self):
        """Return where more pixels are bright than in other intervals, and by how much."""
        bright, steps = self.differences.bright, self.differences.steps
        expected = self._usual_bright() * steps
        count = np.maximum(self.differences.full.count, 1)
        rays = np.maximum(expected, np.maximum(_USUAL_RAYS * steps, 1 / count))
        error = np.sqrt(_RAY_PIXELS * rays / count)
        excess = bright - expected
        found = (excess > self.rule.trail_excess) & (excess > self.rule.nsigma * error)
        return found & self.judged, excess

    def trails(self) -> set[int]:
        """Return the judged intervals j with the trail of a satellite.

        The bright pixels in excess lie on one straight line, in one interval or two in a row.
        """
        found, excess = self._many_bright()
        line = self.differences.line
        straight = found if line is None else found & (line >= _ON_LINE * excess)
        runs = _in_a_row(_numbers(straight))
        return {j for run in runs if len(run) <= _TRAIL_INTERVALS for j in run}

    def storm(self) -> set[int]:
        """Return the judged intervals j with many bright pixels that are no trail."""
        bright, steps = self.differences.bright, self.differences.steps
        found, _ = self._many_bright()
        if self._usual_bright() > _MANY_RAYS:
            found = self.judged & (bright / steps > _MANY_RAYS)
        return _numbers(found) - self.trails()

    def findings(self) -> dict[int, str]:
        """Return ``{j: why it deviates}`` of the judged intervals."""
        asymmetric = self.asymmetric() & self.judged
        level_off = (self.brighter() | self.darker()) & self.judged
        bright = np.zeros(self.judged.size, bool)
        bright[[j - 1 for j in self.trails() | self.storm()]] = True
        trails = self.trails()
        found = {}
        for i in np.flatnonzero(asymmetric | level_off | bright):
            words = []
            if asymmetric[i]:
                ratio, error = self.differences.ratio[i], self.ratio_error[i]
                words.append(
                    f"left/right {ratio:.3f} instead of {self.ratio:.3f} "
                    f"({abs(ratio - self.ratio) / error:.0f} sigma)"
                )
            if level_off[i]:
                level, error = self.differences.full.median[i], self.level_error[i]
                words.append(
                    f"level {level:.3f} instead of {self.level:.3f} "
                    f"({abs(level - self.level) / error:.0f} sigma)"
                )
            if bright[i]:
                share = self.differences.bright
                typical = self._usual_bright() * self.differences.steps[i]
                where = (
                    ", on one line" if i + 1 in trails and self.differences.line is not None else ""
                )
                words.append(f"{share[i]:.2%} of the pixels bright instead of {typical:.2%}{where}")
            found[int(i) + 1] = ", ".join(words)
        return found


def _numbers(found: np.ndarray) -> set[int]:
    return {int(i) + 1 for i in np.flatnonzero(found)}


def _in_a_row(intervals: Iterable[int]) -> list[list[int]]:
    """Return intervals in runs of successive ones."""
    runs: list[list[int]] = []
    for j in sorted(intervals):
        if runs and runs[-1][-1] == j - 1:
            runs[-1].append(j)
        else:
            runs.append([j])
    return runs


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
