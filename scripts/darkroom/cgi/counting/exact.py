"""From counts above a threshold to electrons: exact inversion, and upper limits.

A pixel with a Poisson mean of L electrons exceeds the threshold T with the chance

    p(L) = sum over k of Poisson(k; L) Q_k,

where Q_k is the chance that k electrons, amplified by the register and with read noise added,
exceed T. An exponential register makes of k electrons a gamma distribution of shape k and scale g
(Basden, Haniff & Mackay 2003, MNRAS 345, 985), one of N stages nearly so; read noise is averaged
over by Gauss-Hermite quadrature.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import special  # scipy.stats would take 50 MB more

if TYPE_CHECKING:
    from collections.abc import Callable

#: Largest mean that can be told from counts [e- per frame]; more than this every frame counts.
LARGEST = 5.0
#: Confidence of upper limits.
CONFIDENCE = 0.95
_TERMS = 30
_NODES = 41
_HALVINGS = 60


class CountModel:
    """The chance of a count as a function of the mean number of electrons.

    Parameters
    ----------
    threshold : float
        Threshold [e- after the register].
    gain : float
        EM gain.
    read_noise : float
        Read noise [e-]; 0 for none.
    stages : int, optional
        Stages of the register; by default it is exponential, as corgidrp takes it.
    """

    def __init__(
        self, threshold: float, gain: float, read_noise: float = 0.0, stages: int | None = None
    ) -> None:
        nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
        least = threshold - read_noise * nodes
        chances = np.array([_exceeding(k, least, gain, stages) for k in range(1, _TERMS)])
        beyond = special.ndtr(-threshold / read_noise) if read_noise > 0 else 0.0
        self._chances = np.append(beyond, chances @ weights / weights.sum())

    def chance(self, mean: np.ndarray) -> np.ndarray:
        """Return p(L).

        Parameters
        ----------
        mean : array
            Mean number of electrons per frame, up to `LARGEST`.
        """
        return _terms(mean) @ self._chances

    def slope(self, mean: np.ndarray) -> np.ndarray:
        """Return dp/dL."""
        return _terms(mean)[..., :-1] @ np.diff(self._chances)

    def invert(self, share: np.ndarray) -> np.ndarray:
        """Return the mean number of electrons of a share of counts.

        Parameters
        ----------
        share : array
            Counts over frames.

        Returns
        -------
        array
            0 where there are no more counts than read noise makes; NaN where the share is that of
            more than `LARGEST` electrons, or NaN itself.
        """
        share = np.asarray(share, np.float64)
        low, high = np.zeros(share.shape), np.full(share.shape, LARGEST)
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            below = self.chance(middle) < share
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        known = share <= self.chance(np.array(LARGEST))
        return np.where(known, np.where(share > self._chances[0], 0.5 * (low + high), 0.0), np.nan)

    def means(self, counts: np.ndarray, n: np.ndarray) -> np.ndarray:
        """Return the mean of each pixel, NaN without a frame."""
        return _of_pairs(counts, n, lambda c, m: self.invert(c / m))

    def upper_limits(self, counts: np.ndarray, n: np.ndarray) -> np.ndarray:
        """Return the upper limit of the mean of each pixel, at `CONFIDENCE` (Clopper-Pearson).

        A pixel of this mean has as few counts as were found with the chance 1 - `CONFIDENCE`.
        It is NaN where it is beyond `LARGEST`, and without a frame.
        """

        def limit(c, m):
            """Return the mean that the limit of the share of c counts in m frames stands for."""
            return self.invert(_beta_limit(c, m))

        return _of_pairs(counts, n, limit)


def _beta_limit(counts, n):
    """Return the share of which as few counts have the chance 1 - `CONFIDENCE`; NaN for all n."""
    rest = n - counts
    share = special.betaincinv(counts + 1, np.maximum(rest, 1), CONFIDENCE)
    return np.where(rest > 0, share, np.nan)


def _exceeding(electrons, least, gain, stages):
    """Return the chance that amplified electrons exceed `least` electrons after the register.

    A register of N stages spreads less than an exponential distribution: of k electrons it makes k
    and a number more with the mean k (g - 1) and the variance k (g^2 (E^2 - 1)), E^2 the excess
    noise 2 (g - 1) g^(-(N+1)/N) + 1/g. Of 604 stages and a gain of 5000 an electron exceeds a tenth
    of the gain with the chance 0.9082 (a million simulated electrons), 0.9048 if it were
    exponential, 0.9098 as computed here with a gamma distribution of that mean and variance.
    """
    if stages is None:
        return special.gammaincc(electrons, np.maximum(least, 0.0) / gain)
    growth = gain - 1
    excess = 2 * growth * gain ** (-(stages + 1) / stages) + 1 / gain - 1
    scale = gain**2 * excess / growth
    return special.gammaincc(electrons * growth / scale, np.maximum(least - electrons, 0.0) / scale)


def _terms(mean):
    """Return Poisson(k; L) along a further, last axis."""
    mean = np.asarray(mean, np.float64)[..., None]
    with np.errstate(divide="ignore"):
        factors = np.concatenate([np.exp(-mean), *(mean / k for k in range(1, _TERMS))], axis=-1)
    return np.cumprod(factors, axis=-1)


def _of_pairs(
    counts: np.ndarray, n: np.ndarray, value: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> np.ndarray:
    """Compute a function of counts and frames once for each pair that occurs."""
    counts, n = np.asarray(counts, np.int64), np.asarray(n, np.int64)
    base = int(n.max(initial=0)) + 1
    codes, places = np.unique(counts * base + n, return_inverse=True)
    c, m = np.divmod(codes, base)
    found, some = np.full(codes.shape, np.nan), m > 0
    found[some] = value(c[some].astype(np.float64), m[some].astype(np.float64))
    return found[places].reshape(counts.shape)
