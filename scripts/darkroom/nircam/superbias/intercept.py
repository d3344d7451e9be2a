"""The bias sample of a ramp as the intercept of a line, in place of group 0."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from darkroom.combine import Clip, clip_block
from darkroom.compiled import load_kernel
from darkroom.errors import InputError
from darkroom.nircam.frames import frames_per_group
from darkroom.nircam.ramps.ramps import GroupStack
from darkroom.nircam.ramps.robust import MAD_TO_STD
from darkroom.nircam.superbias.noise import pair_noise
from darkroom.nircam.superbias.offsets import sample_rows

if TYPE_CHECKING:
    from darkroom.nircam.ramps.classes import Classes
    from darkroom.nircam.ramps.ramps import RampSet

#: A line ends before a step this many standard deviations from the usual one of its pixel.
JUMP_SIGMA = 5.0
# The noise of a pixel is measured in so many ramps at most, by bands of so many bytes.
_NOISE_RAMPS, _BYTES = 64, 16 << 20
# Samples from which lines are computed at one time.
_LINES = 1 << 20


class InterceptStack:
    """Lines through the first groups, extrapolated to the end of the reset: one frame per ramp.

    The intercept is free of the dark current that is accumulated before group 0. It contains the
    full kTC noise, which is common to all groups of a ramp; the read noise changes by the factor
    `read_share`. A line ends before the first jump. A pixel with a single group before its first
    jump has the value of that group.

    A jump is a step more than `JUMP_SIGMA` standard deviations above or below the median step of
    the pixel. The standard deviation is that of the steps of the pixel, but at least the typical
    one of its amplifier. Cosmic rays only step up; but if lines ended at upward steps alone, the
    mean intercept of a noisy pixel would be biased.

    The level of each amplifier and column parity moves from frame to frame by more than the noise.
    Steps are judged without this motion. Its deviations from a straight line are subtracted from
    the groups: they do not change lines through all groups, but those that end before a jump.

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
        middle = frame * (frames_per_group(ramps) + 1) / 2
        self._times = middle + step * np.arange(ngroups)
        mean, lever = self._times.mean(), self._times.var() * ngroups
        self.read_share = float(np.sqrt(1 / ngroups + mean**2 / lever))
        self._groups = [GroupStack(ramps, group, flags=flags) for group in range(ngroups)]
        self.nframes, self.shape = self._groups[0].nframes, ramps.shape
        self._column = classes.column
        self._levels = self._measure_levels(classes)
        design = np.stack([np.ones(ngroups), self._times], axis=1)
        self._motion = self._levels - design @ (np.linalg.pinv(design) @ self._levels)
        pair = np.sqrt(2) * pair_noise(*self._groups[:2], classes)[:, 0]
        self._step, own = self._usual_steps()
        self._limit = np.maximum(pair[classes.amplifier].astype(np.float32), own)
        self._limit *= np.float32(JUMP_SIGMA)

    def _measure_levels(self, classes):
        """Return the levels of groups above group 0: (nframes, ngroups, nclasses), DN.

        They are medians over the pixels of a class in a sample of rows.
        """
        step = sample_rows(self.shape[0])
        klass = np.ascontiguousarray(classes.usable_class()[::step])
        nclasses = len(classes)
        levels = np.zeros((self.nframes, len(self._groups), nclasses))
        sigma, count = np.empty(nclasses), np.empty(nclasses, np.int64)
        medians = load_kernel("darkroom.nircam.superbias.kernel").class_medians
        for frame, found in enumerate(levels):
            rows = range(0, self.shape[0], step)
            sample = np.concatenate(
                [self._read(frame, y, (1, self.shape[1])) for y in rows], axis=1
            )
            for group in range(1, len(self._groups)):
                medians(sample[group], sample[0], klass, found[0], found[group], sigma, count)
        # A class without usable pixels in a ramp does not move.
        return np.nan_to_num(levels)

    def _usual_steps(self):
        """Return median and noise of the steps of every pixel: (ny, nx) float32, DN."""
        ny, nx = self.shape
        frames = np.unique(np.linspace(0, self.nframes - 1, _NOISE_RAMPS).round().astype(int))
        median, noise = np.zeros((2, *self.shape), np.float32)
        band = max(1, _BYTES // (4 * nx * len(frames) * len(self._groups)))
        for first in range(0, ny, band):
            shape = (min(band, ny - first), nx)
            rows = slice(first, first + shape[0])
            steps = [self._steps(self._read(k, first, shape), k) for k in frames]
            steps = np.concatenate(steps).reshape(-1, shape[0] * nx)
            middle = clip_block(steps, Clip("none"), ("median",)).median
            np.abs(np.subtract(steps, middle, out=steps), out=steps)
            spread = clip_block(steps, Clip("none"), ("median",)).median
            # Pixels without a step have no line either.
            median[rows] = np.nan_to_num(middle).reshape(shape)
            noise[rows] = np.nan_to_num(MAD_TO_STD * spread).reshape(shape)
        return median, noise

    def _steps(self, groups, frame):
        """Return the steps between groups without those of the levels: (ngroups - 1, nrows, nx)."""
        moves = np.diff(self._levels[frame], axis=0).astype(groups.dtype)
        return np.diff(groups, axis=0) - moves[:, None, self._column]

    def _read(self, frame, first, shape):
        """Return the groups of the pixels of a band: (ngroups, nrows, nx) float32, DN."""
        groups = np.empty((len(self._groups), *shape), np.float32)
        for stack, values in zip(self._groups, groups, strict=True):
            stack.read_frame(frame, first, values)
        return groups

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
        step = max(1, _LINES // (values.shape[1] * len(self._groups)))
        for start in range(0, len(values), step):
            part = values[start : start + step]
            part[...] = self._lines(frame, first + start, part.shape)[0]

    def slopes(self, rows: slice) -> np.ndarray:
        """Return the clipped mean over ramps of the slopes in `rows`: (nrows, nx), DN/s."""
        first, stop, _ = rows.indices(self.shape[0])
        shape = (stop - first, self.shape[1])
        found = np.stack([self._lines(k, first, shape)[1] for k in range(self.nframes)])
        return clip_block(found.astype(np.float32), Clip("mad", 4.0, 3), ("mean",)).mean

    def _lines(self, frame, first, shape):
        """Return intercepts and slopes (NaN for a single group) of the pixels of a band."""
        rows = slice(first, first + shape[0])
        groups = self._read(frame, first, shape).astype(np.float64)
        with np.errstate(invalid="ignore"):
            jump = np.abs(self._steps(groups, frame) - self._step[rows])
            same = jump <= self._limit[rows]
        groups -= self._motion[frame][:, None, self._column]
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
