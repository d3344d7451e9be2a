"""Levels of reference and active pixels in every frame of dark ramps: regions, rows, pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from darkroom.compiled import load_kernel
from darkroom.errors import DarkroomError
from darkroom.nircam.detector.readout import BORDER, PIXEL_TIME, ROW_OVERHEAD
from darkroom.nircam.ramps.robust import MAD_TO_STD, median
from darkroom.nircam.refpix.kept import KeptArrays
from darkroom.nircam.refpix.sides import RowSums, SideSpectra
from darkroom.nircam.refpix.sirs import SirsSums, enough_rows
from darkroom.nircam.spectrum.ramp import MIN_NOISE, MIN_USABLE, fit_ramp
from darkroom.nircam.spectrum.source import bands, check_groups

if TYPE_CHECKING:
    from collections.abc import Iterator

    from darkroom.nircam.detector.readout import Readout
    from darkroom.nircam.spectrum.ramp import RampFit, Selected
    from darkroom.nircam.spectrum.source import RampSource

#: Edges of the detector, in the order of their numbers.
EDGES = ("bottom", "top", "left", "right")
_CLIP = 4.0  # robust standard deviations


@dataclass(frozen=True)
class Regions:
    """Positions and classes of the reference pixels, detector frame.

    Attributes
    ----------
    y, x : (npixels,) int arrays
        Rows and columns of all reference pixels.
    edge : (npixels,) int8 array
        Index in `EDGES`; corners belong to the bottom and top edges.
    amplifier : (npixels,) array
        Amplifier.
    parity : (npixels,) array
        0 for even columns, 1 for odd columns.
    """

    y: np.ndarray
    x: np.ndarray
    edge: np.ndarray
    amplifier: np.ndarray
    parity: np.ndarray

    @classmethod
    def from_readout(cls, readout: Readout) -> Regions:
        """Return the regions of a readout.

        Raises
        ------
        DarkroomError
            When it has no reference pixels.
        """
        y, x = np.nonzero(readout.reference_pixels())
        if not y.size:
            raise DarkroomError(
                f"{readout.detector} {readout.subarray} holds no reference pixels: their stability "
                "cannot be measured"
            )
        row, column = y + readout.origin[0], x + readout.origin[1]
        edge = np.select(
            [row < BORDER, row >= readout.rows - BORDER, column < BORDER], [0, 1, 2], 3
        )
        amplifier, parity = readout.amplifiers()[y, x], readout.parity()[y, x]
        return cls(y, x, edge.astype(np.int8), amplifier, parity)

    def classes(self) -> Iterator[tuple[int, int, int, np.ndarray]]:
        """Yield edge, amplifier, parity and indices of the pixels of every class present."""
        key = (self.edge * 4 + self.amplifier) * 2 + self.parity
        for one in np.unique(key):
            yield one // 8, one // 2 % 4, one % 2, np.flatnonzero(key == one)


@dataclass
class Levels:
    """Levels of reference and active pixels.

    Attributes
    ----------
    regions : Regions
        Positions and classes of the reference pixels.
    reference : KeptArrays or None
        Values of the reference pixels in each ramp, (ngroups, npixels) float32, DN; None where
        levels were stored (`darkroom.nircam.refpix.stored`).
    edges : list of (ngroups, 4, noutputs, 2) arrays
        Mean of each edge, amplifier and parity above the ramp's group 0, DN; NaN where there are
        no such pixels.
    active : list of (ngroups, noutputs, 2) arrays
        The same of the good active pixels.
    nactive : (noutputs,) float64 array
        Number of good active pixels, mean over the ramps.
    noise : (noutputs,) float64 array
        Typical noise of one read of an active pixel, DN.
    reference_start : list of (noutputs,) arrays
        Reference pixels of the bottom and top edges: group 0 of each ramp above that of the first
        ramp, DN; NaN without such pixels.
    active_start : list of (noutputs,) arrays
        The same of the active pixels.
    rows : darkroom.nircam.refpix.sides.RowSums or None
        Second moments of row means of side and active pixels; None without side pixels.
    sides : darkroom.nircam.refpix.sides.SideSpectra or None
        Cross spectrum of row means of left and right pixels; None without side pixels.
    sirs : darkroom.nircam.refpix.sirs.SirsSums or None
        Covariances of row means for SIRS kernels; None for subarrays, to which the pipeline does
        not apply kernels.
    """

    regions: Regions
    reference: KeptArrays | None
    edges: list[np.ndarray]
    active: list[np.ndarray]
    nactive: np.ndarray
    noise: np.ndarray
    reference_start: list[np.ndarray]
    active_start: list[np.ndarray]
    rows: RowSums | None
    sides: SideSpectra | None
    sirs: SirsSums | None


def empty_levels(readout: Readout) -> Levels:
    """Return the levels of no ramp.

    Raises
    ------
    DarkroomError
        When there are no reference pixels.
    """
    regions = Regions.from_readout(readout)
    rows = sides = sirs = None
    if readout.noutputs > 1 and (beside := np.isin(regions.edge, (2, 3))).any():
        row_time = (readout.columns_per_amplifier + ROW_OVERHEAD) * PIXEL_TIME
        nrows = np.unique(regions.y[beside]).size
        rows, sides = RowSums(), SideSpectra(nrows, row_time)
        sirs = SirsSums(nrows) if readout.subarray == "FULL" and enough_rows(nrows) else None
    return Levels(
        regions,
        reference=None,
        edges=[],
        active=[],
        nactive=np.zeros(readout.noutputs),
        noise=np.zeros(readout.noutputs),
        reference_start=[],
        active_start=[],
        rows=rows,
        sides=sides,
        sirs=sirs,
    )


class LevelSums:
    """Levels of reference and active pixels, summed while dark ramps are read.

    `begin` is called for each ramp, residuals of all rows of all its groups are summed where `sums`
    says, then `end` is called; and `finish` when all ramps have been read.

    Parameters
    ----------
    source : darkroom.nircam.spectrum.source.RampSource
        Dark ramps of one detector.

    Attributes
    ----------
    watched : pair of (npixels,) int arrays
        Rows and columns of the pixels whose values `begin` needs.

    Raises
    ------
    DarkroomError
        When there are no reference pixels.
    """

    def __init__(self, source: RampSource) -> None:
        self._source, self._readout = source, source.readout
        self._found = empty_levels(source.readout)
        self._found.reference = self._values = KeptArrays()
        self.watched = self._found.regions.y, self._found.regions.x
        self._first = KeptArrays()  # group 0 of the first ramp

    def begin(self, fitted: RampFit) -> None:
        """Begin a ramp whose lines were fitted with the pixels of `watched`."""
        found, noutputs = self._found, self._readout.noutputs
        self._fitted = fitted
        ngroups = len(fitted.offsets)
        found.nactive += fitted.good.sum(axis=0).reshape(noutputs, -1).sum(axis=1)
        found.noise += fitted.noise**2
        if not len(self._first):
            self._first.append(fitted.first)
        self._add_start(fitted.first, self._first[0])
        reference, regions = fitted.take_watched(), found.regions
        self._values.append(reference)
        found.edges.append(_edges(reference, regions, noutputs))
        self._sides = None if found.rows is None else _side_rows(reference, regions)
        del reference  # of long ramps it is large
        self._rows = np.empty((ngroups, self._readout.ny, noutputs))
        self._columns = np.zeros((ngroups, self._readout.nx))

    def sums(self, group: int, rows: slice) -> tuple[np.ndarray, np.ndarray]:
        """Return where the residuals of rows of a group are summed.

        Returns
        -------
        rows, columns : (nrows, noutputs) and (nx,) float64 arrays
            Written and added to, DN (`darkroom.nircam.spectrum.kernel.summed_residuals`).
        """
        return self._rows[group, rows], self._columns[group]

    def end(self) -> None:
        """End the ramp."""
        found, readout, fitted = self._found, self._readout, self._fitted
        rows, ngroups = self._rows, len(fitted.offsets)
        counts = np.maximum(_by_class(fitted.good, readout), 1)
        shape = (readout.ny, readout.noutputs, -1)
        rows /= np.maximum(fitted.good.reshape(shape).sum(axis=2), 1)
        mean, slope = (_by_class(image, readout) / counts for image in (fitted.mean, fitted.slope))
        active = [
            _summed(columns, readout) / counts
            + (mean + slope * fitted.centred(group) + fitted.offsets[group][:, None])
            for group, columns in enumerate(self._columns)
        ]
        found.active.append(np.array(active))
        if self._sides is not None:
            inside, (left, right), here = self._sides
            # As in the pipeline: where one side has no pixel, the other one is used alone.
            share = here / np.maximum(here.sum(axis=0), 1)
            for one, other, means in zip(left, right, rows[:, inside], strict=True):
                found.rows.add(share[0] * one + share[1] * other, means)
                found.sides.add(one, other)
                if found.sirs is not None:
                    found.sirs.add(one, other, means)
            for sums in filter(None, (found.rows, found.sides, found.sirs)):
                sums.dof += ngroups - 2
        # They are large.
        del self._fitted, self._rows, self._columns, self._sides

    def finish(self) -> Levels:
        """Return the levels of all ramps; at least one must have been added."""
        found, number = self._found, len(self._values)
        found.nactive /= number
        found.noise = np.sqrt(found.noise / number)
        if found.rows is not None:
            found.rows.finish()
        return found

    def _add_start(self, group, first):
        """Add the levels of a ramp's group 0 above that of the first ramp."""
        found, regions, active = self._found, self._found.regions, []
        amplifiers = range(self._readout.noutputs)
        width = self._readout.columns_per_amplifier
        for a in amplifiers:
            here = slice(None), slice(a * width, (a + 1) * width)
            above = (group[here] - first[here])[self._source.usable[here]]
            active.append(median(above[np.isfinite(above)]))
        outer = group[self.watched] - first[self.watched]
        reference = [
            clipped_mean(outer[(regions.edge < 2) & (regions.amplifier == a)]) for a in amplifiers
        ]
        found.active_start.append(np.array(active))
        found.reference_start.append(np.array(reference))


def measure(source: RampSource) -> Levels:
    """Measure the levels of reference and active pixels in dark ramps.

    Parameters
    ----------
    source : darkroom.nircam.spectrum.source.RampSource
        Dark ramps of one detector.

    Returns
    -------
    Levels

    Raises
    ------
    DarkroomError
        When a ramp has fewer than 3 groups or a dead amplifier, or there are no reference pixels.
    """
    check_groups(source)
    sums, kernel = LevelSums(source), load_kernel("darkroom.nircam.spectrum.kernel")
    for ramp in range(source.nramps):
        fitted = fit_ramp(source, ramp, sums.watched, weak=False)
        check_alive(source, ramp, fitted)
        sums.begin(fitted)
        for group in range(source.ngroups(ramp)):
            for rows in bands(source.readout.ny):
                values = np.ascontiguousarray(source.read(ramp, group, rows, flagged=False))
                line = fitted.line(group, rows)
                kernel.summed_residuals(values, *line, *sums.sums(group, rows))
        sums.end()
    return sums.finish()


def check_alive(source: RampSource, ramp: int, fitted: RampFit | Selected) -> None:
    """Refuse a ramp with a dead amplifier, whose noise of 0 would look like a perfect correction.

    Parameters
    ----------
    source : darkroom.nircam.spectrum.source.RampSource
        The ramps.
    ramp : int
        Number of the ramp.
    fitted : darkroom.nircam.spectrum.ramp.RampFit or Selected
        Good pixels of this ramp, and their noise.

    Raises
    ------
    DarkroomError
        Naming the ramp and the amplifier.
    """
    usable, good = (
        image.reshape(source.readout.ny, source.readout.noutputs, -1).sum(axis=(0, 2))
        for image in (source.usable, fitted.good)
    )
    for amplifier, noise in enumerate(fitted.noise):
        if not noise > MIN_NOISE or good[amplifier] < MIN_USABLE * usable[amplifier]:
            raise DarkroomError(
                f"{source.label(ramp)}: amplifier {amplifier} is dead or mostly bad "
                f"({good[amplifier]} of {usable[amplifier]} pixels are good, noise "
                f"{noise:.2g} DN); leave these exposures out"
            )


def line_residuals(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fit a straight line to each pixel.

    Parameters
    ----------
    values : (ngroups, npixels) array
        DN.

    Returns
    -------
    residuals : (ngroups, npixels) float64 array
        DN.
    slopes : (npixels,) float64 array
        DN per group.
    """
    place = np.arange(len(values)) - (len(values) - 1) / 2
    residuals = values - values.mean(axis=0, dtype=np.float64)
    slope = place @ residuals / (place @ place)
    return residuals - place[:, None] * slope, slope


def _side_rows(reference, regions):
    """Return the mean residuals of left and right reference pixels, row by row.

    A pixel without a value in some group is left out.

    Returns
    -------
    rows : (nrows,) int array
        Rows with side pixels.
    means : list of two (ngroups, nrows) arrays
        DN; 0 for a row without a usable pixel.
    here : (2, nrows) bool array
        True where there is such a pixel.
    """
    inside, means, there = None, [], []
    for edge in (2, 3):
        here = regions.edge == edge
        residuals, _ = line_residuals(reference[:, here])
        inside, place = np.unique(regions.y[here], return_inverse=True)
        known = np.isfinite(residuals).all(axis=0)
        residuals[:, ~known] = 0
        counts = np.bincount(place, known)
        there.append(counts > 0)
        counts = np.maximum(counts, 1)
        means.append(np.stack([np.bincount(place, values) / counts for values in residuals]))
    return inside, means, np.array(there)


def _by_class(image, readout):
    """Return the sum of each amplifier and parity of a detector-frame image: (noutputs, 2)."""
    return _summed(image.sum(axis=0, dtype=np.float64), readout)


def _summed(columns, readout):
    """Return the sum of sums of columns of each amplifier and parity: (noutputs, 2)."""
    amplifier, parity = readout.amplifiers()[0], readout.parity()[0]
    return np.bincount(2 * amplifier + parity, columns, 2 * readout.noutputs).reshape(-1, 2)


def _edges(reference, regions, noutputs):
    """Return clipped means above group 0 of each class: (ngroups, 4, noutputs, 2)."""
    means = np.full((len(reference), len(EDGES), noutputs, 2), np.nan)
    for edge, amplifier, parity, pixels in regions.classes():
        above = reference[:, pixels] - reference[0, pixels]
        means[:, edge, amplifier, parity] = [clipped_mean(v) for v in above]
    return means


def clipped_mean(values: np.ndarray) -> float:
    """Return the mean of values within 4 robust standard deviations of the median; NaN for none."""
    values = values[np.isfinite(values)]
    if not values.size:
        return np.nan
    middle = median(values)
    distance = np.abs(values - middle)
    return float(values[distance <= _CLIP * MAD_TO_STD * median(distance)].mean())
