"""What a noise spectrum comes to: band noise, knees, CDS noise, pedestals below the frame rate."""

from __future__ import annotations

import numpy as np

from darkroom.nircam.spectrum.model import common_spectrum, own_spectrum

#: Band of the quoted 1/f noise, Hz.
BAND = (1.0, 1000.0)
_POINTS = 4000


def model_spectra(fit, frequency, half_rate):
    """Return the model without the taper, part by part.

    Parameters
    ----------
    fit : darkroom.nircam.spectrum.fit.Fit
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
    parts = {"common": common, "white": [], "own": [], "alternating": []}
    for a in range(layout.namplifiers):
        start = layout.names.index(f"white_{a}")
        own = own_spectrum(frequency, half_rate, values[start : start + 5])
        # By the logarithm of an amplitude, a part is its own derivative.
        for name, part in zip(("white", "own", "alternating"), own[[1, 2, 4]], strict=True):
            parts[name].append(part)
    return {name: np.array(part) for name, part in parts.items()}


def band_noise(frequency, edges, spectrum, band):
    """Return the noise of a binned spectrum within a band.

    Parameters
    ----------
    frequency : (nbins,) array
        Hz; bins without a value are NaN in `spectrum` and count with their neighbours' mean.
    edges : (nbins + 1,) array
        Hz.
    spectrum : (nbins,) array
        DN²/Hz.
    band : (float, float)
        Hz.

    Returns
    -------
    float
        DN; negative where the power is.
    """
    low, high = np.maximum(edges[:-1], band[0]), np.minimum(edges[1:], band[1])
    width = np.maximum(high - low, 0)
    known = np.isfinite(spectrum)
    filled = np.interp(frequency, frequency[known], spectrum[known])
    power = float((width * filled).sum())
    return float(np.sign(power) * np.sqrt(abs(power)))


def numbers(fit, grid):
    """Return the derived numbers of a fit.

    Parameters
    ----------
    fit : darkroom.nircam.spectrum.fit.Fit
    grid : darkroom.nircam.spectrum.bins.Grid

    Returns
    -------
    dict
        By amplifier ``white`` noise of one read; ``common_band``, ``own_band`` noise in `BAND`
        (from the lowest frequency fitted, if that is higher); ``cds_*`` noise of the difference of
        two reads of a pixel from the lowest frequency fitted up, by part and in all, DN. Each with
        its error, ``*_error``, from the covariance of the fit. ``knee`` Hz, where common and own
        1/f noise together are as strong as white noise.
    """
    lowest = fit.above
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
    # White noise does not depend on the frequency: over all of it, not over what is fitted.
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
    """Integrate the parts of the model, times a weight, over the frequency.

    Returns
    -------
    dict
        By part: powers (namplifiers,), DN², and their derivatives by the parameters of the fit
        (namplifiers, nparameters).
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
            # By the logarithm of an amplitude, a part is its own derivative.
            found[part][0][a] = own[1 + places[0]]
            found[part][1][a, [start + k for k in places]] = own[[1 + k for k in places]]
    return found


def _crossing(frequency, excess):
    """Return where a falling curve becomes negative; NaN where it never is positive or never is."""
    negative = np.flatnonzero(excess <= 0)
    if not negative.size or negative[0] == 0:
        return np.nan
    k = negative[0]
    share = excess[k - 1] / (excess[k - 1] - excess[k])
    return float(frequency[k - 1] * (frequency[k] / frequency[k - 1]) ** share)


def pedestal_noise(pedestals):
    """Return how much whole frames jump from one to the next, a steady slope taken off.

    Parameters
    ----------
    pedestals : list of (ngroups, namplifiers) arrays
        Level of every frame of each ramp, DN.

    Returns
    -------
    common, own : float
        Scatter of frames, DN: of the mean of the amplifiers, and of an amplifier about it (NaN
        for one amplifier). For levels independent of each other, that of the levels themselves.
    count : int
        Differences of frames.
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


def pedestal_spectrum(pedestals, group_time):
    """Return the spectrum of the levels of whole frames, a straight line through each ramp off.

    Parameters
    ----------
    pedestals : list of (ngroups, namplifiers) arrays
        Level of every frame of each ramp, DN.
    group_time : float
        Time from group to group, s.

    Returns
    -------
    list of dict
        By ``ngroups`` of the ramps and ``frequency`` (Hz): ``common``, of the mean of the
        amplifiers, and ``own``, of an amplifier about it (NaN for one amplifier), DN²/Hz,
        one-sided; ``values``: spectra that were averaged. The line takes off most of the lowest
        frequency.
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
    """Return one-sided spectra of (nramps, n, m) series without their lines, frequencies above 0.

    For white noise their mean over the frequencies is right.
    """
    n = series.shape[1]
    place = np.arange(n) - (n - 1) / 2
    left = series - series.mean(axis=1, keepdims=True)
    slope = np.einsum("g,rgm->rm", place, left) / (place @ place)
    left = left - place[:, None] * slope[:, None]
    power = 2 * interval / n * np.abs(np.fft.rfft(left, axis=1)[:, 1:]) ** 2
    # The slope is one degree of freedom of the n - 1 that the mean leaves.
    return power * (n - 1) / (n - 2)
