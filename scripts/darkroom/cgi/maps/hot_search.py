"""The search for hot pixels among normal ones.

The fit of a normal pixel weighs a stack by the noise of a normal pixel. The stacks of short times,
in which it has hardly any charge, get most of the weight, and one strongly amplified electron there
makes a large excess. The search therefore uses two other estimates, which are as linear in the
means: of C with the D of a normal pixel, and of D with its C. And it weighs the stacks as for a
pixel that just exceeds the limit: all electrons then count alike. With ten frames a stack, noise
makes a third less of such an excess than of that in the fit.

A pixel is doubtful before it is hot. It is fitted like a hot one, without being called hot, and
has no part in the pooled variances: weakly hot pixels would make them too large, and normal ones
with as much charge are so rare that they are not missed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from darkroom.cgi.maps.hot import excess_limits

if TYPE_CHECKING:
    from darkroom.cgi.maps.design import Design

# Steps towards the limit, on which the weights and so the limit itself depend.
_STEPS = 4
# A pixel's own limits are computed when its excess is above this fraction of a typical limit.
_NEAR = 0.65
#: Fraction of normal pixels that may be taken for hot ones.
FALSE_ALARMS = 1e-5
#: Fraction of normal pixels that may be left out of the statistics of normal pixels.
DOUBT = 1e-4


def find(
    design: Design,
    variance: np.ndarray,
    base: np.ndarray,
    typical: np.ndarray,
    count: np.ndarray,
    mean: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Tell which pixels of a population have more charge than noise makes in a normal one.

    Parameters
    ----------
    design : darkroom.cgi.maps.design.Design
    variance : (M,) array
        Pooled variance of a sample [e-²].
    base : (3,) array
        F [e-], C [e-] and D [e-/s] of a normal pixel.
    typical : (M,) array
        Samples of a typical pixel; stacks without any are not used.
    count, mean : (M, n) arrays
        Samples of the pixels, and their mean [e-].

    Returns
    -------
    doubtful, hot : (n,) bool arrays
        Pixels with more than normal ones have with a probability `DOUBT` or `FALSE_ALARMS`.
    """
    over = np.zeros((2, count.shape[1]), bool)
    middle = typical[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        for place in (1, 2):
            estimate = _Estimate(design, variance, base, typical > 0, place)
            limit = estimate.settle(middle)
            if not estimate.excess > 0:  # the stacks do not tell this parameter
                continue
            rows, error = estimate.rows(count)
            score = estimate.measure(rows, mean) / error
            near = np.flatnonzero(score > _NEAR * limit)
            for which, chance in enumerate((DOUBT, FALSE_ALARMS)):
                own = estimate.limits(rows[:, near], count[:, near], chance)
                over[which, near] |= score[near] > own
    return over[0], over[1]


def smallest_excess(
    design: Design, variance: np.ndarray, base: np.ndarray, typical: np.ndarray
) -> tuple[float, float]:
    """Return the excess of C [e-] and of D [e-/s] above which a typical pixel is called hot.

    Of pixels with that excess noise hides half; weaker ones pass as normal.

    Parameters
    ----------
    design, variance, base, typical
        As in `find`.

    Returns
    -------
    cic, dark : float
        NaN for a parameter that the stacks do not tell.
    """
    found = []
    with np.errstate(invalid="ignore", divide="ignore"):
        for place in (1, 2):
            estimate = _Estimate(design, variance, base, typical > 0, place)
            estimate.settle(typical[:, None])
            found.append(estimate.excess if estimate.excess > 0 else np.nan)
    return found[0], found[1]


class _Estimate:
    """Linear estimate of C (place 1) or D (place 2) with the other one that of a normal pixel."""

    def __init__(self, design, variance, base, used, place):
        self._design, self._variance, self._base = design, variance[:, None], base[:, None]
        self._used, self._place = used, place
        self._signal = design.matrix[:, place]
        # What an electron in C, or one per second in D, adds to the variance.
        self._noise = self._signal * design.gain * design.enf2
        self.excess = 0.0

    def settle(self, count):
        """Find the excess that a typical pixel is called hot with; return the limit [errors]."""
        for _ in range(_STEPS):
            rows, error = self.rows(count)
            limit = self.limits(rows, count, FALSE_ALARMS)[0]
            self.excess = float(limit * error[0])
        return limit

    def rows(self, count):
        """Return the estimator with the weights for an excess, (M, n), and its error, (n,)."""
        inverse = np.where(self._used, 1 / (self._variance[:, 0] + self._noise * self.excess), 0)
        weight, signal = inverse[:, None] * count, self._signal[:, None]
        s0, s1, s2 = ((weight * signal**power).sum(axis=0) for power in range(3))
        rows = weight * (s0 * signal - s1) / (s0 * s2 - s1**2)
        error = np.sqrt((rows**2 * self._variance / np.maximum(count, 1)).sum(axis=0))
        return rows, error

    def measure(self, rows, mean):
        """Return the excess of pixels over that of a normal one."""
        return (rows * (mean - self._design.matrix @ self._base)).sum(axis=0)

    def limits(self, rows, count, chance):
        """Return the excess that noise makes with a probability [standard errors]."""
        return excess_limits(
            rows[None], np.broadcast_to(self._variance, count.shape), self._design.gain,
            self._design.enf2, self._design.exptime, np.maximum(count, 1), self._base, chance,
        )[0]  # fmt: skip
