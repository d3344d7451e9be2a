"""Dark ramps on disk: checked together, read plane by plane straight from their FITS bytes."""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
from astropy.io import fits

from darkroom.dates import DAY, to_mjd
from darkroom.errors import DarkroomError, InputError
from darkroom.fits.tiles import DTYPES, Plane
from darkroom.nircam.detector.readout import Readout

#: Rows of a group that `first_rows_digest` takes.
DIGEST_ROWS = 256
_ALIKE = ("INSTRUME", "DETECTOR", "SUBARRAY", "READPATT", "FASTAXIS", "SLOWAXIS")
_CARDS = (
    *_ALIKE,
    *("SUBSTRT1", "SUBSTRT2", "SUBSIZE1", "SUBSIZE2", "NOUTPUTS", "NFRAMES", "TGROUP", "TFRAME"),
    *("EXPSTART", "DATE-OBS", "TIME-OBS", "CHANNEL", "MODULE", "EXP_TYPE"),
    *("S_DQINIT", "S_SATURA", "S_SUPERB", "S_REFPIX", "S_LINEAR", "S_DARK", "R_SIRSKL"),
)


@dataclass(frozen=True)
class Cube:
    """Where the planes (integration, group) of one extension lie in a file.

    Attributes
    ----------
    shape : tuple of int
        ``(nints, ngroups, ny, nx)``.
    first : Plane
        That of integration 0, group 0; the others follow without gaps.
    """

    shape: tuple[int, int, int, int]
    first: Plane

    def plane(self, integration, group):
        """Return the `Plane` of one group."""
        number = integration * self.shape[1] + group
        plane = self.first
        offset = plane.offset + number * plane.nbytes
        return Plane(
            plane.path, offset, plane.shape, plane.dtype, plane.bscale, plane.bzero, plane.blank
        )


@dataclass(frozen=True)
class RampFile:
    """One exposure: its facts and where its numbers lie.

    Attributes
    ----------
    path : pathlib.Path
    header : dict
        Cards of the primary header that matter here; those missing are left out.
    sci : Cube
    groupdq : Cube or None
    pixeldq : Plane or None
    mjd : (nints,) float64 array
        Middle of each integration, days; NaN when the file does not tell the time.
    """

    path: Path
    header: dict
    sci: Cube
    groupdq: Cube | None
    pixeldq: Plane | None
    mjd: np.ndarray = field(compare=False)


def open_ramp(path):
    """Find out what a ramp file holds, without reading its pixels.

    Raises
    ------
    InputError
        When the file is missing, no FITS, shorter than its headers say, or holds no ramp: a
        4-D image (integration, group, row, column) in an extension SCI.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(path, "no such file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with fits.open(path, memmap=False, do_not_scale_image_data=True) as hdus:
                return _describe(path, hdus)
    except (OSError, fits.VerifyError, ValueError) as error:
        raise InputError(path, f"cannot be read as FITS ({error})") from error


def _describe(path, hdus):
    primary = hdus[0].header
    header = {card: primary[card] for card in _CARDS if card in primary}
    names = [hdu.name for hdu in hdus]
    if "SCI" not in names:
        held = ", ".join(name or "?" for name in names)
        raise InputError(
            path, f"has no extension SCI (it holds {held})", "give ramps: uncal or pipeline ramps"
        )
    shape = tuple(getattr(hdus["SCI"], "shape", ()))
    if len(shape) != 4:
        raise InputError(
            path,
            f"SCI has {len(shape)} axes {shape}, a ramp has 4 (integration, group, row, column)",
            "give ramps, not rates",
        )
    sci = _cube(path, hdus["SCI"])
    groupdq = _cube(path, hdus["GROUPDQ"]) if "GROUPDQ" in names else None
    if groupdq is not None and groupdq.shape != sci.shape:
        raise InputError(path, f"GROUPDQ has shape {groupdq.shape}, SCI {sci.shape}")
    pixeldq = _plane(path, hdus["PIXELDQ"]) if "PIXELDQ" in names else None
    if pixeldq is not None and pixeldq.shape != sci.shape[2:]:
        raise InputError(path, f"PIXELDQ has shape {pixeldq.shape}, SCI {sci.shape}")
    times = hdus["INT_TIMES"].data if "INT_TIMES" in names else None
    return RampFile(path, header, sci, groupdq, pixeldq, _middles(header, sci.shape, times))


def _cube(path, hdu):
    return Cube(tuple(hdu.shape), _plane(path, hdu))


def _plane(path, hdu):
    """Return the first plane of an image HDU of any number of axes, which must be all there."""
    header, offset = hdu.header, hdu.fileinfo()["datLoc"]
    dtype = np.dtype(DTYPES[header["BITPIX"]])
    end, length = offset + int(np.prod(hdu.shape)) * dtype.itemsize, path.stat().st_size
    if end > length:
        raise InputError(
            path, f"truncated: {hdu.name} ends at byte {end}, the file has {length} bytes"
        )
    return Plane(
        path=path,
        offset=offset,
        shape=tuple(hdu.shape[-2:]),
        dtype=dtype,
        bscale=float(header.get("BSCALE", 1.0)),
        bzero=float(header.get("BZERO", 0.0)),
        blank=header.get("BLANK") if dtype.kind in "iu" else None,
    )


def _middles(header, shape, times):
    """Return the middle of every integration as MJD, from the best source there is."""
    nints, ngroups = shape[:2]
    if times is not None and len(times) >= nints and "int_mid_MJD_UTC" in times.dtype.names:
        middles = np.asarray(times["int_mid_MJD_UTC"][:nints], np.float64)
        if (middles > 0).all():
            return middles
    start = header.get("EXPSTART") or _start(header)
    if start is None:
        return np.full(nints, np.nan)
    ramp = ngroups * float(header.get("TGROUP") or 0.0)
    reset = float(header.get("TFRAME") or 0.0)
    return start + (np.arange(nints) * (ramp + reset) + ramp / 2) / DAY


def _start(header):
    """Return the start of the exposure as MJD from DATE-OBS and TIME-OBS, or None."""
    try:
        moment = datetime.fromisoformat(f"{header['DATE-OBS']}T{header.get('TIME-OBS', '00:00')}")
    except (KeyError, ValueError):
        return None
    return to_mjd(moment)


class RampSet:
    """Exposures of one detector, read in one way.

    Parameters
    ----------
    paths : sequence of path-like
        Ramp files, one per exposure.
    product : str
        What will be made of them, for messages.

    Attributes
    ----------
    files : list of RampFile
    readout : Readout
    shape : tuple of int
        ``(ny, nx)``.
    ramps : list of (int, int)
        (file, integration) of every ramp, in the order of the files.

    Raises
    ------
    InputError
        For a file that holds no ramp, or differs from the rest in detector, subarray, read
        pattern, orientation or shape; the odd one is named.
    DarkroomError
        When there is no file, or one is given twice.
    """

    def __init__(self, paths, product):
        paths = [Path(path) for path in paths]
        if not paths:
            raise DarkroomError(f"no exposures for a {product}: the list of files is empty")
        _check_twice(paths)
        self.files = [open_ramp(path) for path in paths]
        self.product = product
        for card in _ALIKE:
            self._check_alike(card, [file.header.get(card) for file in self.files])
        self._check_alike("image size", [file.sci.shape[:1:-1] for file in self.files])
        try:
            self.readout = Readout.from_header(self._full_header())
        except DarkroomError as error:
            raise InputError(paths[0], str(error)) from error
        self.shape = self.files[0].sci.shape[2:]
        if self.readout.shape != self.shape:
            raise InputError(
                paths[0],
                f"SUBSIZE1 × SUBSIZE2 = {self.readout.nx} × {self.readout.ny}, but SCI has "
                f"{self.shape[1]} × {self.shape[0]} pixels",
            )
        self.ramps = [(k, i) for k, file in enumerate(self.files) for i in range(file.sci.shape[0])]

    def _full_header(self):
        ny, nx = self.files[0].sci.shape[2:]
        return {"SUBSIZE1": nx, "SUBSIZE2": ny, **self.files[0].header}

    def _check_alike(self, what, values):
        """Refuse the first file whose value differs from that of most."""
        usual = max(values, key=values.count)
        for file, value in zip(self.files, values, strict=True):
            if value != usual:
                raise InputError(
                    file.path,
                    f"{what} is {_shown(value)} among {values.count(usual)} of {_shown(usual)} "
                    f"(first: {self.files[values.index(usual)].path.name})",
                    f"one {self.product} is made of exposures of one kind",
                )

    @property
    def mjd(self):
        """Middle of every ramp, (nramps,) float64; NaN where a file does not tell."""
        return np.concatenate([file.mjd for file in self.files])

    def label(self, ramp):
        """Name a ramp by its number: file and integration (from 1)."""
        file, integration = self.ramps[ramp]
        return f"{self.files[file].path.name} integration {integration + 1}"


def _check_twice(paths):
    seen = set()
    for path in paths:
        if path.resolve() in seen:
            raise InputError(path, "is given twice", "give every exposure once")
        seen.add(path.resolve())


def _shown(value):
    if isinstance(value, tuple):
        return f"{value[0]} × {value[1]}"
    return "missing" if value is None else str(value)


class GroupStack:
    """One group of every ramp, as a stack of frames read by bands of rows.

    Parameters
    ----------
    ramps : RampSet
    group : int
        Number of the group, from 0.
    which : sequence of (int, int), optional
        (file, integration) of the ramps wanted; by default all.
    flags : int
        Samples whose GROUPDQ has one of these bits come as NaN. 0: GROUPDQ is not read.

    Attributes
    ----------
    nframes : int
    shape : tuple of int
    """

    def __init__(self, ramps, group=0, which=None, flags=0):
        self._ramps, self._group, self._flags = ramps, group, flags
        self._which = list(ramps.ramps if which is None else which)
        self.nframes, self.shape = len(self._which), ramps.shape

    def read(self, rows):
        """Return rows of every frame: (nframes, nrows, nx) float32, DN."""
        first, stop, _ = rows.indices(self.shape[0])
        band = np.empty((self.nframes, max(stop - first, 0), self.shape[1]), np.float32)
        for frame, values in enumerate(band):
            self.read_frame(frame, first, values)
        return band

    def read_frame(self, frame, first, values):
        """Fill `values` (nrows, nx) float32 with the rows of one frame from row `first` on."""
        number, integration = self._which[frame]
        file = self._ramps.files[number]
        file.sci.plane(integration, self._group).read_into(values, first)
        if self._flags and file.groupdq is not None:
            bits = file.groupdq.plane(integration, self._group).stored(first, values.shape[0])
            bits &= bits.dtype.type(self._flags)
            values[bits != 0] = np.nan


def read_pixeldq(file):
    """Return the PIXELDQ of a file, (ny, nx) uint32 in standard bits, or None."""
    if file.pixeldq is None:
        return None
    stored = file.pixeldq.stored(0, file.pixeldq.shape[0])
    return (stored.astype(np.int64) + int(file.pixeldq.bzero)).astype(np.uint32)


def first_rows_digest(file):
    """Return the SHA-256 of the first rows of group 0 of every integration, as stored.

    Their noise tells one exposure from any other, at a fraction of the cost of the whole file.
    """
    digest = hashlib.sha256()
    for integration in range(file.sci.shape[0]):
        plane = file.sci.plane(integration, 0)
        digest.update(plane.stored(0, min(DIGEST_ROWS, plane.shape[0])).data)
    return digest.hexdigest()
