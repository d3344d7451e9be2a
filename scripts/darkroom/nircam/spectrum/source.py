"""Groups of dark ramps as the noise spectrum reads them, and which ramps it can use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from darkroom.errors import DarkroomError, InputError
from darkroom.nircam.detector.dq import Group
from darkroom.nircam.ramps.classes import Classes
from darkroom.nircam.ramps.ramps import GroupStack

if TYPE_CHECKING:
    from darkroom.nircam.ramps.ramps import RampSet

#: Groups that the residuals of a straight line need.
MIN_GROUPS = 3
_UNUSABLE = Group.DO_NOT_USE | Group.SATURATED | Group.JUMP_DET
_FULL_SCALE = 65535  # of the 16 bits of raw exposures
# Rows worked on together: what is needed of them fits into a processor's cache.
_BAND = 64


class RampSource:
    """Groups of dark ramps in the detector frame.

    Parameters
    ----------
    ramps : darkroom.nircam.ramps.ramps.RampSet
        The files of the ramps.

    Attributes
    ----------
    readout : darkroom.nircam.detector.readout.Readout
        Readout of the ramps.
    nramps : int
        Number of integrations of all files.
    usable : (ny, nx) bool array
        Active pixels that are not marked DO_NOT_USE, detector frame.
    nframes : int
        Number of frames averaged into a group.
    """

    def __init__(self, ramps: RampSet) -> None:
        self._ramps = ramps
        self.readout = ramps.readout
        self.nramps = len(ramps.ramps)
        self.usable = ramps.readout.flip(Classes.from_ramps(ramps).usable)
        self.nframes = int(ramps.files[0].header.get("NFRAMES") or 1)

    def ngroups(self, ramp: int) -> int:
        """Return the number of groups of a ramp."""
        return self._ramps.files[self._ramps.ramps[ramp][0]].sci.shape[1]

    def label(self, ramp: int) -> str:
        """Return the name of a ramp for messages."""
        return self._ramps.label(ramp)

    def forget(self) -> None:
        """Give up memory that only helps to read the ramps."""
        self._ramps.forget()

    def read(
        self, ramp: int, group: int, rows: slice = slice(None), flagged: bool = True
    ) -> np.ndarray:
        """Read rows of a group.

        Parameters
        ----------
        ramp, group : int
            Counted from 0.
        rows : slice
            Of the detector frame, step 1; all by default.
        flagged : bool
            False: flags are not looked at, which is faster where bad pixels are known.

        Returns
        -------
        (nrows, nx) float32 array
            DN, detector frame; NaN where it is unusable.
        """
        which, ny = self._ramps.ramps[ramp], self.readout.ny
        first, stop, _ = rows.indices(ny)
        if self.readout.slowaxis < 0:
            first, stop = ny - stop, ny - first
        values = np.empty((stop - first, self.readout.nx), np.float32)
        flags = _UNUSABLE if flagged else 0
        GroupStack(self._ramps, group, [which], flags).read_frame(0, first, values)
        if self._ramps.files[which[0]].sci.first.dtype.kind in "iu":
            values[values >= _FULL_SCALE] = np.nan
        return self.readout.flip(values)


def bands(nrows: int) -> list[slice]:
    """Return the bands of rows that cover an image."""
    return [slice(first, min(first + _BAND, nrows)) for first in range(0, nrows, _BAND)]


def check_uncorrected(ramps: RampSet) -> None:
    """Refuse ramps after a reference-pixel correction, which removes part of the noise.

    Raises
    ------
    InputError
        Naming the first such file.
    """
    for file in ramps.files:
        if file.header.get("S_REFPIX") == "COMPLETE":
            raise InputError(
                file.path,
                "was corrected by reference pixels (S_REFPIX is COMPLETE)",
                f"a {ramps.product} needs ramps before that step, e.g. raw ones",
            )


def check_groups(source: RampSource) -> None:
    """Refuse ramps with too few groups for residuals of a straight line.

    Raises
    ------
    DarkroomError
        Naming the first such ramp.
    """
    for ramp in range(source.nramps):
        if source.ngroups(ramp) < MIN_GROUPS:
            raise DarkroomError(
                f"{source.label(ramp)}: {source.ngroups(ramp)} group(s), at least {MIN_GROUPS} "
                "are needed to measure noise as residuals of a straight line"
            )
