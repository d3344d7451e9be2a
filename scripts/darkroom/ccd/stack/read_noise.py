"""Read noise of every pixel from the scatter of bias frames."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from darkroom.ccd.dq import DQ
from darkroom.ccd.stack.master import stack_dq, with_noise_floor
from darkroom.ccd.stack.noise import PooledVariance, clip_variance_factor, correct_std, pooled
from darkroom.ccd.stack.survey import Survey, survey
from darkroom.combine import Clip, combine_stack
from darkroom.errors import DarkroomError

if TYPE_CHECKING:
    from darkroom.ccd.stack.frames import Stack


@dataclass(frozen=True)
class ReadNoise:
    """Read noise, in the unit of the frames.

    Attributes
    ----------
    raw : (ny, nx) float32 array
        Standard deviation of the frames without rejection, offsets included, n - 1 in the
        denominator, low by c4(n) on average: the CCD notebook's definition.
    corrected, error : (ny, nx) float32 arrays
        Unbiased standard deviation of one sample, offsets and outliers removed, and its error.
    count : (ny, nx) int16 array
        Samples used in `corrected`.
    pooled : PooledVariance
        One value for the detector, from the variances of all but the noisy pixels.
    survey : Survey
        Offsets and row noise.
    dq : (ny, nx) int32 array
        Bits of `darkroom.ccd.dq.DQ`.
    """

    raw: np.ndarray
    corrected: np.ndarray
    error: np.ndarray
    count: np.ndarray
    pooled: PooledVariance
    survey: Survey
    dq: np.ndarray


def read_noise(stack: Stack, clip: Clip, *, threads: int = 1) -> ReadNoise:
    """Measure the read noise.

    Parameters
    ----------
    stack : darkroom.ccd.stack.frames.Stack
        At least two bias frames.
    clip : Clip
        Rejection for the corrected image (see `darkroom.ccd.stack.master.with_noise_floor`).
    threads : int
        Bands combined at the same time.

    Returns
    -------
    ReadNoise
        Includes the camera's rounding (1/12 ADU² for steps of 1 ADU) and noise common to a row.

    Raises
    ------
    DarkroomError
        For a single frame.
    """
    if stack.nframes < 2:
        raise DarkroomError("1 bias frame: the read noise needs at least 2")
    seen = survey(stack)
    clip = with_noise_floor(clip, seen.noise)
    raw = combine_stack(stack, Clip("none"), threads=threads, outputs=("std",))
    clean = combine_stack(stack, clip, offsets=seen.offsets, threads=threads, outputs=("std",))
    corrected, error = correct_std(clean.std, clean.count, clip, stack.nframes)
    good = np.broadcast_to(~seen.discordant[:, None], clean.count.shape)
    detector = pooled(clean.std, clean.count, good)
    factor = clip_variance_factor(clip, stack.nframes)
    # The offset of each frame was fitted to these pixels: one degree of freedom per frame.
    factor *= 1 - 1 / seen.sample.size
    detector = PooledVariance(
        detector.variance / factor, detector.variance_error / factor, detector.used
    )
    # The noise of the overscan came into the frames when it was subtracted: it is no read noise.
    if added := stack.overscan_variance:
        factor = np.sqrt(1 - np.clip(added / detector.variance, 0, 0.99))
        corrected = (corrected * factor).astype(np.float32)
        error = (error * factor).astype(np.float32)
        detector = replace(detector, variance=detector.variance - added)
    dq = stack_dq(clean, seen.discordant)
    dq[clean.count < 2] |= DQ.NO_ERROR
    return ReadNoise(raw.std, corrected, error, clean.count, detector, seen, dq)
