"""Bands of rows that the correction by side reference pixels puts into a superbias, or takes away.

Superbiases from planes PEDESTAL showed horizontal bands when the side reference pixels were used.
The same exposures, corrected with and without them, tell: the pixels' own noise and the superbias
are in both and cancel, so that what rows differ by is the correction. Its scatter from ramp to ramp
gives the error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from collections.abc import Sequence

    from darkroom.nircam.ramps.classes import Classes
    from darkroom.nircam.ramps.ramps import SampleStack

#: A row differs beyond so many standard errors (of a normal law of the same chance).
SIGNIFICANT = 5.0
#: Neighbouring rows that differ with one sign, at least: a band.
ROWS = 16
#: Weight of what is usual for the rows in the error of one, degrees of freedom.
PRIOR = 20
#: Ramps that the error of a row needs.
MIN_RAMPS = 3
_READ = 64  # rows read at once


@dataclass(frozen=True)
class Band:
    """A band of rows.

    Attributes
    ----------
    first, last : int
        Rows, from 0, in the DMS frame.
    difference : float
        Mean difference of its rows, with side reference pixels minus without, DN.
    error : float
        Mean standard error of its rows, DN; rows of a band share most of it.
    significance : float
        Largest difference of a row over its error, as normal standard deviations.
    """

    first: int
    last: int
    difference: float
    error: float
    significance: float


@dataclass(frozen=True)
class Bands:
    """Difference of rows.

    Attributes
    ----------
    difference, error : (ny,) float64 arrays
        With side reference pixels minus without: mean over ramps of the medians of rows, beside the
        median of all rows of the ramp, DN, and its standard error, from the scatter of the row
        drawn towards that of all rows; NaN for rows of reference pixels.
    significance : (ny,) float64 array
        Normal deviates of the same chance as Student's t of difference over error.
    bands : list of Band
    """

    difference: np.ndarray
    error: np.ndarray
    significance: np.ndarray
    bands: list[Band]


def find_bands(with_side: SampleStack, without: SampleStack, classes: Classes) -> Bands:
    """Compare the rows of ramps that were corrected with and without side reference pixels.

    Parameters
    ----------
    with_side, without : SampleStack
        Samples of the same ramps in the same order, DN.
    classes : Classes

    Returns
    -------
    Bands

    Raises
    ------
    ValueError
        For fewer than three ramps, or stacks of different ramps.
    """
    nramps, (ny, nx) = with_side.nframes, with_side.shape
    if (without.nframes, without.shape) != (nramps, (ny, nx)):
        raise ValueError("the two sets have not the same ramps")
    if nramps < MIN_RAMPS:
        raise ValueError(f"{nramps} ramps: the error of a row needs {MIN_RAMPS}")
    rows = np.full((nramps, ny), np.nan)
    pair = np.empty((2, _READ, nx), np.float32)
    for ramp, found in enumerate(rows):
        for start in range(0, ny, _READ):
            first, second = pair[:, : min(_READ, ny - start)]
            with_side.read_frame(ramp, start, first)
            without.read_frame(ramp, start, second)
            for y, difference in enumerate(first - second, start):
                values = difference[classes.usable[y]]
                values = values[np.isfinite(values)]
                if values.size:
                    found[y] = np.median(values)
        found -= np.nanmedian(found)
    difference = rows.mean(axis=0)
    variance = rows.var(axis=0, ddof=1)
    free = nramps - 1
    usual = float(np.nanmedian(variance)) * free / (2 * special.gammaincinv(free / 2, 0.5))
    error = np.sqrt((PRIOR * usual + free * variance) / (PRIOR + free) / nramps)
    with np.errstate(invalid="ignore", divide="ignore"):
        t = np.where(difference == 0, 0.0, difference / error)
    # The lower tail: the upper one is 1 in floating point.
    significance = -np.sign(t) * special.ndtri(special.stdtr(PRIOR + free, -np.abs(t)))
    return Bands(difference, error, significance, _runs(difference, error, significance))


def _runs(difference, error, significance):
    """Return the runs of rows that differ with one sign."""
    found = []
    with np.errstate(invalid="ignore"):
        sign = np.where(np.abs(significance) > SIGNIFICANT, np.sign(significance), 0.0)
    edges = np.flatnonzero(np.diff(sign)) + 1
    for part in np.split(np.arange(sign.size), edges):
        if part.size >= ROWS and sign[part[0]]:
            values = np.abs(significance[part])
            found.append(
                Band(
                    int(part[0]), int(part[-1]), float(difference[part].mean()),
                    float(error[part].mean()), float(values.max()),
                )
            )  # fmt: skip
    return found


def sentence(found: Bands) -> str:
    """Return what the bands say, in one sentence."""
    if not found.bands:
        return (
            f"no band of {ROWS} rows or more differs by {SIGNIFICANT:g} standard errors; the "
            f"median error of a row is {np.nanmedian(found.error):.2g} DN"
        )
    return band_words(found.bands)


def band_words(bands: Sequence[Band]) -> str:
    """Return which bands of rows change, in one sentence."""
    words = ", ".join(
        f"rows {band.first} to {band.last} by {band.difference:.3g} ± {band.error:.2g} DN"
        for band in bands
    )
    return f"side reference pixels change bands of rows: {words}"
