"""How well reference pixels follow the active ones: levels of every frame, rows, single pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from darkroom.errors import DarkroomError
from darkroom.nircam.detector.readout import BORDER, PIXEL_TIME, ROW_OVERHEAD
from darkroom.nircam.refpix.sides import RowSums, SideSpectra
from darkroom.nircam.refpix.sirs import SirsSums, enough_rows
from darkroom.nircam.spectrum.ramp import MIN_NOISE, MIN_USABLE, check_groups, fit_ramp

EDGES = ("bottom", "top", "left", "right")
_CLIP, _MAD_TO_STD = 4.0, 1.482602218505602


@dataclass(frozen=True)
class Regions:
    """Where reference pixels are, in the detector frame.

    Attributes
    ----------
    y, x : (npixels,) int arrays
        All reference pixels; corners belong to the bottom and top edges.
    edge, amplifier, parity : (npixels,) int8 arrays
        Place in `EDGES`; amplifier; 0 for an even column.
    """

    y: np.ndarray
    x: np.ndarray
    edge: np.ndarray
    amplifier: np.ndarray
    parity: np.ndarray

    @classmethod
    def from_readout(cls, readout):
        """Return the regions of a readout.

        Raises
        ------
        DarkroomError
            When it holds no reference pixels.
        """
        y, x = np.nonzero(readout.reference_pixels())
        if not y.size:
            raise DarkroomError(
                f"{readout.detector} {readout.subarray} holds no reference pixels: there is "
                "nothing to compare the active ones with"
            )
        row, column = y + readout.origin[0], x + readout.origin[1]
        edge = np.select(
            [row < BORDER, row >= readout.rows - BORDER, column < BORDER], [0, 1, 2], 3
        )
        amplifier, parity = readout.amplifiers()[y, x], readout.parity()[y, x]
        return cls(y, x, edge.astype(np.int8), amplifier, parity)

    def classes(self):
        """Yield (edge, amplifier, parity, pixels) of every class that is there."""
        key = (self.edge * 4 + self.amplifier) * 2 + self.parity
        for one in np.unique(key):
            yield one // 8, one // 2 % 4, one % 2, np.flatnonzero(key == one)


@dataclass
class Levels:
    """What reference and active pixels did.

    Attributes
    ----------
    regions : Regions
    reference : list of (ngroups, npixels) float32 arrays
        Reference pixels of each ramp, DN.
    edges : list of (ngroups, 4, noutputs, 2) arrays
        Mean of each edge, amplifier and parity, above the ramp's group 0, DN; NaN where there are
        no such pixels.
    active : list of (ngroups, noutputs, 2) arrays
        The same of the active pixels to trust.
    nactive : (noutputs,) float64 array
        These pixels, mean over the ramps.
    noise : (noutputs,) float64 array
        Typical noise of one read of an active pixel, DN.
    reference_start, active_start : list of (noutputs,) arrays
        Group 0 of each ramp above that of the first one, by amplifier, DN; reference pixels of the
        bottom and top edges, NaN without.
    rows : darkroom.nircam.refpix.sides.RowSums or None
        Row means of side and active pixels; None without side pixels.
    sides : darkroom.nircam.refpix.sides.SideSpectra or None
        Row means of left and right pixels.
    sirs : darkroom.nircam.refpix.sirs.SirsSums or None
        Their covariances; None but for whole frames, to which alone the pipeline applies kernels.
    """

    regions: Regions
    reference: list
    edges: list
    active: list
    nactive: np.ndarray
    noise: np.ndarray
    reference_start: list
    active_start: list
    rows: RowSums | None
    sides: SideSpectra | None
    sirs: SirsSums | None


def measure(source):
    """Follow reference and active pixels through dark ramps.

    Parameters
    ----------
    source : darkroom.nircam.spectrum.ramp.RampSource

    Returns
    -------
    Levels
    """
    check_groups(source)
    readout = source.readout
    regions = Regions.from_readout(readout)
    rows = sides = sirs = None
    if readout.noutputs > 1 and (beside := np.isin(regions.edge, (2, 3))).any():
        row_time = (readout.columns_per_amplifier + ROW_OVERHEAD) * PIXEL_TIME
        nrows = np.unique(regions.y[beside]).size
        rows, sides = RowSums(), SideSpectra(nrows, row_time)
        sirs = SirsSums(nrows) if readout.subarray == "FULL" and enough_rows(nrows) else None
    zeros = (np.zeros(readout.noutputs) for _ in range(2))
    found = Levels(regions, [], [], [], *zeros, [], [], rows, sides, sirs)
    first = None
    for ramp in range(source.nramps):
        lines = fit_ramp(source, ramp)
        check_alive(source, ramp, lines)
        found.nactive += lines.good.sum(axis=0).reshape(readout.noutputs, -1).sum(axis=1)
        found.noise += lines.noise**2
        _follow(source, ramp, lines, found)
        first = lines.first if first is None else first
        _start(source, lines.first - first, found)
    found.nactive /= source.nramps
    found.noise = np.sqrt(found.noise / source.nramps)
    if rows is not None:
        rows.finish()
    return found


def check_alive(source, ramp, lines):
    """Refuse a ramp with a dead amplifier: nothing follows it, and 0 would pass for perfect.

    Parameters
    ----------
    source : darkroom.nircam.spectrum.ramp.RampSource
    ramp : int
    lines : darkroom.nircam.spectrum.ramp.RampFit
        Of this ramp.

    Raises
    ------
    DarkroomError
        Naming ramp and amplifier.
    """
    usable, good = (
        image.reshape(source.readout.ny, source.readout.noutputs, -1).sum(axis=(0, 2))
        for image in (source.usable, lines.good)
    )
    for amplifier, noise in enumerate(lines.noise):
        if not noise > MIN_NOISE or good[amplifier] < MIN_USABLE * usable[amplifier]:
            raise DarkroomError(
                f"{source.label(ramp)}: amplifier {amplifier} is dead, or bad for the most part "
                f"({good[amplifier]} of {usable[amplifier]} pixels to trust, noise "
                f"{noise:.2g} DN); leave these exposures out"
            )


def _follow(source, ramp, lines, found):
    """Add the frames of one ramp."""
    readout, regions = source.readout, found.regions
    ngroups = source.ngroups(ramp)
    reference = np.empty((ngroups, regions.y.size), np.float32)
    active = np.empty((ngroups, readout.noutputs, 2))
    rows = np.empty((ngroups, readout.ny, readout.noutputs))
    shape = (readout.ny, readout.noutputs, -1)
    counts = np.maximum(_by_class(lines.good, readout), 1)
    in_row = np.maximum(lines.good.reshape(shape).sum(axis=2), 1)
    steady, steep = (_by_class(image, readout) / counts for image in (lines.mean, lines.slope))
    for group in range(ngroups):
        values = source.read(ramp, group)
        reference[group] = values[regions.y, regions.x]
        left = lines.residual(values, group)
        rows[group] = left.reshape(shape).sum(axis=2, dtype=np.float64) / in_row
        line = steady + steep * lines.centred(group) + lines.offsets[group][:, None]
        active[group] = _by_class(left, readout) / counts + line
    found.active.append(active)
    found.reference.append(reference)
    found.edges.append(_edges(reference, regions, readout.noutputs))
    if found.rows is not None:
        inside, (left, right), here = _side_rows(reference, regions)
        # As the pipeline does: where one side has no pixel the other one counts alone.
        share = here / np.maximum(here.sum(axis=0), 1)
        for one, other, means in zip(left, right, rows[:, inside], strict=True):
            found.rows.add(share[0] * one + share[1] * other, means)
            found.sides.add(one, other)
            if found.sirs is not None:
                found.sirs.add(one, other, means)
        for sums in filter(None, (found.rows, found.sides, found.sirs)):
            sums.dof += ngroups - 2


def _start(source, above, found):
    """Add the levels of a ramp's group 0 above that of the first ramp."""
    regions, shape = found.regions, (source.readout.ny, source.readout.noutputs, -1)
    usable = (source.usable & np.isfinite(above)).reshape(shape)
    active = [np.median(above.reshape(shape)[:, a][usable[:, a]]) for a in range(shape[1])]
    outer = above[regions.y, regions.x]
    reference = [
        clipped_mean(outer[(regions.edge < 2) & (regions.amplifier == a)]) for a in range(shape[1])
    ]
    found.active_start.append(np.array(active))
    found.reference_start.append(np.array(reference))


def line_residuals(values):
    """Return what straight lines through the rows of (ngroups, npixels) leave, and the slopes."""
    place = np.arange(len(values)) - (len(values) - 1) / 2
    left = values - values.mean(axis=0, dtype=np.float64)
    slope = place @ left / (place @ place)
    return left - place[:, None] * slope, slope


def _side_rows(reference, regions):
    """Return the rows with side pixels, mean residuals of left and right, and where they are.

    A pixel without a value in some group does not count.

    Returns
    -------
    rows : (nrows,) int array
    means : list of two (ngroups, nrows) arrays
        DN; 0 for a row without a pixel that counts.
    here : (2, nrows) bool array
        Where there is such a pixel.
    """
    inside, means, there = None, [], []
    for edge in (2, 3):
        here = regions.edge == edge
        left, _ = line_residuals(reference[:, here])
        inside, place = np.unique(regions.y[here], return_inverse=True)
        known = np.isfinite(left).all(axis=0)
        left[:, ~known] = 0
        counts = np.bincount(place, known)
        there.append(counts > 0)
        counts = np.maximum(counts, 1)
        means.append(np.stack([np.bincount(place, values) / counts for values in left]))
    return inside, means, np.array(there)


def _by_class(image, readout):
    """Return the sum of each amplifier and parity of a detector-frame image: (noutputs, 2)."""
    columns = image.sum(axis=0, dtype=np.float64)
    amplifier, parity = readout.amplifiers()[0], readout.parity()[0]
    return np.bincount(2 * amplifier + parity, columns, 2 * readout.noutputs).reshape(-1, 2)


def _edges(reference, regions, noutputs):
    """Return clipped means above group 0 of each class: (ngroups, 4, noutputs, 2)."""
    above = reference - reference[0]
    means = np.full((len(reference), len(EDGES), noutputs, 2), np.nan)
    for edge, amplifier, parity, pixels in regions.classes():
        means[:, edge, amplifier, parity] = [clipped_mean(v) for v in above[:, pixels]]
    return means


def clipped_mean(values):
    """Return the mean of values within 4 robust deviations of their median; NaN for none."""
    values = values[np.isfinite(values)]
    if not values.size:
        return np.nan
    middle = np.median(values)
    distance = np.abs(values - middle)
    return float(values[distance <= _CLIP * _MAD_TO_STD * np.median(distance)].mean())
