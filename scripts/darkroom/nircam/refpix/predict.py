"""Difference of active and perfect reference pixels predicted from the noise spectrum.

1/f noise at the edges of a frame, when reference pixels are read, differs from its average over the
frame, when active pixels are read. So even perfect reference pixels do not follow the active ones
exactly; only an excess over this prediction is due to the reference pixels.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import fft

from darkroom.nircam.detector.readout import BORDER, PIXEL_TIME, ROW_OVERHEAD
from darkroom.nircam.refpix.levels import Regions
from darkroom.nircam.refpix.sides import SMOOTHING
from darkroom.nircam.spectrum.numbers import model_spectra
from darkroom.nircam.spectrum.written import propagated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from darkroom.nircam.detector.readout import Readout
    from darkroom.nircam.spectrum.model import FittedModel

# Multiple of the row rate up to which responses are sampled finely.
_FINE_ROWS = 10
_RESPONSE_BINS = 200  # bins per decade


def white_noise(fit: FittedModel) -> np.ndarray:
    """Return the white noise of one read of each amplifier: (namplifiers,) float64, DN."""
    names = fit.layout.names
    whites = [fit.values[names.index(f"white_{a}")] for a in range(fit.layout.namplifiers)]
    return np.sqrt(np.exp(whites) * 0.5 / PIXEL_TIME)


def coloured_spectra(fit: FittedModel, frequency: np.ndarray) -> np.ndarray:
    """Return the spectrum of each amplifier without white noise: (namplifiers, n), DN²/Hz."""
    half_rate = 0.5 / PIXEL_TIME
    parts = model_spectra(fit, frequency, half_rate)
    gains = fit.layout.gains(fit.values)[:, None]
    return gains**2 * parts["common"] + parts["own"] + parts["alternating"]


def instability(
    fit: FittedModel, readout: Readout, noise: Sequence[float], counts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Predict the scatter from frame to frame of active - reference pixels.

    Parameters
    ----------
    fit : darkroom.nircam.spectrum.model.FittedModel
        Fit of the noise spectrum, see `darkroom.nircam.spectrum.written.read_fit`.
    readout : darkroom.nircam.detector.readout.Readout
        Readout of the exposures.
    noise : (2,) array
        Noise of one read of an active and of a reference pixel, DN.
    counts : (2, noutputs) array
        Number of active and of reference pixels in the means.

    Returns
    -------
    value : (noutputs,) float64 array
        Standard deviation of a difference of frames / sqrt(2), DN.
    error : (noutputs,) float64 array
        Relative error of its square, from the covariance of the fit.
    """
    response = _instability_response(readout)
    white = np.asarray(noise)[:, None] ** 2 / counts

    def variance(values):
        frequency, power = response
        spectra = coloured_spectra(replace(fit, values=values), frequency)
        return (spectra * power).sum(axis=1)

    total = variance(fit.values) + white.sum(axis=0)
    return np.sqrt(total), propagated(fit, variance) / total


def _instability_response(readout):
    """Return frequencies (n,) and the variance per DN²/Hz at each of them (noutputs, n)."""
    regions = Regions.from_readout(readout)
    outer = np.zeros(readout.shape, bool)
    outer[regions.y, regions.x] = regions.edge < 2
    active = ~readout.reference_pixels()
    weights = readout.to_clock(_unit(outer, readout) - _unit(active, readout))
    length = fft.next_fast_len(4 * readout.ticks, real=True)
    frequency = fft.rfftfreq(length, PIXEL_TIME)[1:-1]
    turn = 2 * np.sin(np.pi * frequency * readout.frame_time) ** 2 / (length * PIXEL_TIME)
    # Spectra are smooth, so narrow bins suffice; their frequency is where a 1/f law has its mean.
    place = np.unique(np.floor(_RESPONSE_BINS * np.log10(frequency)), return_index=True)[1]
    power = [np.abs(fft.rfft(one, length)[1:-1]) ** 2 * turn for one in weights]
    power = np.stack([np.add.reduceat(one, place) for one in power])
    counts = np.diff(np.append(place, frequency.size))
    return counts / np.add.reduceat(1 / frequency, place), power


def _unit(pixels, readout):
    """Return weights of pixels that add up to 1 in each amplifier: (ny, nx) float64."""
    shape = (readout.ny, readout.noutputs, -1)
    counts = pixels.reshape(shape).sum(axis=(0, 2))
    weights = pixels.reshape(shape) / np.maximum(counts, 1)[None, :, None]
    return weights.reshape(readout.shape)


def row_correlation(fit: FittedModel, readout: Readout, noise: Sequence[float]) -> np.ndarray:
    """Predict Pearson's r of smoothed row means of side reference and active pixels.

    Parameters
    ----------
    fit : darkroom.nircam.spectrum.model.FittedModel
        Fit of the noise spectrum.
    readout : darkroom.nircam.detector.readout.Readout
        A readout with four outputs.
    noise : (2,) array
        Noise of one read of an active and of a reference pixel, DN.

    Returns
    -------
    (nsmoothing, noutputs) float64 array
        By smoothing (`darkroom.nircam.refpix.sides.SMOOTHING`) and amplifier.
    """
    columns, row = readout.columns_per_amplifier, readout.columns_per_amplifier + ROW_OVERHEAD
    time = readout.frame_time
    fine = np.arange(1, int(_FINE_ROWS * 4 * readout.ny) + 1) / (4 * time)
    frequency = np.union1d(fine, np.linspace(fine[-1], 0.5 / PIXEL_TIME, 5000)[:-1])
    # The mean of the frame is subtracted.
    seen = 1 - np.sinc(frequency * time) ** 2
    gains = fit.layout.gains(fit.values)
    parts = model_spectra(fit, frequency, 0.5 / PIXEL_TIME)
    own = parts["own"] + parts["alternating"]
    # Amplifiers 0 and 3 read their side pixels first in a row.
    side_gain, side_own = (gains[0] + gains[3]) / 2, (own[0] + own[3]) / 4
    lag = np.cos(np.pi * frequency * (columns - BORDER) * PIXEL_TIME)
    found = []
    for width in SMOOTHING:
        rows = _mean_response(frequency * row * PIXEL_TIME, width)
        first = rows * _mean_response(frequency * PIXEL_TIME, BORDER)
        whole = rows * _mean_response(frequency * PIXEL_TIME, columns)
        side = _power(frequency, seen * (side_gain**2 * parts["common"] + side_own), first, first)
        side += noise[1] ** 2 / (2 * BORDER * width)
        active = _power(
            frequency, seen * (gains[:, None] ** 2 * parts["common"] + own), whole, whole
        )
        active += noise[0] ** 2 / (width * columns)
        cross = _power(
            frequency, seen * side_gain * gains[:, None] * parts["common"], first, whole * lag
        )
        cross[[0, 3]] += _power(frequency, seen * own[[0, 3]] / 2, first, whole * lag)
        found.append(cross / np.sqrt(side * active))
    return np.array(found)


def _mean_response(cycles, count):
    """Return the frequency response of a mean of `count` samples; `cycles` is f × interval."""
    angle = np.pi * cycles
    wave = np.sin(angle)
    whole = np.abs(wave) < 1e-9
    wave[whole] = 1
    response = np.sin(count * angle) / (count * wave)
    response[whole] = np.cos(count * angle[whole]) * np.cos(angle[whole])
    return response


def _power(frequency, spectrum, one, other):
    return np.trapezoid(spectrum * one * other, frequency, axis=-1)
