"""Trends of the levels of ramps with time, integration number and temperature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits
from scipy import special

from darkroom.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from darkroom.nircam.ramps.ramps import RampSet
    from darkroom.nircam.refpix.levels import Levels


def read_temperatures(ramps: RampSet, cards: Iterable[str]) -> dict[str, np.ndarray]:
    """Return the temperatures of every ramp: {card: (nramps,) float64 array}.

    Parameters
    ----------
    ramps : darkroom.nircam.ramps.ramps.RampSet
        The ramps.
    cards : iterable of str
        Cards of the primary headers.

    Raises
    ------
    InputError
        When a file lacks a card, or its value is not a number.
    """
    found = {}
    for card in cards:
        values = []
        for file in ramps.files:
            value = fits.getheader(file.path).get(card)
            if isinstance(value, bool) or not isinstance(value, int | float):
                what = "there is no card" if value is None else f"{value!r} is no temperature: card"
                raise InputError(
                    file.path, f"{what} {card}", "name others (reference_pixels.temperature_cards)"
                )
            values.append(float(value))
        found[card] = np.array([values[k] for k, _ in ramps.ramps])
    return found


def ramp_table(
    levels: Levels, ramps: RampSet, temperatures: dict[str, np.ndarray]
) -> list[dict[str, Any]]:
    """Return a row for each ramp and amplifier: levels of group 0 above the first ramp's, DN.

    Parameters
    ----------
    levels : darkroom.nircam.refpix.levels.Levels
        Measured levels.
    ramps : darkroom.nircam.ramps.ramps.RampSet
        The ramps.
    temperatures : dict
        Result of `read_temperatures`.
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


def trend_table(
    levels: Levels, ramps: RampSet, temperatures: dict[str, np.ndarray]
) -> list[dict[str, Any]]:
    """Return the scatter of ramp levels and their slopes with time, integration and temperatures.

    Parameters
    ----------
    levels : darkroom.nircam.refpix.levels.Levels
        Measured levels.
    ramps : darkroom.nircam.ramps.ramps.RampSet
        The ramps.
    temperatures : dict
        Result of `read_temperatures`.

    Returns
    -------
    list of dict
        A row for each ``quantity`` (reference, active, active - reference), ``amplifier`` (-1:
        their mean) and ``against`` (mjd, integration, a card): ``scatter`` over ramps (DN),
        ``slope`` (DN per day, integration or degree), its ``error`` and ``p`` (Student's t).
        Constant or unknown axes are left out; the list is empty for fewer than 3 ramps.
    """
    reference, active = map(np.array, (levels.reference_start, levels.active_start))
    if len(reference) < 3:
        return []
    axes = {"mjd": ramps.mjd, "integration": ramps.integrations, **temperatures}
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


def line(axis: np.ndarray, values: np.ndarray) -> tuple[float, float, float]:
    """Return slope, standard error and p-value (two-sided, n - 2 degrees of freedom) of a line."""
    axis = axis - axis.mean()
    lever = float(axis @ axis)
    slope = float(axis @ values) / lever
    residual = values - values.mean() - slope * axis
    dof = len(values) - 2
    error = float(np.sqrt(residual @ residual / dof / lever))
    p = float(2 * special.stdtr(dof, -abs(slope) / error)) if error > 0 else float(slope == 0)
    return slope, error, p
