"""Read noise from the residuals of straight lines through dark ramps.

The line through each ramp of a pixel removes bias, kTC noise and dark current. The variances of all
ramps are averaged, weighted by their degrees of freedom. Ramps are split at cosmic rays, which only
step up. A pixel that also steps down, between two levels, has telegraph noise: its ramps are not
split, since these steps are part of its noise.

A group may be the mean of several frames. The noise that is returned is that of one frame: the
noise of a group times the square root of their number. This is the convention of the read noise
files of the pipeline, which divides by that square root again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntFlag
from typing import TYPE_CHECKING

import numpy as np

from darkroom.compiled import load_kernel
from darkroom.errors import InputError
from darkroom.nircam.frames import frames_per_group
from darkroom.nircam.ramps.ramps import GroupStack
from darkroom.nircam.ramps.robust import robust_upper_limit
from darkroom.nircam.superbias.noise import pair_noise

if TYPE_CHECKING:
    from darkroom.nircam.ramps.blocks import RampBlocks
    from darkroom.nircam.ramps.classes import Classes
    from darkroom.nircam.ramps.ramps import RampSet
    from darkroom.nircam.readnoise.settings import ReadnoiseSettings

MIN_GROUPS = 3
_SAMPLE_ROWS = 64


class Flag(IntFlag):
    """Properties of the read noise of a pixel: bits of the DQ image in the file of details."""

    NO_VALUE = 1
    NOISY = 2
    TELEGRAPH = 4
    FEW = 8
    REFERENCE_PIXEL = 16


MEANING: dict[IntFlag, str] = {
    Flag.NO_VALUE: "no ramp with 3 usable groups: NaN",
    Flag.NOISY: "read noise far above that of its amplifier and kind",
    Flag.TELEGRAPH: "telegraph noise: steps between two levels; its ramps are not split",
    Flag.FEW: "fewer than 8 degrees of freedom: relative error above 1/4",
    Flag.REFERENCE_PIXEL: "reference pixel",
}
_FEW = 8
# Steps down that telegraph noise must be expected to have, at least.
_TELEGRAPH_STEPS = 1.5


@dataclass
class ReadNoise:
    """Read noise of every pixel, images in the DMS frame.

    Attributes
    ----------
    single : (ny, nx) float32 array
        Noise of one read (one frame), DN; NaN without a usable ramp.
    error : (ny, nx) float32 array
        Its standard error, single / sqrt(2 nu), DN.
    nu : (ny, nx) int32 array
        Degrees of freedom.
    pair : (ny, nx) float32 array
        Measured noise of the difference of two groups, times the square root of `nframes`, DN.
    njumps : (ny, nx) int32 array
        Number of cosmic rays (steps up) found.
    telegraph : (ny, nx) float32 array
        Amplitude of telegraph noise where flagged, DN; else 0.
    dq : (ny, nx) int32 array
        Bits of `Flag`.
    ramp_single : (nramps, nkinds) float64 array
        Noise of one read of the quiet pixels of each ramp and kind, DN.
    ramp_nu : (nramps, nkinds) int64 array
        Degrees of freedom of `ramp_single`.
    nframes : int
        Frames whose mean is a group.
    """

    single: np.ndarray
    error: np.ndarray
    nu: np.ndarray
    pair: np.ndarray
    njumps: np.ndarray
    telegraph: np.ndarray
    dq: np.ndarray
    ramp_single: np.ndarray
    ramp_nu: np.ndarray
    nframes: int = 1


def pixel_kinds(classes: Classes) -> np.ndarray:
    """Return the kind of every pixel, amplifier + noutputs × (reference pixel), (ny, nx) int32."""
    return (classes.amplifier + classes.noutputs * classes.reference).astype(np.int32)


def check_groups(ramps: RampSet, minimum: int) -> None:
    """Refuse exposures with fewer than `minimum` groups.

    Raises
    ------
    InputError
        The message names the first such exposure.
    """
    for file in ramps.files:
        ngroups = file.sci.shape[1]
        if ngroups < minimum:
            raise InputError(
                file.path,
                f"{ngroups} group(s) per ramp, at least {minimum} are needed",
                "two are enough for method stack"
                if ngroups > 1
                else "the read noise is the scatter within a ramp",
            )


def measure(
    blocks: RampBlocks, classes: Classes, settings: ReadnoiseSettings, *, threads: int = 1
) -> ReadNoise:
    """Measure the read noise of every pixel.

    Parameters
    ----------
    blocks : RampBlocks
        The samples of all ramps.
    classes : Classes
    settings : ReadnoiseSettings
    threads : int
        Blocks worked on at once.

    Returns
    -------
    ReadNoise

    Raises
    ------
    InputError
        When an exposure has fewer than 3 groups, or its header does not say how many frames are
        averaged in a group.
    """
    ramps = blocks.ramps
    check_groups(ramps, MIN_GROUPS)
    kind = pixel_kinds(classes)
    step_noise = _step_noise(blocks, classes)
    candidate = _telegraph_limits(blocks, kind, step_noise, settings)
    nkinds = len(step_noise)
    result = _empty_readnoise(ramps.shape, len(ramps.ramps), nkinds)

    def work(values, rows, columns):
        found = _Sums(values.shape[1], len(ramps.ramps), nkinds)
        place = np.ascontiguousarray(kind[rows, columns]).ravel()
        found.collect(values, blocks.starts, place, step_noise, candidate, settings)
        _store(result, found, rows, columns, settings)
        return found.ramp_squares, found.ramp_nu

    parts = blocks.over(work, threads)
    squares, nu = (sum(part[k] for part in parts) for k in (0, 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        result.ramp_single, result.ramp_nu = np.sqrt(squares / nu), nu
    _flag(result, classes, kind, settings)
    _to_frames(result, frames_per_group(ramps))
    return result


def _to_frames(result, nframes):
    """Convert the noise of groups to that of the frames whose means they are."""
    result.nframes = nframes
    if nframes > 1:
        for image in (result.single, result.error, result.pair, result.ramp_single):
            image *= math.sqrt(nframes)


def _step_noise(blocks, classes):
    """Return the typical noise of a difference of groups 0 and 1, by kind, DN."""
    stacks = (GroupStack(blocks.ramps, group, flags=blocks.flags) for group in (0, 1))
    noise = np.sqrt(2) * pair_noise(*stacks, classes)
    # A kind without pixels (reference pixels in some subarrays) is NaN, and never looked up.
    return np.nan_to_num(noise.T.ravel(), nan=0.0)


class _Sums:
    """Sums over the ramps for the pixels of one block, as the kernel `residuals` fills them."""

    def __init__(self, npixels, nramps, nkinds):
        self.total, self.raw, self.pairs = (np.empty(npixels) for _ in range(3))
        self.nu, self.raw_nu, self.pairs_nu, self.njumps = (
            np.empty(npixels, np.int32) for _ in range(4)
        )
        self.gain, self.amplitude, self.downs = (np.empty(npixels, np.float32) for _ in range(3))
        self.ramp_squares = np.zeros((nramps, nkinds))
        self.ramp_nu = np.zeros((nramps, nkinds), np.int64)

    def collect(self, values, starts, kind, step_noise, candidate, settings):
        stride = 2 if settings.group_diff_type == "independent" else 1
        load_kernel("darkroom.nircam.readnoise.kernel").residuals(
            values, starts, kind, step_noise, candidate, stride,
            self.total, self.nu, self.raw, self.raw_nu, self.pairs, self.pairs_nu, self.njumps,
            self.gain, self.amplitude, self.downs, self.ramp_squares, self.ramp_nu,
        )  # fmt: skip


def _telegraph_limits(blocks, kind, step_noise, settings):
    """Return the noise above which a pixel is tested for telegraph noise, by kind, DN.

    It is the limit for NOISY, estimated from a sample of rows.
    """
    ny, nx = blocks.ramps.shape
    never = np.full(len(step_noise), np.inf)
    found = [[] for _ in step_noise]

    def work(values, rows, columns):
        sums = _Sums(values.shape[1], len(blocks.ramps.ramps), len(step_noise))
        place = np.ascontiguousarray(kind[rows, columns]).ravel()
        sums.collect(values, blocks.starts, place, step_noise, never, settings)
        with np.errstate(invalid="ignore", divide="ignore"):
            noise = np.sqrt(sums.raw / sums.raw_nu)
        for k, values in enumerate(found):
            here = noise[place == k]
            values.append(here[np.isfinite(here)])

    every = max(1, ny // _SAMPLE_ROWS)
    blocks.over(work, layout=[(slice(y, y + 1), slice(0, nx)) for y in range(0, ny, every)])
    limits = []
    for values in map(np.concatenate, found):
        limits.append(robust_upper_limit(values, settings.noisy_sigma) if values.size else np.inf)
    return np.array(limits)


def _empty_readnoise(shape, nramps, nkinds):
    images = [np.empty(shape, np.float32) for _ in range(4)]
    single, error, pair, telegraph = images
    nu, njumps = np.empty(shape, np.int32), np.empty(shape, np.int32)
    dq = np.zeros(shape, np.int32)
    ramp_single, ramp_nu = np.empty((nramps, nkinds)), np.empty((nramps, nkinds), np.int64)
    return ReadNoise(single, error, nu, pair, njumps, telegraph, dq, ramp_single, ramp_nu)


def _store(result, found, rows, columns, settings):
    """Compute the images of a block from its sums."""
    shape = result.single[rows, columns].shape
    telegraph = (found.gain > settings.telegraph_gain) & (found.downs >= _TELEGRAPH_STEPS)
    total = np.where(telegraph, found.raw, found.total)
    nu = np.where(telegraph, found.raw_nu, found.nu)
    with np.errstate(invalid="ignore", divide="ignore"):
        single = np.sqrt(total / nu)
        images = {
            "single": single,
            "error": single / np.sqrt(2 * nu),
            "nu": nu,
            "pair": np.sqrt(found.pairs / found.pairs_nu),
            "njumps": found.njumps,
            "telegraph": np.where(telegraph, found.amplitude, 0.0),
            "dq": np.where(telegraph, Flag.TELEGRAPH, 0),
        }
    for name, values in images.items():
        getattr(result, name)[rows, columns] = values.reshape(shape)


def _flag(result, classes, kind, settings):
    dq = result.dq
    dq[classes.reference] |= Flag.REFERENCE_PIXEL
    dq[~np.isfinite(result.single)] |= Flag.NO_VALUE
    dq[result.nu < _FEW] |= Flag.FEW
    for k in range(2 * classes.noutputs):
        where = kind == k
        values = result.single[where]
        good = values[np.isfinite(values)]
        if good.size:
            with np.errstate(invalid="ignore"):
                noisy = values > robust_upper_limit(good, settings.noisy_sigma)
            dq[where] |= np.where(noisy, Flag.NOISY, 0)
