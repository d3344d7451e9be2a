"""HST files of image sets: SCI, ERR, DQ, SAMP, TIME by EXTNAME and EXTVER.

EXTVER counts backwards: of NSAMP reads the last has EXTVER 1 and the zeroth EXTVER NSAMP. All of
`darkroom.wfc3` counts reads k = 0 … NSAMP-1 in time order; `extver_of` and `read_of` are the one
place where the two meet. A constant plane is stored as an HDU without data: its size is in NPIX1
and NPIX2, its value in PIXVALUE.
"""

from __future__ import annotations

import warnings
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from astropy.io import fits

from darkroom.errors import InputError
from darkroom.fits.tiles import DTYPES, Plane
from darkroom.fits.verify import BLOCK, unpacked

PLANES = ("SCI", "ERR", "DQ", "SAMP", "TIME")


def extver_of(k, nsamp):
    """Return the EXTVER of read k (0 = zeroth) of `nsamp`."""
    return nsamp - k


def read_of(extver, nsamp):
    """Return the read k (0 = zeroth) that has an EXTVER."""
    return nsamp - extver


class Imsets:
    """One file, its headers read, its planes read when asked for.

    Parameters
    ----------
    path : path-like
        FITS file; ``.gz`` is unpacked to a temporary file until `close`.

    Attributes
    ----------
    path, plain : pathlib.Path
        The file as given, and unpacked.
    primary : astropy.io.fits.Header
    headers : dict
        Extension headers by (EXTNAME, EXTVER).

    Raises
    ------
    InputError
        When the file is missing, is no FITS file or ends early.
    """

    def __init__(self, path):
        self.path = Path(path)
        if not self.path.is_file():
            raise InputError(self.path, "no such file")
        self._stack = ExitStack()
        try:
            self.plain = self._stack.enter_context(unpacked(self.path))
            self._scan()
        except BaseException:
            self._stack.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Remove the unpacked copy, if any."""
        self._stack.close()

    def _scan(self):
        """Read every header; note where the data are."""
        length = self.plain.stat().st_size
        self.headers, self._offsets = {}, {}
        with self.plain.open("rb") as stream:
            self.primary = self._header(stream, 0)
            number = 0
            _skip(stream, self.primary)
            while stream.tell() < length:
                number += 1
                header = self._header(stream, number)
                place = str(header.get("EXTNAME", "")).strip().upper(), int(header.get("EXTVER", 1))
                self.headers[place], self._offsets[place] = header, stream.tell()
                end = _skip(stream, header)
                if end > length:
                    raise InputError(
                        self.path,
                        f"truncated: [{place[0]},{place[1]}] should end at byte {end}, "
                        f"the file ends at {length}",
                    )

    def _header(self, stream, number):
        start = stream.tell()
        if stream.read(9) not in (b"SIMPLE  =", b"XTENSION="):
            fault = "not a FITS file" if not number else f"bytes follow HDU {number - 1}"
            raise InputError(self.path, fault)
        stream.seek(start)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return fits.Header.fromfile(stream)
        except (OSError, EOFError, ValueError) as error:
            fault = f"truncated or damaged: the header of HDU {number} cannot be read ({error})"
            raise InputError(self.path, fault) from error

    def header(self, name, extver):
        """Return the header of an extension."""
        try:
            return self.headers[name, extver]
        except KeyError:
            raise InputError(self.path, f"has no extension [{name},{extver}]") from None

    def shape(self, name, extver):
        """Return (ny, nx) of a plane, stored or constant."""
        header = self.header(name, extver)
        keys = ("NAXIS2", "NAXIS1") if header["NAXIS"] == 2 else ("NPIX2", "NPIX1")
        try:
            return tuple(int(header[key]) for key in keys)
        except KeyError as error:
            raise InputError(self.path, f"[{name},{extver}] is no image ({error})") from None

    def constant(self, name, extver):
        """Return the value of a constant plane, None for a stored one."""
        header = self.header(name, extver)
        if header["NAXIS"]:
            return None
        if "PIXVALUE" not in header:
            raise InputError(self.path, f"[{name},{extver}] has neither data nor PIXVALUE")
        return header["PIXVALUE"]

    def plane(self, name, extver, dtype=np.float32):
        """Read a plane as a new (ny, nx) array of float32 or int16, constants filled in."""
        value = self.constant(name, extver)
        if value is not None:
            return np.full(self.shape(name, extver), value, dtype)
        header = self.header(name, extver)
        plane = Plane(
            path=self.plain,
            offset=self._offsets[name, extver],
            shape=self.shape(name, extver),
            dtype=np.dtype(DTYPES[header["BITPIX"]]),
            bscale=float(header.get("BSCALE", 1.0)),
            bzero=float(header.get("BZERO", 0.0)),
        )
        same_kind = plane.dtype.itemsize == np.dtype(dtype).itemsize
        if plane.bscale == 1.0 and plane.bzero == 0.0 and same_kind:
            stored = plane.stored(0, plane.shape[0], self.path)
            if plane.dtype.kind == np.dtype(dtype).kind:
                return stored.byteswap(inplace=True).view(dtype)
        values = np.empty(plane.shape, np.float32)
        plane.read_into(values, 0, self.path)
        return values.astype(dtype, copy=False)


def _skip(stream, header):
    """Move to the end of an HDU's data and return that place."""
    size = abs(header["BITPIX"]) // 8 * header.get("GCOUNT", 1)
    pixels = 1 if header["NAXIS"] else 0
    for axis in range(header["NAXIS"]):
        pixels *= header[f"NAXIS{axis + 1}"]
    size *= header.get("PCOUNT", 0) + pixels
    return stream.seek(-(-size // BLOCK) * BLOCK, 1)


def required(imsets, header, keyword):
    """Return a card that must be there; text without surrounding blanks."""
    if keyword not in header:
        raise InputError(imsets.path, f"has no {keyword} card")
    value = header[keyword]
    return value.strip() if isinstance(value, str) else value
