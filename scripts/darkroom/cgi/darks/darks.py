"""Master darks: the mean of a stack, or synthesized from noise maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from darkroom.cgi.geometry import POPULATIONS, TELEMETRY
from darkroom.cgi.maps.maps import PAIRS
from darkroom.cgi.maps.pooling import pixel_variances, strips
from darkroom.cgi.units import NONFINITE
from darkroom.errors import DarkroomError

if TYPE_CHECKING:
    from darkroom.cgi.darks.read import NoiseMapsFile
    from darkroom.cgi.geometry import Geometry
    from darkroom.cgi.maps.maps import NoiseMaps
    from darkroom.cgi.stacks.moments import Moments
    from darkroom.cgi.stacks.stacks import Stack


@dataclass
class MasterDark:
    """A dark of one exposure time and EM gain, in electrons before the EM register.

    Attributes
    ----------
    data, err : (ny, nx) float64 arrays
        Dark and its standard error [e-].
    dq : (ny, nx) uint16 array
        Data-quality flags.
    count : (ny, nx) int32 array or None
        Usable frames per pixel; None for a synthesized dark.
    exptime, em_gain : float
        Exposure time [s], EM gain.
    nfiles : int
        Number of frames it is made of.
    """

    data: np.ndarray
    err: np.ndarray
    dq: np.ndarray
    count: np.ndarray | None
    exptime: float
    em_gain: float
    nfiles: int

    def cut(self, section: tuple[slice, slice]) -> MasterDark:
        """Return the dark of a region, given by its rows and columns."""
        count = None if self.count is None else self.count[section]
        return MasterDark(
            self.data[section], self.err[section], self.dq[section], count,
            self.exptime, self.em_gain, self.nfiles,
        )  # fmt: skip


def traditional_dark(
    stack: Stack,
    moments: Moments,
    geometry: Geometry,
    *,
    way: str = "best",
    divide_by: float = 1.0,
) -> MasterDark:
    """Make a master dark from the mean of a stack of full frames.

    Parameters
    ----------
    stack : darkroom.cgi.stacks.stacks.Stack
    moments : darkroom.cgi.stacks.moments.Moments
        Statistics of the full frame, with errors.
    geometry : darkroom.cgi.geometry.Geometry
    way : str
        ``"best"``: the error is the standard error of the mean from the scatter of the samples,
        pooled over similar pixels; a hot pixel has its own. Errors that came with the frames are
        not added, since the scatter contains all that changes from frame to frame. Pixels without a
        usable frame and telemetry rows are NaN and flagged. ``"peer"``: as in corgidrp's RAM mode,
        each pixel's own scatter (ddof 0) is combined with the root mean square of the frames'
        errors; telemetry rows are 0, pixels without a frame 0 and flagged.
    divide_by : float
        EM gain to divide by when the frames were not divided by it; otherwise 1.

    Returns
    -------
    MasterDark
        Dark of the full frame.

    Raises
    ------
    DarkroomError
        When no pixel has more than one usable frame.
    """
    count = moments.count
    if count.max() <= 1:
        raise DarkroomError(f"{stack.name}: no pixel has more than one usable frame")
    # Mean signal of an electron in the samples: 1 when they were divided by the EM gain.
    gain = stack.em_gain if divide_by != 1 else 1.0
    if way == "peer":
        data, err, dq, nfiles = _peer_dark(moments, geometry.telemetry_rows)
    else:
        data, err, dq, nfiles = _best_dark(moments, geometry, gain)
    return MasterDark(
        data / divide_by, err / divide_by, dq, count, stack.exptime, stack.em_gain, nfiles
    )


def _best_dark(moments, geometry, gain):
    count = moments.count
    variance = np.empty(count.shape)
    for rows in strips(count.shape[0]):
        variance[rows] = pixel_variances(
            count[rows].reshape(-1), moments.total[rows].reshape(-1),
            moments.m2[rows].reshape(-1),
            geometry.populations[rows].reshape(-1), TELEMETRY, len(POPULATIONS), gain,
        ).reshape(variance[rows].shape)  # fmt: skip
    data = moments.mean()
    err = np.sqrt(variance / np.maximum(count, 1))
    lost = count == 0
    lost[geometry.telemetry_rows] = True
    data[lost] = err[lost] = np.nan
    dq = np.where(lost, moments.seen | NONFINITE, 0).astype(np.uint16)
    dq[count > 0] = np.where(lost[count > 0], NONFINITE, 0)
    used = np.delete(count, np.arange(*geometry.telemetry), axis=0)
    return data, err, dq, round(float(used.mean()))


def _peer_dark(moments, telemetry):
    count = moments.count
    data, scatter = moments.mean(), moments.std0() / np.sqrt(np.maximum(count, 1))
    data[telemetry] = scatter[telemetry] = 0.0
    # One sample has no scatter: it gets that of a sample in the first pixel with the most samples.
    first = np.unravel_index(count.argmax(), count.shape)
    scatter[count == 1] = scatter[first] * np.sqrt(count[first])
    err = np.sqrt(moments.rms_error() ** 2 + scatter**2)
    dq = np.where(count == 0, moments.seen, 0).astype(np.uint16)
    return data, err, dq, round(float(count.mean()))


def synthesized_dark(maps: NoiseMapsFile | NoiseMaps, exptime: float, em_gain: float) -> MasterDark:
    """Synthesize a dark from noise maps: F / g + t D + C.

    Parameters
    ----------
    maps : NoiseMapsFile or NoiseMaps
        With ``data``, ``err``, ``dq``, ``covariance``, ``nfiles`` and ``signed``.
    exptime : float
        Exposure time t [s].
    em_gain : float
        EM gain g.

    Returns
    -------
    MasterDark
        Dark of the full frame. Its error includes the covariance of the maps when they have one;
        otherwise the three errors are added in quadrature, as in corgidrp.

    Raises
    ------
    DarkroomError
        When the gain is below 1 or the time negative, or when maps that are not declared as signed
        hold negative charge.
    """
    if em_gain < 1:
        raise DarkroomError(f"EM gain {em_gain:g}: a synthesized dark needs a gain of 1 or more")
    if exptime < 0:
        raise DarkroomError(f"exposure time {exptime:g} s: it cannot be negative")
    factor = (1 / em_gain, 1.0, exptime)
    fixed, cic, dark = maps.data
    if not maps.signed:
        for name, plane in (("clock-induced charge", cic), ("dark current", dark)):
            if number := int((plane < 0).sum()):
                raise DarkroomError(
                    f"noise maps: {name} is negative in {number} pixels, though the maps do not "
                    "say that they are signed (card SIGNED)"
                )
    data = fixed / em_gain + exptime * dark + cic
    variance = sum((f * e) ** 2 for f, e in zip(factor, np.asarray(maps.err), strict=True))
    if maps.covariance is not None:
        variance = variance + sum(
            2 * factor[i] * factor[j] * np.asarray(plane, np.float64)
            for (i, j), plane in zip(PAIRS, maps.covariance, strict=True)
        )
    err = np.sqrt(np.maximum(variance, 0))
    return MasterDark(data, err, maps.dq, None, exptime, em_gain, maps.nfiles)
