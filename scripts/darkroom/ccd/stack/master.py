"""Master frames: the clipped mean of like frames, and its uncertainty."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from darkroom.ccd.dq import DQ
from darkroom.ccd.settings import CcdSettings
from darkroom.ccd.stack.frames import saturation_level
from darkroom.ccd.stack.survey import Survey, survey
from darkroom.combine import Combined, combine_stack


@dataclass(frozen=True)
class Master:
    """The mean of like frames. Unit: that of the frames.

    Attributes
    ----------
    combined : darkroom.combine.Combined
        ``mean``; ``error``, the standard error of the mean from the pixel's own scatter (compare
        through Student's t with count - 1 degrees of freedom); ``std``; ``count``.
    survey : Survey
        Offsets of the frames. ``survey.common_error`` is the further error of the mean that all
        pixels share: offsets wander, and nothing in the frames tells their true zero.
    dq : (ny, nx) int32 array
        Bits of `darkroom.ccd.dq.DQ`.
    """

    combined: Combined
    survey: Survey
    dq: np.ndarray


def master(stack, clip, *, saturation=CcdSettings.saturation_adu, align=True, threads=1):
    """Combine like frames.

    Parameters
    ----------
    stack : darkroom.ccd.stack.frames.Stack
        Frames of one exposure time and temperature group.
    clip : darkroom.combine.Clip
        Rejection of outliers; a MAD clip is used `with_noise_floor`.
    saturation : float
        Level at and above which a sample is saturated, in ADU.
    align : bool
        Take the offset of each frame away before the frames are combined. The offsets sum to
        zero, so the mean level stays; the scatter no longer holds the offsets' wandering.
    threads : int
        Bands worked on at once.

    Returns
    -------
    Master
        The same whatever the number of threads.
    """
    seen = survey(stack)
    saturated = SaturationWatch(stack, saturation_level(saturation, seen.step, stack.gain))
    combined = combine_stack(
        saturated,
        with_noise_floor(clip, seen.noise),
        offsets=seen.offsets if align else None,
        threads=threads,
        outputs=("mean", "std", "error"),
    )
    dq = stack_dq(combined, seen.discordant)
    dq[saturated.seen] |= DQ.SATURATED
    return Master(combined, seen, dq)


def with_noise_floor(clip, noise):
    """Give a MAD clip the typical noise as its least deviation.

    The MAD of few samples is often far too small by chance, and zero where the camera rounds
    coarsely; without a floor good samples go and the errors come out too small.

    Parameters
    ----------
    clip : Clip
        As the user chose it; other methods are returned as they are.
    noise : float
        Typical standard deviation of a pixel in time; not finite when there is one frame.
    """
    if clip.method != "mad" or not np.isfinite(noise):
        return clip
    return replace(clip, floor=float(noise))


def stack_dq(combined, discordant):
    """Return the DQ image that follows from the counts of a combined stack.

    Parameters
    ----------
    combined : Combined
        With images of shape (ny, nx).
    discordant : (ny,) bool array
        Rows where the frames disagree.
    """
    dq = np.zeros(combined.count.shape, np.int32)
    dq[combined.count == 0] |= DQ.NONFINITE
    dq[combined.count == 1] |= DQ.NO_ERROR
    dq[combined.nclipped > 0] |= DQ.CLIPPED
    dq[discordant] |= DQ.DISCORDANT
    return dq


class SaturationWatch:
    """A stack that notes which pixels were ever saturated while it is read.

    Parameters
    ----------
    stack : Stack
        Where the frames come from.
    level : float
        Saturation level in the unit of the stack.
    blank : bool
        Give saturated samples as NaN.
    """

    def __init__(self, stack, level, *, blank=False):
        self.stack, self.level, self.blank = stack, level, blank
        self.nframes, self.shape, self.gain = stack.nframes, stack.shape, stack.gain
        self.seen = np.zeros(stack.shape, bool)

    def read(self, rows):
        """Read a band of all frames: (nframes, nrows, nx) float32."""
        values = self.stack.read(rows)
        high = values >= self.level
        self.seen[rows] = high.any(axis=0)
        return np.where(high, np.float32(np.nan), values) if self.blank else values
