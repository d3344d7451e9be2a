"""Photon transfer: gain from the variance of flats against their signal; full well; linearity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from darkroom.ccd import distributions
from darkroom.ccd.gain.fit import Priors, fit_blocks
from darkroom.errors import DarkroomError

if TYPE_CHECKING:
    from darkroom.ccd.gain.pairs import PairBlocks

# Signals up to this share of the largest unsaturated one tell the gain: above it the variance of
# real sensors bends down (charges repel each other), even without saturation.
_LOW = 0.7
# A pair is full where its variance is below this share of what photons would give.
_FULL = 0.6
# A square term is fitted to levels that differ by this factor.
_SPAN = 4.0
# A pair holds light where its variance exceeds the read noise by this many errors.
_CERTAIN = 5.0
_MISFIT = 1e-3


@dataclass(frozen=True)
class PhotonTransfer:
    """Gain of a camera from pairs of flats.

    Attributes
    ----------
    gain, gain_error : float
        e-/ADU, and the standard error; scaled up where blocks scatter by more than their errors.
    bend, bend_error : float
        Square term of the variance against the signal, without unit, and its standard error; 0 and
        NaN with fewer than three levels.
    chi2, freedom : float, int
        Of the fit.
    full_well, full_well_error : float
        Largest signal, ADU; of a lower limit the error is NaN.
    reached : bool
        Whether flats reached the full well; else it is a lower limit.
    used : (npairs,) bool array
        Pairs that tell the gain.
    exptime : (npairs,) array
        Seconds.
    level, variance, variance_error, model : (npairs,) arrays
        Mean of the blocks of each pair, and what the fit gives there.
    linearity : (npairs,) array
        Signal over exposure time relative to its mean over the pairs below the full well, minus 1;
        NaN with one exposure time.
    linearity_error : float
        Its error, from the scatter of pairs of one exposure time; NaN without two such.
    """

    gain: float
    gain_error: float
    bend: float
    bend_error: float
    chi2: float
    freedom: int
    full_well: float
    full_well_error: float
    reached: bool
    used: np.ndarray
    exptime: np.ndarray
    level: np.ndarray
    variance: np.ndarray
    variance_error: np.ndarray
    model: np.ndarray
    linearity: np.ndarray
    linearity_error: float


def photon_transfer(
    pairs: Sequence[PairBlocks],
    read_noise: float,
    read_noise_error: float,
    offset_rms: float = 0.0,
    bias_error: float = 0.0,
) -> PhotonTransfer:
    """Fit variance = read noise² + signal / gain (+ bend signal²) to pairs of flats.

    Parameters
    ----------
    pairs : sequence of PairBlocks
        Without saturated pixels.
    read_noise, read_noise_error : float
        ADU.
    offset_rms : float
        Standard deviation of the offset of a frame, common to its pixels, ADU; NaN: unknown.
    bias_error : float
        Error of the bias, common to its pixels, ADU; NaN: unknown.

    Returns
    -------
    PhotonTransfer

    Raises
    ------
    DarkroomError
        When no pair has a variance above that of the read noise.
    """
    pairs = [pair for pair in pairs if not pair_fault(pair, read_noise)]
    if not pairs:
        raise DarkroomError("no pair of flats tells the gain: they are saturated or hold no light")
    level = np.array([np.average(pair.signal) for pair in pairs])
    mean = np.array([np.average(pair.variance) for pair in pairs])
    error = np.array([np.sqrt((pair.error**2).sum()) / pair.error.size for pair in pairs])
    read = np.array([pair.read.mean() for pair in pairs])
    full = _full(level, mean - read * read_noise**2, error, np.nan_to_num(offset_rms))
    limit = _LOW * level[~full].max()
    used = ~full & ((level <= limit) | (level <= level[~full].min() * 1.001))
    blocks = [pair for pair, take in zip(pairs, used, strict=True) if take]
    # A bend that is not significant still shifts the slope by more than a straight line's error.
    square = _levels(level[used]) >= 3 and level[used].max() >= _SPAN * level[used].min()
    priors = Priors(read_noise, read_noise_error, offset_rms, bias_error)
    found, variance, chi2, freedom = fit_blocks(blocks, priors, square=square)
    if freedom and distributions.chi2_chance(chi2, freedom) < _MISFIT:
        variance = variance * max(1.0, chi2 / freedom)
    bend, bend_error = (found[1], np.sqrt(variance[1])) if square else (0.0, np.nan)
    linearity, linearity_error = _linearity(pairs, ~full)
    reached = bool(full.any())
    well = level[full] if reached else level
    return PhotonTransfer(
        gain=float(1 / found[0]),
        gain_error=float(np.sqrt(variance[0]) / found[0] ** 2),
        bend=float(bend),
        bend_error=float(bend_error),
        chi2=float(chi2),
        freedom=int(freedom),
        full_well=float(np.median(well) if reached else well.max()),
        full_well_error=float(_spread(well, error[full])) if reached else np.nan,
        reached=reached,
        used=used,
        exptime=np.array([pair.exptime for pair in pairs], float),
        level=level,
        variance=mean,
        variance_error=error,
        model=read * read_noise**2 + level * found[0] + bend * level**2,
        linearity=linearity,
        linearity_error=linearity_error,
    )


def _full(level, excess, error, offset_rms):
    """Return which pairs are full: their variance has fallen, and those that are brighter.

    Without saturation variance over signal is the same everywhere; where charge is lost it is
    smaller. It must be so for certain: that of faint pairs scatters, with the offsets of their
    frames, too.
    """
    slope = excess / level
    slope_error = np.hypot(error, slope * offset_rms / np.sqrt(2)) / np.abs(level)
    bright = excess > _CERTAIN * error
    fallen = slope + _CERTAIN * slope_error < _FULL * np.median(_highest_slopes(slope, bright))
    # Nothing is full below a level that is not.
    full = bright & fallen & (level > np.min(level[~fallen], initial=np.inf))
    return full | (level > np.min(level[full], initial=np.inf))


def pair_fault(pair: PairBlocks, read_noise: float) -> str:
    """Return why a pair of flats tells nothing of the gain; empty when it does.

    Parameters
    ----------
    pair : PairBlocks
        Without saturated pixels.
    read_noise : float
        ADU.
    """
    if not pair.signal.size:
        if np.isfinite(pair.level) and not 0.5 <= pair.ratio <= 2:
            return f"their levels are unlike (ratio {pair.ratio:.3g}), or they hold no light"
        return "too few of their pixels can be used: they are saturated or bad"
    level, variance = pair.level, float(np.average(pair.variance))
    error = float(np.sqrt((pair.error**2).sum()) / pair.error.size)
    excess = variance - float(pair.read.mean()) * read_noise**2
    if level <= read_noise and excess > _CERTAIN * error:
        return f"they hold no light ({level:.3g} ADU above bias and dark)"
    if excess <= _CERTAIN * error:
        return (
            f"they hold no light (signal {level:.3g} ADU): no noisier than bias frames, "
            f"{np.sqrt(variance):.3g} ADU where the read noise is {read_noise:.3g}"
        )
    return ""


def no_gain() -> PhotonTransfer:
    """Return what flats tell that hold no light, or are all saturated: nothing."""
    none, few = np.nan, np.array([])
    return PhotonTransfer(
        gain=none, gain_error=none, bend=none, bend_error=none, chi2=none, freedom=0,
        full_well=none, full_well_error=none, reached=False, used=few.astype(bool), exptime=few,
        level=few, variance=few, variance_error=few, model=few, linearity=few, linearity_error=none,
    )  # fmt: skip


def _highest_slopes(slope, bright):
    """Return the slopes of the fainter half of the bright pairs' slopes' upper half."""
    values = np.sort(slope[bright])
    return values[len(values) // 2 :]


def _levels(level):
    """Return the number of different signal levels: they differ by a tenth."""
    ordered = np.sort(level)
    return 1 + int(np.sum(np.diff(ordered) > 0.1 * ordered[1:]))


def _linearity(pairs, unsaturated):
    """Return signal per second relative to its mean, minus 1, and its error."""
    time = np.array([pair.exptime for pair in pairs])
    level = np.array([pair.level for pair in pairs])
    if len(np.unique(time[unsaturated])) < 2 or (time <= 0).any():
        return np.full(len(pairs), np.nan), np.nan
    per_second = level / time
    relative = per_second / np.mean(per_second[unsaturated]) - 1
    relative[~unsaturated] = np.nan
    within = [relative[(time == t) & unsaturated] for t in np.unique(time)]
    # The two flats of a pair tell the scatter of the lamp, too.
    inside = [np.log(pair.ratio) / 2 for pair in pairs if pair.ratio > 0]
    if not inside:
        return relative, np.nan
    squares = np.sum(np.square(inside)) + sum(
        ((values - values.mean()) ** 2).sum() for values in within if values.size > 1
    )
    freedom = len(inside) + sum(max(values.size - 1, 0) for values in within)
    return relative, float(np.sqrt(squares / freedom))


def _spread(well, error):
    return np.std(well, ddof=1) / np.sqrt(len(well)) if len(well) > 1 else np.max(error)
