"""Closure of the part of the read noise in the error of a rate, VAR_RNOISE, on darks.

The step ramp_fit takes the noise of the difference of two groups for independent noise of groups. A
slope holds another share of slow noise than a difference does, so that rates of darks need not
scatter by VAR_RNOISE: by what they scatter, the noise spectrum predicts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from darkroom.counterfactual.paired import Shift, leave_one_out
from darkroom.nircam.counterfactual.results import Pair
from darkroom.nircam.detector.patterns import PATTERNS
from darkroom.nircam.detector.readout import PIXEL_TIME
from darkroom.nircam.spectrum.numbers import model_spectra
from darkroom.nircam.spectrum.written import propagated

if TYPE_CHECKING:
    from darkroom.nircam.detector.readout import Readout
    from darkroom.nircam.spectrum.model import FittedModel

SCATTER = "scatter of rates of darks over that predicted by the noise spectrum, minus 1"
QUOTED = "root of VAR_RNOISE over the scatter predicted by the noise spectrum, minus 1"
#: Errors within which both agree.
AGREES = 3.0
# Cycles of a frame above which the responses are their means, and points a cycle of a ramp below.
_CYCLES, _FINE = 30, 12
# Points above.
_POINTS = 4000
# Errors from which a dark current is seen; deviations beyond which a rate is no noise.
_SEEN, _CUT = 3.0, 5.0
_OF_ONE = (
    " The spectrum of a single amplifier has no excess at low frequencies: it predicts some "
    "percent too little."
)
# Times the usual noise from which a pixel is noisy.
_NOISY = 1.5
# Percent of the sizes of normal deviates that are below 1.
_MIDDLE = 68.27


class Ramp(NamedTuple):
    """How a ramp is read.

    Attributes
    ----------
    pattern : str
        Read pattern.
    ngroups : int
    gain : float
        Typical gain, electrons per DN.
    """

    pattern: str
    ngroups: int
    gain: float

    @property
    def frames(self) -> int:
        """Frames from one group to the next."""
        return sum(PATTERNS[self.pattern])


def predicted_scatter(
    fit: FittedModel, readout: Readout, ramp: Ramp
) -> tuple[np.ndarray, np.ndarray]:
    """Predict the variance of rates of darks, less the level of their frame, and its error.

    Parameters
    ----------
    fit : darkroom.nircam.spectrum.model.FittedModel
        Of the noise spectrum (`darkroom.nircam.spectrum.written.read_fit`).
    readout : darkroom.nircam.detector.readout.Readout
        Of the exposures.
    ramp : Ramp

    Returns
    -------
    variance, error : (namplifiers,) float64 arrays
        (DN/s)²; the error is that of the fit.
    """
    half_rate, time = 0.5 / PIXEL_TIME, readout.frame_time
    nframes, interval = PATTERNS[ramp.pattern][0], ramp.frames * time
    step = 1 / (_FINE * ramp.ngroups * interval)
    fine = np.arange(0.5, _CYCLES / time / step) * step
    wide = np.geomspace(fine[-1] + step / 2, half_rate * (1 - 1e-6), _POINTS)
    mirrored = half_rate - np.geomspace(1e-6 * half_rate, half_rate / 2, _POINTS)[::-1]
    wide = np.union1d(wide[wide < half_rate / 2], mirrored)
    groups = np.arange(ramp.ngroups) - (ramp.ngroups - 1) / 2
    weights = groups / (groups**2).sum() / interval
    phases = np.exp(-2j * np.pi * fine * interval * np.arange(ramp.ngroups)[:, None])
    frames = np.exp(-2j * np.pi * fine * time * np.arange(nframes)[:, None]).mean(axis=0)
    # The level of each frame is taken off.
    seen = 1 - np.sinc(fine * time) ** 2
    response = seen * np.abs(frames * (weights @ phases)) ** 2
    # Above, a pixel's reads are as good as independent.
    independent = (weights**2).sum() / nframes

    def variances(values):
        below, above = (_spectra(replace(fit, values=values), f, half_rate) for f in (fine, wide))
        return (below * response).sum(axis=1) * step + independent * np.trapezoid(above, wide)

    return variances(fit.values), propagated(fit, variances)


def _spectra(fit, frequency, half_rate):
    """Return the whole noise of each amplifier: (namplifiers, n), DN²/Hz."""
    parts = model_spectra(fit, frequency, half_rate)
    gains = fit.layout.gains(fit.values)[:, None]
    return gains**2 * parts["common"] + parts["white"] + parts["own"] + parts["alternating"]


def variances(pair: Pair, which: int, parts: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the variance of the rates of a dark and that of VAR_RNOISE, by part: (n,), (DN/s)².

    Parameters
    ----------
    pair : Pair
        Of a dark; that of rates is NaN when it has one integration.
    which : int
        0: the candidate; 1: the current file.
    parts : sequence of (ny, nx) bool arrays
        Pixels that share a level, which is taken off: those of an amplifier.
    """
    rate, quoted = pair.fitted[which].rate, pair.fitted[which].var_rnoise
    count, found = len(rate), np.full((2, len(parts)), np.nan)
    rest = (rate - rate.mean(axis=0)) * np.sqrt(count / max(count - 1, 1))
    for k, mask in enumerate(parts):
        expected = quoted[:, mask]
        values = rest[:, mask] - np.nanmedian(rest[:, mask], axis=1, keepdims=True)
        with np.errstate(divide="ignore", invalid="ignore"):
            pull = np.abs(values) / np.sqrt(expected)
            usable = pull <= _CUT * np.nanpercentile(pull, _MIDDLE)
        if count > 1 and usable.any():
            found[0, k] = np.mean(values[usable] ** 2)
        found[1, k] = np.mean(expected[usable]) if usable.any() else np.nan
    return found[0], found[1]


def normal(darks: Sequence[Pair], mask: np.ndarray) -> np.ndarray:
    """Return the pixels of a mask that are not noisy in either file: the spectrum is of these."""
    found = mask.copy()
    for one in darks[0].fitted:
        quoted = np.nanmean(one.var_rnoise, axis=0)
        with np.errstate(invalid="ignore"):
            found &= quoted <= _NOISY**2 * np.nanmedian(quoted[mask])
    return found


def shot_noise(
    darks: Sequence[Pair], parts: Sequence[np.ndarray], readout: Readout, ramp: Ramp
) -> np.ndarray:
    """Return the variance of a rate by the shot noise of the dark current, by part: (DN/s)².

    0 where the rates of the integrations do not show a dark current: what moves the level of a
    frame moves their rate, too, and has no shot noise.
    """
    rates = np.concatenate([pair.fitted[1].rate for pair in darks])
    n, found = ramp.ngroups, []
    duration = (n - 1) * ramp.frames * readout.frame_time
    for mask in parts:
        levels = np.nanmedian(rates[:, mask], axis=1)
        mean, error = levels.mean(), levels.std(ddof=1) / np.sqrt(len(levels))
        seen = mean if mean > _SEEN * error else 0.0
        found.append(1.2 * seen * (n**2 + 1) / (n * (n + 1)) / (ramp.gain * duration))
    return np.array(found)


def closure(
    darks: Sequence[Pair],
    classes: Mapping[str, np.ndarray],
    fit: FittedModel,
    readout: Readout,
    ramp: Ramp,
) -> tuple[list[Shift], str]:
    """Return how far rates of darks, and VAR_RNOISE, are from what the noise spectrum predicts.

    Parameters
    ----------
    darks : sequence of Pair
    classes : dict
        Masks of the pixels.
    fit, readout, ramp
        As of `predicted_scatter`.

    Returns
    -------
    rows : list of Shift
        Rates; VAR_RNOISE with the candidate, and with the current file. None where exposures have
        one integration.
    sentence : str
    """
    if max(len(pair.fitted[1].rate) for pair in darks) < 2:
        return [], "Darks of one integration cannot tell whether VAR_RNOISE is right."
    amplifiers = [mask for name, mask in classes.items() if name.startswith("amplifier ")]
    parts = [normal(darks, mask) for mask in amplifiers or [classes["all pixels"]]]
    expected, spread = predicted_scatter(fit, readout, ramp)
    error = float(np.mean(spread / expected)) / 2
    found = [np.array([variances(pair, which, parts) for pair in darks]) for which in (0, 1)]
    scattered = found[1][:, 0] - shot_noise(darks, parts, readout, ramp)
    rows = [_row(SCATTER, "all pixels", scattered / expected, error)]
    for which, file in enumerate(("candidate", "current file")):
        rows.append(_row(QUOTED, file, found[which][:, 1] / expected, error))
    closes = abs(rows[0].shift) <= AGREES * (rows[0].error or 0.0)
    new, old = (100 * row.shift for row in rows[1:])
    return rows, (
        f"Rates of darks scatter by {1 + rows[0].shift:.3f}"
        + (f" ± {rows[0].error:.3f}" if rows[0].error is not None else "")
        + " times what the noise spectrum predicts"
        + (", as expected" if closes else ", beyond three errors: what follows is as uncertain")
        + f". The root of VAR_RNOISE is {new:+.1f} % from that prediction with the candidate, "
        f"{old:+.1f} % with the current file." + ("" if fit.layout.has_common else _OF_ONE)
    )


def _row(name, kind, ratios, error):
    """Return the mean root of ratios of variances, by exposure and part, minus 1."""
    mean, scatter, count = leave_one_out(np.mean(np.sqrt(ratios), axis=1) - 1)
    whole = None if scatter is None else float(np.hypot(scatter, error))
    return Shift(name, kind, mean, whole, "", None, count)
