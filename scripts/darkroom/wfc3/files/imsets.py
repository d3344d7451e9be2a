"""HST files of image sets: SCI, ERR, DQ, SAMP, TIME by EXTNAME and EXTVER.

EXTVER counts backwards: of NSAMP reads the last has EXTVER 1 and the zeroth EXTVER NSAMP. All of
`darkroom.wfc3` counts reads k = 0 … NSAMP-1 in time order; `extver_of` and `read_of` convert
between the two. A constant plane is stored as an HDU without data: its size is in NPIX1 and NPIX2,
its value in PIXVALUE.
"""

from __future__ import annotations

import re
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits

from darkroom.errors import InputError
from darkroom.fits.structure import BLOCK
from darkroom.fits.tiles import DTYPES, Plane
from darkroom.fits.verify import unpacked

if TYPE_CHECKING:
    from collections.abc import KeysView
    from typing import Self

    import numpy.typing as npt

    from darkroom.hints import StrPath

PLANES = ("SCI", "ERR", "DQ", "SAMP", "TIME")
# The cards that say how to read an HDU. astropy would take 0.1 ms to look up each of them.
_CARD = re.compile(
    rb"(BITPIX  |NAXIS[ 0-9]  |PCOUNT  |GCOUNT  |BSCALE  |BZERO   |EXTNAME |EXTVER  |NPIX[12]   "
    rb"|PIXVALUE)= (.{70})"
)
_END = re.compile(rb"^(?:.{80})*END {77}", re.DOTALL)


def extver_of(k: int, nsamp: int) -> int:
    """Return the EXTVER of read k (0 = zeroth) of `nsamp`."""
    return nsamp - k


def read_of(extver: int, nsamp: int) -> int:
    """Return the read k (0 = zeroth) of an EXTVER, of `nsamp` reads."""
    return nsamp - extver


class Imsets:
    """A file of image sets; planes are read on demand.

    Parameters
    ----------
    path : path-like
        FITS file; ``.gz`` is unpacked to a temporary file, which `close` removes.

    Attributes
    ----------
    path, plain : pathlib.Path
        The file as given, and unpacked.
    primary : astropy.io.fits.Header

    Raises
    ------
    InputError
        When the file is missing, is not a FITS file or is truncated.
    """

    def __init__(self, path: StrPath) -> None:
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

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the unpacked copy, if any."""
        self._stack.close()

    def _scan(self):
        """Find every HDU; headers are parsed on demand."""
        length = self.plain.stat().st_size
        self._units: dict[tuple[str, int], _Unit] = {}
        self._parsed: dict[tuple[str, int], fits.Header] = {}
        with self.plain.open("rb") as stream:
            text = self._header_text(stream, 0)
            self.primary = fits.Header.fromstring(text)
            stream.seek(_padded(_Unit(text, stream.tell()).nbytes), 1)
            number = 0
            while stream.tell() < length:
                number += 1
                unit = _Unit(self._header_text(stream, number), stream.tell())
                self._units[unit.name, unit.extver] = unit
                end = stream.seek(_padded(unit.nbytes), 1)
                if end > length:
                    raise InputError(
                        self.path,
                        f"truncated: [{unit.name},{unit.extver}] should end at byte {end}, "
                        f"the file ends at {length}",
                    )

    def _header_text(self, stream, number):
        """Read the blocks of one header."""
        text = stream.read(BLOCK)
        if text[:9] not in (b"SIMPLE  =", b"XTENSION="):
            fault = "not a FITS file" if not number else f"bytes follow HDU {number - 1}"
            raise InputError(self.path, fault)
        while not _END.search(text):
            more = stream.read(BLOCK)
            if len(more) < BLOCK:
                raise InputError(self.path, f"truncated: the header of HDU {number} has no end")
            text += more
        return text

    @property
    def names(self) -> KeysView[tuple[str, int]]:
        """(EXTNAME, EXTVER) of every extension, in the order of the file."""
        return self._units.keys()

    def _unit(self, name, extver):
        try:
            return self._units[name, extver]
        except KeyError:
            raise InputError(self.path, f"has no extension [{name},{extver}]") from None

    def header(self, name: str, extver: int) -> fits.Header:
        """Return the header of an extension."""
        if (name, extver) not in self._parsed:
            text = self._unit(name, extver).text
            self._parsed[name, extver] = fits.Header.fromstring(text)
        return self._parsed[name, extver]

    def shape(self, name: str, extver: int) -> tuple[int, int]:
        """Return (ny, nx) of a plane, stored or constant."""
        size = self._unit(name, extver).shape
        if size is None:
            raise InputError(self.path, f"[{name},{extver}] is not an image")
        return size

    def constant(self, name: str, extver: int) -> float | None:
        """Return the value of a constant plane, None for a stored one."""
        unit = self._unit(name, extver)
        if unit.naxis:
            return None
        value = unit.number("PIXVALUE")
        if value is None:
            raise InputError(self.path, f"[{name},{extver}] has neither data nor PIXVALUE")
        return value

    def plane(self, name: str, extver: int, dtype: npt.DTypeLike = np.float32) -> np.ndarray:
        """Read a plane; a constant one is filled in.

        Parameters
        ----------
        name, extver : str, int
            EXTNAME and EXTVER.
        dtype : dtype
            float32 or int16.

        Returns
        -------
        (ny, nx) array
            A new one, in native byte order.

        Raises
        ------
        InputError
            When the file has no such plane, or the extension is not an image.
        """
        value = self.constant(name, extver)
        if value is not None:
            return np.full(self.shape(name, extver), value, dtype)
        unit = self._unit(name, extver)
        plane = Plane(
            path=self.plain,
            offset=unit.offset,
            shape=self.shape(name, extver),
            dtype=np.dtype(DTYPES[unit.number("BITPIX")]),
            bscale=float(unit.number("BSCALE", 1.0)),
            bzero=float(unit.number("BZERO", 0.0)),
        )
        same_kind = plane.dtype.itemsize == np.dtype(dtype).itemsize
        if plane.bscale == 1.0 and plane.bzero == 0.0 and same_kind:
            stored = plane.stored(0, plane.shape[0], self.path)
            if plane.dtype.kind == np.dtype(dtype).kind:
                return stored.byteswap(inplace=True).view(dtype)
        values = np.empty(plane.shape, np.float32)
        plane.read_into(values, 0, self.path)
        return values.astype(dtype, copy=False)

    def rows(self, name: str, extver: int, count: int | None = None) -> list[bytes]:
        """Return the stored bytes of rows of a plane, spread over it; by default of all rows.

        A constant plane has one row, the text of its value.
        """
        value = self.constant(name, extver)
        if value is not None:
            return [repr(value).encode()]
        unit, (ny, nx) = self._unit(name, extver), self.shape(name, extver)
        size, step = nx * abs(unit.number("BITPIX")) // 8, max(1, ny // (count or ny))
        with self.plain.open("rb") as stream:
            if step == 1:
                stream.seek(unit.offset)
                plane = stream.read(ny * size)
                return [plane[row * size : (row + 1) * size] for row in range(ny)]
            found = []
            for row in range(step // 2, ny, step):
                stream.seek(unit.offset + row * size)
                found.append(stream.read(size))
        return found


class _Unit:
    """One HDU: the text of its header, the numbers to read it by, and the offset of its data."""

    def __init__(self, text: bytes, offset: int) -> None:
        self.text, self.offset = text, offset
        self._values = {key.strip().decode(): value for key, value in _CARD.findall(text)}
        self.name = self._values.get("EXTNAME", b"''").split(b"'")[1].strip().decode().upper()
        self.extver = int(self.number("EXTVER", 1))
        self.naxis = int(self.number("NAXIS", 0))
        axes = ("NAXIS2", "NAXIS1") if self.naxis == 2 else ("NPIX2", "NPIX1")
        ny, nx = (self.number(axis) for axis in axes)
        no_image = self.naxis > 2 or ny is None or nx is None
        self.shape = None if no_image else (int(ny), int(nx))

    def number(self, key: str, default: float | None = None) -> Any:
        """Return the number on a card: an int when it is written as one."""
        text = self._values.get(key)
        if text is None:
            return default
        text = text.split(b"/")[0].strip().decode()
        return int(text) if text.lstrip("+-").isdigit() else float(text.replace("D", "E"))

    @property
    def nbytes(self) -> int:
        """Bytes of data, without padding."""
        pixels = 1 if self.naxis else 0
        for axis in range(self.naxis):
            pixels *= int(self.number(f"NAXIS{axis + 1}"))
        size = abs(self.number("BITPIX")) // 8 * self.number("GCOUNT", 1)
        return size * (self.number("PCOUNT", 0) + pixels)


def _padded(size):
    return -(-size // BLOCK) * BLOCK


def required(imsets: Imsets, header: fits.Header, keyword: str) -> Any:
    """Return the value of a card that must exist; text without surrounding blanks.

    Parameters
    ----------
    imsets : Imsets
        The file, named in the message.
    header : astropy.io.fits.Header
        One of its headers.
    keyword : str
        Name of the card.

    Raises
    ------
    InputError
        When the header has no such card.
    """
    if keyword not in header:
        raise InputError(imsets.path, f"has no {keyword} card")
    value = header[keyword]
    return value.strip() if isinstance(value, str) else value


def sample_time(imsets: Imsets, extver: int) -> float:
    """Return the exposure time of a read (SAMPTIME), s.

    Raises
    ------
    InputError
        When the card is missing or is no number.
    """
    value = required(imsets, imsets.header("SCI", extver), "SAMPTIME")
    try:
        return float(value)
    except (TypeError, ValueError):
        raise InputError(
            imsets.path, f"SAMPTIME of [SCI,{extver}] is {value!r}, a number is needed"
        ) from None
