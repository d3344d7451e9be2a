"""Writing a FITS file plane by plane, when its planes are not all in memory.

`darkroom.fits.write` takes HDUs that are all in memory. Products whose planes together need far
more memory than the work on one of them (an up-the-ramp file of 80 planes has 240 MB) are streamed
instead. The files are of the same kind: written atomically, DATE in the primary header, CHECKSUM
and DATASUM in every HDU, the same bytes every time but for those cards.
"""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from darkroom.atomic import written_atomically
from darkroom.fits.structure import BLOCK
from darkroom.fits.write import add_checksums

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from astropy.io import fits

    from darkroom.hints import StrPath

_BITPIX = {"f4": -32, "i2": 16}
_BUFFER = 1 << 16
# Characters that must not occur in the encoded checksum (FITS standard 4.0, appendix J).
_PUNCTUATION = frozenset(b":;<=>?@[\\]^_`")


def write_planes(path: StrPath, hdus: Iterable[tuple[fits.Header, np.ndarray | None]]) -> None:
    """Write HDUs to `path` one by one.

    Parameters
    ----------
    path : path-like
        Final name.
    hdus : iterable of (astropy.io.fits.Header, array or None)
        The primary HDU first (None: no data). Arrays are (ny, nx), float32 or int16; their
        headers' BITPIX, NAXIS and scaling cards are set here. Headers are changed.
    """
    with written_atomically(path) as temporary, temporary.open("wb") as stream:
        for number, (header, data) in enumerate(hdus):
            if number == 0:
                now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")
                header["DATE"] = (now, "time this file was written (UTC)")
            if data is not None:
                _describe(header, data)
            total = 0 if data is None else _sum(data)
            _write_header(stream, header, total)
            if data is not None:
                _write_data(stream, data)


def write_cubes(
    path: StrPath,
    primary: fits.Header,
    cubes: Mapping[str, tuple[tuple[int, int, int], Callable[[], Iterable[np.ndarray]], str]],
    hdus: Iterable[Any],
) -> None:
    """Write a primary header, cubes plane by plane, and small HDUs.

    Parameters
    ----------
    path : path-like
        Final name.
    primary : astropy.io.fits.Header
        Its DATE is set here.
    cubes : dict
        ``{EXTNAME: (shape, planes, BUNIT)}``; ``planes()`` gives the planes, (ny, nx) float32, in
        order. It is called twice: for the checksum, and for the pixels.
    hdus : iterable of astropy HDUs
        Written after the cubes.
    """
    from astropy.io import fits

    with written_atomically(path) as temporary, temporary.open("wb") as stream:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")
        primary["DATE"] = (now, "time this file was written (UTC)")
        _write_header(stream, primary, 0)
        for name, (shape, planes, unit) in cubes.items():
            header = fits.ImageHDU(np.zeros((1, 1, 1), np.float32), name=name).header
            for axis, size in enumerate(reversed(shape), 1):
                header[f"NAXIS{axis}"] = size
            header["BUNIT"] = unit
            total = 0
            for plane in planes():
                total = _folded(total + _sum(np.ascontiguousarray(plane)))
            _write_header(stream, header, total)
            for plane in planes():
                stream.write(plane.astype(">f4").tobytes())
            stream.write(b"\0" * (-4 * int(np.prod(shape)) % BLOCK))
        for hdu in hdus:
            add_checksums([hdu])
            held = io.BytesIO()
            fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(held)
            stream.write(held.getvalue()[BLOCK:])


def _write_header(stream: IO[bytes], header: fits.Header, total: int) -> None:
    """Write a header with the checksums of an HDU whose data have the sum `total`."""
    header["DATASUM"] = (str(total), "data unit checksum")
    header["CHECKSUM"] = ("0" * 16, "HDU checksum")
    text = np.frombuffer(header.tostring().encode("ascii"), ">u4")
    header["CHECKSUM"] = (_encoded(_folded(int(text.sum(dtype=np.uint64)) + total)),)
    stream.write(header.tostring().encode("ascii"))


def _write_data(stream: IO[bytes], data: np.ndarray) -> None:
    """Write an array, big-endian and padded, through a buffer (a large one costs page faults)."""
    flat = data.reshape(-1)
    buffer = np.empty(min(flat.size, _BUFFER), flat.dtype.newbyteorder(">"))
    for start in range(0, flat.size, _BUFFER):
        part = buffer[: min(_BUFFER, flat.size - start)]
        part[...] = flat[start : start + part.size]
        stream.write(part.data)
    stream.write(b"\0" * (-data.nbytes % BLOCK))


def _describe(header: fits.Header, data: np.ndarray) -> None:
    """Set the cards that describe how the pixels are stored."""
    for card in ("BSCALE", "BZERO", "BLANK", "NPIX1", "NPIX2", "PIXVALUE"):
        header.remove(card, ignore_missing=True)
    header["BITPIX"] = _BITPIX[data.dtype.str[1:]]
    header["NAXIS"] = 2
    header.set("NAXIS1", data.shape[1], after="NAXIS")
    header.set("NAXIS2", data.shape[0], after="NAXIS1")


def _sum(data: np.ndarray) -> int:
    """Return the 32-bit ones-complement sum of an array's bytes as they are stored."""
    if data.dtype.itemsize == 4:
        return _folded(int(data.view(np.uint32).sum(dtype=np.uint64)))
    halves = data.reshape(-1).view(np.uint16)
    high, low = (int(halves[i::2].sum(dtype=np.uint64)) for i in (0, 1))
    return _folded((high << 16) + low)


def _folded(total: int) -> int:
    """Return a sum with its carries added back, the ones-complement sum of 32 bits."""
    while total >> 32:
        total = (total & 0xFFFFFFFF) + (total >> 32)
    return total


def _encoded(total: int) -> str:
    """Return the 16 characters that make an HDU with sum `total` add up to zero."""
    letters = [0] * 16
    for i, byte in enumerate((0xFFFFFFFF - total).to_bytes(4, "big")):
        quarter, rest = divmod(byte, 4)
        four = [quarter + ord("0")] * 4
        four[0] += rest
        while _PUNCTUATION & set(four):
            for j in (0, 2):
                if _PUNCTUATION & {four[j], four[j + 1]}:
                    four[j] += 1
                    four[j + 1] -= 1
        letters[i::4] = four
    return bytes(letters[-1:] + letters[:-1]).decode("ascii")
