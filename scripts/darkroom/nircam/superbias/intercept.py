"""The bias sample of a ramp as the intercept of a line, in place of group 0."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from darkroom.combine import Clip, clip_block
from darkroom.errors import InputError
from darkroom.nircam.ramps.ramps import GroupStack
from darkroom.nircam.superbias.noise import pair_noise

if TYPE_CHECKING:
    from darkroom.nircam.ramps.classes import Classes
    from darkroom.nircam.ramps.ramps import RampSet

#: A line ends before a step this many standard deviations above the median step of its pixel, the
#: signature of a cosmic ray.
JUMP_SIGMA = 5.0


class InterceptStack:
    """Lines through the first groups, extrapolated to the end of the reset: one frame per ramp.

    The intercept is free of the dark current that is accumulated before group 0. It contains the
    full kTC noise, which is common to all groups of a ramp; the read noise changes by the factor
    `read_share`. A line ends before the first jump. A pixel with a single group before its first
    jump has the value of that group.

    Parameters
    ----------
    ramps : RampSet
    classes : Classes
    ngroups : int
        Number of groups used, at least 2.
    flags : int
        GROUPDQ bits that make a sample unusable.

    Attributes
    ----------
    nframes, shape
        As in `GroupStack`.
    read_share : float
        Read noise of an intercept over that of one group, for lines through all `ngroups` groups:
        1.05 for 5 groups of one frame each.

    Raises
    ------
    InputError
        When an exposure has fewer groups, or its header lacks the time between groups.
    """

    def __init__(self, ramps: RampSet, classes: Classes, ngroups: int, flags: int = 0) -> None:
        for file in ramps.files:
            if file.sci.shape[1] < ngroups:
                raise InputError(
                    file.path, f"has {file.sci.shape[1]} groups, the intercept needs {ngroups}"
                )
        header = ramps.files[0].header
        step, frame = header.get("TGROUP"), header.get("TFRAME")
        if not step or not frame:
            raise InputError(
                ramps.files[0].path,
                "the header lacks TGROUP or TFRAME, which give the times of the groups",
                "use sample group0",
            )
        middle = frame * (header.get("NFRAMES", 1) + 1) / 2
        self._times = middle + step * np.arange(ngroups)
        mean, lever = self._times.mean(), self._times.var() * ngroups
        self.read_share = float(np.sqrt(1 / ngroups + mean**2 / lever))
        self._groups = [GroupStack(ramps, group, flags=flags) for group in range(ngroups)]
        self.nframes, self.shape = self._groups[0].nframes, ramps.shape
        pair = np.sqrt(2) * pair_noise(*self._groups[:2], classes)[:, 0]
        # The median step of few groups is itself uncertain.
        pair *= np.sqrt(1 + np.pi / 2 / (ngroups - 1))
        self._limit = (JUMP_SIGMA * pair)[classes.amplifier]

    def read(self, rows: slice) -> np.ndarray:
        """Return the intercepts of rows of every frame: (nframes, nrows, nx) float32, DN."""
        first, stop, _ = rows.indices(self.shape[0])
        band = np.empty((self.nframes, max(stop - first, 0), self.shape[1]), np.float32)
        for frame, values in enumerate(band):
            self.read_frame(frame, first, values)
        return band

    def read_frame(self, frame: int, first: int, values: np.ndarray) -> None:
        """Compute the intercepts of some rows of one frame.

        Parameters
        ----------
        frame : int
            Number of the frame in the stack.
        first : int
            First row.
        values : (nrows, nx) float32 array
            Written to: DN.
        """
        values[...] = self._lines(frame, first, values.shape)[0]

    def slopes(self, rows: slice) -> np.ndarray:
        """Return the clipped mean over ramps of the slopes in `rows`: (nrows, nx), DN/s."""
        first, stop, _ = rows.indices(self.shape[0])
        shape = (stop - first, self.shape[1])
        found = np.stack([self._lines(k, first, shape)[1] for k in range(self.nframes)])
        return clip_block(found.astype(np.float32), Clip("mad", 4.0, 3), ("mean",)).mean

    def _lines(self, frame, first, shape):
        """Return intercepts and slopes (NaN for a single group) of the pixels of a band."""
        groups = np.empty((len(self._groups), *shape), np.float32)
        for stack, values in zip(self._groups, groups, strict=True):
            stack.read_frame(frame, first, values)
        groups = groups.astype(np.float64)
        steps = np.diff(groups, axis=0)
        with np.errstate(invalid="ignore"):
            same = steps - np.median(steps, axis=0) <= self._limit
        used = np.concatenate([np.ones((1, *shape), bool), np.logical_and.accumulate(same)])
        n = used.sum(axis=0)
        t = self._times[:, None, None]
        mean_t = np.where(used, t, 0).sum(axis=0) / n
        mean_x = np.where(used, groups, 0).sum(axis=0) / n
        lever = np.where(used, (t - mean_t) ** 2, 0).sum(axis=0)
        product = np.where(used, (t - mean_t) * (groups - mean_x), 0).sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            slope = product / lever
        intercept = np.where(n > 1, mean_x - slope * mean_t, groups[0])
        return intercept, slope
