"""Closure of the part of the read noise in the error of a rate, VAR_RNOISE.

The step ramp_fit takes the noise of the difference of two groups for independent noise of groups.
Of noise that is slow a slope holds another share than a difference does, so that the rates of darks
do not scatter by VAR_RNOISE: by how much less or more, the noise spectrum predicts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from darkroom.counterfactual.paired import Shift, leave_one_out
from darkroom.nircam.counterfactual.results import Pair, spread
from darkroom.nircam.detector.patterns import PATTERNS
from darkroom.nircam.detector.readout import PIXEL_TIME
from darkroom.nircam.refpix.predict import propagated
from darkroom.nircam.spectrum.numbers import model_spectra

if TYPE_CHECKING:
    from darkroom.nircam.detector.readout import Readout
    from darkroom.nircam.spectrum.model import FittedModel

# Cycles of a frame above which the responses are their means, and points a cycle of a ramp below.
_CYCLES, _FINE = 30, 12
# Points above.
_POINTS = 4000
# Errors from which a dark current is seen.
_SEEN = 3.0
NAME = "scatter of the rate over VAR_RNOISE, minus that predicted by the noise spectrum"


class Ramp(NamedTuple):
    """How a ramp is read.

    Attributes
    ----------
    pattern : str
        Read pattern.
    ngroups : int
    duration : float
        From the first group to the last, s.
    gain : float
        Typical gain, electrons per DN.
    """

    pattern: str
    ngroups: int
    duration: float
    gain: float


def predicted_pull(fit: FittedModel, readout: Readout, ramp: Ramp) -> tuple[float, float]:
    """Predict the scatter of rates of darks over the square root of VAR_RNOISE, and its error.

    Parameters
    ----------
    fit : darkroom.nircam.spectrum.model.FittedModel
        Of the noise spectrum (`darkroom.nircam.refpix.predict.read_fit`).
    readout : darkroom.nircam.detector.readout.Readout
        Of the exposures.
    ramp : Ramp

    Returns
    -------
    pull, error : float
        Mean over the amplifiers, of rates less the level of their frame; the error is that of the
        fit. 1 for independent reads.
    """
    half_rate, time = 0.5 / PIXEL_TIME, readout.frame_time
    nframes, gap = PATTERNS[ramp.pattern]
    frames, edge = nframes + gap, _CYCLES / time
    step = 1 / (_FINE * ramp.ngroups * frames * time)
    fine = np.arange(0.5, edge / step) * step
    wide = np.geomspace(fine[-1] + step / 2, half_rate * (1 - 1e-6), _POINTS)
    mirrored = half_rate - np.geomspace(1e-6 * half_rate, half_rate / 2, _POINTS)[::-1]
    wide = np.union1d(wide[wide < half_rate / 2], mirrored)
    groups = np.arange(ramp.ngroups) - (ramp.ngroups - 1) / 2
    slope = groups / (groups**2).sum()
    turns = np.exp(-2j * np.pi * fine * time * np.arange(nframes)[:, None]).mean(axis=0)
    # The level of each frame is taken off.
    seen = np.abs(turns) ** 2 * (1 - np.sinc(fine * time) ** 2)

    def power(weights):
        """Return the response below and above the edge."""
        phases = np.exp(-2j * np.pi * fine * frames * time * np.arange(len(weights))[:, None])
        return seen * np.abs(weights @ phases) ** 2, (weights**2).sum() / nframes

    responses = [power(slope), power(np.array([-1.0, 1.0]))]
    # As ramp_fit: the variance of a group is half that of a difference.
    quoted = (slope**2).sum() / 2

    def pulls(values):
        below, above = (_spectra(replace(fit, values=values), f, half_rate) for f in (fine, wide))
        whole = np.trapezoid(above, wide, axis=1)
        found, difference = (
            (below * low).sum(axis=1) * step + high * whole for low, high in responses
        )
        return np.array([np.mean(np.sqrt(found / (quoted * difference)))])

    return float(pulls(fit.values)[0]), float(propagated(fit, pulls)[0])


def _spectra(fit, frequency, half_rate):
    """Return the whole noise of each amplifier: (namplifiers, n), DN²/Hz."""
    parts = model_spectra(fit, frequency, half_rate)
    gains = fit.layout.gains(fit.values)[:, None]
    return gains**2 * parts["common"] + parts["white"] + parts["own"] + parts["alternating"]


def dark_pull(pair: Pair, which: int, parts: Sequence[np.ndarray], shot: Sequence[float]) -> float:
    """Return the scatter of the rates of a dark over the square root of VAR_RNOISE.

    Parameters
    ----------
    pair : Pair
        Of a dark; NaN is returned when it has one integration.
    which : int
        0: the candidate; 1: the current file.
    parts : sequence of (ny, nx) bool arrays
        Pixels that share a level, which is taken off: those of an amplifier.
    shot : sequence of float
        Variance of a rate by the shot noise of the dark current of each, (DN/s)².
    """
    rate, variance = pair.fitted[which].rate, pair.fitted[which].var_rnoise
    count = len(rate)
    if count < 2:
        return float("nan")
    rest = (rate - rate.mean(axis=0)) * np.sqrt(count / (count - 1))
    found = []
    for mask, more in zip(parts, shot, strict=True):
        values, expected = rest[:, mask], variance[:, mask]
        values = values - np.nanmedian(values, axis=1, keepdims=True)
        with np.errstate(divide="ignore", invalid="ignore"):
            pull = spread(values / np.sqrt(expected)) ** 2 - more / np.nanmedian(expected)
        found.append(np.sqrt(max(pull, 0.0)))
    return float(np.mean(found))


def shot_noise(darks: Sequence[Pair], parts: Sequence[np.ndarray], ramp: Ramp) -> list[float]:
    """Return the variance of a rate by the shot noise of the dark current, (DN/s)².

    0 where the rates of the integrations do not show a dark current: what moves the level of a
    frame moves their rate, too, and has no shot noise.
    """
    rates = np.concatenate([pair.fitted[1].rate for pair in darks])
    n, found = ramp.ngroups, []
    for mask in parts:
        levels = np.nanmedian(rates[:, mask], axis=1)
        mean, error = levels.mean(), levels.std(ddof=1) / np.sqrt(len(levels))
        seen = mean if mean > _SEEN * error else 0.0
        found.append(float(1.2 * seen * (n**2 + 1) / (n * (n + 1)) / (ramp.gain * ramp.duration)))
    return found


def pull_closure(
    darks: Sequence[Pair],
    classes: Mapping[str, np.ndarray],
    fit: FittedModel,
    readout: Readout,
    ramp: Ramp,
) -> tuple[list[Shift], str]:
    """Return how far VAR_RNOISE is from the scatter of rates of darks, and that as a sentence.

    Parameters
    ----------
    darks : sequence of Pair
    classes : dict
        Masks of the pixels.
    fit, readout, ramp
        As of `predicted_pull`.

    Returns
    -------
    rows : list of Shift
        With the candidate and with the current file; none where exposures have one integration.
    sentence : str
    """
    expected, error = predicted_pull(fit, readout, ramp)
    amplifiers = [mask for name, mask in classes.items() if name.startswith("amplifier ")]
    parts, rows = amplifiers or [classes["all pixels"]], []
    shot = shot_noise(darks, parts, ramp)
    for which, file in enumerate(("candidate", "current file")):
        values = np.array([dark_pull(pair, which, parts, shot) for pair in darks])
        pull, scatter, count = leave_one_out(values)
        if not count:
            return [], "Darks of one integration cannot tell whether VAR_RNOISE is right."
        whole = None if scatter is None else float(np.hypot(scatter, error))
        rows.append(Shift(NAME, file, pull - expected, whole, "", None, count))
    closes = abs(rows[0].shift) <= 3 * (rows[0].error or 0.0)
    return rows, (
        f"Rates of darks scatter by {rows[0].shift + expected:.3f} times the square root of "
        f"VAR_RNOISE with the candidate, {rows[1].shift + expected:.3f} times with the current "
        f"file; the noise spectrum predicts {expected:.3f} ± {error:.3f}: with the candidate "
        + ("as predicted." if closes else "beyond three errors from it.")
    )
