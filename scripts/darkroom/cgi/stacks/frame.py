"""One exposure of the coronagraph's camera, as corgidrp lays it out in FITS.

HDU 0 has the visit's header and no data; HDU 1 is the image; ``ERR`` its error (one plane, or a
cube whose first plane is the total); ``DQ`` its flags. The headers are read when a frame is
opened; pixels are read later, a band of rows at a time.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits

from darkroom.errors import InputError
from darkroom.fits.structure import walk_hdus
from darkroom.fits.tiles import DTYPES, Plane
from darkroom.fits.verify import unpacked


@dataclass(frozen=True)
class Headers:
    """The headers of a frame.

    Attributes
    ----------
    path : pathlib.Path
        The file (messages name it).
    primary, image, err, dq : astropy.io.fits.Header
        Those of the four HDUs; of ERR and DQ empty ones when the HDU is missing.
    """

    path: Path
    primary: fits.Header
    image: fits.Header
    err: fits.Header
    dq: fits.Header

    def number(self, card, default=None):
        """Return a card of the image's header as a finite number.

        Raises
        ------
        InputError
            When it is missing (and there is no default) or no finite number.
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
    def exptime(self):
        """Exposure time in seconds."""
        return self.number("EXPTIME")

    @property
    def commanded_gain(self):
        """Commanded EM gain."""
        return self.number("EMGAIN_C")

    @property
    def kgain(self):
        """Electrons per DN."""
        return self.number("KGAINPAR")

    @property
    def em_gain(self):
        """EM gain: measured (EMGAIN_M), else applied (EMGAIN_A), else commanded (EMGAIN_C).

        A measured or applied gain that is no positive number (0, -999, NaN) means that there
        is none.
        """
        for card in ("EMGAIN_M", "EMGAIN_A"):
            value = self.image.get(card)
            if isinstance(value, int | float) and 0 < value < math.inf:
                return float(value)
        return self.commanded_gain

    @property
    def history(self):
        """All HISTORY of the image's header as one text: corgidrp wraps its sentences."""
        return "".join(str(line) for line in self.image.get("HISTORY", []))

    @property
    def start(self):
        """SCTSRT, the time the exposure began, as written (or an empty text)."""
        return str(self.image.get("SCTSRT", ""))


@dataclass(frozen=True)
class Pixels:
    """Where the pixels of a frame lie.

    Attributes
    ----------
    data : darkroom.fits.tiles.Plane
        The image.
    err, dq : darkroom.fits.tiles.Plane or None
        Its error and its flags; None when the file has none (error and flags are then zero).
    """

    data: Plane
    err: Plane | None
    dq: Plane | None

    @property
    def shape(self):
        """Rows and columns of the image."""
        return self.data.shape

    @property
    def single(self):
        """True when float32 holds image and error exactly as they are stored."""
        return all(plane is None or _is_single(plane) for plane in (self.data, self.err))

    def read_into(self, first, data, err, dq):
        """Read a band of rows.

        Parameters
        ----------
        first : int
            First row.
        data, err : (nrows, nx) float32 or float64 arrays
            Filled with values and errors; `err` may be None: it is then left unread.
        dq : (nrows, nx) uint16 array
            Filled with flags.
        """
        for plane, target in ((self.data, data), (self.err, err)):
            if target is None:
                continue
            if plane is None:
                target[...] = 0
            elif _is_single(plane):
                target[...] = plane.stored(first, len(target))
            else:
                stored = plane.stored(first, len(target)).astype(np.float64)
                target[...] = stored * plane.bscale + plane.bzero
        if self.dq is None:
            dq[...] = 0
        else:
            _flags_into(self.dq, first, dq)

    def read_patch(self, rows, columns):
        """Read a rectangle of the image and its flags, touching little else of the file.

        Parameters
        ----------
        rows, columns : slice

        Returns
        -------
        data : float64 array
        dq : uint16 array
        """
        values, flags = (
            None
            if plane is None
            else np.memmap(plane.path, plane.dtype, "r", plane.offset, plane.shape)[rows, columns]
            for plane in (self.data, self.dq)
        )
        data = values.astype(np.float64) * self.data.bscale + self.data.bzero
        if flags is None:
            return data, np.zeros(data.shape, np.uint16)
        dq = flags.astype(np.int64) * int(self.dq.bscale) + int(self.dq.bzero)
        return data, dq.astype(np.uint16)


@dataclass(frozen=True)
class Frame:
    """A frame: its headers, and where its pixels lie."""

    headers: Headers
    pixels: Pixels


@contextmanager
def open_frame(path, folder=None):
    """Read the headers of a frame and find its pixels.

    Parameters
    ----------
    path : path-like
        FITS file, ``.gz`` allowed.
    folder : path-like, optional
        Where the copy of a compressed file is unpacked; it lives as long as the context.

    Yields
    ------
    Frame

    Raises
    ------
    InputError
        When the file is no FITS, is cut off, or is not laid out as corgidrp's frames are.
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
    headers = [fits.Header.fromstring(unit.header) for unit in found]
    try:
        shape = _shape(headers[1])
        if len(shape) != 2:
            raise InputError(path, f"the second HDU holds no 2-D image ({_told(shape)})")
        planes = {"image": _plane(plain, found[1], headers[1], shape)}
        kept = {}
        for unit, header in zip(found[2:], headers[2:], strict=True):
            name = str(header.get("EXTNAME", "")).strip().upper()
            if name in ("ERR", "DQ"):
                planes[name], kept[name] = _first_plane(path, plain, unit, header, shape), header
    except (ValueError, fits.VerifyError) as error:
        raise InputError(path, f"cannot be read as FITS ({error})") from error
    empty = fits.Header()
    return Frame(
        Headers(path, *headers[:2], kept.get("ERR", empty), kept.get("DQ", empty)),
        Pixels(planes["image"], planes.get("ERR"), planes.get("DQ")),
    )


def _shape(header):
    """Return the shape of an image, the slowest axis first; () when it is none."""
    if header.get("XTENSION") != "IMAGE":
        return ()
    return tuple(header[f"NAXIS{axis}"] for axis in range(header["NAXIS"], 0, -1))


def _told(shape):
    return shape or "a table, or tile-compressed: unpack it with funpack"


def _first_plane(path, plain, unit, header, shape):
    """Locate the (first) plane of ERR or DQ; it must have the shape of the image."""
    found = _shape(header)
    if len(found) not in (2, 3) or found[-2:] != shape:
        raise InputError(
            path, f"{header['EXTNAME']} has the shape {_told(found)}, the image has {shape}"
        )
    return _plane(plain, unit, header, shape)


def _plane(plain, unit, header, shape):
    return Plane(
        path=plain,
        offset=unit.data_start,
        shape=shape,
        dtype=np.dtype(DTYPES[header["BITPIX"]]),
        bscale=float(header.get("BSCALE", 1.0)),
        bzero=float(header.get("BZERO", 0.0)),
    )


def _is_single(plane):
    return plane.dtype == np.dtype(">f4") and plane.bscale == 1 and plane.bzero == 0


def _flags_into(plane, first, dq):
    """Read rows of flags (FITS stores uint16 as int16 with BZERO 32768)."""
    stored = plane.stored(first, len(dq))
    if plane.dtype == np.dtype(">i2") and plane.bscale == 1 and plane.bzero == 1 << 15:
        dq[...] = stored.view(">u2")
        dq ^= np.uint16(1 << 15)
    else:
        dq[...] = stored.astype(np.int64) * int(plane.bscale) + int(plane.bzero)
