"""Levels of ramps against time and temperature: what shifts between integrations."""

from __future__ import annotations

import numpy as np
from astropy.io import fits
from scipy import stats

from darkroom.errors import InputError


def read_temperatures(ramps, cards):
    """Return header cards of every ramp's file: {card: (nramps,) float64 array}.

    Raises
    ------
    InputError
        When a file lacks a card, or it is no number.
    """
    found = {}
    for card in cards:
        values = []
        for file in ramps.files:
            value = fits.getheader(file.path).get(card)
            if isinstance(value, bool) or not isinstance(value, int | float):
                told = "there is no card" if value is None else f"{value!r} is no temperature: card"
                raise InputError(
                    file.path, f"{told} {card}", "name others (reference_pixels.temperature_cards)"
                )
            values.append(float(value))
        found[card] = np.array([values[k] for k, _ in ramps.ramps])
    return found


def ramp_table(levels, ramps, temperatures):
    """Return one dictionary per ramp and amplifier: levels of group 0 above the first ramp's, DN.

    Parameters
    ----------
    levels : darkroom.nircam.refpix.levels.Levels
    ramps : darkroom.nircam.ramps.ramps.RampSet
    temperatures : dict
        Of `read_temperatures`.
    """
    return [
        {
            "ramp": ramp,
            "file": ramps.files[ramps.ramps[ramp][0]].path.name,
            "integration": ramps.ramps[ramp][1] + 1,
            "mjd": float(ramps.mjd[ramp]),
            "amplifier": a,
            "reference": float(levels.reference_start[ramp][a]),
            "active": float(levels.active_start[ramp][a]),
        }
        | {card.lower(): float(values[ramp]) for card, values in temperatures.items()}
        for ramp in range(len(ramps.ramps))
        for a in range(ramps.readout.noutputs)
    ]


def trend_table(levels, ramps, temperatures):
    """Return scatter and slopes of ramp levels against time, index and temperatures.

    Returns
    -------
    list of dict
        By ``quantity`` (reference, active, active - reference), ``amplifier`` (-1: their mean) and
        ``against`` (mjd, integration, a card): ``scatter`` over ramps (DN), ``slope`` (DN per day,
        integration or degree), ``error``, ``p`` (Student's t). Empty for fewer than 3 ramps, and
        without what does not change.
    """
    reference, active = map(np.array, (levels.reference_start, levels.active_start))
    if len(reference) < 3:
        return []
    axes = {"mjd": ramps.mjd, "integration": np.array([i for _, i in ramps.ramps]), **temperatures}
    series = {"reference": reference, "active": active, "active - reference": active - reference}
    rows = []
    for quantity, values in series.items():
        columns = {-1: values.mean(axis=1)} | dict(enumerate(values.T))
        for amplifier, column in columns.items():
            if not np.isfinite(column).all():
                continue
            for against, axis in axes.items():
                if np.isfinite(axis).all() and np.ptp(axis) > 0:
                    slope, error, p = line(axis, column)
                    rows.append(
                        {
                            "quantity": quantity,
                            "amplifier": amplifier,
                            "against": against,
                            "scatter": float(column.std(ddof=1)),
                            "slope": slope,
                            "error": error,
                            "p": p,
                        }
                    )
    return rows


def line(axis, values):
    """Return slope, its standard error and its p (two-sided, n - 2 degrees of freedom)."""
    axis = axis - axis.mean()
    lever = float(axis @ axis)
    slope = float(axis @ values) / lever
    left = values - values.mean() - slope * axis
    dof = len(values) - 2
    error = float(np.sqrt(left @ left / dof / lever))
    p = float(2 * stats.t.sf(abs(slope) / error, dof)) if error > 0 else float(slope == 0)
    return slope, error, p
