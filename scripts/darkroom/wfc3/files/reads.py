"""The reads of an IMA as a cube in time order, and the rates between them.

Formulas of the WFC3 team's notebooks (ISR WFC3 2018-05, equation 3).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from darkroom.errors import DarkroomError, InputError
from darkroom.wfc3.dq import ZEROTH_SIGNAL
from darkroom.wfc3.files.imsets import Imsets, extver_of, required
from darkroom.wfc3.settings import Wfc3Settings

#: Regions of the notebook in pixels of the full array, border included: x0, x1, y0, y1.
LEFT, RIGHT = tuple(Wfc3Settings().left), tuple(Wfc3Settings().right)
FULL_SIDE, BORDER = 1024, 5
METHODS = ("instantaneous", "cumulative")


@dataclass
class Cube:
    """Calibrated reads in time order, k = 0 the zeroth.

    Parameters
    ----------
    rates : (n, ny, nx) float32 array
        Mean rate since the zeroth read, e-/s, border included; not a number where it must not be
        used.
    times : (n,) float64 array
        Seconds since the zeroth read.
    flagged : (ny, nx) bool array
        Pixels with a flag that all reads share, and the border.
    unit : str
        BUNIT.
    name : str
        Of the exposure.
    """

    rates: np.ndarray
    times: np.ndarray
    flagged: np.ndarray
    unit: str
    name: str

    @property
    def nsamp(self):
        """Number of reads, the zeroth included."""
        return self.rates.shape[0]

    @property
    def shape(self):
        """(ny, nx) with the border."""
        return self.rates.shape[1:]

    @property
    def steps(self):
        """Seconds between reads, (n-1,)."""
        return np.diff(self.times)


def read_ima(path):
    """Read the `Cube` of an IMA.

    Parameters
    ----------
    path : path-like
        IMA file (``.gz`` too), of calwf3 or of the builtin engine.

    Raises
    ------
    InputError
        When it is no IMA of WFC3/IR with rates in it, or ends early.
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
    if np.any(np.diff(times) <= 0):
        raise InputError(path, "TIME does not grow from read to read")
    times -= times[0]
    name = str(primary.get("ROOTNAME", "")).strip() or str(path)
    return Cube(rates, times, _flagged(flags), unit, name)


def _time(imsets, extver):
    value = imsets.constant("TIME", extver)
    return float(imsets.plane("TIME", extver)[0, 0] if value is None else value)


def _flagged(flags):
    """Return the pixels that no read should be judged by: odd ones and the border."""
    bad = (flags & ~np.int16(ZEROTH_SIGNAL)) != 0
    inside = np.zeros(flags.shape, bool)
    inside[BORDER:-BORDER, BORDER:-BORDER] = True
    return bad | ~inside


def limit_rates(cube, limit):
    """Return a cube without rates beyond ± `limit` (e-/s): how the notebook drops sources."""
    rates = np.where(np.abs(cube.rates) > limit, np.float32(np.nan), cube.rates)
    return Cube(rates, cube.times, cube.flagged, cube.unit, cube.name)


def difference(cube, j, method="instantaneous"):
    """Return the difference of reads j and j-1.

    Parameters
    ----------
    cube : Cube
    j : int
        1 … n-1.
    method : {"instantaneous", "cumulative"}
        The mean rate between the two reads, (r_j t_j - r_(j-1) t_(j-1)) / (t_j - t_(j-1)); or
        r_(j-1) - r_j.

    Returns
    -------
    (ny, nx) float32 array
        e-/s.
    """
    now, before = cube.rates[j], cube.rates[j - 1]
    if method == "cumulative":
        return before - now
    if method != "instantaneous":
        raise DarkroomError(f"difference {method!r} is not one of {', '.join(METHODS)}")
    t0, t1 = cube.times[j - 1], cube.times[j]
    step = t1 - t0
    # Rates times time stay exact enough in float32: a few parts in 10^7 of the counts.
    return now * np.float32(t1 / step) - before * np.float32(t0 / step)


def region(box, shape):
    """Return the slices (rows, columns) of a region given in pixels of the full array.

    Parameters
    ----------
    box : sequence of int
        x0, x1, y0, y1 in the full array of 1024 pixels, border included; upper ends excluded.
    shape : tuple of int
        (ny, nx) of the exposure: for a subarray the region is scaled, and kept off the border.
    """
    x0, x1, y0, y1 = box
    parts = []
    for low, high, size in ((y0, y1, shape[0]), (x0, x1, shape[1])):
        scale = size / FULL_SIDE
        first = min(max(round(low * scale), BORDER), size - BORDER - 1)
        last = min(max(round(high * scale), first + 1), size - BORDER)
        parts.append(slice(first, last))
    return tuple(parts)


def ranges(extvers):
    """Write EXTVERs as ranges: ``1-3,7``."""
    runs = []
    for extver in sorted(extvers):
        if runs and extver == runs[-1][1] + 1:
            runs[-1][1] = extver
        else:
            runs.append([extver, extver])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)
