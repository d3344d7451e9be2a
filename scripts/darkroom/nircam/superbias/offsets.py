"""Offsets of ramps: the level of each amplifier and column parity after the reset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from darkroom.combine import Clip, combine_stack
from darkroom.compiled import load_kernel
from darkroom.errors import InputError
from darkroom.threads import over

if TYPE_CHECKING:
    from collections.abc import Callable

    from darkroom.nircam.ramps.classes import Classes
    from darkroom.nircam.ramps.ramps import SampleStack

CEILING = 65535.0  # DN, full scale of the 16-bit ADC
# Differences from the common image are clipped at this many robust deviations from their median.
_REACH = 4.0
# Number of evenly spaced rows that initial estimates, and checks, are made from.
_SAMPLE_ROWS = 256
_CHECK_ROWS = 32


@dataclass(frozen=True)
class Offsets:
    """Levels of every ramp by class of pixels, DN.

    Attributes
    ----------
    level : (nclasses,) float64 array
        Mean level of each class over the ramps.
    value : (nramps, nclasses) float64 array
        Offset of each ramp from it; the sum over ramps is zero.
    error : (nramps, nclasses) float64 array
        Statistical error of each `value`, for pixels with independent noise. It does not include
        1/f noise, whose mean over a class in a frame is part of the offset.
    """

    level: np.ndarray
    value: np.ndarray
    error: np.ndarray

    @property
    def level_error(self) -> np.ndarray:
        """Standard error of the levels, (nclasses,): scatter of the offsets over sqrt(nramps)."""
        n = len(self.value)
        return self.value.std(axis=0, ddof=1) / np.sqrt(n)

    def columns(self, classes: Classes) -> np.ndarray:
        """Return the level of every ramp and column, (nramps, 1, nx) float32."""
        total = (self.level + self.value).astype(np.float32)
        return total[:, None, classes.column]


def sample_rows(ny: int) -> int:
    """Return the step between the rows that initial estimates are made from."""
    return max(1, ny // _SAMPLE_ROWS)


class OffsetSubtracted:
    """A stack of frames from which the level of each ramp and column is subtracted.

    Parameters
    ----------
    stack : GroupStack or InterceptStack
    levels : (nframes, 1, nx) float32 array
        DN.
    """

    def __init__(self, stack: SampleStack, levels: np.ndarray) -> None:
        self._stack, self._levels = stack, levels
        self.nframes, self.shape = stack.nframes, stack.shape

    def read(self, rows: slice) -> np.ndarray:
        """Return rows of every frame, levels subtracted: (nframes, nrows, nx) float32."""
        values = self._stack.read(rows)
        values -= self._levels
        return values


def check_ramps(
    stack: SampleStack, classes: Classes, label: Callable[[int], str], threads: int = 1
) -> None:
    """Refuse a ramp that has no usable values or is saturated, judged by a sample of its rows.

    Parameters
    ----------
    stack : GroupStack or InterceptStack
    classes : Classes
    label : callable
        ``label(ramp)`` returns the name of a ramp for messages.
    threads : int

    Raises
    ------
    InputError
        When more than half of the usable pixels of a ramp have no finite value, or are at the full
        scale of the ADC.
    """
    step = max(1, stack.shape[0] // _CHECK_ROWS)
    usable = classes.usable[::step]

    def work(frame):
        _refuse_empty(_sample(stack, frame, step)[usable], label(frame))

    over(work, range(stack.nframes), threads)


def _sample(stack, frame, step):
    """Return every `step`-th row of a frame."""
    rows = range(0, stack.shape[0], step)
    sample = np.empty((len(rows), stack.shape[1]), np.float32)
    for values, row in zip(sample, rows, strict=True):
        stack.read_frame(frame, row, values[None])
    return sample


def initial_levels(
    stack: SampleStack, classes: Classes, label: Callable[[int], str], threads: int = 1
) -> np.ndarray:
    """Return the median of each ramp and class over a sample of rows.

    Parameters
    ----------
    stack : GroupStack or InterceptStack
    classes : Classes
    label : callable
        ``label(ramp)`` returns the name of a ramp for messages.
    threads : int

    Returns
    -------
    (nframes, nclasses) float64 array
        DN.

    Raises
    ------
    InputError
        When more than half of the usable pixels of a ramp have no finite value, or are at the full
        scale of the ADC.
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
    """Refuse a ramp of which most pixels have no value or are saturated."""
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
            f"{CEILING:.0f} DN, the full scale of the ADC",
            "leave this exposure out",
        )


def solve_offsets(
    stack: SampleStack,
    classes: Classes,
    levels: np.ndarray,
    floor: float,
    *,
    threads: int = 1,
    band_rows: int | None = None,
) -> Offsets:
    """Solve for the offsets of all ramps from their common image.

    Two steps suffice. The first is the clipped mean image of all ramps after subtraction of their
    initial levels, the second the clipped mean difference of each ramp from this image. An error
    of the initial levels is common to all pixels of a class; it adds a constant to the image, which
    the second step removes. A median would be too coarse in the second step: samples are integers,
    so that differences from the mean of N ramps are multiples of 1/N DN, and in a small subarray
    the error of an offset is not larger than that.

    Parameters
    ----------
    stack : GroupStack or InterceptStack
    classes : Classes
    levels : (nframes, nclasses) float64 array
        Initial estimate of the level of each ramp and class, DN.
    floor : float
        Typical scatter of an active pixel, DN: the smallest deviation that the clip assumes.
    threads : int
    band_rows : int, optional
        Rows of a band; the result does not depend on it.

    Returns
    -------
    Offsets
    """
    start = levels.astype(np.float32)
    aligned = OffsetSubtracted(stack, start[:, None, classes.column])
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
