"""What the step dark_current subtracts from each group."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from darkroom.errors import InputError

if TYPE_CHECKING:
    from darkroom.nircam.chain.references import Dark


class DarkSignal:
    """The signal of a dark reference at the groups of an exposure.

    Parameters
    ----------
    dark : Dark
    ngroups, nframes, groupgap : int
        Of the exposure.

    Attributes
    ----------
    skipped : bool
        The dark has more frames to a group, or drops more, than the exposure: nothing is
        subtracted.
    """

    def __init__(self, dark: Dark, ngroups: int, nframes: int, groupgap: int) -> None:
        self._dark, self._nframes, self._step = dark, nframes, nframes + groupgap
        held = len(dark.signal)
        frames = [
            groups * each + (groups - 1) * gap
            for groups, each, gap in (
                (ngroups, nframes, groupgap),
                (held, dark.nframes, dark.groupgap),
            )
        ]
        #: Groups that are missing at the end of the dark, and are extrapolated.
        self.missing = 0
        if frames[0] > frames[1]:
            each = dark.nframes + dark.groupgap
            self.missing = math.ceil((frames[0] - frames[1] + dark.groupgap) / each)
        self.skipped = dark.nframes > nframes or dark.groupgap > groupgap
        self._as_is = dark.nframes == nframes and dark.groupgap == groupgap

    def rows(self, group: int, first: int, nrows: int) -> np.ndarray:
        """Return what is subtracted from rows of a group: (nrows, nx) float32 or float64, DN."""
        rows = slice(first, first + nrows)
        if self._as_is:
            return self._plane(group, rows)
        # The pipeline takes planes for frames, also those of a dark of averaged groups, and the
        # mean of those that there are.
        start, held = group * self._step, len(self._dark.signal) + self.missing
        if self._nframes == 1:
            if start >= held:
                raise InputError(
                    self._dark.path,
                    f"this dark has {held} groups, and the step dark_current needs number "
                    f"{start + 1}",
                    "choose a dark of the exposure's read pattern",
                )
            return self._plane(start, rows).astype(np.float32)
        planes = [
            self._plane(frame, rows)
            for frame in range(start, start + self._nframes)
            if frame < held
        ]
        if not planes:
            return np.full((nrows, self._dark.signal.shape[2]), np.nan, np.float32)
        total = planes[0].copy()
        for plane in planes[1:]:
            total += plane
        return (total / total.dtype.type(len(planes))).astype(np.float32)

    def _plane(self, number, rows):
        """Return rows of one plane of the dark, beyond its end extrapolated; NaN are 0."""
        signal = self._dark.signal
        kind = np.float64 if self.missing else np.float32
        if number < len(signal):
            plane = signal[number, rows].astype(kind)
        else:
            last = signal[-1, rows]
            change = (last - signal[-2, rows]).astype(np.float64)
            plane = last.astype(np.float64) + (number - len(signal) + 1) * change
        return np.where(np.isnan(plane), kind(0), plane)
