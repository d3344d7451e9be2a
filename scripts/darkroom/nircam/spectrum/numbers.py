"""Quantities derived from a noise spectrum: band noise, knees, CDS noise, frame pedestals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.nircam.spectrum.model import FittedModel, common_spectrum, own_spectrum

if TYPE_CHECKING:
    from collections.abc import Sequence

    from darkroom.nircam.spectrum.bins import Grid

#: Frequency band of the quoted 1/f noise, Hz.
BAND = (1.0, 1000.0)
_POINTS = 4000


def model_spectra(
    fit: FittedModel, frequency: np.ndarray, half_rate: float
) -> dict[str, np.ndarray]:
    """Return the components of the model, without the effect of the taper.

    Parameters
    ----------
    fit : darkroom.nircam.spectrum.model.FittedModel
        Fitted model; its layout and values are used.
    frequency : (n,) array
        Hz.
    half_rate : float
        Half the pixel rate, Hz.

    Returns
    -------
    dict
        ``common`` (n,) for a gain of 1; ``white``, ``own`` and ``alternating`` (namplifiers, n),
        DN²/Hz.
    """
    layout, values = fit.layout, fit.values
    zero = np.zeros_like(frequency)
    common = common_spectrum(frequency, layout, values)[0] if layout.has_common else zero
    names = ("white", "own", "alternating")
    own_parts: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for a in range(layout.namplifiers):
        start = layout.names.index(f"white_{a}")
        own = own_spectrum(frequency, half_rate, values[start : start + 5])
        # The derivative by the logarithm of an amplitude is the component itself.
        for name, part in zip(names, own[[1, 2, 4]], strict=True):
            own_parts[name].append(part)
    return {"common": common} | {name: np.array(parts) for name, parts in own_parts.items()}


def band_noise(
    frequency: np.ndarray, edges: np.ndarray, spectrum: np.ndarray, band: tuple[float, float]
) -> float:
    """Return the noise of a binned spectrum within a frequency band.

    Parameters
    ----------
    frequency : (nbins,) array
        Frequencies of the bins, Hz.
    edges : (nbins + 1,) array
        Edges of the bins, Hz.
    spectrum : (nbins,) array
        Power, DN²/Hz; NaN in a bin is interpolated from its neighbours.
    band : (float, float)
        Limits of the band, Hz.

    Returns
    -------
    float
        Noise, DN; negative if the power in the band is.
    """
    low, high = np.maximum(edges[:-1], band[0]), np.minimum(edges[1:], band[1])
    width = np.maximum(high - low, 0)
    known = np.isfinite(spectrum)
    filled = np.interp(frequency, frequency[known], spectrum[known])
    power = float((width * filled).sum())
    return float(np.sign(power) * np.sqrt(abs(power)))


def numbers(fit: FittedModel, grid: Grid) -> dict[str, np.ndarray]:
    """Return quantities derived from a fit.

    Parameters
    ----------
    fit : darkroom.nircam.spectrum.model.FittedModel
        Fitted model.
    grid : darkroom.nircam.spectrum.bins.Grid
        Bins that were fitted.

    Returns
    -------
    dict
        Arrays (namplifiers,). ``white``: white noise of one read; ``common_band``, ``own_band``:
        noise in `BAND` (from the lowest frequency fitted, if that is higher); ``cds_*`` and
        ``cds``: noise of the difference of two reads of a pixel, above the lowest frequency fitted,
        by component and in total; all in DN. Each with its error, ``*_error``, from the covariance
        of the fit. ``knee``: frequency at which common and own 1/f noise together equal the white
        noise, Hz.
    """
    lowest = fit.lowest_frequency
    frequency = np.geomspace(lowest, grid.half_rate * (1 - 1e-6), _POINTS)
    mirrored = grid.half_rate - np.geomspace(lowest, grid.half_rate / 2, _POINTS)[::-1]
    frequency = np.union1d(frequency[frequency < grid.half_rate / 2], mirrored)
    inside = frequency[(frequency >= BAND[0]) & (frequency <= BAND[1])]
    # A pixel is read once a frame: noise adds up as 1 - cos, which is 1 on average.
    turn = 1 - np.cos(2 * np.pi * frequency * grid.frame_time)
    twice = 2 * np.where(frequency * grid.frame_time > 50, 1.0, turn)
    in_band = _powers(fit, inside, grid.half_rate, 1.0)
    difference = _powers(fit, frequency, grid.half_rate, twice)
    powers = {f"{part}_band": in_band[part] for part in ("common", "own")}
    powers |= {f"cds_{part}": difference[part] for part in ("common", "own", "alternating")}
    every = _powers(fit, frequency[[0, -1]], grid.half_rate, 1.0)["white"]
    # White noise is integrated over all frequencies, not only over those fitted.
    scale = grid.half_rate / np.ptp(frequency)
    powers["white"] = scale * every[0], scale * every[1]
    powers["cds_white"] = 2 * powers["white"][0], 2 * powers["white"][1]
    of_difference = [values for name, values in powers.items() if name.startswith("cds_")]
    powers["cds"] = tuple(sum(values) for values in zip(*of_difference, strict=True))
    found = {}
    for name, (power, gradient) in powers.items():
        found[name] = np.sqrt(power)
        variance = np.einsum("ap,pq,aq->a", gradient, fit.covariance, gradient)
        with np.errstate(divide="ignore", invalid="ignore"):
            found[f"{name}_error"] = np.sqrt(variance) / (2 * found[name])
    parts = model_spectra(fit, frequency, grid.half_rate)
    gains = fit.layout.gains(fit.values)
    excess = gains[:, None] ** 2 * parts["common"] + parts["own"] - parts["white"]
    below = frequency < grid.half_rate / 2
    found["knee"] = np.array([_crossing(frequency[below], part[below]) for part in excess])
    return found


def _powers(fit, frequency, half_rate, weight):
    """Integrate the components of the model, times a weight, over the frequency.

    Returns
    -------
    dict
        For each component the powers, (namplifiers,), DN², and their derivatives by the parameters
        of the fit, (namplifiers, nparameters).
    """
    layout, values = fit.layout, fit.values
    n, names = layout.namplifiers, layout.names

    def integrate(spectra):
        return np.trapezoid(spectra * weight, frequency, axis=-1)

    found = {
        part: (np.zeros(n), np.zeros((n, len(names))))
        for part in ("common", "white", "own", "alternating")
    }
    if layout.has_common:
        start = names.index("common")
        shared = integrate(common_spectrum(frequency, layout, values))
        power, gradient = found["common"]
        seen = layout.gains(values) ** 2
        power += seen * shared[0]
        gradient[:, start : start + shared.size - 1] = np.outer(seen, shared[1:])
        if n > 2:
            # The last gain is what makes the product of all 1.
            gradient[np.arange(n - 1), np.arange(n - 1)] = 2 * power[:-1]
            gradient[-1, : n - 1] = -2 * power[-1]
    for a in range(n):
        start = names.index(f"white_{a}")
        own = integrate(own_spectrum(frequency, half_rate, values[start : start + 5]))
        for part, places in (("white", [0]), ("own", [1, 2]), ("alternating", [3, 4])):
            # The derivative by the logarithm of an amplitude is the component itself.
            found[part][0][a] = own[1 + places[0]]
            found[part][1][a, [start + k for k in places]] = own[[1 + k for k in places]]
    return found


def _crossing(frequency, excess):
    """Return where a falling curve first is negative; NaN if it never is, or is from the start."""
    negative = np.flatnonzero(excess <= 0)
    if not negative.size or negative[0] == 0:
        return np.nan
    k = negative[0]
    share = excess[k - 1] / (excess[k - 1] - excess[k])
    return float(frequency[k - 1] * (frequency[k] / frequency[k - 1]) ** share)


def pedestal_noise(pedestals: Sequence[np.ndarray]) -> tuple[float, float, int]:
    """Return the scatter of the levels of whole frames, from differences of consecutive frames.

    A constant slope of each ramp is subtracted.

    Parameters
    ----------
    pedestals : list of (ngroups, namplifiers) arrays
        Level of every frame of each ramp, DN.

    Returns
    -------
    common : float
        Scatter of the mean of the amplifiers, DN: standard deviation of differences over √2. For
        independent levels it is the standard deviation of the levels.
    own : float
        The same of an amplifier about that mean, DN; NaN for one amplifier.
    count : int
        Number of differences of frames.
    """
    squares, dof, count = np.zeros(2), 0.0, 0
    for levels in pedestals:
        steps = np.diff(levels, axis=0)
        n, amplifiers = steps.shape
        steps -= steps.mean(axis=0)
        common = steps.mean(axis=1)
        own = ((steps - common[:, None]) ** 2).sum() / max(amplifiers - 1, 1)
        squares += (common**2).sum(), own
        dof += 2 * n * (1 - 1 / n**2)
        count += n
    common, own = np.sqrt(squares / dof)
    return float(common), float(own) if amplifiers > 1 else np.nan, count


def pedestal_spectrum(pedestals: Sequence[np.ndarray], group_time: float) -> list[dict[str, Any]]:
    """Return the power spectrum of the levels of whole frames.

    A straight line is subtracted from each ramp, and with it most of the lowest frequency.

    Parameters
    ----------
    pedestals : list of (ngroups, namplifiers) arrays
        Level of every frame of each ramp, DN.
    group_time : float
        Time from group to group, s.

    Returns
    -------
    list of dict
        For each number of groups of a ramp (``ngroups``) and each ``frequency`` (Hz): ``common``,
        of the mean of the amplifiers, and ``own``, of an amplifier about it (NaN for one
        amplifier), one-sided, DN²/Hz; ``values``: number of spectra averaged.
    """
    rows = []
    for ngroups in sorted({len(levels) for levels in pedestals}):
        ramps = np.stack([levels for levels in pedestals if len(levels) == ngroups])
        common = ramps.mean(axis=2, keepdims=True)
        parts = _periodogram(common, group_time)[..., 0], _periodogram(ramps - common, group_time)
        scale = ramps.shape[2] / (ramps.shape[2] - 1) if ramps.shape[2] > 1 else np.nan
        means = parts[0].mean(axis=0), scale * parts[1].mean(axis=(0, 2))
        for k, (shared, own) in enumerate(zip(*means, strict=True), 1):
            rows.append(
                {
                    "ngroups": ngroups,
                    "frequency": k / (ngroups * group_time),
                    "common": float(shared),
                    "own": float(own),
                    "values": len(ramps),
                }
            )
    return rows


def _periodogram(series, interval):
    """Return one-sided spectra of (nramps, n, m) series after a straight-line fit, without 0 Hz.

    Normalised so that for white noise the mean over the frequencies is unbiased.
    """
    n = series.shape[1]
    place = np.arange(n) - (n - 1) / 2
    residual = series - series.mean(axis=1, keepdims=True)
    slope = np.einsum("g,rgm->rm", place, residual) / (place @ place)
    residual = residual - place[:, None] * slope[:, None]
    power = 2 * interval / n * np.abs(np.fft.rfft(residual, axis=1)[:, 1:]) ** 2
    # Of the n - 1 degrees of freedom without the mean, the slope uses one.
    return power * (n - 1) / (n - 2)
