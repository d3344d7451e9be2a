"""Noise of dark ramps frame by frame: residuals of a straight-line fit to each pixel.

The line removes bias, kTC noise, dark current and everything that repeats in every frame. Each
integration is read twice, so memory does not grow with the number of groups. The first time, all
groups of a band of rows are read before the next band: the flags of ramps that are computed when
they are read follow from all groups before (`darkroom.nircam.chain.bands`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.nircam.spectrum.source import bands
from darkroom.nircam.spectrum.sums import LineFitSums, add_rows
from darkroom.nircam.spectrum.typical import Typical

if TYPE_CHECKING:
    from collections.abc import Sequence

    from darkroom.nircam.spectrum.source import RampSource

#: An amplifier with a smaller fraction of usable pixels, or with less noise (DN) than rounding
#: makes, is dead.
MIN_USABLE, MIN_NOISE = 0.25, 0.25


@dataclass
class RampFit:
    """Straight-line fits to every pixel of one ramp.

    Attributes
    ----------
    first : (ny, nx) float32 array
        Group 0, DN.
    mean : (ny, nx) float32 array
        Mean of the line above group 0, DN; 0 where not `good`.
    slope : (ny, nx) float32 array
        Slope of the line, DN per group; 0 where not `good`.
    offsets : (ngroups, noutputs) float64 array
        Median of each amplifier above group 0, DN; subtracted before the fit.
    good : (ny, nx) bool array
        Pixels that are usable in all groups, without jump, and with normal noise.
    noise : (noutputs,) float64 array
        Typical noise of one read, DN; NaN for an amplifier without usable pixels.
    dof : float
        Expected sum of squared residuals of a good pixel, over the variance of its noise.
    weak, weak_error : (noutputs,) float64 arrays
        Mean square noise that weak telegraph pixels and cosmic rays add to the good pixels, DN²,
        and its statistical error.
    watched : (ngroups, n) float32 array
        Values of the pixels that were asked for, DN; NaN where they are unusable. Gone after
        `take_watched`.
    """

    first: np.ndarray
    mean: np.ndarray
    slope: np.ndarray
    offsets: np.ndarray
    good: np.ndarray
    noise: np.ndarray
    dof: float
    weak: np.ndarray
    weak_error: np.ndarray
    watched: np.ndarray

    def take_watched(self) -> np.ndarray:
        """Return `watched`, and give it up: of long ramps it is large."""
        taken, self.watched = self.watched, self.watched[:0]
        return taken

    def centred(self, group: int) -> float:
        """Return the number of a group, counted from the middle of the ramp."""
        return group - (len(self.offsets) - 1) / 2

    def line(self, group: int, rows: slice = slice(None)) -> tuple[Any, ...]:
        """Return what the loops of `darkroom.nircam.spectrum.kernel` need of the line in a group.

        Parameters
        ----------
        group : int
        rows : slice
            Which rows.

        Returns
        -------
        first, mean, slope, good : (nrows, nx) arrays
        offsets : (noutputs,) float32 array
        place : float
        """
        images = (image[rows] for image in (self.first, self.mean, self.slope, self.good))
        return *images, self.offsets[group].astype(np.float32), self.centred(group)


def fit_ramp(
    source: RampSource,
    ramp: int,
    watched: tuple[np.ndarray, np.ndarray] | None = None,
    *,
    weak: bool = True,
) -> RampFit:
    """Fit a straight line to every pixel of a ramp, and select the good pixels.

    Parameters
    ----------
    source : RampSource
        Dark ramps of one detector.
    ramp : int
        Number of the ramp, from 0.
    watched : pair of (n,) int arrays, optional
        Rows, in ascending order, and columns of pixels whose values are returned.
    weak : bool
        Estimate the noise of weak telegraph pixels and cosmic rays; NaN without.

    Returns
    -------
    RampFit
    """
    readout, ngroups, typical = source.readout, source.ngroups(ramp), Typical(source, ramp)
    first, mean, slope, squares = (np.empty(readout.shape, np.float32) for _ in range(4))
    good = np.empty(readout.shape, bool)
    y, x = watched or (np.empty(0, int),) * 2
    seen = np.empty((ngroups, y.size), np.float32)
    row_means = np.empty((ngroups, readout.ny, readout.noutputs))
    for rows in bands(readout.ny):
        first[rows] = start = source.read(ramp, 0, rows)
        sums = LineFitSums(start.shape, ngroups, readout.noutputs)
        here = slice(*np.searchsorted(y, (rows.start, rows.stop)))
        place = y[here] - rows.start, x[here]
        seen[0, here] = start[place]
        for group in range(1, ngroups):
            values = source.read(ramp, group, rows)
            seen[group, here] = values[place]
            typical.add(sums, values, start, group)
        mean[rows], slope[rows] = sums.line
        row_means[:, rows] = sums.rows
        squares[rows], largest_step = sums.residual_statistics()
        good[rows] = typical.good(source.usable[rows], squares[rows], largest_step, slope[rows])
    nothing = np.full((2, readout.noutputs), np.nan)
    noise, error = typical.weak(squares, good) if weak else nothing
    del squares
    add_rows(mean, slope, row_means)
    for image in (mean, slope):
        image[~good] = 0
    return RampFit(
        first, mean, slope, typical.offsets, good, typical.noise, typical.dof, noise, error, seen
    )


@dataclass
class Selected:
    """Pixels of a ramp that are selected as `fit_ramp` selects them.

    Attributes
    ----------
    good, noise
        As of `RampFit`.
    """

    good: np.ndarray
    noise: np.ndarray


def select_pixels(sources: Sequence[RampSource], ramp: int) -> list[Selected]:
    """Select the good pixels of the same ramp in several sources, which are read together.

    Parameters
    ----------
    sources : sequence of RampSource
        The same exposures, e.g. after several corrections.
    ramp : int
        Number of the ramp, from 0.

    Returns
    -------
    list of Selected
        Of each source.
    """
    readout, ngroups = sources[0].readout, sources[0].ngroups(ramp)
    typical = [Typical(source, ramp) for source in sources]
    found = [Selected(np.empty(readout.shape, bool), each.noise) for each in typical]
    for rows in bands(readout.ny):
        first = [source.read(ramp, 0, rows) for source in sources]
        sums = [LineFitSums(start.shape, ngroups, readout.noutputs) for start in first]
        for group in range(1, ngroups):
            for k, source in enumerate(sources):
                values = source.read(ramp, group, rows)
                typical[k].add(sums[k], values, first[k], group)
        for k, source in enumerate(sources):
            usable, slope = source.usable[rows], sums[k].line[1]
            found[k].good[rows] = typical[k].good(usable, *sums[k].residual_statistics(), slope)
    return found
