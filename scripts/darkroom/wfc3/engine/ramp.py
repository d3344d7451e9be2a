"""A ramp of calibrated reads, on which CRCORR and FLATCORR can be run repeatedly."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from astropy.io import fits

from darkroom.wfc3.engine.planes import Planes
from darkroom.wfc3.engine.references import Reference
from darkroom.wfc3.engine.tables import Amplifiers, Border, Rejection

#: Calibration switches in the order the steps run.
STEPS = (
    "DQICORR", "ZSIGCORR", "BLEVCORR", "ZOFFCORR", "NLINCORR", "DARKCORR", "PHOTCORR",
    "UNITCORR", "CRCORR", "FLATCORR",
)  # fmt: skip


@dataclass
class Ramp:
    """An exposure calibrated up to UNITCORR, reads k = 0 (zeroth) … n-1 in time order.

    `darkroom.wfc3.engine.engine.reduce` works on the arrays as they are, so `sci` may be changed
    before it, for example to subtract a varying sky.

    Parameters
    ----------
    sci, err : (n, ny, nx) float32 arrays
        DN/s, border included (DN where UNITCORR is omitted). Not flat-fielded.
    dq : (n, ny, nx) int16 array
        Flags; masked reads are not flagged here.
    times : (n,) float32 array
        Seconds since the zeroth read (TIME).
    exptimes : (n,) float64 array
        The same, from SAMPTIME.
    zeroth_time : float
        Seconds between reset and zeroth read.
    samples : (n,) int array
        SAMP of each read.
    border : Border
        Widths of the border and reference columns.
    amplifiers : Amplifiers
        Gains and read noise.
    rejection : Rejection or None
        Parameters of CRCORR; None when it is omitted.
    flat : Planes or None
        The flat, of the exposure's size; None when FLATCORR is omitted.
    steps : dict
        State of each step of `STEPS`: "PERFORM", "OMIT" or "SKIPPED" (dummy reference).
    references : dict
        `Reference` by keyword, of every file used.
    primary : astropy.io.fits.Header
        Primary header of the RAW.
    headers : list of dict
        Extension headers of the RAW by name ("SCI" …), one per read k.
    photmode, photometry
        PHOTMODE and the photometric keywords (empty when PHOTCORR is omitted).
    bias_levels, mean_darks : list
        Bias level and mean dark of each read, DN; empty when the step was not run.
    masked_in_file : tuple of int
        EXTVERs whose DQ has 1024 in every pixel of the RAW.
    warnings : list of str
        What is wrong with the references, a sentence for each.
    """

    sci: np.ndarray
    err: np.ndarray
    dq: np.ndarray
    times: np.ndarray
    exptimes: np.ndarray
    zeroth_time: float
    samples: np.ndarray
    border: Border
    amplifiers: Amplifiers
    rejection: Rejection | None
    flat: Planes | None
    steps: dict[str, str]
    references: dict[str, Reference]
    primary: fits.Header
    headers: list[dict[str, fits.Header]]
    photmode: str
    photometry: dict[str, float]
    bias_levels: list[np.float32] = field(default_factory=list)
    mean_darks: list[float] = field(default_factory=list)
    masked_in_file: tuple[int, ...] = ()
    warnings: list[str] = field(default_factory=list)

    @property
    def nsamp(self) -> int:
        """Number of reads, the zeroth included."""
        return self.sci.shape[0]

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx) with the border."""
        return self.sci.shape[1], self.sci.shape[2]

    @property
    def window(self) -> tuple[int, int, int, int]:
        """(y0, y1, x0, x1) inside the border."""
        return self.border.window(self.shape)

    @property
    def as_rate(self) -> bool:
        """Whether `sci` is a rate (UNITCORR was run)."""
        return self.steps["UNITCORR"] == "PERFORM"


@dataclass
class Reduced:
    """The final image of an exposure without its border: the content of the FLT.

    Parameters
    ----------
    sci, err : (rows, columns) float32 arrays
        e-/s (e-, DN/s or DN where UNITCORR or FLATCORR is omitted).
    dq : (rows, columns) int16 array
        Flags.
    samp : (rows, columns) int16 array
        Number of reads used, the zeroth included.
    time : (rows, columns) float32 array
        Exposure time used, s.
    masked : tuple of int
        EXTVERs left out.
    scope : {"all", "calwf3"}
        Pixels in which they are left out.
    events : (n, rows, columns) uint8 array or None
        What CRCORR found in each read: bits 1 cosmic ray, 2 spike, 4 unstable.
    """

    sci: np.ndarray
    err: np.ndarray
    dq: np.ndarray
    samp: np.ndarray
    time: np.ndarray
    masked: tuple[int, ...]
    scope: str
    events: np.ndarray | None = None
