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
from darkroom.fits.structure import units

# Part of the free disk that an unpacked file may take.
_SHARE = 0.5


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
        header = primary_header(plain, path)
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
        When the compressed data end early, are damaged, or fill the disk.
    """
    path = Path(path)
    if path.suffix != ".gz":
        yield path
        return
    with tempfile.NamedTemporaryFile(suffix=".fits", prefix="darkroom-", dir=folder) as copy:
        try:
            with gzip.open(path) as packed:
                _unpack(path, packed, copy)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise InputError(path, f"gzip data are damaged or end early ({error})") from error
        copy.flush()
        yield Path(copy.name)


def _unpack(path, packed, copy):
    """Copy a stream to a file, but not until the disk is full."""
    room = int(_SHARE * shutil.disk_usage(Path(copy.name).parent).free)
    while block := packed.read(1 << 20):
        room -= len(block)
        if room < 0:
            size = path.stat().st_size
            raise InputError(path, f"its {size} bytes unpack to more than the disk may take")
        copy.write(block)


def primary_header(path, name=None):
    """Return the primary header of a plain file whose structure holds in every HDU.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    name : path-like, optional
        Its name in messages.

    Raises
    ------
    InputError
        As by `darkroom.fits.structure.units`.
    """
    # All of them are walked over, the first is kept.
    first, *_ = [unit.header if unit.number == 0 else None for unit in units(path, name)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return fits.Header.fromstring(first)


def _check_sums(name, plain):
    """Check every CHECKSUM and DATASUM card there is."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            fits.open(plain, checksum=True, memmap=True, lazy_load_hdus=False).close()
        # What astropy makes of cards that are none is manifold, and always the file's fault.
        except Exception as error:
            raise InputError(name, f"cannot be read as FITS ({error})") from error
    for warning in caught:
        text = str(warning.message).strip()
        if "verification failed" in text:
            raise InputError(name, text.splitlines()[0])
