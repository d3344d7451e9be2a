"""A map of the read noise against the current one: score, false jumps, quoted errors, rates."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from darkroom.counterfactual.paired import Shift, leave_one_out, shifts
from darkroom.counterfactual.plausible import doubt_of_noise
from darkroom.counterfactual.record import Comparison, ScoreWords
from darkroom.counterfactual.score import decide, noise_gains
from darkroom.gates.harms import of_product
from darkroom.nircam.counterfactual.results import (
    Pair,
    flags_changed,
    pulls,
    rate_shifts,
    source_shifts,
)
from darkroom.nircam.gating.harms import HARMS

_HARMS = of_product(HARMS, "readnoise")
#: Beyond this many times the expected rate, and its error, false jumps are not as they should be.
MOST_EXCESS = 0.5
WORDS = ScoreWords(
    "likelihood of the differences of groups",
    "nats a difference",
    "It makes held-out differences more likely by {}",
    "It makes held-out differences less likely by {}",
)
_CONSUMER = "jwst jump, ramp_fit"


def compare(
    pairs: Sequence[Pair],
    ramps: Sequence[np.ndarray],
    maps: tuple[Sequence[np.ndarray], np.ndarray],
    classes: Mapping[str, np.ndarray],
    white: tuple[float, float],
    copy_exact: bool,
    version: str,
    harms: Mapping[str, float],
) -> Comparison:
    """Return what a candidate map of the read noise changes.

    Parameters
    ----------
    pairs : sequence of Pair
        Held-out darks, and the same with sources.
    ramps : sequence of (nints, ngroups, ny, nx) arrays
        The darks' corrected ramps (DN).
    maps : (sequence of arrays, array)
        Noise of a difference of two groups by the candidate of each dark, and by the current file,
        (ny, nx), DN.
    classes : dict
        Weights of the pixels.
    white : (float, float)
        False jumps a pixel and difference that the step finds in white noise of known size, and
        the error.
    copy_exact : bool
    version : str
        Of jwst.
    harms : dict
        Smallest changes of ``noise`` (ln variance) and ``source_rate`` (relative) that matter,
        where they are not the usual ones.
    """
    darks = [pair for pair in pairs if pair.slopes is None]
    use = classes["all pixels"]
    # The mean that is taken off is that of the exposure: its ramps are no units of their own.
    gains = [
        np.nanmean(noise_gains(residuals(one, pair), new, maps[1], use))
        for one, pair, new in zip(ramps, darks, maps[0], strict=True)
    ]
    score = decide(np.array(gains))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(use, np.mean(maps[0], axis=0) / maps[1] - 1, np.nan)
    ratio[~np.isfinite(ratio)] = np.nan
    harm = math.expm1(_HARMS["noise"].size(harms) / 2)
    found = [
        replace(one, error=0.0, exposures=len(darks))
        for one in shifts(ratio[None], classes, "noise, relative", "", harm)
    ]
    jumps, excess = jump_shifts(darks, use, white)
    changed, closures = pull_shifts(pairs)
    found += [jumps, *changed]
    found += rate_shifts(darks, classes)
    injected = [pair for pair in pairs if pair.slopes is not None]
    found += source_shifts(injected, _HARMS["source_rate"].size(harms)) if injected else []
    flags, share = flags_changed(pairs, classes)
    return Comparison(
        consumer=_CONSUMER,
        version=version,
        shifts=[*found, *flags],
        closures=[excess, *closures],
        score=score,
        words=WORDS,
        copy_exact=copy_exact,
        copies=len(darks),
        flags_changed=share,
        doubt=doubt_of_noise(np.mean(maps[0], axis=0)[use > 0], maps[1][use > 0]),
        notes=[jump_note(darks, use, white), *pull_notes(pairs)],
    )


def residuals(ramps: np.ndarray, pair: Pair) -> np.ndarray:
    """Return the differences of pairs of groups with expectation 0 and their whole variance.

    Parameters
    ----------
    ramps : (nints, ngroups, ny, nx) array
        Corrected ramps of a dark (DN).
    pair : Pair
        Of the same dark; samples that either file marks are left out.

    Returns
    -------
    (n, ny, nx) array
        Of groups 0 and 1, 2 and 3 …, which share no read, minus the pixel's mean; NaN where a
        sample is not usable or fewer than three differences are left.
    """
    groups = ramps.shape[1] // 2 * 2
    marked = (pair.fitted[0].flags | pair.fitted[1].flags)[:, :groups] != 0
    steps = ramps[:, 1:groups:2].astype(float) - ramps[:, 0:groups:2]
    bad = marked[:, 1:groups:2] | marked[:, 0:groups:2]
    steps = np.where(bad, np.nan, steps).reshape(-1, *ramps.shape[-2:])
    count = np.isfinite(steps).sum(axis=0)
    mean = np.nansum(steps, axis=0) / np.maximum(count, 1)
    whole = np.sqrt(count / np.maximum(count - 1, 1))
    return np.where(count >= 3, (steps - mean) * whole, np.nan)


def false_jumps(darks: Sequence[Pair], use: np.ndarray, which: int) -> tuple[float, float | None]:
    """Return the jumps a pixel and difference of darks with one of the files, and their error.

    Cosmic rays are among them.
    """
    values = []
    for pair in darks:
        jumps = pair.fitted[which].jumps[:, 1:, use]
        values.append(jumps.mean())
    rate, error, _ = leave_one_out(np.array(values))
    total = sum(pair.fitted[which].jumps[:, 1:, use].size for pair in darks)
    # Scatter between few exposures may be 0 by chance; counts have their own.
    poisson = math.sqrt(max(rate * total, 1)) / total
    return rate, max(error or 0.0, poisson)


def jump_shifts(
    darks: Sequence[Pair], use: np.ndarray, white: tuple[float, float]
) -> tuple[Shift, Shift]:
    """Return the change of the rate of jumps on darks, and its distance from the step's own."""
    rates = np.array([[pair.fitted[n].jumps[:, 1:, use].mean() for n in (0, 1)] for pair in darks])
    change, error, count = leave_one_out(rates[:, 0] - rates[:, 1])
    unit = "a pixel and difference"
    found = Shift("jumps of darks", "all pixels", change, error, unit, None, count)
    rate, error = false_jumps(darks, use, 0)
    whole = math.hypot(error or 0.0, white[1])
    name = "jumps of darks minus those of white noise"
    return found, Shift(name, "all pixels", rate - white[0], whole, unit, None, count)


def jumps_close(rate: float, error: float, white: tuple[float, float]) -> bool:
    """Return whether the rate of false jumps is that of white noise: 3 errors and a half of it."""
    return abs(rate - white[0]) <= 3 * math.hypot(error, white[1]) + MOST_EXCESS * white[0]


def jump_note(darks: Sequence[Pair], use: np.ndarray, white: tuple[float, float]) -> str:
    """Return how many jumps darks have with both files, and how many white noise has."""
    new, old = (false_jumps(darks, use, which) for which in (0, 1))
    closed = "as many as" if jumps_close(new[0], new[1] or 0.0, white) else "not as many as"
    return (
        f"Jumps of darks a pixel and difference: {new[0]:.2g} ± {new[1]:.1g} with the candidate, "
        f"{old[0]:.2g} ± {old[1]:.1g} with the current file; {closed} in white noise of the stated "
        f"size, {white[0]:.2g} ± {white[1]:.1g}. Cosmic rays are counted too."
    )


def pull_shifts(pairs: Sequence[Pair]) -> tuple[list[Shift], list[Shift]]:
    """Return how the scatter of rates in units of their quoted errors changes, by class.

    Returns
    -------
    shifts : list of Shift
        Candidate minus current file.
    closures : list of Shift
        That with the candidate minus 1. Darks have less than 1: slow noise, which the noise of
        differences of groups holds, moves a slope less.
    """
    found, closures = [], []
    before = pulls(pairs, 1)
    for kind, (new, error, count) in pulls(pairs, 0).items():
        name = "scatter of the rate over its error"
        found.append(Shift(name, kind, new - before[kind][0], error, "", None, count))
        closures.append(Shift(f"{name}, minus 1", kind, new - 1, error, "", None, count))
    return found, closures


def pull_notes(pairs: Sequence[Pair]) -> list[str]:
    """Return the scatter of rates in units of their quoted errors with the candidate."""
    return [
        f"Scatter of the rate over its quoted error, {kind}: {pull:.3f}"
        + (f" ± {error:.3f}." if error is not None else ".")
        for kind, (pull, error, _) in pulls(pairs, 0).items()
    ]
