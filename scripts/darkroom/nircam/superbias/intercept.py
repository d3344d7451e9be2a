"""The bias of a ramp as the intercept of its first groups instead of group 0 alone."""

from __future__ import annotations

import numpy as np

from darkroom.combine import Clip, clip_block
from darkroom.errors import InputError
from darkroom.nircam.ramps.ramps import GroupStack
from darkroom.nircam.superbias.noise import pair_noise

#: A step so many deviations above the pixel's usual one ends its line: cosmic rays step up.
JUMP_SIGMA = 5.0


class InterceptStack:
    """Value at the end of the reset of a line through the first groups, one frame per ramp.

    What dark current adds before group 0 is taken off. kTC noise is common to all groups of a ramp
    and stays as it is; the read noise changes by `read_share`. A line ends before the first jump. A
    pixel with one group left before it keeps that group's value.

    Parameters
    ----------
    ramps : RampSet
    classes : Classes
    ngroups : int
        Groups used, at least 2.
    flags : int
        GROUPDQ bits that make a sample unusable.

    Attributes
    ----------
    nframes, shape
        As of `GroupStack`.
    read_share : float
        Read noise of an intercept over that of one group, for lines through all groups: 1.05 for
        5 groups of one frame each, which reach little farther than they are extrapolated.

    Raises
    ------
    InputError
        When an exposure has fewer groups, or does not tell the time between groups.
    """

    def __init__(self, ramps, classes, ngroups, flags=0):
        for file in ramps.files:
            if file.sci.shape[1] < ngroups:
                raise InputError(
                    file.path, f"has {file.sci.shape[1]} groups, the intercept needs {ngroups}"
                )
        header = ramps.files[0].header
        step, frame = header.get("TGROUP"), header.get("TFRAME")
        if not step or not frame:
            raise InputError(ramps.files[0].path, "lacks TGROUP or TFRAME: no times for a line")
        middle = frame * (header.get("NFRAMES", 1) + 1) / 2
        self._times = middle + step * np.arange(ngroups)
        mean, lever = self._times.mean(), self._times.var() * ngroups
        self.read_share = float(np.sqrt(1 / ngroups + mean**2 / lever))
        self._groups = [GroupStack(ramps, group, flags=flags) for group in range(ngroups)]
        self.nframes, self.shape = self._groups[0].nframes, ramps.shape
        pair = np.sqrt(2) * pair_noise(*self._groups[:2], classes)[:, 0]
        # The usual step is the median of few, which is uncertain itself.
        pair *= np.sqrt(1 + np.pi / 2 / (ngroups - 1))
        self._limit = (JUMP_SIGMA * pair)[classes.amplifier]

    def read(self, rows):
        """Return the intercepts of rows of every frame: (nframes, nrows, nx) float32, DN."""
        first, stop, _ = rows.indices(self.shape[0])
        band = np.empty((self.nframes, max(stop - first, 0), self.shape[1]), np.float32)
        for frame, values in enumerate(band):
            self.read_frame(frame, first, values)
        return band

    def read_frame(self, frame, first, values):
        """Fill `values` (nrows, nx) float32 with the intercepts of one frame."""
        values[...] = self._lines(frame, first, values.shape)[0]

    def slopes(self, rows):
        """Return the mean slope over ramps of rows, outliers left out: (nrows, nx) DN/s."""
        first, stop, _ = rows.indices(self.shape[0])
        shape = (stop - first, self.shape[1])
        found = np.stack([self._lines(k, first, shape)[1] for k in range(self.nframes)])
        return clip_block(found.astype(np.float32), Clip("mad", 4.0, 3), ("mean",)).mean

    def _lines(self, frame, first, shape):
        """Return intercept and slope (NaN for a single group) of the pixels of a band."""
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
