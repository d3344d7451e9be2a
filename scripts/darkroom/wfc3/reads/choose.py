"""Choice of bad reads, and of their treatment, for one exposure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from darkroom.campaign.settings import declared
from darkroom.errors import DarkroomError
from darkroom.wfc3.files.imsets import extver_of, read_of
from darkroom.wfc3.files.mask import check_reads
from darkroom.wfc3.files.reads import ranges
from darkroom.wfc3.reads.decide import Found, decide
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
    """The bad reads of an exposure, why they are, and what is done about them.

    Parameters
    ----------
    verdict : {"chosen", "quiet", "undecidable", "given", "none"}
        "chosen": something is treated; "quiet": no read is bad; "undecidable": no choice could be
        made; "given": by the user; "none": not searched for.
    words : str
        The verdict in a sentence.
    reads : tuple of int
        EXTVERs to leave out or to subtract.
    findings : dict
        ``{EXTVER: why}`` of every interval found bad, whether or not its read is in `reads`.
    kind : str
        "scattered light" (left and right differ), "airglow" (the whole field is brighter),
        "darker" (it is darker), "trail" (bright pixels on a line), "cosmic rays" (many bright
        pixels, not on a line), "no data" (copied or filled reads), "drift" (left/right changes
        slowly) or "".
    quiet_level, quiet_ratio : float or None
        e-/s and left / right of the quiet part.
    treatment : str
        What is done: "mask", "subtract", "flatten", "mask_and_flatten", "last_minus_first", or
        "none".
    """

    verdict: str
    words: str
    reads: tuple[int, ...] = ()
    findings: dict[int, str] = field(default_factory=dict)
    kind: str = ""
    quiet_level: float | None = None
    quiet_ratio: float | None = None
    treatment: str = "none"


def choose(
    differences: Differences,
    rule: Wfc3Settings | None = None,
    *,
    given: Iterable[int] | None = None,
) -> Choice:
    """Choose the bad reads of an exposure and their treatment.

    Parameters
    ----------
    differences : darkroom.wfc3.reads.diagnose.Differences
        The sky in every interval, from instantaneous differences.
    rule : Wfc3Settings, optional
        Method, limits and treatment; by default as declared. With treatment "auto" each exposure
        gets that of its verdict, see `darkroom.wfc3.reads.decide`. A mask can only remove reads at
        the start or the end.
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
    if rule.treatment not in TREATMENTS:
        raise DarkroomError(f"treatment {rule.treatment!r} is not one of {', '.join(TREATMENTS)}")
    if given is not None:
        choice = _given(differences, rule.treatment, check_reads(given, differences.nsamp,
                                                                 differences.name))  # fmt: skip
    elif rule.choose == "none":
        choice = Choice("none", "bad reads were not searched for")
    elif rule.choose == "notebook":
        choice = _notebook(differences, rule)
    elif rule.choose == "quiet":
        choice = _compared_with_quiet(differences, rule)
    else:
        raise DarkroomError(f"method {rule.choose!r} is not one of {', '.join(METHODS)}")
    if rule.treatment == "last_minus_first" and choice.treatment == "none":
        return replace(choice, treatment="last_minus_first")
    return choice


def _given(differences, treatment, reads):
    """Take the reads of the user."""
    if reads and treatment == "flatten":
        raise DarkroomError(
            f"{differences.name}: reads are given, but flatten removes none; choose another "
            "treatment (mask_and_flatten does both), or give no reads"
        )
    words = f"given: EXTVER {ranges(reads)}" if reads else "given: no read is bad"
    without = sorted(set(differences.stale) - set(reads))
    if without:
        words += f"; EXTVER {ranges(without)} have no data of their own"
    return Choice("given", words, reads, treatment=_treatment_of(reads, treatment, differences))


def _treatment_of(reads, treatment, differences):
    """Return the treatment of reads that are chosen already."""
    if not reads:
        return "none"
    if treatment != "auto":
        return treatment
    kept = [k for k in range(1, differences.nsamp) if extver_of(k, differences.nsamp) not in reads]
    return "mask" if kept == list(range(kept[0], kept[-1] + 1)) else "subtract"


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
    treatment = "mask" if rule.treatment == "auto" else rule.treatment
    return Choice("chosen", words, reads, findings, "scattered light", treatment=treatment)


def _undecidable(why, **more):
    return Choice("undecidable", f"undecidable, none chosen: {why}", **more)


def _compared_with_quiet(differences, rule):
    """Choose the intervals that deviate significantly from the quiet part of the ramp."""
    nsamp, stale = differences.nsamp, dict(differences.stale)
    if nsamp in stale:
        return _undecidable(
            f"the zeroth read (EXTVER {nsamp}), from which all are measured, is {stale[nsamp]}",
            findings=stale, kind="no data",
        )  # fmt: skip
    if len(stale) > nsamp - 3:
        return _undecidable(
            f"{nsamp - 1 - len(stale)} of {nsamp - 1} reads after the zeroth have data",
            findings=stale, kind="no data",
        )  # fmt: skip
    judged, cause = _judged(differences, rule)
    if cause and not stale:
        return _undecidable(cause)
    if cause:
        found, known = Found(), {"findings": stale, "kind": "no data"}
    else:
        quiet = QuietPart(differences, rule, judged)
        found = _found(quiet)
        known = {
            "findings": stale | {extver_of(j, nsamp): why
                                 for j, why in sorted(quiet.findings().items())},
            "quiet_level": quiet.level,
            "quiet_ratio": quiet.ratio,
            "kind": _kind(found, stale),
        }  # fmt: skip
    decision = decide(found, differences, rule, judged)
    unknown = f"the sky cannot be judged: {cause}" if cause else ""
    if decision.treatment == "none":
        if decision.why:
            return _undecidable(decision.why, **known)
        words = f"{_quiet_words(quiet)}{_rays_words(found, nsamp)}"
        return Choice("quiet", words, **known)
    reads = tuple(sorted(extver_of(j, nsamp) for j in decision.reads))
    treated = f"EXTVER {ranges(reads)}" if reads else f"EXTVER {_listed(found.light, nsamp)}"
    worst = "" if cause else _worst(quiet, known["kind"])
    parts = [f"{treated}: {known['kind']}{worst}"]
    if decision.treatment in ("flatten", "mask_and_flatten") and reads and found.uniform:
        parts.append(
            f"the sky of EXTVER {_listed(found.uniform - decision.reads, nsamp)} is levelled"
        )
    if stale and known["kind"] != "no data":
        parts.append(f"EXTVER {ranges(stale)}: no data")
    if decision.left_in:
        parts.append(
            f"left in, since {decision.treatment} cannot remove it: EXTVER "
            f"{_listed(decision.left_in, nsamp)}"
        )
    words = "; ".join([*parts, *filter(None, (unknown, decision.why))])
    words += _rays_words(found, nsamp)
    return Choice("chosen", words, reads, treatment=decision.treatment, **known)


def _found(quiet):
    return Found(
        gradients=frozenset(quiet.gradients()),
        uniform=frozenset(quiet.uniform_light()),
        brighter=frozenset(quiet.bright_light()),
        dark=frozenset(quiet.without_light()),
        trails=frozenset(quiet.trails()),
        rays=frozenset(quiet.storm()),
        drift=quiet.drift(),
    )


def _kind(found, stale):
    """Return the kind of what was found, the gravest first."""
    kinds = {
        "scattered light": found.gradients,
        "airglow": found.uniform & found.brighter,
        "darker": found.uniform | found.dark,
        "trail": found.trails,
        "drift": found.drift,
        "no data": stale,
        "cosmic rays": found.rays,
    }
    return next((kind for kind, there in kinds.items() if there), "")


def _rays_words(found, nsamp):
    if not found.rays:
        return ""
    return (
        f"; many bright pixels that are on no line in EXTVER {_listed(found.rays, nsamp)}: cosmic "
        "rays as in the South Atlantic Anomaly, or sources that move (a scan); CRCORR rejects them"
    )


def _listed(intervals, nsamp):
    return ranges(sorted(extver_of(j, nsamp) for j in intervals))


def _judged(differences, rule):
    """Return which intervals (index j - 1) can be judged, and why too few can, or ""."""
    steps = differences.steps
    long_enough = (steps >= rule.min_step_s) & ~differences.without_data
    if not long_enough.any():
        return long_enough, (
            f"the longest step between reads is {steps.max():.3g} s, {rule.min_step_s:g} s are "
            f"needed (scatter {_typical(differences.full.sigma):.3g} {_unit(differences)} per "
            "pixel)"
        )
    level = differences.full
    errors = np.maximum(differences.level_error, differences.delta_error)
    # Errors are compared with the typical sky: with that of the interval noise would decide.
    lit = long_enough & (level.median > rule.nsigma * differences.level_error)
    known = lit if lit.any() else long_enough & np.isfinite(level.median)
    if not known.any():
        return known, "the sky is not known in any interval"
    sky = weighted_quantile(level.median[known], steps[known], 0.5)
    clear = (differences.left.median > 0) & (differences.right.median > 0)
    # An interval without light has no ratio, but is judged.
    clear |= level.median < _DETECTABLE * sky
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


def _quiet_words(quiet):
    """Describe a quiet exposure."""
    change = np.ptp(quiet.differences.full.median[quiet.judged]) / quiet.level
    return (
        f"quiet: level {quiet.level:.3f} {_unit(quiet.differences)} (varies by {change:.1%}), "
        f"left/right {quiet.ratio:.3f} in all {quiet.judged.sum()} intervals judged"
    )


def _worst(quiet, kind):
    """Describe the largest deviation from the quiet part."""
    differences = quiet.differences
    level, unit = differences.full.median[quiet.judged], _unit(differences)
    if kind == "trail":
        return f", up to {differences.bright[quiet.judged].max():.2%} of the pixels bright"
    if kind == "airglow":
        return f", up to {np.nanmax(level):.3f} {unit} instead of {quiet.level:.3f}"
    if kind == "darker":
        return f", down to {np.nanmin(level):.3f} {unit} instead of {quiet.level:.3f}"
    if kind != "scattered light":
        return ""
    off = np.where(quiet.judged, np.abs(differences.ratio - quiet.ratio), -1)
    worst = differences.ratio[np.argmax(np.nan_to_num(off, nan=-1))]
    return f", left/right at worst {worst:.3f} instead of {quiet.ratio:.3f}"
