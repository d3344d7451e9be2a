"""Master frames: the clipped mean of frames of one exposure time, and its uncertainty."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.ccd.dq import DQ
from darkroom.ccd.settings import CcdSettings
from darkroom.ccd.stack.frames import saturation_level
from darkroom.ccd.stack.survey import Survey, survey
from darkroom.combine import Combined, combine_stack

if TYPE_CHECKING:
    from darkroom.ccd.stack.frames import Stack
    from darkroom.combine import Clip


@dataclass(frozen=True)
class Master:
    """A master frame, in the unit of the frames.

    Attributes
    ----------
    combined : darkroom.combine.Combined
        ``mean``; ``error``, the standard error of the mean from the scatter of the pixel itself,
        for Student's t with count - 1 degrees of freedom; ``std``; ``count``.
    survey : Survey
        Offsets of the frames. ``survey.common_error`` is the additional error of the mean that all
        pixels share: the scatter of the offsets limits how well their mean is known.
    dq : (ny, nx) int32 array
        Bits of `darkroom.ccd.dq.DQ`.
    cards : tuple of (keyword, value, comment)
        On its overscan; see `darkroom.ccd.products.overscan.cards`.
    """

    combined: Combined
    survey: Survey
    dq: np.ndarray
    cards: tuple[tuple[str, Any, str], ...] = ()


def master(
    stack: Stack,
    clip: Clip,
    *,
    saturation: float = CcdSettings.saturation_adu,
    align: bool = True,
    threads: int = 1,
) -> Master:
    """Combine frames of one exposure time and temperature group.

    Parameters
    ----------
    stack : darkroom.ccd.stack.frames.Stack
        The frames.
    clip : darkroom.combine.Clip
        Rejection of outliers; a MAD clip is used `with_noise_floor`.
    saturation : float
        Level at and above which a sample is saturated, in ADU.
    align : bool
        Subtract the offset of each frame before combination. The offsets sum to zero, so the mean
        level does not change, but their scatter no longer adds to that of the pixels.
    threads : int
        Bands combined at the same time.

    Returns
    -------
    Master
        It does not depend on the number of threads.
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


def with_noise_floor(clip: Clip, noise: float) -> Clip:
    """Return a MAD clip whose scale is at least the typical noise.

    The MAD of few samples is often far too small by chance, and zero where the camera rounds
    coarsely. Without a floor good samples would be rejected and errors underestimated.

    Parameters
    ----------
    clip : Clip
        As the user chose it. Other methods are returned unchanged.
    noise : float
        Typical standard deviation of a pixel in time; NaN for a single frame.

    Returns
    -------
    Clip
    """
    if clip.method != "mad" or not np.isfinite(noise):
        return clip
    return replace(clip, floor=float(noise))


def stack_dq(combined: Combined, discordant: np.ndarray) -> np.ndarray:
    """Return the DQ image of a combined stack: missing, rejected and discordant samples.

    Parameters
    ----------
    combined : Combined
        With images of shape (ny, nx).
    discordant : (ny,) bool array
        Rows where the frames disagree (see `darkroom.ccd.stack.survey.Survey`).

    Returns
    -------
    (ny, nx) int32 array
        Bits of `darkroom.ccd.dq.DQ`.
    """
    dq = np.zeros(combined.count.shape, np.int32)
    dq[combined.count == 0] |= DQ.NONFINITE
    dq[combined.count == 1] |= DQ.NO_ERROR
    dq[combined.nclipped > 0] |= DQ.CLIPPED
    dq[discordant] |= DQ.DISCORDANT
    return dq


class SaturationWatch:
    """A stack that records which pixels were saturated in any frame read.

    Parameters
    ----------
    stack : Stack
        The frames.
    level : float
        Saturation level in the unit of the stack.
    blank : bool
        Replace saturated samples by NaN.

    Attributes
    ----------
    seen : (ny, nx) bool array
        Pixels saturated in any frame read so far.
    """

    def __init__(self, stack: Stack, level: float, *, blank: bool = False) -> None:
        self.stack, self.level, self.blank = stack, level, blank
        self.nframes, self.shape, self.gain = stack.nframes, stack.shape, stack.gain
        self.seen = np.zeros(stack.shape, bool)

    def read(self, rows: slice) -> np.ndarray:
        """Read a band of all frames: (nframes, nrows, nx) float32."""
        values, high = self.stack.read_marked(rows, self.level)
        if not high.any():
            self.seen[rows] = False
            return values
        self.seen[rows] = high.any(axis=0)
        return np.where(high, np.float32(np.nan), values) if self.blank else values
