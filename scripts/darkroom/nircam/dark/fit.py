"""Rates of single integrations, block by block: noise of the amplifiers, and the fit of ramps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from darkroom.compiled import load_kernel
from darkroom.errors import InputError
from darkroom.nircam.dark.model import Timing, usual
from darkroom.nircam.dark.settings import DarkSettings
from darkroom.nircam.frames import frames_per_group
from darkroom.nircam.ramps.robust import clip_range

if TYPE_CHECKING:
    from darkroom.nircam.ramps.blocks import RampBlocks
    from darkroom.nircam.ramps.classes import Classes
    from darkroom.nircam.ramps.ramps import RampSet

#: Groups needed for a rate with a step test.
MIN_GROUPS = 3
_SAMPLE_ROWS = 12


def timing_of(ramps: RampSet) -> Timing:
    """Return the timing of the groups, the same for all exposures.

    Raises
    ------
    InputError
        When exposures differ in it, or lack it.
    """
    nframes, header = frames_per_group(ramps), ramps.files[0].header
    cards = ("READPATT", "GROUPGAP", "TFRAME", "TGROUP", "DRPFRMS1")
    for file in ramps.files[1:]:
        for card in cards:
            if file.header.get(card) != header.get(card):
                raise InputError(
                    file.path,
                    f"{card} is {file.header.get(card)}, that of {ramps.files[0].path.name} is "
                    f"{header.get(card)}",
                    f"one {ramps.product} is made of exposures of one kind",
                )
    tframe, gap = header.get("TFRAME"), header.get("GROUPGAP")
    if not tframe or gap is None:
        raise InputError(
            ramps.files[0].path,
            "its header lacks TFRAME or GROUPGAP",
            "the rate follows from the time between groups",
        )
    return Timing(nframes, int(gap), float(tframe), int(header.get("DRPFRMS1") or 0))


@dataclass
class Fitted:
    """Fits of the ramps of a block.

    Attributes
    ----------
    rate, info : (nramps, npixels) float64 arrays
        e-/s, NaN without data; inverse variance by the noise model, s2/e-2.
    chi2, free, hits, down : (npixels,) arrays
        chi2 of differences within segments, its degrees of freedom, steps up that were cut out,
        steps down.
    sums, counts : (nsteps, npixels) arrays
        Sum (DN) and number of the differences used, by their place in a ramp.
    """

    rate: np.ndarray
    info: np.ndarray
    chi2: np.ndarray
    free: np.ndarray
    hits: np.ndarray
    down: np.ndarray
    sums: np.ndarray
    counts: np.ndarray


class RampFit:
    """Fits the rate of every ramp of a block of pixels, with the noise usual in their amplifier.

    Parameters
    ----------
    blocks : RampBlocks
        The samples of all ramps; unusable ones are NaN.
    classes : Classes
    gain : (noutputs,) float64 array
        e-/DN, by amplifier.
    step_sigma : float
        Limit of the test for cosmic rays, standard deviations.

    Attributes
    ----------
    timing : Timing
    levels : (nramps, noutputs) float64 array
        Level of group 0 of each ramp, DN.
    known : list of Usual
        By amplifier.
    longest : int
        Differences of the longest ramp.
    kinds : (noutputs, 4) float64 array
        As the kernel takes them: gain, usual rate, variance of a group, factor of the scatter.
    times : (3,) float64 array
        TGROUP, and what a rate of 1 e-/s adds to the covariance, seconds.
    scales : (noutputs, n) float64 array
        Scatter of steps over that of the noise model.

    Raises
    ------
    InputError
        For ramps of fewer than three groups.
    """

    def __init__(
        self,
        blocks: RampBlocks,
        classes: Classes,
        gain: np.ndarray,
        step_sigma: float = DarkSettings.step_sigma,
    ) -> None:
        ramps, ngroups = blocks.ramps, int(np.diff(blocks.starts).max())
        if ngroups < MIN_GROUPS:
            raise InputError(
                ramps.files[0].path,
                f"{ngroups} groups: a rate with a test for cosmic rays needs {MIN_GROUPS}",
                "give longer ramps",
            )
        self.timing, self.longest = timing_of(ramps), ngroups - 1
        self.starts, self._limit = blocks.starts, step_sigma
        gain = np.asarray(gain, np.float64)
        self.levels, self.known = _sample(blocks, classes, gain, self.timing)
        steps = max(one.scales.size for one in self.known)
        self.scales = np.ones((len(self.known), max(steps, self.longest)))
        for row, one in zip(self.scales, self.known, strict=True):
            row[: one.scales.size] = one.scales
        self.kinds = np.array([
            (g, one.rate, one.read, one.factor) for g, one in zip(gain, self.known, strict=True)
        ])  # fmt: skip
        self.times = np.array([self.timing.tgroup, *self.timing.covariance])
        self._kind = np.where(classes.reference, -1, classes.amplifier).astype(np.int8)

    def kind(self, rows: slice, columns: slice) -> np.ndarray:
        """Return the amplifier of the pixels of a block, -1 for reference pixels: (npixels,)."""
        return self._kind[rows, columns].ravel()

    def fit(self, values: np.ndarray, rows: slice, columns: slice, *, steps: bool) -> Fitted:
        """Fit the ramps of a block.

        Parameters
        ----------
        values : (ngroups, npixels) float32 array
            Groups of all ramps, DN.
        rows, columns : slice
            Where the block lies.
        steps : bool
            Sum the differences of groups as well.
        """
        nramps, npixels = len(self.levels), values.shape[1]
        rate, info = np.empty((nramps, npixels)), np.empty((nramps, npixels))
        chi2 = np.empty(npixels)
        free, hits, down = (np.empty(npixels, np.int32) for _ in range(3))
        places = self.longest if steps else 0
        sums = np.zeros((places, npixels), np.float32)
        counts = np.zeros((places, npixels), np.int16)
        load_kernel("darkroom.nircam.dark.kernel").rates(
            values, self.starts, self.kind(rows, columns), self.kinds, self.times, self._limit,
            self.scales, rate, info, chi2, free, hits, down, sums, counts,
        )  # fmt: skip
        return Fitted(rate, info, chi2, free, hits, down, sums, counts)


def combined(fitted: Fitted) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean of the rates with their information, and its information: (npixels,)."""
    known = fitted.info > 0
    total = fitted.info.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(known, fitted.info * fitted.rate, 0.0).sum(axis=0) / total, total


def _sample(blocks, classes, gain, timing):
    """Return the level of group 0 of each ramp, DN, and what is usual, by amplifier."""
    nx = blocks.ramps.shape[1]
    active = np.flatnonzero(classes.usable.any(axis=1))
    rows = active[np.linspace(0, active.size - 1, min(_SAMPLE_ROWS, active.size)).astype(int)]
    layout = [(slice(y, y + 1), slice(0, nx)) for y in np.unique(rows)]
    firsts, nramps = blocks.starts[:-1], len(blocks.starts) - 1
    shortest = int(np.diff(blocks.starts).min())

    def work(values, rows, columns):
        good = classes.usable[rows, columns].ravel()
        ramps = np.stack([values[first : first + shortest] for first in firsts])
        return ramps, good

    parts = blocks.over(work, layout=layout)
    levels, known = np.zeros((nramps, classes.noutputs)), []
    for a in range(classes.noutputs):
        mine = classes.amplifier == a
        found = np.concatenate([ramps[:, :, mine & good] for ramps, good in parts], axis=2)
        with np.errstate(invalid="ignore"):
            levels[:, a] = [_median(ramp[0]) for ramp in found]
        whole = np.isfinite(found).all(axis=(0, 1))
        if whole.sum() < 2:  # many lost groups: what the ramps say that are whole
            raise InputError(
                blocks.ramps.files[0].path,
                f"amplifier {a}: no sampled pixel has data in every group of every integration",
                "leave out the integrations with lost groups",
            )
        steps = np.diff(found[:, :, whole].astype(np.float64), axis=1) * gain[a]
        known.append(usual(steps.transpose(0, 2, 1), timing))
    return levels, known


def _median(values):
    values = values[np.isfinite(values)]
    if not values.size:
        return 0.0
    middle, reach = clip_range(values)
    return float(values[np.abs(values - middle) <= reach].mean())
