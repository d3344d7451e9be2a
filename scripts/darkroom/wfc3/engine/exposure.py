"""A WFC3/IR RAW, checked before it is calibrated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from darkroom.errors import InputError
from darkroom.wfc3.dq import MASKED
from darkroom.wfc3.engine.ramp import STEPS
from darkroom.wfc3.files.imsets import PLANES, Imsets, extver_of, required, sample_time
from darkroom.words import counted

if TYPE_CHECKING:
    from astropy.io import fits

# Of two reads calwf3 makes an image of one difference; with the zeroth alone it crashes.
MIN_READS = 2
# Seconds by which the zeroth read comes earlier after the reset than the first after the zeroth:
# TSM exposure and converter warm-up.
_ZEROTH_OVERHEAD = 0.020535
_CARDS = ("ROOTNAME", "FILTER", "CCDGAIN", "SAMP_SEQ", "SUBTYPE", "EXPSTART", "EXPTIME")


@dataclass
class Exposure:
    """Times, flags and headers of a RAW, reads in time order (k = 0 the zeroth).

    Parameters
    ----------
    imsets : Imsets
        The open file.
    nsamp : int
        Number of reads, the zeroth included.
    shape : tuple of int
        (ny, nx) with the border.
    headers : list of dict
        Extension headers by name, one per read.
    times : (nsamp,) float32 array
        TIME of each read: seconds since the zeroth.
    exptimes : (nsamp,) float64 array
        SAMPTIME of each read, s.
    samples : (nsamp,) int array
        SAMP of each read.
    switches : dict
        "PERFORM" or "OMIT" for each of `STEPS`.
    masked : tuple of int
        EXTVERs whose DQ has 1024 in every pixel.
    """

    imsets: Imsets
    nsamp: int
    shape: tuple[int, int]
    headers: list[dict[str, fits.Header]]
    times: np.ndarray
    exptimes: np.ndarray
    samples: np.ndarray
    switches: dict[str, str]
    masked: tuple[int, ...] = ()

    @property
    def primary(self) -> fits.Header:
        """Primary header of the RAW."""
        return self.imsets.primary

    @property
    def science(self) -> fits.Header:
        """SCI header of the last read, from which calwf3 takes the geometry."""
        return self.headers[-1]["SCI"]

    @property
    def zeroth_time(self) -> float:
        """Seconds between reset and zeroth read."""
        return float(self.exptimes[1] - _ZEROTH_OVERHEAD)

    def read(self, k: int) -> np.ndarray:
        """Return the SCI plane of read k, (ny, nx) float32, DN."""
        return self.imsets.plane("SCI", extver_of(k, self.nsamp))

    def dq(self, k: int) -> int | np.ndarray:
        """Return the DQ of read k, an int or an int16 array; 1024 is removed from a masked read."""
        extver = extver_of(k, self.nsamp)
        flags = _dq(self.imsets, extver)
        return flags & ~MASKED if extver in self.masked else flags


def open_exposure(imsets: Imsets) -> Exposure:
    """Check a RAW and describe it.

    Parameters
    ----------
    imsets : Imsets
        The open file.

    Returns
    -------
    Exposure

    Raises
    ------
    InputError
        For anything but an uncalibrated WFC3/IR exposure with all its reads.
    """
    primary = imsets.primary
    instrument = f"{primary.get('INSTRUME', '')}/{primary.get('DETECTOR', '')}".replace(" ", "")
    if instrument != "WFC3/IR":
        raise InputError(imsets.path, f"is of {instrument}, not of WFC3/IR")
    for card in _CARDS:
        required(imsets, primary, card)
    switches = _switches(imsets)
    nsamp = int(required(imsets, primary, "NSAMP"))
    if nsamp < MIN_READS:
        raise InputError(
            imsets.path,
            f"has {counted(nsamp, 'read')} (NSAMP = {nsamp}); a signal is the difference of "
            f"{MIN_READS} at least, the zeroth and one more",
            "leave the exposure out",
        )
    found = max((extver for name, extver in imsets.names if name == "SCI"), default=0)
    if found < nsamp:
        raise InputError(
            imsets.path, f"truncated: NSAMP is {nsamp}, but only {found} reads are there"
        )
    extvers = [extver_of(k, nsamp) for k in range(nsamp)]
    headers = [{name: imsets.header(name, e) for name in PLANES} for e in extvers]
    shape = imsets.shape("SCI", 1)
    _check_planes(imsets, headers, extvers, shape)
    return Exposure(
        imsets=imsets,
        nsamp=nsamp,
        shape=shape,
        headers=headers,
        times=np.array([imsets.constant("TIME", e) for e in extvers], np.float32),
        exptimes=np.array([sample_time(imsets, e) for e in extvers]),
        samples=np.array([imsets.constant("SAMP", e) for e in extvers], int),
        switches=switches,
        masked=tuple(e for e in reversed(extvers) if np.all(_dq(imsets, e) & MASKED)),
    )


def _dq(imsets, extver):
    """Return the DQ of an image set: an int for a constant plane, else an int16 array."""
    value = imsets.constant("DQ", extver)
    return imsets.plane("DQ", extver, np.int16) if value is None else int(value)


def _switches(imsets):
    """Return the calibration switches; refuse an exposure that is already calibrated."""
    switches = {}
    for step in STEPS:
        value = str(imsets.primary.get(step, "OMIT")).strip().upper()
        if value == "COMPLETE":
            raise InputError(
                imsets.path, f"has been calibrated already ({step} is COMPLETE)", "give the RAW"
            )
        if value not in ("PERFORM", "OMIT", "SKIPPED"):
            raise InputError(imsets.path, f"{step} = {value!r} is neither PERFORM nor OMIT")
        switches[step] = "PERFORM" if value == "PERFORM" else "OMIT"
    if "PERFORM" not in switches.values():
        raise InputError(imsets.path, "no calibration switch is PERFORM: there is nothing to do")
    return switches


def _check_planes(imsets, headers, extvers, shape):
    """Refuse planes that are not those of a RAW."""
    times = []
    for header, extver in zip(headers, extvers, strict=True):
        for name in PLANES:
            size = imsets.shape(name, extver)
            if size != shape:
                raise InputError(
                    imsets.path,
                    f"[{name},{extver}] has {size[1]} x {size[0]} pixels, "
                    f"[SCI,1] has {shape[1]} x {shape[0]}",
                )
        if imsets.constant("ERR", extver) != 0:
            raise InputError(imsets.path, f"[ERR,{extver}] already holds errors", "give the RAW")
        for name in ("SAMP", "TIME"):
            if imsets.constant(name, extver) is None:
                raise InputError(
                    imsets.path, f"[{name},{extver}] is not constant, as it is in a RAW"
                )
        unit = str(required(imsets, header["SCI"], "BUNIT"))
        if not unit.startswith("COUNTS") or unit.startswith("COUNTS/S"):
            raise InputError(imsets.path, f"[SCI,{extver}] is in {unit}; a RAW is in COUNTS")
        times.append(float(imsets.constant("TIME", extver)))
    for k in range(1, len(times)):
        if times[k] <= times[k - 1]:
            raise InputError(
                imsets.path,
                f"TIME does not increase from EXTVER {extvers[k - 1]} ({times[k - 1]:g} s) "
                f"to EXTVER {extvers[k]} ({times[k]:g} s)",
            )
