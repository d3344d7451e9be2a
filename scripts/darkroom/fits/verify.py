"""Nothing is believed until it was read to the last byte."""

from __future__ import annotations

import gzip
import shutil
import tempfile
import warnings
import zlib
from contextlib import contextmanager
from pathlib import Path

from astropy.io import fits

from darkroom.errors import InputError

BLOCK = 2880


def verify(path, size=None):
    """Check that a file is a whole FITS file.

    Checked are: the number of bytes, that gzip data (``.gz``) unpack to their end, that the
    file begins as FITS does, that every header can be read and the data it announces are all
    there with nothing after them, and every CHECKSUM and DATASUM card.

    Parameters
    ----------
    path : path-like
        The file; names ending in ``.gz`` are unpacked to a temporary file.
    size : int, optional
        Bytes that the file must have (of the file as it is, compressed or not).

    Returns
    -------
    astropy.io.fits.Header
        The primary header.

    Raises
    ------
    InputError
        With the first fault found.

    Notes
    -----
    The FITS standard 4.0, sections 3.1 and 4.4.1.1 (sizes), appendix J (checksums). A same-size
    corruption of a file without checksums cannot be seen here: only a pinned SHA-256 can.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(path, "no such file")
    found = path.stat().st_size
    if size is not None and found != size:
        raise InputError(path, f"has {found} bytes, {size} are expected")
    with unpacked(path) as plain:
        header = check_structure(path, plain)
        _check_sums(path, plain)
    return header


@contextmanager
def unpacked(path, folder=None):
    """Give a plain file for a possibly gzip-compressed one; a copy is removed afterwards.

    Parameters
    ----------
    path : path-like
        The file.
    folder : path-like, optional
        Where the unpacked copy goes (the system's temporary folder by default).

    Yields
    ------
    pathlib.Path
        `path` itself, or the unpacked copy.

    Raises
    ------
    InputError
        When the compressed data end early or are damaged.
    """
    path = Path(path)
    if path.suffix != ".gz":
        yield path
        return
    with tempfile.NamedTemporaryFile(suffix=".fits", prefix="darkroom-", dir=folder) as copy:
        try:
            with gzip.open(path) as packed:
                shutil.copyfileobj(packed, copy, 1 << 20)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise InputError(path, f"gzip data are damaged or end early ({error})") from error
        copy.flush()
        yield Path(copy.name)


def check_structure(name, plain):
    """Walk over all HDUs of `plain`; return the primary header. Faults are told of `name`."""
    length = plain.stat().st_size
    first = None
    with plain.open("rb") as stream:
        start = stream.read(9)
        if start != b"SIMPLE  =":
            shown = (start + stream.read(31)).decode("latin-1").strip()
            raise InputError(name, f"not a FITS file: it begins with {shown!r}")
        stream.seek(0)
        number = 0
        while stream.tell() < length:
            header = _read_header(name, stream, number)
            first = header if first is None else first
            end = stream.tell() + _padded(_data_bytes(name, header, number))
            if end > length:
                raise InputError(
                    name,
                    f"truncated: HDU {number} should end at byte {end}, the file ends at {length}"
                    + ("" if plain == name else " (unpacked)"),
                )
            stream.seek(end)
            number += 1
    return first


def _read_header(name, stream, number):
    """Read one header; `stream` is left at its data."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            header = fits.Header.fromfile(stream)
    except (OSError, EOFError, ValueError) as error:
        fault = f"header of HDU {number} cannot be read ({error})"
        if number:
            fault += ", or bytes follow the last HDU"
        raise InputError(name, fault) from error
    if number and "XTENSION" not in header:
        raise InputError(name, f"bytes that are no HDU follow HDU {number - 1}")
    return header


def _data_bytes(name, header, number):
    """Return the bytes of data that a header announces (without padding)."""
    try:
        axes = [int(header[f"NAXIS{k + 1}"]) for k in range(int(header["NAXIS"]))]
        bits = abs(int(header["BITPIX"]))
        count = int(header.get("GCOUNT", 1))
        extra = int(header.get("PCOUNT", 0))
    except (KeyError, ValueError, TypeError, fits.VerifyError) as error:
        raise InputError(name, f"header of HDU {number} lacks its size ({error})") from error
    if not axes:
        return 0
    pixels = 1
    for axis in axes[1:] if axes[0] == 0 and header.get("GROUPS") else axes:
        pixels *= axis
    return bits // 8 * count * (extra + pixels)


def _padded(size):
    return -(-size // BLOCK) * BLOCK


def _check_sums(name, plain):
    """Check every CHECKSUM and DATASUM card there is."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fits.open(plain, checksum=True, memmap=True, lazy_load_hdus=False).close()
    for warning in caught:
        text = str(warning.message).strip()
        if "verification failed" in text:
            raise InputError(name, text.splitlines()[0])
