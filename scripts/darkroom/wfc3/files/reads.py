"""The reads of an IMA as a cube in time order, and the count rates between them.

The formulas are those of the WFC3 team's notebooks (ISR WFC3 2018-05, equation 3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from darkroom.errors import DarkroomError, InputError
from darkroom.wfc3.dq import SATURATED, ZEROTH_SIGNAL
from darkroom.wfc3.files.imsets import Imsets, extver_of, required
from darkroom.wfc3.settings import Wfc3Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from darkroom.hints import StrPath

#: Regions of the notebook in pixels of the full array, border included: x0, x1, y0, y1.
LEFT, RIGHT = tuple(Wfc3Settings().left), tuple(Wfc3Settings().right)
FULL_SIDE, BORDER = 1024, 5
METHODS = ("instantaneous", "cumulative")
#: For a normal sample: sigma in units of the median absolute deviation, and the standard error of
#: the median in units of sigma / sqrt(N), sqrt(pi / 2).
MAD_SIGMA, MEDIAN_ERROR = 1.4826, 1.2533


@dataclass
class Cube:
    """Calibrated reads in time order, k = 0 the zeroth.

    Parameters
    ----------
    rates : (n, ny, nx) float32 array
        Mean rate since the zeroth read, e-/s, border included; NaN where it must not be used.
    times : (n,) float64 array
        Seconds since the zeroth read.
    flagged : (ny, nx) bool array
        Pixels flagged in the zeroth read (whose flags all reads share), those that saturate in any
        read, and the border.
    unit : str
        BUNIT of the rates.
    name : str
        Root name of the exposure.
    """

    rates: np.ndarray
    times: np.ndarray
    flagged: np.ndarray
    unit: str
    name: str

    @property
    def nsamp(self) -> int:
        """Number of reads, the zeroth included."""
        return self.rates.shape[0]

    @property
    def shape(self) -> tuple[int, ...]:
        """(ny, nx) with the border."""
        return self.rates.shape[1:]

    @property
    def steps(self) -> np.ndarray:
        """Seconds between reads, (n-1,)."""
        return np.diff(self.times)


def read_ima(path: StrPath) -> Cube:
    """Read the `Cube` of an IMA.

    Parameters
    ----------
    path : path-like
        IMA file (``.gz`` too), made by calwf3 or by the builtin engine.

    Raises
    ------
    InputError
        When it is not an IMA of WFC3/IR with count rates in it, or is truncated.
    """
    with Imsets(path) as imsets:
        primary = imsets.primary
        if (primary.get("INSTRUME", "").strip(), primary.get("DETECTOR", "").strip()) != (
            "WFC3", "IR",
        ):  # fmt: skip
            raise InputError(path, "is not of WFC3/IR")
        nsamp = int(required(imsets, primary, "NSAMP"))
        if nsamp < 2:
            raise InputError(path, f"has {nsamp} read (NSAMP); two make a difference")
        extvers = [extver_of(k, nsamp) for k in range(nsamp)]
        missing = [e for e in extvers if ("SCI", e) not in imsets.names]
        if missing:
            raise InputError(
                path, f"truncated: NSAMP is {nsamp}, but EXTVER {missing[0]} is not there"
            )
        unit = str(required(imsets, imsets.header("SCI", 1), "BUNIT"))
        if not unit.upper().endswith("/S"):
            raise InputError(path, f"is in {unit}; read differences need rates", "give the IMA")
        rates = np.empty((nsamp, *imsets.shape("SCI", 1)), np.float32)
        for k, extver in enumerate(extvers):
            if imsets.shape("SCI", extver) != rates.shape[1:]:
                raise InputError(path, f"[SCI,{extver}] has another size than [SCI,1]")
            rates[k] = imsets.plane("SCI", extver)
        times = np.array([_time(imsets, e) for e in extvers])
        flags = imsets.plane("DQ", nsamp, np.int16)
        for extver in extvers[1:]:
            flags |= imsets.plane("DQ", extver, np.int16) & np.int16(SATURATED)
    if np.any(np.diff(times) <= 0):
        raise InputError(path, "TIME does not increase from read to read")
    times -= times[0]
    name = str(primary.get("ROOTNAME", "")).strip() or str(path)
    return Cube(rates, times, _flagged(flags), unit, name)


def _time(imsets, extver):
    value = imsets.constant("TIME", extver)
    return float(imsets.plane("TIME", extver)[0, 0] if value is None else value)


def _flagged(flags):
    """Return the pixels to leave out of all statistics: flagged ones and the border."""
    bad = (flags & ~np.int16(ZEROTH_SIGNAL)) != 0
    inside = np.zeros(flags.shape, bool)
    inside[BORDER:-BORDER, BORDER:-BORDER] = True
    return bad | ~inside


def limit_rates(cube: Cube, limit: float) -> Cube:
    """Return a cube with NaN for rates beyond ± `limit` (e-/s): how the notebook drops sources."""
    rates = np.where(np.abs(cube.rates) > limit, np.float32(np.nan), cube.rates)
    return Cube(rates, cube.times, cube.flagged, cube.unit, cube.name)


def difference(cube: Cube, j: int, method: str = "instantaneous") -> np.ndarray:
    """Return the difference of reads j and j-1.

    Parameters
    ----------
    cube : Cube
        Reads in time order.
    j : int
        The later read, 1 … n-1.
    method : {"instantaneous", "cumulative"}
        The mean rate between the two reads, (r_j t_j - r_(j-1) t_(j-1)) / (t_j - t_(j-1)); or
        r_(j-1) - r_j.

    Returns
    -------
    (ny, nx) float32 array
        e-/s.

    Raises
    ------
    DarkroomError
        For an unknown method.
    """
    now, before = cube.rates[j], cube.rates[j - 1]
    if method == "cumulative":
        return before - now
    if method != "instantaneous":
        raise DarkroomError(f"difference {method!r} is not one of {', '.join(METHODS)}")
    t0, t1 = cube.times[j - 1], cube.times[j]
    step = t1 - t0
    # float32 is precise enough for rate times time: a few parts in 10^7 of the counts.
    return now * np.float32(t1 / step) - before * np.float32(t0 / step)


def region(box: Sequence[int], shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Return the slices (rows, columns) of a region given in pixels of the full array.

    Parameters
    ----------
    box : sequence of int
        x0, x1, y0, y1 in the full array of 1024 pixels, border included; upper ends excluded.
    shape : tuple of int
        (ny, nx) of the exposure: for a subarray the region is scaled; it never includes the border.
    """
    x0, x1, y0, y1 = box
    parts: list[slice] = []
    for low, high, size in ((y0, y1, shape[0]), (x0, x1, shape[1])):
        scale = size / FULL_SIDE
        first = min(max(round(low * scale), BORDER), size - BORDER - 1)
        last = min(max(round(high * scale), first + 1), size - BORDER)
        parts.append(slice(first, last))
    return parts[0], parts[1]


def ranges(extvers: Iterable[int]) -> str:
    """Return EXTVERs as text with ranges: ``1-3,7``."""
    runs: list[list[int]] = []
    for extver in sorted(extvers):
        if runs and extver == runs[-1][1] + 1:
            runs[-1][1] = extver
        else:
            runs.append([extver, extver])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)
