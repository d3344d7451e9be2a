"""Dependence of level and dark rate on temperature, and its correlation with exposure time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from darkroom.ccd.cells import Cell
    from darkroom.ccd.rate.levels import Levels
    from darkroom.ccd.stack.survey import Survey

# Above this correlation of exposure time and temperature their effects cannot be separated.
CONFOUNDED = 0.9


@dataclass(frozen=True)
class Regression:
    """A linear regression of the levels of frames on time, or on time and temperature.

    Attributes
    ----------
    sample : str
        Frames used: ``darks`` or ``biases and darks``.
    nframes : int
        Number of frames.
    rate, rate_error : float
        Change of level per second.
    slope, slope_error : float
        Change of level per degree Celsius; NaN where temperature was not fitted.
    rms : float
        Scatter of the frames about the fit.
    correlation : float
        Correlation of exposure time and temperature; NaN where either does not vary.
    """

    sample: str
    nframes: int
    rate: float
    rate_error: float
    slope: float
    slope_error: float
    rms: float
    correlation: float


def regressions(
    cells: Sequence[Cell], surveys: Sequence[Survey], levels: Levels
) -> list[Regression]:
    """Fit the levels of frames against exposure time, without and with temperature.

    Parameters
    ----------
    cells, surveys : sequences of Cell and Survey
        One per cell.
    levels : Levels
        From `darkroom.ccd.rate.levels.fit_levels`.

    Returns
    -------
    list of Regression
        For the darks alone and for biases and darks together, where the frames determine the fit.
        Errors are from the scatter about each fit.
    """
    rows = [
        (cell.role, frame.exptime, np.nan if frame.temperature is None else frame.temperature,
         level + offset)
        for cell, seen, level in zip(cells, surveys, levels.level, strict=True)
        for frame, offset in zip(cell.frames, seen.offsets, strict=True)
    ]  # fmt: skip
    role = np.array([row[0] for row in rows])
    time, temperature, level = np.array([row[1:] for row in rows]).T
    found = []
    samples = [("darks", role == "dark")]
    if (role == "bias").any():
        samples.append(("biases and darks", np.ones(len(rows), bool)))
    for name, use in samples:
        for with_temperature in (False, True):
            line = _regress(name, time[use], temperature[use], level[use], with_temperature)
            if line is not None:
                found.append(line)
    return found


def _regress(name, time, temperature, level, with_temperature):
    columns = [np.ones_like(time), time - time.mean()]
    varies = np.isfinite(temperature).all() and np.ptp(temperature) > 0
    if with_temperature:
        if not varies:
            return None
        columns.append(temperature - temperature.mean())
    matrix = np.stack(columns, axis=1)
    size = np.abs(matrix).max(axis=0)
    freedom = len(level) - matrix.shape[1]
    if freedom < 1 or (size == 0).any() or np.linalg.matrix_rank(matrix / size) < len(size):
        return None
    inverse = np.linalg.inv((matrix / size).T @ (matrix / size)) / np.outer(size, size)
    value = inverse @ matrix.T @ level
    rms = np.sqrt(np.square(level - matrix @ value).sum() / freedom)
    error = rms * np.sqrt(np.diag(inverse))
    correlation = np.corrcoef(time, temperature)[0, 1] if varies else np.nan
    slope, slope_error = (value[2], error[2]) if with_temperature else (np.nan, np.nan)
    return Regression(
        name, len(level), value[1], error[1], slope, slope_error, float(rms), float(correlation)
    )


def log_rate_slope(
    temperatures: Sequence[float | None], rates: np.ndarray, covariance: np.ndarray
) -> tuple[float, float]:
    """Fit the exponential dependence of the dark rate on temperature.

    Parameters
    ----------
    temperatures : sequence of float
        Mean temperature of each group, degrees Celsius.
    rates : (ngroups,) array
        Rates of the groups.
    covariance : (ngroups, ngroups) array
        Covariance of the rates.

    Returns
    -------
    slope, error : float
        Change of the natural logarithm of the rate per degree, and its error; NaN with fewer
        than two groups or where a rate is not above zero by three of its errors. The doubling
        step is ln 2 / slope.
    """
    rates = np.asarray(rates, float)
    errors = np.sqrt(np.diag(covariance))
    if len(rates) < 2 or None in temperatures or not (rates > 3 * errors).all():
        return np.nan, np.nan
    matrix = np.stack([np.ones(len(rates)), np.asarray(temperatures, float)], axis=1)
    matrix[:, 1] -= matrix[:, 1].mean()
    weight = np.linalg.inv(covariance / np.outer(rates, rates))
    inverse = np.linalg.inv(matrix.T @ weight @ matrix)
    value = inverse @ matrix.T @ weight @ np.log(rates)
    return float(value[1]), float(np.sqrt(inverse[1, 1]))
