"""A raw exposure as the steps see it: its header, its window on the detector, its stored bytes."""

from __future__ import annotations

import re
import threading
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits

from darkroom.errors import InputError
from darkroom.fits.tiles import OpenFile
from darkroom.nircam.chain.follows import ADVICE
from darkroom.nircam.chain.memory import new_number
from darkroom.nircam.detector.readout import OUTPUTS, SIZE
from darkroom.nircam.ramps.files import RampFile, open_ramp
from darkroom.nircam.ramps.header import as_number, axis_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from darkroom.hints import StrPath

# Rows that are looked at together: their memory is used again for the next.
_BAND = 128
# The file that each thread read last, and the number of its exposure.
_last = threading.local()
# Subarrays of NIRSpec: the pipeline takes the border of such a window for reference pixels.
_FOREIGN = ("SUB32", "SUB512", "SUB512S")


@dataclass(frozen=True)
class Window:
    """The part of the detector that an exposure reads, DMS frame.

    Attributes
    ----------
    row, column : int
        Of the first pixel, counted from 0, on the full detector.
    ny, nx : int
        Rows and columns.
    """

    row: int
    column: int
    ny: int
    nx: int


class RawExposure:
    """One file of a raw exposure.

    Parameters
    ----------
    path : path-like
        ``_uncal.fits``, may be compressed.

    Attributes
    ----------
    number : int
        Of no other exposure of the process.
    file : darkroom.nircam.ramps.files.RampFile
        Where its planes lie.
    header : dict
        All values of the primary header.
    window : Window
    flip_x, flip_y : bool
        Axes that are mirrored between the DMS and the detector frame.
    noutputs : int or None
        NOUTPUTS.
    nframes, frmdivsr, groupgap : int or None
        Frames of a group, divisor on board, frames dropped between groups.
    """

    def __init__(self, path: StrPath) -> None:
        # Not id(self): that of an exposure that is gone is given again.
        self.number = new_number()
        # The one place where the engine opens a raw file.
        self.file = open_ramp(path)
        self.path = self.file.path
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            header = fits.getheader(self.file.sci.first.path)
            self.header: dict[str, Any] = {card: header[card] for card in header if card}
        self.shape = self.file.sci.shape
        _refuse(self.path, self.header, self.file)
        self.window = _window(self.path, self.header, self.shape[2:])
        fast, slow = (axis_of(self.header, place) for place in (0, 1))
        if fast is None or slow is None or abs(fast) != 1 or abs(slow) != 2:
            raise InputError(
                self.path, f"FASTAXIS is {fast}, SLOWAXIS {slow}; NIRCam's are ±1 and ±2"
            )
        self.flip_x, self.flip_y = fast < 0, slow < 0
        self.noutputs = _whole(self.header, "NOUTPUTS")
        self.nframes = _whole(self.header, "NFRAMES")
        self.frmdivsr = _whole(self.header, "FRMDIVSR")
        self.groupgap = _whole(self.header, "GROUPGAP")

    @property
    def bzero(self) -> int:
        """What is added to the stored 16-bit numbers."""
        return int(self.file.sci.first.bzero)

    def stored(self, integration: int, group: int, first: int, nrows: int) -> np.ndarray:
        """Return rows of a group as they are stored: (nrows, nx) uint16, bytes not swapped."""
        plane = self.file.sci.plane(integration, group)
        # Each thread keeps the file that it read last open: opening one takes as long as reading
        # many rows, and thousands of files may be in use.
        if getattr(_last, "number", None) != self.number:
            _last.file, _last.number = OpenFile(plane.path, self.path), self.number
        return plane.stored_in(_last.file, first, nrows, self.path).view(np.uint16)


def group_scale(raw: RawExposure) -> float | None:
    """Return the factor of the step group_scale, or None when it has nothing to do."""
    frames, divisor = raw.nframes, raw.frmdivsr
    if frames is None or divisor is None or divisor == frames:
        return None
    return float(np.float32(divisor / frames))


def _whole(header: Mapping[str, Any], card: str) -> int | None:
    number = as_number(header.get(card))
    return None if number is None else int(number)


def _refuse(path: StrPath, header: Mapping[str, Any], file: RampFile) -> None:
    """Refuse kinds of readout, and of stored numbers, that only the pipeline can work on."""
    plane, subarray = file.sci.first, str(header.get("SUBARRAY", "")).upper()
    instrument = str(header.get("INSTRUME", "")).strip().upper()
    ny, nx = plane.shape
    fault = None
    stripes = [
        card
        for card, value in header.items()
        if re.match("MSTR_|SSTR_", card) and value not in (0, False, None, "", "N/A")
    ]
    if instrument != "NIRCAM":
        fault = f"INSTRUME is {instrument or 'not given'}, and the built-in engine is NIRCam's"
    elif stripes or re.search(r"STRIPE\d|STRIPE.*_DHS|_SUPSTP", subarray):
        fault = f"{stripes[0] if stripes else subarray}: a multistripe exposure"
    elif ny > SIZE or nx > SIZE:
        fault = f"its image has {nx} × {ny} pixels, more than the detector's {SIZE} × {SIZE}"
    elif subarray in _FOREIGN:
        fault = f"SUBARRAY is {subarray}, a name of another instrument"
    elif plane.dtype.kind != "i" or plane.dtype.itemsize != 2:
        fault = "SCI is not of 16-bit integers, as raw ramps are"
    elif plane.bscale != 1.0 or plane.bzero not in (0.0, 32768.0) or plane.blank is not None:
        fault = "SCI has BSCALE, BLANK, or a BZERO that raw ramps do not have"
    elif file.groupdq is not None or file.pixeldq is not None:
        fault = "it has flags (PIXELDQ or GROUPDQ) already"
    elif str(header.get("EXP_TYPE", "")).upper() in ("FGS_ID-IMAGE", "FGS_TRACK", "FGS_FINEGUIDE"):
        fault = f"EXP_TYPE is {header['EXP_TYPE']}"
    if fault:
        raise InputError(path, fault, ADVICE)


def _window(path: StrPath, header: Mapping[str, Any], shape: tuple[int, ...]) -> Window:
    ny, nx = shape
    starts = [_whole(header, card) for card in ("SUBSTRT1", "SUBSTRT2")]
    if (ny, nx) == (SIZE, SIZE):
        starts = [start or 1 for start in starts]
    column, row = starts
    if column is None or row is None or column < 1 or row < 1:
        raise InputError(
            path, f"SUBSTRT1 is {column}, SUBSTRT2 {row}: where its window lies is unknown"
        )
    if column + nx - 1 > SIZE or row + ny - 1 > SIZE:
        raise InputError(
            path, f"its window, {nx} × {ny} pixels from {column}, {row}, does not fit the detector"
        )
    return Window(row - 1, column - 1, ny, nx)


def lost_parts(raw: RawExposure, whole: bool) -> dict[tuple[int, int], np.ndarray]:
    """Return where packets were lost: they are filled with 0.

    Parameters
    ----------
    raw : RawExposure
    whole : bool
        A group of which a part is lost is lost, as the reference-pixel correction needs all of it.

    Returns
    -------
    dict
        ``{(integration, group): (ny, outputs) bool array}`` of the groups that lack some.
    """
    zero = np.array(-raw.bzero, ">i2").view(np.uint16)[()]
    nints, ngroups, ny, nx = raw.shape
    outputs = OUTPUTS if nx == SIZE else 1
    found = {}
    for integration in range(nints):
        for group in range(ngroups):
            lost = None
            for first in range(0, ny, _BAND):
                nrows = min(_BAND, ny - first)
                stored = raw.stored(integration, group, first, nrows).reshape(nrows, outputs, -1)
                suspect = stored[:, :, 0] == zero
                if not suspect.any():
                    continue
                row, output = np.nonzero(suspect)
                gone = (stored[row, output] == zero).all(axis=1)
                if gone.any():
                    lost = np.zeros((ny, outputs), bool) if lost is None else lost
                    lost[first + row[gone], output[gone]] = True
            if lost is not None:
                found[integration, group] = np.ones_like(lost) if whole else lost
    return found
