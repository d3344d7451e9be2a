"""The bias sample of a ramp as its pedestal: group 0 minus the charge collected before it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from darkroom.nircam.dark.fit import RampFit, combined
from darkroom.nircam.detector.dq import Group
from darkroom.nircam.ramps.blocks import RampBlocks

if TYPE_CHECKING:
    from typing import BinaryIO

    from darkroom.nircam.dark.model import Timing
    from darkroom.nircam.ramps.classes import Classes
    from darkroom.nircam.ramps.ramps import RampSet

# The gain only enters the weights of groups by their shot noise: an exact one is not needed.
_GAIN = 2.0
_UNUSABLE = Group.DO_NOT_USE | Group.SATURATED


def time_before(timing: Timing, kind: str) -> float:
    """Return the number by which a rate in DN/s is multiplied before it is taken off group 0.

    Parameters
    ----------
    timing : Timing
    kind : str
        ``reset``: the mean time of the frames of group 0 after the reset, s; ``stcal``: the same
        as a number of groups, as the plane PEDESTAL of ramp_fit has it (stcal 1.20,
        `get_pixel_ramp_integration_segments_and_pedestal`).
    """
    return timing.first / timing.tgroup if kind == "stcal" else timing.first


class PedestalStack:
    """Group 0 of each ramp minus the charge collected before it: one frame per ramp.

    The rate of a ramp is that of the dark current: generalised least squares over the differences
    of all groups, cut at cosmic rays (`darkroom.nircam.dark.fit`). The sample has the read noise of
    one group and the kTC noise. A ramp is read once, in blocks of pixels; the samples are kept in a
    file, since those of all ramps may not fit into memory.

    Reference pixels collect no charge: their sample is group 0. Other pixels without a rate, or
    saturated in group 0, have no sample (the plane PEDESTAL is 0 there).

    Parameters
    ----------
    ramps : RampSet
    classes : Classes
    kind : str
        As of `time_before`.
    file : binary file
        Open for reading and writing, empty: holds the samples.
    threads : int
        Blocks worked on at once.

    Attributes
    ----------
    nframes, shape
        As in `GroupStack`.
    read_share : float
        Read noise of a sample over that of one group, for white noise and the longest ramp.

    Raises
    ------
    InputError
        For ramps of fewer than three groups, of different timing, or whose header lacks it.
    OSError
        When the file cannot be written.
    """

    def __init__(
        self,
        ramps: RampSet,
        classes: Classes,
        kind: str,
        file: BinaryIO,
        *,
        threads: int = 1,
    ) -> None:
        blocks = RampBlocks(ramps, _UNUSABLE)
        gain = np.full(classes.noutputs, _GAIN)
        fit = RampFit(blocks, classes, gain)
        self.nframes, self.shape = len(ramps.ramps), ramps.shape
        before = time_before(fit.timing, kind)
        self.read_share = _read_share(fit.longest + 1, before / fit.timing.tgroup)
        self._slope = np.zeros(self.shape, np.float32)
        self._file = file.fileno()

        def work(values: np.ndarray, rows: slice, columns: slice) -> None:
            found = fit.fit(values, rows, columns, steps=False)
            active = fit.kind(rows, columns) >= 0
            samples = values[blocks.starts[:-1]]
            charge = (found.rate[:, active] / _GAIN * before).astype(np.float32)
            samples[:, active] -= charge
            slope = self._slope[rows, columns]
            slope[...] = np.where(active, combined(found)[0] / _GAIN, 0.0).reshape(slope.shape)
            for frame, sample in enumerate(samples):
                place = self._place(frame, rows.start) + 4 * columns.start
                _write(self._file, np.ascontiguousarray(sample), place)

        blocks.over(work, threads)

    def _place(self, frame, row):
        """Return where a row of a frame begins in the file."""
        ny, nx = self.shape
        return 4 * nx * (ny * frame + row)

    def read(self, rows: slice) -> np.ndarray:
        """Return the samples of rows of every frame: (nframes, nrows, nx) float32, DN."""
        first, stop, _ = rows.indices(self.shape[0])
        band = np.empty((self.nframes, max(stop - first, 0), self.shape[1]), np.float32)
        for frame, values in enumerate(band):
            self.read_frame(frame, first, values)
        return band

    def read_frame(self, frame: int, first: int, values: np.ndarray) -> None:
        """Fill `values` (nrows, nx) float32 with the rows of one frame from `first` on, DN."""
        stored = os.pread(self._file, values.nbytes, self._place(frame, first))
        values[...] = np.frombuffer(stored, np.float32).reshape(values.shape)

    def slopes(self, rows: slice) -> np.ndarray:
        """Return the mean rate of the ramps in `rows`: (nrows, nx) float32, DN/s."""
        return self._slope[rows]


def _write(number, values, place):
    """Write all of an array to a file; a full disk is an OSError."""
    left = memoryview(values).cast("B")
    while left:
        done = os.pwrite(number, left, place)
        left, place = left[done:], place + done


def _read_share(ngroups, before):
    """Return the read noise of a pedestal over that of a group, for a line through all groups.

    `before` is the time taken off group 0, in groups.
    """
    lever = ngroups * (ngroups**2 - 1) / 12
    return float(np.sqrt(1 + before**2 / lever + before * (ngroups - 1) / lever))
