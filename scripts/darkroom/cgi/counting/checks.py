"""What the counts say of the frames: EM gain, and stability from first half to second."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from darkroom.cgi.counting.exact import CountModel

if TYPE_CHECKING:
    from darkroom.cgi.counting.best import BestDark
    from darkroom.cgi.counting.counters import Counters

# Range in which the gain is looked for, as factors of that of the card.
_RANGE = (0.2, 5.0)
_STEP = 1e-4
# To which the logarithm of the gain is found.
_TOLERANCE = 1e-6
# Rows that are compared at a time.
_ROWS = 64
# Expected counts per half from which a pixel's chi-square says something of that pixel.
_FEWEST = 1.0


class MeasuredGain(NamedTuple):
    """EM gain from the counts above the threshold, twice and four times the threshold.

    Attributes
    ----------
    gain, error : float
        NaN when there are too few counts.
    """

    gain: float
    error: float


def measure_gain(
    counters: Counters,
    normal: np.ndarray,
    threshold: float,
    gain: float,
    read_noise: float,
    stages: int | None = None,
) -> MeasuredGain:
    """Measure the EM gain from counts above T, 2 T and 4 T.

    Parameters
    ----------
    counters : darkroom.cgi.counting.counters.Counters
    normal : (ny, nx) bool array
        Pixels whose counts are added up: those that are not hot.
    threshold : float
        T [e-].
    gain : float
        Gain of the header, where the search begins.
    read_noise : float
        Read noise [e-].
    stages : int, optional
        Stages of the register, see `darkroom.cgi.counting.exact.CountModel`.

    Returns
    -------
    MeasuredGain
    """
    plane = {name: float(p[normal].sum(dtype=np.int64)) for name, p in counters.planes()}
    pairs = [
        (plane["above"], plane["twice"], 1.0, 2.0),
        (plane["twice"], plane["four"], 2.0, 4.0),
    ]
    pairs = [each for each in pairs if each[1] > 0 and each[0] > each[1]]
    if not pairs:
        return MeasuredGain(np.nan, np.nan)
    share = plane["above"] / plane["n"]

    def expected(trial):
        """Return the ratios of the pairs that a gain predicts for the measured share."""
        mean = CountModel(threshold, trial, read_noise, stages).invert(np.array(share))
        chance = {
            times: float(CountModel(times * threshold, trial, read_noise, stages).chance(mean))
            for times in (1.0, 2.0, 4.0)
        }
        return np.array([chance[high] / chance[low] for _, _, low, high in pairs])

    tried, passed = (np.array([pair[k] for pair in pairs]) for k in (0, 1))

    def misfit(log_gain):
        """Return minus the binomial log likelihood of the measured ratios."""
        ratio = np.clip(expected(np.exp(log_gain)), 1e-12, 1 - 1e-12)
        return -float((passed * np.log(ratio) + (tried - passed) * np.log1p(-ratio)).sum())

    limits = [np.log(gain * factor) for factor in _RANGE]
    found = float(np.exp(_lowest(misfit, *limits)))
    ratio = expected(found)
    slope = (expected(found * (1 + _STEP)) - expected(found * (1 - _STEP))) / (2 * _STEP * found)
    information = (tried * slope**2 / (ratio * (1 - ratio))).sum()
    return MeasuredGain(found, float(1 / np.sqrt(information)))


def _lowest(function, low, high):
    """Return where a function of one minimum is lowest, by golden section.

    scipy.optimize would take 24 MB.
    """
    ratio = (5**0.5 - 1) / 2
    inner = [high - ratio * (high - low), low + ratio * (high - low)]
    values = [function(x) for x in inner]
    while high - low > _TOLERANCE:
        if values[0] < values[1]:
            high = inner[1]
            inner = [high - ratio * (high - low), inner[0]]
            values = [function(inner[0]), values[0]]
        else:
            low = inner[0]
            inner = [inner[1], low + ratio * (high - low)]
            values = [values[1], function(inner[1])]
    return (low + high) / 2


class Stability(NamedTuple):
    """Comparison of the first half of the frames with the second.

    Attributes
    ----------
    chi2 : (ny, nx) float32 array
        Squared difference of a pixel's two shares over its variance, which has a mean of 1; NaN
        where less than one count is expected in a half.
    mean, error : float
        Mean of the squares over all normal pixels, and its error.
    drift : float
        Difference of all counts of normal pixels, in units of its error.
    """

    chi2: np.ndarray
    mean: float
    error: float
    drift: float


def compare_halves(counters: Counters, dark: BestDark) -> Stability:
    """Compare the counts of the first half of the frames with those of the second.

    Parameters
    ----------
    counters : darkroom.cgi.counting.counters.Counters
    dark : darkroom.cgi.counting.best.BestDark
        Made of them.
    """
    chi2 = np.empty(counters.shape, np.float32)
    sums = np.zeros(7)
    for first in range(0, counters.shape[0], _ROWS):
        rows = slice(first, first + _ROWS)
        sums += _halves(counters, dark, rows, chi2)
    first, first_n, second, second_n, total, squares, number = sums
    mean = error = drift = np.nan
    if number:
        mean = total / number
        error = np.sqrt(max(squares / number - mean**2, 0.0) / number)
        share = (first + second) / (first_n + second_n)
        spread = np.sqrt(share * (1 - share) * (1 / first_n + 1 / second_n))
        drift = (second / second_n - first / first_n) / spread if spread > 0 else np.nan
    return Stability(chi2, float(mean), float(error), float(drift))


def _halves(counters, dark, rows, chi2):
    """Fill chi-square of some rows; return sums over their normal pixels.

    These are counts and frames of the first half, then of the second; chi-square, its square, and
    the number of pixels.
    """
    early_n, early = counters.early_n[rows].astype(float), counters.early_above[rows].astype(float)
    late_n, late = counters.n[rows] - early_n, counters.above[rows] - early
    shared = dark.shared[rows]
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = shared * (1 - shared) * (1 / early_n + 1 / late_n)
        found = (early / early_n - late / late_n) ** 2 / variance
    both = (early_n > 0) & (late_n > 0) & (variance > 0)
    enough = both & (shared * np.minimum(early_n, late_n) >= _FEWEST)
    chi2[rows] = np.where(enough, found, np.nan)
    normal = both & ~dark.hot[rows]
    values = found[normal]
    sums = [plane[normal].sum() for plane in (early, early_n, late, late_n)]
    return np.array([*sums, values.sum(), (values**2).sum(), values.size])
