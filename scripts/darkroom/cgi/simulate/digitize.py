"""Digitization of simulated electrons: non-linearity, bias, and conversion to 16-bit counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from darkroom.cgi.raw.calibration import read_calibration

if TYPE_CHECKING:
    from typing import Any

    from darkroom.cgi.raw.calibration import Calibration

_HIGHEST = 65535


def digitize(
    full: dict[str, Any], gain: float, electrons: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Convert electrons after the register to counts [DN].

    Parameters
    ----------
    full : dict
        Complete settings of `darkroom.cgi.simulate.exposures`.
    gain : float
        EM gain.
    electrons : (ny, nx) float array
        Electrons after the register.
    rng : numpy.random.Generator
        Random numbers of the bias.

    Returns
    -------
    (ny, nx) uint16 array
        Bias of the row plus the non-linear signal [DN], rounded and clipped to 16 bits.
    """
    calibration = read_calibration(nonlinearity=full["nonlinearity"], kgain=full["kgain"])
    counts = apply_nonlinearity(electrons / full["kgain"], gain, calibration)
    ny = len(counts)
    drift = full["bias_drift"] * np.sin(2 * np.pi * (np.arange(ny) / ny + rng.random()))
    rows = full["bias"] + drift + full["bias_rows"] * rng.standard_normal(ny)
    counts += rows[:, None]
    return np.clip(np.rint(counts), 0, _HIGHEST).astype(np.uint16)


def apply_nonlinearity(linear: np.ndarray, gain: float, calibration: Calibration) -> np.ndarray:
    """Return the signal of a non-linear detector [DN]: the inverse of the correction.

    Parameters
    ----------
    linear : array
        Linear signal [DN].
    gain : float
        EM gain.
    calibration : darkroom.cgi.raw.calibration.Calibration
    """
    table = calibration.nonlinearity
    curve = table.curve(gain)
    # Between its nodes the correction is quadratic: more nodes make its linear inverse accurate.
    places = np.arange(len(table.counts))
    fine = np.interp(np.linspace(0, places[-1], 32 * places[-1] + 1), places, table.counts)
    corrected = fine * np.interp(fine, table.counts, curve)
    inside = np.interp(linear, corrected, fine)
    return np.where(
        linear <= corrected[0],
        linear / curve[0],
        np.where(linear >= corrected[-1], linear / curve[-1], inside),
    )
