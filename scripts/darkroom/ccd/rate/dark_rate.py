"""Dark rate of every pixel and temperature group, from frames of all exposure times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from darkroom.ccd import distributions
from darkroom.ccd.dq import DQ
from darkroom.ccd.rate.line_fit import Lines, design, fit_lines
from darkroom.errors import DarkroomError

if TYPE_CHECKING:
    from darkroom.ccd.cells import Cell
    from darkroom.ccd.rate.cell_stacks import CellStacks

# Probability that a pixel whose counts are proportional to time is flagged as non-linear.
_NONLINEAR_CHANCE = 1e-6


@dataclass(frozen=True)
class DarkRate:
    """Bias and dark rate of every pixel, in the unit of the frames and that per second.

    Attributes
    ----------
    lines : Lines
        Bias and rates with their errors, as images (ny, nx) and (ngroups, ny, nx) float32.
    dq : (ngroups, ny, nx) int32 array
        Bits of `darkroom.ccd.dq.DQ`.
    """

    lines: Lines
    dq: np.ndarray


def check_times(cells: Sequence[Cell]) -> None:
    """Refuse exposure times that do not determine the bias and all rates.

    Raises
    ------
    DarkroomError
        Naming the exposure times.
    """
    matrix = design([cell.exptime for cell in cells], [cell.group for cell in cells])
    scaled = matrix / np.maximum(np.abs(matrix).max(axis=0), 1e-300)
    if np.linalg.matrix_rank(scaled, tol=1e-6) < matrix.shape[1]:
        listed = ", ".join(f"{time:g} s" for time in sorted({cell.exptime for cell in cells}))
        groups = matrix.shape[1] - 1
        raise DarkroomError(
            f"exposure times of {listed} do not determine the bias and the dark rates of {groups} "
            f"temperature group{'s' * (groups > 1)}; add bias frames or darks of another exposure "
            "time, or widen the temperature tolerance"
        )


def dark_rate(stacks: CellStacks) -> DarkRate:
    """Fit bias and dark rate to every pixel, band by band.

    Parameters
    ----------
    stacks : darkroom.ccd.rate.cell_stacks.CellStacks
        Darks, and biases (with their own exposure times) if there are any.

    Returns
    -------
    DarkRate
        Negative rates are kept.
    """
    floor = np.array([seen.noise**2 for seen in stacks.surveys])
    bands, clipped = [], []
    for rows in stacks.bands():
        parts = [part for (part,) in stacks.combine(rows)]
        clipped.append(np.any([part.nclipped > 0 for part in parts], axis=0))
        band = fit_lines(
            stacks.design,
            stacks.nframes,
            np.stack([part.mean.ravel() for part in parts]).astype(float),
            np.stack([part.std.ravel() for part in parts]).astype(float) ** 2,
            np.stack([part.count.ravel() for part in parts]),
            floor=floor,
            common=stacks.levels.residual,
        )
        bands.append({name: _narrow(getattr(band, name)) for name in Lines.__dataclass_fields__})
    lines = _join(bands, stacks.shape)
    dq = np.zeros(lines.rate.shape, np.int32)
    dq[~np.isfinite(lines.rate)] |= DQ.NONFINITE
    dq[np.isfinite(lines.rate) & ~np.isfinite(lines.rate_error)] |= DQ.NO_ERROR
    dq[:, stacks.saturated] |= DQ.SATURATED
    dq[:, np.concatenate(clipped)] |= DQ.CLIPPED
    dq[:, stacks.discordant] |= DQ.DISCORDANT
    dq[:, nonlinear(lines.chi2, stacks.levels.freedom)] |= DQ.NONLINEAR
    return DarkRate(lines, dq)


def nonlinear(chi2: np.ndarray, freedom: int) -> np.ndarray:
    """Return which pixels deviate from the line by more than their noise.

    Parameters
    ----------
    chi2 : array
        Chi-square of the pixels per degree of freedom.
    freedom : int
        Degrees of freedom; with 0 no pixel is marked.

    Returns
    -------
    bool array
        Of the shape of `chi2`.
    """
    if freedom < 1:
        return np.zeros(chi2.shape, bool)
    with np.errstate(invalid="ignore"):
        return chi2 > distributions.chi2_above(_NONLINEAR_CHANCE, freedom) / freedom


def _join(bands, shape):
    """Join bands of pixels into images; the bands are emptied to save memory."""
    images = {}
    for name in Lines.__dataclass_fields__:
        values = np.concatenate([band.pop(name) for band in bands], axis=-1)
        images[name] = values.reshape(*values.shape[:-1], *shape)
    return Lines(**images)


def _narrow(values):
    return values.astype(np.float32) if values.dtype == np.float64 else values
