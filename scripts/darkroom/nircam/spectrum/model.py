"""Model of the cross spectra of amplifiers: common and own 1/f, white, alternating-column noise.

C_ab(f) = g_a g_b S_c(f) + δ_ab S_a(f), with

S_c = A_c (f/f0)^-α + A_L / f / (1 + (f/f_b)²),
S_a = W_a + A_a (f/f0)^-α_a + B_a ((f_N - f)/f0)^-β_a.

The parameters are the logarithms of the amplitudes and the indices. The amplitude of a power law is
that at a frequency f0, chosen so that amplitude and index are nearly uncorrelated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: Frequencies f0 in Hz at which the amplitudes of power laws are given.
PIVOT = {"common": 30.0, "own": 100.0, "alternating": 100.0}
_OWN = ("white", "own", "own_index", "alternating", "alternating_index")


@dataclass(frozen=True)
class Layout:
    """Order of the parameters.

    Attributes
    ----------
    namplifiers : int
        Number of amplifiers.
    excess : bool
        True when the common noise includes the low-frequency excess.
    """

    namplifiers: int
    excess: bool

    @property
    def has_common(self) -> bool:
        """True when common noise can be separated from that of each amplifier."""
        return self.namplifiers > 1

    @property
    def names(self) -> list[str]:
        """Names of the parameters in order, e.g. ``own_index_2`` of the amplifier at place 2."""
        n, names = self.namplifiers, []
        if self.has_common:
            # The geometric mean of the gains is 1; for two amplifiers their ratio is undetermined.
            names += [f"gain_{a}" for a in range(n - 1)] if n > 2 else []
            names += ["common", "common_index"]
            names += ["excess", "excess_knee"] if self.excess else []
        return names + [f"{name}_{a}" for a in range(n) for name in _OWN]

    def gains(self, values: np.ndarray) -> np.ndarray:
        """Return the gains for the common noise: (namplifiers,) float64, geometric mean 1."""
        n = self.namplifiers
        logs = np.zeros(n)
        if n > 2:
            logs[:-1] = values[: n - 1]
            logs[-1] = -logs[:-1].sum()
        return np.exp(logs)


@dataclass(frozen=True)
class FittedModel:
    """The model with fitted parameters.

    Attributes
    ----------
    layout : Layout
        Order of the parameters.
    values : (nparameters,) float64 array
        In the order of `Layout.names`: natural logarithms of gains, amplitudes and the knee;
        indices.
    covariance : (nparameters, nparameters) float64 array
        Their covariance, the inverse of the Fisher matrix.
    lowest_frequency : float
        Lowest frequency fitted, Hz.
    """

    layout: Layout
    values: np.ndarray
    covariance: np.ndarray
    lowest_frequency: float


def power_law(
    frequency: np.ndarray, pivot: float, log_amplitude: float, index: float, frame_time: float
) -> np.ndarray:
    """Return a power law as measured with the Hann taper, and its derivatives.

    Parameters
    ----------
    frequency : (n,) array
        Distance from the frequency at which the law diverges, Hz.
    pivot : float
        Frequency f0, Hz.
    log_amplitude : float
        Natural logarithm of the power at f0 in DN²/Hz.
    index : float
        Index of the law.
    frame_time : float
        Frame time T, s; the taper spreads a frequency with a variance of 1/(3 T²).

    Returns
    -------
    (3, n) float64 array
        The law, and its derivatives by `log_amplitude` and by `index`, DN²/Hz.
    """
    log = np.log(frequency / pivot)
    law = np.exp(log_amplitude - index * log)
    curvature = 1 / (6 * (frequency * frame_time) ** 2)
    spread = 1 + index * (index + 1) * curvature
    by_index = law * (-log * spread + (2 * index + 1) * curvature)
    return np.stack([law * spread, law * spread, by_index])


def excess_law(frequency: np.ndarray, log_amplitude: float, log_knee: float) -> np.ndarray:
    """Return the low-frequency excess A_L / f / (1 + (f/f_b)²) and its derivatives.

    Parameters
    ----------
    frequency : (n,) array
        Hz.
    log_amplitude : float
        Natural logarithm of A_L in DN².
    log_knee : float
        Natural logarithm of f_b in Hz.

    Returns
    -------
    (3, n) float64 array
        The excess, and its derivatives by `log_amplitude` and by `log_knee`, DN²/Hz.
    """
    ratio = (frequency / np.exp(log_knee)) ** 2
    law = np.exp(log_amplitude) / frequency / (1 + ratio)
    return np.stack([law, law, law * 2 * ratio / (1 + ratio)])


def common_spectrum(
    frequency: np.ndarray, layout: Layout, values: np.ndarray, frame_time: float = np.inf
) -> np.ndarray:
    """Return the common noise S_c and its derivatives.

    Parameters
    ----------
    frequency : (n,) array
        Hz.
    layout : Layout
        Order of the parameters.
    values : (nparameters,) array
        All parameters of the model.
    frame_time : float
        Frame time, s, for the effect of the taper; none by default.

    Returns
    -------
    (1 + nparameters of S_c, n) float64 array
        DN²/Hz.
    """
    start = layout.names.index("common")
    law = power_law(frequency, PIVOT["common"], values[start], values[start + 1], frame_time)
    if not layout.excess:
        return law
    low = excess_law(frequency, values[start + 2], values[start + 3])
    return np.concatenate([law[:1] + low[:1], law[1:], low[1:]])


def own_spectrum(
    frequency: np.ndarray, half_rate: float, values: np.ndarray, frame_time: float = np.inf
) -> np.ndarray:
    """Return the noise S_a of one amplifier and its derivatives.

    Parameters
    ----------
    frequency : (n,) array
        Hz.
    half_rate : float
        Half the pixel rate f_N, Hz.
    values : (5,) array
        The parameters of this amplifier: white, own, own_index, alternating, alternating_index.
    frame_time : float
        Frame time, s, for the effect of the taper; none by default.

    Returns
    -------
    (6, n) float64 array
        S_a, and its derivatives by the parameters, DN²/Hz.
    """
    law = power_law(frequency, PIVOT["own"], values[1], values[2], frame_time)
    mirrored = half_rate - frequency
    alternating = power_law(mirrored, PIVOT["alternating"], values[3], values[4], frame_time)
    white = np.full(frequency.shape, np.exp(values[0]))
    return np.concatenate(
        [(white + law[0] + alternating[0])[None], white[None], law[1:], alternating[1:]]
    )


def covariance(
    frequency: np.ndarray, half_rate: float, layout: Layout, values: np.ndarray, frame_time: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the matrix C of the model and its derivatives.

    Parameters
    ----------
    frequency : (nbins,) array
        Hz.
    half_rate : float
        Half the pixel rate f_N, Hz.
    layout : Layout
        Order of the parameters.
    values : (nparameters,) array
        The parameters.
    frame_time : float
        Frame time T, s.

    Returns
    -------
    matrix : (nbins, namplifiers, namplifiers) float64 array
        DN²/Hz.
    derivatives : (nparameters, nbins, namplifiers, namplifiers) float64 array
        DN²/Hz.
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
