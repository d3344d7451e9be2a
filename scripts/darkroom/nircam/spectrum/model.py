"""Model of the cross spectra of amplifiers: common and own 1/f noise, white, alternating columns.

C_ab(f) = g_a g_b S_c(f) + δ_ab S_a(f), with

S_c = A_c (f/f0)^-α + A_L / f / (1 + (f/f_b)²),
S_a = W_a + A_a (f/f0)^-α_a + B_a ((f_N - f)/f0)^-β_a.

The parameters are logarithms of the amplitudes, at frequencies f0 where amplitude and index of a
power law are independent of each other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: Frequencies f0 in Hz at which the amplitudes of power laws are given.
PIVOT = {"common": 30.0, "own": 100.0, "alternating": 100.0}
_OWN = ("white", "own", "own_index", "alternating", "alternating_index")


@dataclass(frozen=True)
class Layout:
    """Which parameter stands where.

    Attributes
    ----------
    namplifiers : int
    excess : bool
        Whether the common noise has its low-frequency excess.
    """

    namplifiers: int
    excess: bool

    @property
    def has_common(self):
        """Whether common noise can be told from that of the amplifiers."""
        return self.namplifiers > 1

    @property
    def names(self):
        """Names of the parameters in order, ``own_index_2`` for that of amplifier place 2."""
        n, names = self.namplifiers, []
        if self.has_common:
            # The geometric mean of the gains is 1; two amplifiers leave their ratio open.
            names += [f"gain_{a}" for a in range(n - 1)] if n > 2 else []
            names += ["common", "common_index"]
            names += ["excess", "excess_knee"] if self.excess else []
        return names + [f"{name}_{a}" for a in range(n) for name in _OWN]

    def gains(self, values):
        """Return the gains: (namplifiers,) float64, geometric mean 1."""
        n = self.namplifiers
        logs = np.zeros(n)
        if n > 2:
            logs[:-1] = values[: n - 1]
            logs[-1] = -logs[:-1].sum()
        return np.exp(logs)


def power_law(frequency, pivot, log_amplitude, index, frame_time):
    """Return a power law as the Hann taper sees it, and its derivatives by amplitude and index.

    Parameters
    ----------
    frequency : (n,) array
        Distance in Hz from where the law diverges.
    pivot, log_amplitude, index : float
        f0, Hz; ln of DN²/Hz at f0.
    frame_time : float
        T, s: the taper spreads a frequency with a variance of 1/(3 T²).

    Returns
    -------
    (3, n) float64 array
        DN²/Hz, by the logarithm of the amplitude, by the index.
    """
    log = np.log(frequency / pivot)
    law = np.exp(log_amplitude - index * log)
    curvature = 1 / (6 * (frequency * frame_time) ** 2)
    spread = 1 + index * (index + 1) * curvature
    by_index = law * (-log * spread + (2 * index + 1) * curvature)
    return np.stack([law * spread, law * spread, by_index])


def excess_law(frequency, log_amplitude, log_knee):
    """Return the excess A_L / f / (1 + (f/f_b)²) and its derivatives: (3, n), DN²/Hz."""
    ratio = (frequency / np.exp(log_knee)) ** 2
    law = np.exp(log_amplitude) / frequency / (1 + ratio)
    return np.stack([law, law, law * 2 * ratio / (1 + ratio)])


def common_spectrum(frequency, layout, values, frame_time=np.inf):
    """Return S_c and its derivatives: (1 + nparameters of S_c, n) float64."""
    start = layout.names.index("common")
    law = power_law(frequency, PIVOT["common"], values[start], values[start + 1], frame_time)
    if not layout.excess:
        return law
    low = excess_law(frequency, values[start + 2], values[start + 3])
    return np.concatenate([law[:1] + low[:1], law[1:], low[1:]])


def own_spectrum(frequency, half_rate, values, frame_time=np.inf):
    """Return S_a of one amplifier's five parameters and its derivatives: (6, n) float64."""
    law = power_law(frequency, PIVOT["own"], values[1], values[2], frame_time)
    mirrored = half_rate - frequency
    alternating = power_law(mirrored, PIVOT["alternating"], values[3], values[4], frame_time)
    white = np.full(frequency.shape, np.exp(values[0]))
    return np.concatenate(
        [(white + law[0] + alternating[0])[None], white[None], law[1:], alternating[1:]]
    )


def covariance(frequency, half_rate, layout, values, frame_time):
    """Return C of the model and its derivatives.

    Parameters
    ----------
    frequency : (nbins,) array
        Hz.
    half_rate : float
        f_N, Hz.
    layout : Layout
    values : (nparameters,) array
    frame_time : float
        T, s.

    Returns
    -------
    matrix : (nbins, namplifiers, namplifiers) float64 array
        DN²/Hz.
    derivatives : (nparameters, nbins, namplifiers, namplifiers) float64 array
    """
    n = layout.namplifiers
    matrix = np.zeros((frequency.size, n, n))
    derivatives = np.zeros((len(layout.names), frequency.size, n, n))
    k = 0
    if layout.has_common:
        gains = layout.gains(values)
        shape = np.outer(gains, gains)
        common = common_spectrum(frequency, layout, values, frame_time)
        matrix += common[0][:, None, None] * shape
        if n > 2:
            for a in range(n - 1):
                change = np.zeros(n)
                change[a], change[-1] = 1, -1
                by_gain = shape * (change[:, None] + change)
                derivatives[k] = common[0][:, None, None] * by_gain
                k += 1
        for by in common[1:]:
            derivatives[k] = by[:, None, None] * shape
            k += 1
    for a in range(n):
        own = own_spectrum(frequency, half_rate, values[k : k + len(_OWN)], frame_time)
        matrix[:, a, a] += own[0]
        for by in own[1:]:
            derivatives[k, :, a, a] = by
            k += 1
    return matrix, derivatives
