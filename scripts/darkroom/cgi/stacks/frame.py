"""One exposure of the coronagraph's camera, in corgidrp's FITS layout.

HDU 0 has the header of the visit and no data; HDU 1 is the image; ``ERR`` is its error (one plane,
or a cube whose first plane is the total error); ``DQ`` holds its flags (one or more planes). The
headers are read when a frame is opened; pixels are read later, a band of rows at a time.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from astropy.io import fits

from darkroom.cgi.units import UNITS
from darkroom.errors import InputError
from darkroom.fits.structure import walk_hdus
from darkroom.fits.tiles import DTYPES, Plane
from darkroom.fits.verify import unpacked

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from darkroom.hints import StrPath


# Texts by which a card says no.
_DENIALS = ("", "f", "false", "0", "0.0", "n", "no", "n/a", "none")


@dataclass(frozen=True)
class Headers:
    """The headers of a frame.

    Attributes
    ----------
    path : pathlib.Path
        The file, named in messages.
    primary, image, err, dq : astropy.io.fits.Header
        Headers of the four HDUs; those of ERR and DQ are empty when the HDU is missing, and may be
        those of other frames too: they are not to be changed.
    """

    path: Path
    primary: fits.Header
    image: fits.Header
    err: fits.Header
    dq: fits.Header

    def number(self, card: str, default: float | None = None) -> float:
        """Return a card of the image's header as a finite number.

        Raises
        ------
        InputError
            When the card is missing and there is no default, or is not a finite number.
        """
        value = self.image.get(card, default)
        if value is None:
            raise InputError(self.path, f"has no card {card} in the header of its image")
        try:
            found = float(value)
        except (TypeError, ValueError):
            found = math.nan
        if isinstance(value, bool | str) or not math.isfinite(found):
            raise InputError(self.path, f"card {card} is {value!r}, a finite number is needed")
        return found

    @property
    def exptime(self) -> float:
        """Exposure time [s]."""
        return self.number("EXPTIME")

    @property
    def commanded_gain(self) -> float:
        """Commanded EM gain."""
        return self.number("EMGAIN_C")

    @property
    def kgain(self) -> float:
        """Conversion gain [e-/DN]."""
        return self.number("KGAINPAR")

    @property
    def em_gain(self) -> float:
        """EM gain: measured (EMGAIN_M), else applied (EMGAIN_A), else commanded (EMGAIN_C).

        A measured or applied gain that is not a positive number (0, -999, NaN) is taken as
        unknown.
        """
        for card in ("EMGAIN_M", "EMGAIN_A"):
            value = self.image.get(card)
            known = isinstance(value, int | float) and not isinstance(value, bool)
            if known and 0 < value < math.inf:
                return float(value)
        return self.commanded_gain

    @property
    def unit(self) -> str:
        """Unit of the image (BUNIT), spelt as in `darkroom.cgi.units`; empty when unknown."""
        stated = str(self.image.get("BUNIT", "")).strip()
        return next((unit for unit in UNITS if unit.casefold() == stated.casefold()), stated)

    def is_set(self, card: str) -> bool:
        """Return whether a card of the image's header says yes: T, 1, or text that is no denial."""
        value = self.image.get(card)
        if isinstance(value, str):
            return value.strip().casefold() not in _DENIALS
        return value is not None and not isinstance(value, fits.card.Undefined) and bool(value)

    @property
    def history(self) -> str:
        """HISTORY of the image's header joined to one text, since corgidrp wraps its sentences."""
        return "".join(str(line) for line in self.image.get("HISTORY", []))

    @property
    def start(self) -> str:
        """Start of the exposure (SCTSRT) as written in the header; empty when it is missing."""
        return str(self.image.get("SCTSRT", ""))


class PixelReader(Protocol):
    """What the statistics need of a frame: see `Pixels`."""

    @property
    def single(self) -> bool:
        """True when float32 holds image and error exactly."""

    def read_into(
        self, first: int, data: np.ndarray, err: np.ndarray | None, dq: np.ndarray
    ) -> None:
        """Read a band of rows.

        Parameters
        ----------
        first, data, err, dq
            As in `Pixels.read_into`.
        """


@dataclass(frozen=True)
class Pixels:
    """Location of the pixels of a frame in its file.

    Attributes
    ----------
    data : darkroom.fits.tiles.Plane
        The image.
    err : darkroom.fits.tiles.Plane or None
        Its error; None when the file has none: it is then taken as zero.
    dq : tuple of darkroom.fits.tiles.Plane
        The planes of its flags, which are joined; none when the file has none.
    """

    data: Plane
    err: Plane | None
    dq: tuple[Plane, ...]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the image."""
        return self.data.shape

    @property
    def single(self) -> bool:
        """True when float32 holds image and error exactly as they are stored."""
        return all(plane is None or _is_single(plane) for plane in (self.data, self.err))

    def read_into(
        self, first: int, data: np.ndarray, err: np.ndarray | None, dq: np.ndarray
    ) -> None:
        """Read a band of rows.

        Parameters
        ----------
        first : int
            First row.
        data, err : (nrows, nx) float32 or float64 arrays
            Filled with values and errors; errors are not read when `err` is None.
        dq : (nrows, nx) uint16 array
            Filled with flags.
        """
        for plane, target in ((self.data, data), (self.err, err)):
            if target is None:
                continue
            if plane is None:
                target[...] = 0
            elif _is_single(plane) and target.dtype == np.float32:
                plane.read_into(target, first)
            else:
                target[...] = _scaled(plane, plane.stored(first, len(target)))
        self.read_flags_into(first, dq)

    def read_rows(
        self, parts: Sequence[slice], *, errors: bool
    ) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
        """Read a sample of rows.

        Parameters
        ----------
        parts : sequence of slice
            Rows that lie together.
        errors : bool
            Read their errors too, if the frame has them.

        Returns
        -------
        data, err : (nrows, nx) float64 arrays
            Rows of all parts, one after the other; err is None when it is not read.
        dq : (nrows, nx) uint16 array
        """
        data = _scaled(self.data, self.data.stored_at(parts))
        err = _scaled(self.err, self.err.stored_at(parts)) if errors and self.err else None
        dq = np.zeros(data.shape, np.uint16)
        for plane in self.dq:
            dq |= _flags(plane, plane.stored_at(parts))
        return data, err, dq

    def read_flags_into(self, first: int, dq: np.ndarray) -> None:
        """Read the flags of a band of rows, as `read_into` does."""
        dq[...] = 0
        for plane in self.dq:
            dq |= _flags(plane, plane.stored(first, len(dq)))

    def read_patch(self, rows: slice, columns: slice) -> tuple[np.ndarray, np.ndarray]:
        """Read a rectangle of the image and its flags, and little else of the file.

        Parameters
        ----------
        rows, columns : slice

        Returns
        -------
        data : float64 array
        dq : uint16 array
        """
        values = _mapped(self.data)[rows, columns]
        data = values.astype(np.float64) * self.data.bscale + self.data.bzero
        dq = np.zeros(data.shape, np.uint16)
        for plane in self.dq:
            flags = _mapped(plane)[rows, columns]
            dq |= (flags.astype(np.int64) * int(plane.bscale) + int(plane.bzero)).astype(np.uint16)
        return data, dq


@dataclass(frozen=True)
class Frame:
    """A frame: its headers, and the location of its pixels."""

    headers: Headers
    pixels: Pixels


@contextmanager
def open_frame(path: StrPath, folder: StrPath | None = None) -> Iterator[Frame]:
    """Read the headers of a frame and locate its pixels.

    Parameters
    ----------
    path : path-like
        FITS file, ``.gz`` allowed.
    folder : path-like, optional
        Folder for the unpacked copy of a compressed file; the copy is removed on leaving the
        context.

    Yields
    ------
    Frame

    Raises
    ------
    InputError
        When the file is missing, not FITS, cut off, or not in the layout of corgidrp's frames.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(path, "no such file")
    with unpacked(path, folder) as plain:
        yield _open(path, plain)


def _open(path, plain):
    found = list(walk_hdus(plain, path))
    if len(found) < 2:
        raise InputError(path, "has no image in its second HDU, as CGI frames have")
    # Cards are read when they are asked for: astropy's own HDUs take twice as long.
    headers = [fits.Header.fromstring(unit.header) for unit in found[:2]]
    headers += [_shared(unit.header) for unit in found[2:]]
    try:
        shape = _shape(headers[1])
        if len(shape) != 2:
            raise InputError(path, f"the second HDU holds no 2-D image ({_describe_shape(shape)})")
        science = _plane(plain, found[1], headers[1], shape)
        planes = {"ERR": (), "DQ": ()}
        kept = {}
        for unit, header in zip(found[2:], headers[2:], strict=True):
            name = str(header.get("EXTNAME", "")).strip().upper()
            if name in ("ERR", "DQ"):
                planes[name], kept[name] = _planes(path, plain, unit, header, shape), header
    except (ValueError, fits.VerifyError) as error:
        raise InputError(path, f"cannot be read as FITS ({error})") from error
    empty = fits.Header()
    return Frame(
        Headers(path, *headers[:2], kept.get("ERR", empty), kept.get("DQ", empty)),
        Pixels(
            science,
            next(iter(planes["ERR"]), None),
            planes["DQ"],
        ),
    )


@lru_cache(maxsize=8)
def _shared(text):
    """Return a header that frames of one stack have in common, as ERR and DQ do; never changed."""
    return fits.Header.fromstring(text)


def _shape(header):
    """Return the shape of an image, the slowest axis first; () when it is none."""
    if header.get("XTENSION") != "IMAGE":
        return ()
    return tuple(header[f"NAXIS{axis}"] for axis in range(header["NAXIS"], 0, -1))


def _describe_shape(shape):
    return shape or "a table, or tile-compressed: unpack it with funpack"


def _planes(path, plain, unit, header, shape):
    """Locate the planes of ERR or DQ; each must have the shape of the image."""
    found = _shape(header)
    if len(found) not in (2, 3) or found[-2:] != shape:
        raise InputError(
            path,
            f"{header['EXTNAME']} has the shape {_describe_shape(found)}, the image has {shape}",
        )
    first = _plane(plain, unit, header, shape)
    number = found[0] if len(found) == 3 else 1
    return tuple(replace(first, offset=first.offset + k * first.nbytes) for k in range(number))


def _plane(plain, unit, header, shape):
    return Plane(
        path=plain,
        offset=unit.data_start,
        shape=shape,
        dtype=np.dtype(DTYPES[header["BITPIX"]]),
        bscale=float(header.get("BSCALE", 1.0)),
        bzero=float(header.get("BZERO", 0.0)),
    )


def _mapped(plane):
    return np.memmap(plane.path, plane.dtype, "r", plane.offset, plane.shape)


def _is_single(plane):
    return plane.dtype == np.dtype(">f4") and plane.bscale == 1 and plane.bzero == 0


def _scaled(plane, stored):
    """Return stored numbers as float64 values."""
    if _is_single(plane):
        return stored.astype(np.float64)
    return stored.astype(np.float64) * plane.bscale + plane.bzero


def _flags(plane, stored):
    """Return flags as uint16 (FITS stores them as int16 with BZERO 32768)."""
    if plane.dtype == np.dtype(">i2") and plane.bscale == 1 and plane.bzero == 1 << 15:
        # Shifts are vectorised, a cast from another byte order is not.
        high = stored.view(np.uint16)
        low = high << np.uint16(8)
        high >>= np.uint16(8)
        low |= high
        low ^= np.uint16(1 << 15)
        return low
    return (stored.astype(np.int64) * int(plane.bscale) + int(plane.bzero)).astype(np.uint16)
