"""A superbias against the current one: score, levels of the first group, rates, flags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from darkroom.counterfactual.paired import Shift, leave_one_out, shifts
from darkroom.counterfactual.plausible import doubt_of_image
from darkroom.counterfactual.record import Comparison, ScoreWords
from darkroom.counterfactual.score import Score, decide, further_made_of, variance_gains
from darkroom.gates.harms import of_product
from darkroom.nircam.counterfactual.results import (
    Pair,
    flags_changed,
    in_exposures,
    rate_shifts,
    source_shifts,
    unit_note,
)
from darkroom.nircam.gating.harms import HARMS

#: Smallest shifts that matter.
_HARMS = of_product(HARMS, "superbias")
WORDS = ScoreWords(
    "variance of group 0 after reference pixels",
    "DN²",
    "It takes {} from the variance of each pixel of group 0",
    "It adds {} to the variance of each pixel of group 0",
)
_CONSUMER = "jwst superbias, refpix, linearity, jump, ramp_fit"


def compare(
    pairs: Sequence[Pair],
    classes: Mapping[str, np.ndarray],
    errors: tuple[np.ndarray, np.ndarray],
    made_of: int,
    copy_exact: bool,
    version: str,
    harms: Mapping[str, float],
) -> Comparison:
    """Return what a candidate superbias changes.

    Parameters
    ----------
    pairs : sequence of Pair
        Held-out darks, and the same with sources.
    classes : dict
        Weights of the pixels, ``{name: (ny, nx) array}``; ``all pixels`` are those of the score.
    errors : (array, array)
        ERR of the candidate and of the current file, (ny, nx), DN; used for the closure alone.
    made_of : int
        Exposures of which the candidate was made; 0: not known.
    copy_exact : bool
    version : str
        Of jwst.
    harms : dict
        Smallest changes of ``level``, ``parity`` (DN) and ``source_rate`` (relative) that matter,
        where they are not the usual ones.
    """
    darks = [pair for pair in pairs if pair.slopes is None]
    score = in_exposures(decide(group_gains(darks, classes["all pixels"])), darks)
    found = level_shifts(darks, classes, harms)
    found += rate_shifts(darks, classes)
    injected = [pair for pair in pairs if pair.slopes is not None]
    found += source_shifts(injected, _HARMS["source_rate"].size(harms)) if injected else []
    flags, share = flags_changed(pairs, classes)
    closure, note = error_closure(darks, classes["all pixels"], errors, score)
    further = further_ramps(errors[0], classes["all pixels"], score, made_of)
    return Comparison(
        consumer=_CONSUMER,
        version=version,
        shifts=[*found, *flags],
        closures=closure,
        score=score,
        words=WORDS,
        copy_exact=copy_exact,
        copies=len(darks),
        further=further,
        flags_changed=share,
        doubt=doubt(darks, classes["all pixels"]),
        notes=[unit_note(darks), *([note] if note else [])],
    )


def doubt(darks: Sequence[Pair], use: np.ndarray) -> str:
    """Return why the file in use cannot be what it is taken for; empty: it can.

    Levels are those after reference pixels, of which files of one detector hardly differ.
    """
    new, old = (
        np.concatenate([np.asarray(pair.first[k], float) for pair in darks])[:, use > 0]
        for k in (0, 1)
    )
    if len(new) < 2:
        return ""
    noise = float(np.nanmedian(np.nanstd(new, axis=0, ddof=1)))
    # Of one dark minus either file, the difference is that of the files.
    return doubt_of_image(-new[0], -old[0], noise)


def group_gains(darks: Sequence[Pair], use: np.ndarray) -> np.ndarray:
    """Return the gain of each ramp: variance of group 0 with the current file minus candidate's.

    A ramp is one reset: its kTC noise is its own.
    """
    gains = []
    for pair in darks:
        new, old = (first.astype(float) for first in pair.first)
        # Group 0 minus the candidate against 0 is that minus the current file against their
        # difference: reference pixels are taken off each.
        gains.append(variance_gains(old, old - new, np.zeros_like(old), use))
    return np.concatenate(gains)


def level_shifts(
    darks: Sequence[Pair], classes: Mapping[str, np.ndarray], harms: Mapping[str, float]
) -> list[Shift]:
    """Return the shifts of the level of group 0 after reference pixels, by class."""
    steps = [np.mean(pair.first[0].astype(float) - pair.first[1], axis=0) for pair in darks]
    found = shifts(steps, classes, "level of group 0", "DN", _HARMS["level"].size(harms))
    parity = _HARMS["parity"].size(harms)
    return [replace(one, harm=parity) if "odd" in one.kind else one for one in found]


def error_closure(
    darks: Sequence[Pair], use: np.ndarray, errors: tuple[np.ndarray, np.ndarray], score: Score
) -> tuple[list[Shift], str]:
    """Return how the score differs from what the files' ERR predict, and that as a sentence."""
    new, old = (np.where(use & np.isfinite(error), error, np.nan) for error in errors)
    if score.error is None or not (np.any(new > 0) and np.any(old > 0)):
        return [], ""
    # A few bad pixels of large ERR, which the score does not use, would carry the mean.
    predicted = float(np.nanmedian(old) ** 2 - np.nanmedian(new) ** 2)
    values = group_gains(darks, use) - predicted
    shift, error, count = leave_one_out(values)
    row = Shift("score minus that predicted by ERR", "all pixels", shift, error, "DN²", None, count)
    return [row], (
        f"The ERR of both files predict a score of {predicted:.3g} DN²; found {score.value:.3g} "
        f"± {score.error:.2g} DN²."
    )


def further_ramps(error: np.ndarray, use: np.ndarray, score: Score, made_of: int) -> int | None:
    """Return how many exposures more would make a worse candidate as good as the current file."""
    own = float(np.nanmedian(np.where(use & (error > 0), error, np.nan)) ** 2)
    return further_made_of(own, score, made_of)
