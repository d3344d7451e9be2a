"""Choice of bad reads: automatic, by the cut of the notebook, or as a list given by the user."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.campaign.settings import declared
from darkroom.errors import DarkroomError
from darkroom.wfc3.files.imsets import extver_of, read_of
from darkroom.wfc3.files.mask import check_reads
from darkroom.wfc3.files.reads import ranges
from darkroom.wfc3.reads.quiet import QuietPart, weighted_quantile
from darkroom.wfc3.settings import Wfc3Settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from darkroom.wfc3.reads.diagnose import Differences

METHODS = declared(Wfc3Settings)["choose"].choices
TREATMENTS = declared(Wfc3Settings)["treatment"].choices
# An interval cannot be judged when even an excess of this fraction of the sky is not significant.
_DETECTABLE = 0.5
_MIN_INTERVALS = 3


@dataclass(frozen=True)
class Choice:
    """The bad reads of an exposure, and why.

    Parameters
    ----------
    verdict : {"chosen", "quiet", "undecidable", "given", "none"}
        "chosen": bad reads were found; "quiet": none is bad; "undecidable": no choice could be
        made; "given": by the user; "none": not searched for.
    words : str
        The verdict in a sentence.
    reads : tuple of int
        EXTVERs to treat.
    findings : dict
        ``{EXTVER: why}`` of every interval found bad, whether or not its read is in `reads`.
    kind : str
        "scattered light" (left and right differ), "airglow" (the whole field is brighter), "trail"
        (only some pixels are bright) or "".
    quiet_level, quiet_ratio : float or None
        e-/s and left / right of the quiet part.
    """

    verdict: str
    words: str
    reads: tuple[int, ...] = ()
    findings: dict[int, str] = field(default_factory=dict)
    kind: str = ""
    quiet_level: float | None = None
    quiet_ratio: float | None = None


def choose(
    differences: Differences,
    rule: Wfc3Settings | None = None,
    *,
    given: Iterable[int] | None = None,
) -> Choice:
    """Choose the bad reads of an exposure.

    Parameters
    ----------
    differences : darkroom.wfc3.reads.diagnose.Differences
        The sky in every interval, from instantaneous differences.
    rule : Wfc3Settings, optional
        Method, limits, and how bad reads will be treated; by default as declared. A mask can only
        remove reads at the start or the end; a trail is only subtracted, since a fit rejects it as
        cosmic rays.
    given : iterable of int, optional
        EXTVERs of the bad reads, from the user; nothing is searched for. Empty: none is bad.

    Returns
    -------
    Choice

    Raises
    ------
    DarkroomError
        For given reads that cannot be left out (the zeroth, all, or ones that do not exist), or an
        unknown method or treatment.
    """
    rule = rule or Wfc3Settings()
    treatment = rule.treatment
    if treatment not in TREATMENTS:
        raise DarkroomError(f"treatment {treatment!r} is not one of {', '.join(TREATMENTS)}")
    if given is not None:
        reads = check_reads(given, differences.nsamp, differences.name)
        if reads and treatment == "flatten":
            raise DarkroomError(
                f"{differences.name}: reads are given, but flatten removes none; choose another "
                "treatment, or give no reads"
            )
        words = f"given: EXTVER {ranges(reads)}" if reads else "given: no read is bad"
        return Choice("given", words, reads)
    if rule.choose == "none":
        return Choice("none", "bad reads were not searched for")
    if rule.choose == "notebook":
        return _notebook(differences, rule)
    if rule.choose != "quiet":
        raise DarkroomError(f"method {rule.choose!r} is not one of {', '.join(METHODS)}")
    return _compared_with_quiet(differences, rule, treatment)


def _notebook(differences, rule):
    """Choose every read whose ratio exceeds the cut, regardless of its error."""
    bad = np.flatnonzero(np.nan_to_num(differences.ratio) > rule.notebook_ratio) + 1
    reads = tuple(sorted(extver_of(int(j), differences.nsamp) for j in bad))
    if not reads:
        return Choice("quiet", f"no ratio left/right above {rule.notebook_ratio:g}")
    nsamp = differences.nsamp
    if len(reads) == nsamp - 1:
        return _undecidable(f"the ratio left/right is above {rule.notebook_ratio:g} in every read")
    findings = {e: f"ratio {differences.ratio[read_of(e, nsamp) - 1]:.3f}" for e in reads}
    words = f"EXTVER {ranges(reads)}: ratio left/right above {rule.notebook_ratio:g}"
    return Choice("chosen", words, reads, findings, "scattered light")


def _undecidable(why, **more):
    return Choice("undecidable", f"undecidable, none chosen: {why}", **more)


def _compared_with_quiet(differences, rule, treatment):
    """Choose the intervals that deviate significantly from the quiet part of the ramp."""
    judged, cause = _judged(differences, rule)
    if cause:
        return _undecidable(cause)
    quiet, nsamp = QuietPart(differences, rule, judged), differences.nsamp
    findings = quiet.findings()
    known: dict[str, Any] = {
        "findings": {extver_of(j, nsamp): why for j, why in sorted(findings.items())},
        "quiet_level": quiet.level,
        "quiet_ratio": quiet.ratio,
    }
    if not findings:
        return Choice("quiet", _quiet_words(quiet), **known)
    known["kind"] = quiet.kind()
    runs = _runs(sorted(findings if treatment == "subtract" else quiet.extra_light()), judged)
    last = nsamp - 1
    at_ends = [run for run in runs if run[0] == 1 or run[-1] == last]
    treatable = at_ends if treatment == "mask" else runs
    chosen = sorted({j for run in treatable for j in run})
    share = differences.steps[[j - 1 for j in chosen]].sum() / differences.times[-1]
    if share > rule.max_masked_fraction:
        return _undecidable(
            f"{share:.0%} of the exposure differs from its quiet part ({known['kind']}), more than "
            f"{rule.max_masked_fraction:.0%}; give the reads, or flatten a sky that varies over "
            "the whole field",
            **known,
        )
    reads = tuple(sorted(extver_of(j, nsamp) for j in chosen))
    where = f"EXTVER {_listed(set(findings) - set(chosen), nsamp)}"
    if not reads and known["kind"] == "trail":
        return _undecidable(
            f"many bright pixels, like a satellite's trail, in {where}; CRCORR rejects most as "
            "cosmic rays; to remove the interval, subtract it",
            **known,
        )
    if not reads:
        return _undecidable(
            f"the bad reads are in the middle ({where}), where a mask leaves a step in the ramp; "
            "subtract them",
            **known,
        )
    words = f"EXTVER {ranges(reads)}: {known['kind']}, {_worst(quiet)}"
    if set(findings) - set(chosen):
        words += f"; left in, since {treatment} cannot remove it: {where}"
    return Choice("chosen", words, reads, **known)


def _listed(intervals, nsamp):
    return ranges(sorted(extver_of(j, nsamp) for j in intervals))


def _judged(differences, rule):
    """Return which intervals (index j - 1) can be judged, and why too few can, or ""."""
    steps = differences.steps
    long_enough = steps >= rule.min_step_s
    if not long_enough.any():
        return long_enough, (
            f"the longest step between reads is {steps.max():.3g} s, {rule.min_step_s:g} s are "
            f"needed (scatter {_typical(differences.full.sigma):.3g} {_unit(differences)} per "
            "pixel)"
        )
    level = differences.full
    # Errors are compared with the typical sky: with that of the interval noise would decide.
    sky = weighted_quantile(level.median[long_enough], steps[long_enough], 0.5)
    errors = np.maximum(differences.level_error, differences.delta_error)
    clear = (differences.left.median > 0) & (differences.right.median > 0)
    clear &= rule.nsigma * errors <= _DETECTABLE * sky
    judged = long_enough & clear
    if judged.sum() < _MIN_INTERVALS:
        return judged, (
            f"the sky can be measured in {judged.sum()} of {steps.size} intervals, "
            f"{_MIN_INTERVALS} are needed (level {_typical(level.median):.3g}, scatter "
            f"{_typical(level.sigma):.3g} {_unit(differences)} per pixel, "
            f"{differences.sky_share:.0%} of the pixels are sky)"
        )
    return judged, ""


def _typical(values):
    return float(np.nanmedian(values)) if np.isfinite(values).any() else float("nan")


def _unit(differences):
    return differences.unit.lower().replace("electrons", "e-")


def _runs(bad, judged):
    """Join bad intervals to runs, across single gaps and across intervals that cannot be judged.

    A run also includes intervals before or after it that cannot be judged, up to the start or the
    end: light in the first judged interval was there before it as well.
    """
    last = judged.size
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


def _quiet_words(quiet):
    """Describe a quiet exposure."""
    change = np.ptp(quiet.differences.full.median[quiet.judged]) / quiet.level
    return (
        f"quiet: level {quiet.level:.3f} {_unit(quiet.differences)} (varies by {change:.1%}), "
        f"left/right {quiet.ratio:.3f} in all {quiet.judged.sum()} intervals judged"
    )


def _worst(quiet):
    """Describe the largest deviation from the quiet part."""
    differences = quiet.differences
    if quiet.kind() == "trail":
        return f"up to {differences.bright[quiet.judged].max():.2%} of the pixels bright"
    if quiet.kind() == "airglow":
        return f"up to {np.nanmax(differences.full.median[quiet.judged]):.3f} " + (
            f"{_unit(differences)} instead of {quiet.level:.3f}"
        )
    off = np.where(quiet.judged, np.abs(differences.ratio - quiet.ratio), -1)
    worst = differences.ratio[np.argmax(off)]
    return f"left/right at worst {worst:.3f} instead of {quiet.ratio:.3f}"
