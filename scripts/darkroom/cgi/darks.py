"""Master darks: the mean of a stack, or put together from noise maps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from darkroom.cgi.maps import PAIRS
from darkroom.cgi.moments_kernel import NONFINITE
from darkroom.errors import DarkroomError

WAYS = ("best", "peer")


@dataclass
class MasterDark:
    """A dark of one exposure time and EM gain, in electrons before the EM register.

    Attributes
    ----------
    data, err : (ny, nx) float64 arrays
        Dark and its standard error, e-.
    dq : (ny, nx) uint16 array
    count : (ny, nx) int32 array or None
        Usable frames a pixel (None for a synthesized dark).
    exptime, em_gain : float
        Exposure time in seconds, EM gain.
    nfiles : int
        Frames it is made of.
    """

    data: np.ndarray
    err: np.ndarray
    dq: np.ndarray
    count: np.ndarray | None
    exptime: float
    em_gain: float
    nfiles: int

    def cut(self, section):
        """Return the dark of a region, given as two slices."""
        count = None if self.count is None else self.count[section]
        return MasterDark(
            self.data[section], self.err[section], self.dq[section], count,
            self.exptime, self.em_gain, self.nfiles,
        )  # fmt: skip


def traditional_dark(stack, moments, geometry, *, way="best", divide_by=1.0):
    """Make a master dark of the mean of a stack of full frames.

    Parameters
    ----------
    stack : darkroom.cgi.stacks.Stack
    moments : Moments
        Of the full frame, with errors.
    geometry : darkroom.cgi.geometry.Geometry
    way : str
        ``"best"``: the error of the mean is its scatter (ddof 1) over the root of the number of
        frames, joined with the frames' own error as one that they share; pixels without a usable
        frame and telemetry rows are NaN and flagged. ``"peer"``: as corgidrp's RAM mode, where
        the scatter has ddof 0, telemetry rows are 0 and pixels without a frame are 0 and flagged.
    divide_by : float
        EM gain that the frames were not divided by (1 when they were).

    Returns
    -------
    MasterDark
        Of the full frame.

    Raises
    ------
    DarkroomError
        When no pixel has more than one usable frame.
    """
    count = moments.count
    if count.max() <= 1:
        raise DarkroomError(f"{stack.name}: no pixel has more than one usable frame")
    telemetry = geometry.telemetry_rows
    mean, scatter = moments.mean(), moments.std0() / np.sqrt(np.maximum(count, 1))
    if way == "best":
        scatter *= np.sqrt(count / np.maximum(count - 1.0, 1))
    else:
        mean[telemetry] = scatter[telemetry] = 0.0
    # One sample tells no scatter: it gets that of a sample of the first pixel with the most.
    first = np.unravel_index(count.argmax(), count.shape)
    scatter[count == 1] = scatter[first] * np.sqrt(count[first])
    data = mean / divide_by
    err = np.sqrt(moments.rms_error() ** 2 + scatter**2) / divide_by
    dq = np.where(count == 0, moments.seen, 0).astype(np.uint16)
    used = count
    if way == "best":
        lost = count == 0
        lost[telemetry] = True
        data[lost] = err[lost] = np.nan
        dq[lost] |= NONFINITE
        used = np.delete(count, np.arange(*geometry.telemetry), axis=0)
    nfiles = round(float(used.mean()))
    return MasterDark(data, err, dq, count, stack.exptime, stack.em_gain, nfiles)


def synthesized_dark(maps, exptime, em_gain):
    """Put a dark together from noise maps: F / g + t D + C.

    Parameters
    ----------
    maps : NoiseMapsFile or NoiseMaps
        With ``data``, ``err``, ``dq``, ``covariance`` and ``nfiles``.
    exptime : float
        Exposure time t in seconds.
    em_gain : float
        EM gain g.

    Returns
    -------
    MasterDark
        Of the full frame. The error takes the maps' covariance into account when they have one,
        otherwise it adds the three errors in quadrature (as corgidrp does).

    Raises
    ------
    DarkroomError
        When the gain is below 1 or the time negative.
    """
    if em_gain < 1:
        raise DarkroomError(f"EM gain {em_gain:g}: a synthesized dark needs a gain of 1 or more")
    if exptime < 0:
        raise DarkroomError(f"exposure time {exptime:g} s: it cannot be negative")
    factor = (1 / em_gain, 1.0, exptime)
    fixed, cic, dark = maps.data
    data = fixed / em_gain + exptime * dark + cic
    if maps.covariance is None:
        variance = sum((f * e) ** 2 for f, e in zip(factor, np.asarray(maps.err), strict=True))
    else:
        variance = sum(
            (1 if i == j else 2) * factor[i] * factor[j] * np.asarray(plane, np.float64)
            for (i, j), plane in zip(PAIRS, maps.covariance, strict=True)
        )
    err = np.sqrt(np.maximum(variance, 0))
    return MasterDark(data, err, maps.dq, None, exptime, em_gain, maps.nfiles)
