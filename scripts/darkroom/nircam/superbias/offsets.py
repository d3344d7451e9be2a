"""Offsets of ramps: what the reset left on each amplifier and column parity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from darkroom.combine import Clip, combine_stack
from darkroom.compiled import load_kernel
from darkroom.errors import InputError
from darkroom.threads import over

CEILING = 65535.0  # DN, top of the 16-bit converter
# Differences from the common image farther than so many deviations from their median do not count.
_REACH = 4.0
# Rows looked at for first guesses, and for checks: about so many, evenly spread.
_SAMPLE_ROWS = 256
_CHECK_ROWS = 32


@dataclass(frozen=True)
class Offsets:
    """Levels of every ramp by class of pixels, DN.

    Attributes
    ----------
    level : (nclasses,) float64 array
        Mean over the ramps of each class's own level.
    value : (nramps, nclasses) float64 array
        Offset of each ramp from it; the sum over ramps is zero.
    error : (nramps, nclasses) float64 array
        Statistical error of each `value`, of pixels with independent noise. 1/f noise is not part
        of it: its mean over the class in the ramp's sample belongs to the offset.
    """

    level: np.ndarray
    value: np.ndarray
    error: np.ndarray

    @property
    def level_error(self):
        """Standard error of the levels: the scatter of the offsets over sqrt(nramps)."""
        n = len(self.value)
        return self.value.std(axis=0, ddof=1) / np.sqrt(n)

    def columns(self, classes):
        """Return each ramp's own level per column, (nramps, 1, nx) float32."""
        total = (self.level + self.value).astype(np.float32)
        return total[:, None, classes.column]


def sample_rows(ny):
    """Return the step of the rows that first guesses and checks look at."""
    return max(1, ny // _SAMPLE_ROWS)


class Aligned:
    """A stack of frames with each ramp's own level taken off every column.

    Parameters
    ----------
    stack : object with nframes, shape and read(rows)
    levels : (nframes, 1, nx) float32 array
    """

    def __init__(self, stack, levels):
        self._stack, self._levels = stack, levels
        self.nframes, self.shape = stack.nframes, stack.shape

    def read(self, rows):
        """Return rows of every frame, levels subtracted: (nframes, nrows, nx) float32."""
        values = self._stack.read(rows)
        values -= self._levels
        return values


def check_ramps(stack, classes, label, threads=1):
    """Refuse a ramp without usable values, or saturated, by a sample of its rows.

    Parameters are those of `first_levels`.

    Raises
    ------
    InputError
        When most usable pixels of a ramp have no finite value, or are at the converter's top.
    """
    step = max(1, stack.shape[0] // _CHECK_ROWS)
    usable = classes.usable[::step]

    def work(frame):
        _refuse_empty(_sample(stack, frame, step)[usable], label(frame))

    over(work, range(stack.nframes), threads)


def _sample(stack, frame, step):
    """Return every so manieth row of a frame."""
    rows = range(0, stack.shape[0], step)
    sample = np.empty((len(rows), stack.shape[1]), np.float32)
    for values, row in zip(sample, rows, strict=True):
        stack.read_frame(frame, row, values[None])
    return sample


def first_levels(stack, classes, label, threads=1):
    """Take the median of each ramp and class over a sample of rows.

    Parameters
    ----------
    stack : object with nframes, shape, read_frame(frame, first, values)
    classes : Classes
    label : callable
        ``label(ramp)`` names a ramp in messages.
    threads : int

    Returns
    -------
    (nframes, nclasses) float64 array
        DN.

    Raises
    ------
    InputError
        When most usable pixels of a ramp have no finite value, or are at the converter's top.
    """
    step = sample_rows(stack.shape[0])
    klass = np.ascontiguousarray(classes.usable_class()[::step])
    levels = np.empty((stack.nframes, len(classes)))
    zero = np.zeros(klass.shape, np.float32)
    offset = np.full(len(classes), 0.5 * CEILING)
    medians = load_kernel("darkroom.nircam.superbias.kernel").class_medians

    def work(frame):
        sample = _sample(stack, frame, step)
        _refuse_empty(sample[klass >= 0], label(frame))
        sigma, count = np.empty(len(classes)), np.empty(len(classes), np.int64)
        medians(sample, zero, klass, offset, levels[frame], sigma, count)
        levels[frame] += offset

    over(work, range(stack.nframes), threads)
    return levels


def _refuse_empty(values, label):
    """Refuse a ramp that has no signal to measure."""
    path, _, integration = label.partition(" integration ")
    finite = np.isfinite(values)
    if finite.mean() < 0.5:
        raise InputError(
            path,
            f"integration {integration}: {1 - finite.mean():.0%} of its pixels have no usable "
            "value (NaN or saturated)",
            "leave this exposure out",
        )
    full = (values[finite] >= CEILING).mean()
    if full > 0.5:
        raise InputError(
            path,
            f"integration {integration}: saturated, {full:.0%} of its pixels are at "
            f"{CEILING:.0f} DN, the top of the converter",
            "leave this exposure out",
        )


def solve_offsets(stack, classes, levels, floor, *, threads=1, band_rows=None):
    """Solve for the offsets of all ramps against their common image.

    One step of alternation: the clipped mean image over ramps at their first levels, then each
    ramp's clipped mean difference from that image. An error of the first levels is the same for all
    pixels of a class, so it goes into the image as a constant and the second step removes it.
    A median would not do: samples are whole DN, so of N ramps differences from the image lie on a
    grid of 1/N DN, which is as coarse as the error of a small subarray's offset.

    Parameters
    ----------
    stack : object with nframes, shape, read(rows), read_frame(frame, first, values)
    classes : Classes
    levels : (nframes, nclasses) float64 array
        First guess, DN.
    floor : float
        Scatter of an active pixel, DN: least deviation of the clip.
    threads : int
    band_rows : int, optional

    Returns
    -------
    Offsets
    """
    start = levels.astype(np.float32)
    aligned = Aligned(stack, start[:, None, classes.column])
    clip = Clip("mad", 4.0, 3, floor)
    image = combine_stack(
        aligned, clip, threads=threads, tile_rows=band_rows, outputs=("mean",)
    ).mean
    klass = classes.usable_class()
    nclasses = len(classes)
    median, sigma, mean, error = np.empty((4, stack.nframes, nclasses))
    count = np.empty((stack.nframes, nclasses), np.int64)
    kernel = load_kernel("darkroom.nircam.superbias.kernel")

    def work(frame):
        values = np.empty(stack.shape, np.float32)
        stack.read_frame(frame, 0, values)
        own = start[frame].astype(np.float64)
        kernel.class_medians(values, image, klass, own, median[frame], sigma[frame], count[frame])
        centre, reach = own + median[frame], _REACH * sigma[frame]
        kernel.class_means(values, image, klass, centre, reach, mean[frame], error[frame])

    over(work, range(stack.nframes), threads)
    total = start + median + mean
    level = total.mean(axis=0)
    return Offsets(level, total - level, error)
