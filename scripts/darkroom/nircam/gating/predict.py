"""The scatter that a noise spectrum predicts for the statistics of ramps: s0 of the gates.

A statistic is a sum of pixels with weights; on the clock of an amplifier these are a series w(t),
and its variance is the integral of the spectrum times |W(f)|², plus that of what is independent
from pixel to pixel (kTC and white noise). What is below 1 over the frame time is the spectrum
carried on: the scatter that is found has to agree before it is believed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import fft

from darkroom.gates.rows import places
from darkroom.gates.statistic import disagreement
from darkroom.nircam.detector.readout import PIXEL_TIME
from darkroom.nircam.spectrum.model import FittedModel
from darkroom.nircam.spectrum.numbers import model_spectra

if TYPE_CHECKING:
    from collections.abc import Mapping

    from darkroom.nircam.detector.readout import Readout
    from darkroom.nircam.ramps.classes import Classes

#: ν0: a prediction right within 15 % counts as much as so many ramps.
TRUST = 20.0
#: Chance below which spectrum and scatter disagree, and the prediction is withdrawn.
DISAGREE = 1e-3
# The series is padded so that the steep end of the spectrum is resolved.
_PADDED, _LARGE = 4, 300_000


def weights(classes: Classes, amplifier: int) -> dict[str, np.ndarray]:
    """Return the weights of the pixels in each statistic of an amplifier: (ny, nx) arrays.

    Parameters
    ----------
    classes : Classes
    amplifier : int

    Returns
    -------
    dict
        By family, as `darkroom.gates.rows.statistics` makes them.
    """
    here = classes.amplifier == amplifier
    parity = classes.column % 2
    level, odd = np.zeros((2, *classes.usable.shape))
    for sign, region in ((1.0, classes.usable & here), (-1.0, classes.reference & here)):
        for k in (0, 1):
            part = region & (parity == k)
            if part.any():
                level[part] += sign / 2 / part.sum()
                odd[part] += sign * (1 if k else -1) / part.sum()
    active = classes.usable & here
    count = active.sum(axis=1).astype(float)
    y = np.linspace(-1, 1, len(count)) if len(count) > 1 else np.zeros(1)
    slow = y - np.average(y, weights=count)
    square = y**2 - np.average(y**2, weights=count)
    square -= slow * (count * square * slow).sum() / (count * slow**2).sum()
    place = places(classes.amplifier).astype(float)
    fast = active * place
    return {
        "level": level,
        "parity": odd,
        "slow": active * (slow / (count * slow**2).sum())[:, None],
        "curvature": active * (square / (count * square**2).sum())[:, None],
        "fast": fast / (fast * place).sum(),
    }


def scatter(
    model: FittedModel, readout: Readout, classes: Classes, pixel: np.ndarray, nframes: int = 1
) -> dict[str, np.ndarray]:
    """Return the predicted standard deviation of the statistics of a ramp.

    Parameters
    ----------
    model : FittedModel
        Of the noise spectrum; every amplifier must have been measured.
    readout : Readout
    classes : Classes
    pixel : (2, noutputs) array
        Noise of an active and of a reference pixel in group 0 that is independent of others: kTC
        of active ones, white noise, DN.
    nframes : int
        Frames averaged in a group.

    Returns
    -------
    dict of (noutputs,) arrays
        DN, by family.
    """
    length = fft.next_fast_len(
        (_PADDED if readout.ticks < 300_000 else 2) * readout.ticks, real=True
    )
    frequency = fft.rfftfreq(length, PIXEL_TIME)[1:-1]
    half = 0.5 / PIXEL_TIME
    inside = half - frequency > frequency[0] / 2
    frequency = frequency[inside]
    parts = model_spectra(model, frequency, half)
    gains = model.layout.gains(model.values)
    comb = np.ones(frequency.size)
    if nframes > 1:
        turns = np.exp(-2j * np.pi * frequency * readout.frame_time * np.arange(nframes)[:, None])
        comb = np.abs(turns.mean(axis=0)) ** 2
    found: dict[str, list[float]] = {}
    for a in range(readout.noutputs):
        slow = gains[a] ** 2 * parts["common"] + parts["own"][a] + parts["alternating"][a]
        for family, image in weights(classes, a).items():
            series = readout.to_clock(readout.flip(image))[a]
            wave = fft.rfft(series, length)[1:-1][inside]
            power = (slow * comb * np.abs(wave) ** 2).sum() / (length * PIXEL_TIME)
            for region, noise in zip((classes.usable, classes.reference), pixel[:, a], strict=True):
                alone = (image[region] ** 2).sum()
                power += alone * noise**2 if alone else 0.0
            found.setdefault(family, []).append(power)
    return {family: np.sqrt(values) for family, values in found.items()}


def pixel_noise(std: np.ndarray, classes: Classes) -> np.ndarray:
    """Return the typical noise of active and of reference pixels: (2, noutputs), DN.

    Parameters
    ----------
    std : (ny, nx) array
        Scatter of group 0 of each pixel over the ramps.
    classes : Classes
    """
    found = np.full((2, classes.noutputs), np.nan)
    for i, region in enumerate((classes.usable, classes.reference)):
        for a in range(classes.noutputs):
            values = std[region & (classes.amplifier == a)]
            values = values[np.isfinite(values)]
            if values.size:
                found[i, a] = np.median(values)
    return found


def believed(values: Mapping[str, np.ndarray], predicted: Mapping[str, np.ndarray]) -> float:
    """Return the chance that the scatter of ramps agrees with the predicted one.

    Parameters
    ----------
    values : dict of (n, noutputs) arrays
        Statistics of the ramps, by family.
    predicted : dict of (noutputs,) arrays
    """
    found = np.concatenate([values[name] for name in predicted], axis=1)
    expected = np.concatenate(list(predicted.values()))
    good = np.isfinite(found).all(axis=0) & np.isfinite(expected) & (expected > 0)
    if len(found) < 3 or not good.any():
        return 0.0
    return disagreement(found[:, good], expected[good])
