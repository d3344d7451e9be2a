"""From electrons to counts: non-linearity, bias, and whole numbers of 16 bits."""

from __future__ import annotations

import numpy as np

from darkroom.cgi.raw.calibration import Calibration, read_calibration

_HIGHEST = 65535


def digitize(full, gain, electrons, rng):
    """Turn electrons behind the register into counts.

    Parameters
    ----------
    full : dict
        Complete settings of `darkroom.cgi.simulate.exposures`.
    gain : float
        EM gain.
    electrons : (ny, nx) float array
    rng : numpy.random.Generator
        Of the bias.

    Returns
    -------
    (ny, nx) uint16 array
        DN: bias of the row plus what the non-linearity leaves of the signal, rounded, cut at what
        16 bits hold.
    """
    calibration = read_calibration(nonlinearity=full["nonlinearity"], kgain=full["kgain"])
    counts = measured(electrons / full["kgain"], gain, calibration)
    ny = len(counts)
    drift = full["bias_drift"] * np.sin(2 * np.pi * (np.arange(ny) / ny + rng.random()))
    rows = full["bias"] + drift + full["bias_rows"] * rng.standard_normal(ny)
    counts += rows[:, None]
    return np.clip(np.rint(counts), 0, _HIGHEST).astype(np.uint16)


def measured(linear, gain, calibration: Calibration):
    """Return what a non-linear detector makes of linear values: the inverse of the correction.

    Parameters
    ----------
    linear : array
        DN.
    gain : float
    calibration : darkroom.cgi.raw.calibration.Calibration
    """
    table = calibration.nonlinearity
    curve = table.curve(gain)
    # Between its nodes the correction is a quadratic: more nodes make its inverse exact enough.
    places = np.arange(len(table.counts))
    fine = np.interp(np.linspace(0, places[-1], 32 * places[-1] + 1), places, table.counts)
    corrected = fine * np.interp(fine, table.counts, curve)
    inside = np.interp(linear, corrected, fine)
    return np.where(
        linear <= corrected[0],
        linear / curve[0],
        np.where(linear >= corrected[-1], linear / curve[-1], inside),
    )
