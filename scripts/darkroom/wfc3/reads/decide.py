"""Which treatment an exposure gets, by what was found in it.

| found | auto |
|---|---|
| reads without data | left out of the fit (mask) |
| left and right differ, at the start or the end | mask |
| left and right differ in the middle | subtract |
| the whole field brighter or a little darker, alike on both sides | flatten |
| light missing, at the start or the end / in the middle | mask / subtract |
| both at once | mask_and_flatten |
| a trail alone | subtract |
| many cosmic rays, moving sources | none |
| left and right drift slowly over the whole exposure | none: undecidable |
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from darkroom.wfc3.files.imsets import extver_of, read_of
from darkroom.wfc3.files.reads import ranges

if TYPE_CHECKING:
    from collections.abc import Iterable

    from darkroom.wfc3.reads.diagnose import Differences
    from darkroom.wfc3.settings import Wfc3Settings


@dataclass(frozen=True)
class Found:
    """Intervals j by what was found in them.

    Parameters
    ----------
    gradients, uniform, brighter, dark, trails, rays : frozenset of int
        Left and right differ; more or less light, alike on both sides; more light; most of the
        light is missing; a satellite's trail; many bright pixels that are no trail.
    drift : tuple of float or None
        Left / right at the start and the end of the quiet part, and its significance.
    """

    gradients: frozenset[int] = frozenset()
    uniform: frozenset[int] = frozenset()
    brighter: frozenset[int] = frozenset()
    dark: frozenset[int] = frozenset()
    trails: frozenset[int] = frozenset()
    rays: frozenset[int] = frozenset()
    drift: tuple[float, float, float] | None = None

    @property
    def light(self) -> frozenset[int]:
        """Every interval in which the sky differs."""
        return self.gradients | self.uniform | self.dark


@dataclass(frozen=True)
class Decision:
    """What is done about an exposure.

    Parameters
    ----------
    treatment : str
        As in `darkroom.wfc3.reads.choose.Choice`.
    reads : frozenset of int
        Reads k (their intervals j) to leave out or to subtract.
    left_in : frozenset of int
        Bad intervals that the treatment does not remove.
    why : str
        Why nothing is done, or what remains.
    """

    treatment: str
    reads: frozenset[int] = frozenset()
    left_in: frozenset[int] = frozenset()
    why: str = ""


def decide(
    found: Found, differences: Differences, rule: Wfc3Settings, judged: np.ndarray
) -> Decision:
    """Decide on the treatment of an exposure.

    Parameters
    ----------
    found : Found
        What its intervals show.
    differences : darkroom.wfc3.reads.diagnose.Differences
        The sky in every interval.
    rule : darkroom.wfc3.settings.Wfc3Settings
        The treatment asked for, and the largest fraction that may be left out.
    judged : (n-1,) bool array
        Intervals that could be judged.
    """
    plan = _Plan(found, differences, rule, judged)
    decision = plan.automatic() if rule.treatment == "auto" else plan.asked(rule.treatment)
    if found.drift and not (decision.why and decision.treatment == "none"):
        first, last, sigma = found.drift
        words = (
            f"left/right drifts from {first:.2f} to {last:.2f} over the quiet part ({sigma:.0f} "
            "sigma), so its background is uneven"
        )
        why = f"{decision.why}; {words}" if decision.why else words
        return Decision(decision.treatment, decision.reads, decision.left_in, why)
    return decision


class _Plan:
    """The runs of bad intervals of an exposure."""

    def __init__(self, found, differences, rule, judged):
        self.found, self.differences, self.rule, self.judged = found, differences, rule, judged
        self.last = differences.nsamp - 1
        self.stale = frozenset(read_of(e, differences.nsamp) for e in differences.stale)

    def automatic(self) -> Decision:
        """Return the treatment by what was found."""
        found = self.found
        flat, removed = set(), set()
        for run in self._runs(found.light):
            members = found.light & set(run)
            level = members <= found.uniform
            (flat if level else removed).update(members if level else run)
        middle = {j for run in self._runs(removed) for j in run if not self._at_end(run)}
        if middle:
            return self._subtract(frozenset(removed) | found.trails, frozenset())
        if removed or self.stale:
            return self._mask(
                frozenset(removed), found.light - flat, "mask_and_flatten" if flat else "mask"
            )
        if flat:
            return Decision("flatten", left_in=found.trails)
        if found.trails:
            return self._subtract(found.trails, frozenset())
        return Decision("none")

    def asked(self, treatment: str) -> Decision:
        """Return what one treatment can do about what was found."""
        found = self.found
        if treatment == "last_minus_first":
            reads, left = self._stale_ends(frozenset()), found.light | found.trails
            if reads:
                return Decision(treatment, reads, left)
            words = f"the last read minus the zeroth removes none of EXTVER {self._listed(left)}"
            return Decision("none", left_in=left, why=words if left else "")
        if treatment == "subtract":
            runs = self._runs(found.light | found.trails)
            chosen = frozenset(j for run in runs for j in run)
            return self._subtract(chosen, frozenset()) if chosen or self.stale else Decision("none")
        if treatment == "flatten" and not self.stale:
            if not found.light:
                return self._nothing(found.trails)
            return Decision("flatten", left_in=found.trails)
        chosen = set()
        level = treatment in ("flatten", "mask_and_flatten")
        for run in self._runs(found.light):
            if not (level and found.light & set(run) <= found.uniform):
                chosen |= set(run)
        if treatment == "flatten":
            chosen = set()
        at_ends = {j for run in self._runs(chosen) if self._at_end(run) for j in run}
        if not at_ends and not self.stale and not (level and found.light):
            return self._nothing(found.light | found.trails)
        flat = level and bool(found.light - at_ends)
        if flat and not at_ends and not self.stale:
            return Decision("flatten", left_in=found.trails)
        return self._mask(
            frozenset(at_ends), found.light if not level else frozenset(chosen),
            "mask_and_flatten" if flat else "mask",
        )  # fmt: skip

    def _nothing(self, left):
        """Return that nothing is done, and why."""
        if not left:
            return Decision("none")
        where = f"EXTVER {self._listed(left)}"
        if not self.found.light:
            return Decision(
                "none", left_in=left,
                why=f"many bright pixels, like a satellite's trail, in {where}; CRCORR rejects "
                "most as cosmic rays; to remove the interval, subtract it",
            )  # fmt: skip
        return Decision(
            "none", left_in=left,
            why=f"the bad reads are in the middle ({where}), where a mask leaves a step in the "
            "ramp; subtract them",
        )  # fmt: skip

    def _mask(self, chosen, wanted, treatment):
        """Leave reads at the ends out of the fit, and all that have no data."""
        share = self._share(chosen)
        if share > self.rule.max_masked_fraction:
            if self.stale:
                return Decision("mask", self.stale, chosen, self._too_much(share))
            return Decision("none", left_in=chosen, why=self._too_much(share))
        left_in = (wanted | self.found.trails) - chosen - self.stale
        return Decision(treatment, chosen | self.stale, left_in)

    def _subtract(self, chosen, left_in):
        """Remove intervals; those between reads without data go together."""
        share = self._share(chosen)
        if share > self.rule.max_masked_fraction:
            return Decision("none", left_in=chosen, why=self._too_much(share))
        chosen = self._stale_ends(chosen)
        if not chosen:
            # Reads without data in the middle: the last one holds all counts.
            return Decision("mask", self.stale, left_in) if self.stale else Decision("none")
        return Decision("subtract", chosen, left_in)

    def _stale_ends(self, chosen):
        """Return intervals to remove, with every gap between reads with data that they touch."""
        kept = [k for k in range(self.last + 1) if k not in self.stale]
        removed = set(chosen) | set(range(kept[-1] + 1, self.last + 1))
        for before, after in pairwise(kept):
            gap = set(range(before + 1, after + 1))
            if gap & removed:
                removed |= gap
        return frozenset(removed)

    def _share(self, chosen):
        steps = self.differences.steps
        return steps[[j - 1 for j in sorted(chosen)]].sum() / self.differences.times[-1]

    def _too_much(self, share):
        return (
            f"{share:.0%} of the exposure differs from its quiet part, more than "
            f"{self.rule.max_masked_fraction:.0%}; give the reads, or flatten a sky that varies "
            "over the whole field"
        )

    def _runs(self, bad):
        # An interval of a stale read is not judged and joins no run of its own accord.
        return [
            run for run in join_runs(sorted(bad), self.judged) if set(run) - self.stale
        ] if bad else []  # fmt: skip

    def _at_end(self, run):
        """Tell whether a run begins the exposure or ends it, reads without data aside."""
        outside = [k for k in range(1, self.last + 1) if k not in self.stale]
        return run[0] <= outside[0] or run[-1] >= outside[-1]

    def _listed(self, intervals):
        nsamp = self.differences.nsamp
        return ranges(extver_of(j, nsamp) for j in intervals)


def join_runs(bad: Iterable[int], judged: np.ndarray) -> list[list[int]]:
    """Join bad intervals to runs, across single gaps and across intervals that cannot be judged.

    A run also includes intervals before or after it that cannot be judged, up to the start or the
    end: light in the first judged interval was there before it as well.
    """
    last = judged.size
    bad = sorted(bad)
    joined = set(bad)
    for j in range(1, last + 1):
        if j in joined:
            continue
        before = max((b for b in bad if b < j), default=None)
        after = min((b for b in bad if b > j), default=None)
        between = range((before or 0) + 1, after or last + 1)
        unjudged = not any(judged[i - 1] for i in between)
        if unjudged or (before is not None and after is not None and after - before == 2):
            joined.add(j)
    runs: list[list[int]] = []
    for j in sorted(joined):
        if runs and runs[-1][-1] == j - 1:
            runs[-1].append(j)
        else:
            runs.append([j])
    return runs
