"""What the counts say of the frames: EM gain, and stability from first half to second."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import optimize

from darkroom.cgi.counting.exact import CountModel

if TYPE_CHECKING:
    from darkroom.cgi.counting.best import BestDark
    from darkroom.cgi.counting.counters import Counters

# Range in which the gain is looked for, as factors of that of the card.
_RANGE = (0.2, 5.0)
_STEP = 1e-4
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
        mean = CountModel(threshold, trial, read_noise, stages).invert(np.array(share))
        chance = {
            times: float(CountModel(times * threshold, trial, read_noise, stages).chance(mean))
            for times in (1.0, 2.0, 4.0)
        }
        return np.array([chance[high] / chance[low] for _, _, low, high in pairs])

    tried, passed = (np.array([pair[k] for pair in pairs]) for k in (0, 1))

    def misfit(log_gain):
        ratio = np.clip(expected(np.exp(log_gain)), 1e-12, 1 - 1e-12)
        return -float((passed * np.log(ratio) + (tried - passed) * np.log1p(-ratio)).sum())

    limits = [np.log(gain * factor) for factor in _RANGE]
    found = float(
        np.exp(optimize.minimize_scalar(misfit, bounds=limits, method="bounded").x)  # type: ignore[arg-type]
    )
    ratio = expected(found)
    slope = (expected(found * (1 + _STEP)) - expected(found * (1 - _STEP))) / (2 * _STEP * found)
    information = (tried * slope**2 / (ratio * (1 - ratio))).sum()
    return MeasuredGain(found, float(1 / np.sqrt(information)))


class Stability(NamedTuple):
    """Comparison of the first half of the frames with the second.

    Attributes
    ----------
    chi2 : (ny, nx) float64 array
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
    early_n, early = counters.early_n.astype(float), counters.early_above.astype(float)
    late_n, late = counters.n - early_n, counters.above - early
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = dark.shared * (1 - dark.shared) * (1 / early_n + 1 / late_n)
        chi2 = (early / early_n - late / late_n) ** 2 / variance
    both = (early_n > 0) & (late_n > 0) & (variance > 0)
    chosen = both & ~dark.hot
    values = chi2[chosen]
    drift = np.nan
    if values.size:
        first, second = (early[chosen].sum(), early_n[chosen].sum()), (
            late[chosen].sum(), late_n[chosen].sum())  # fmt: skip
        share = (first[0] + second[0]) / (first[1] + second[1])
        spread = np.sqrt(share * (1 - share) * (1 / first[1] + 1 / second[1]))
        drift = (second[0] / second[1] - first[0] / first[1]) / spread if spread > 0 else np.nan
    enough = both & (dark.shared * np.minimum(early_n, late_n) >= _FEWEST)
    return Stability(
        np.where(enough, chi2, np.nan),
        float(values.mean()) if values.size else np.nan,
        float(values.std() / np.sqrt(values.size)) if values.size else np.nan,
        float(drift),
    )
