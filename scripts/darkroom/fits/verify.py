"""Verification of FITS files: sizes, structure and checksums, to the last byte."""

from __future__ import annotations

import bz2
import gzip
import shutil
import tempfile
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from astropy.io import fits

from darkroom.errors import InputError
from darkroom.fits.structure import walk_hdus

if TYPE_CHECKING:
    from darkroom.hints import StrPath

#: Suffixes of files that are compressed as a whole.
COMPRESSED = (".gz", ".bz2")
# Fraction of the free disk space that an unpacked file may take.
_SHARE = 0.5
# How many times its size a file may unpack to, and how many bytes in any case: noise hardly packs.
_GROWTH, _SMALL = 50, 1_000_000_000


def verify(path: StrPath, size: int | None = None) -> fits.Header:
    """Check that a file is a complete FITS file.

    Checked are: the size, that compressed data (``.gz``, ``.bz2``) unpack to their end, that the
    file begins as FITS does, that every header can be read and its data are complete with nothing
    after them, and every CHECKSUM and DATASUM card.

    Parameters
    ----------
    path : path-like
        The file; one that is compressed as a whole is unpacked to a temporary file.
    size : int, optional
        Size in bytes that the file must have (as it is on disk, compressed or not).

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
    The FITS standard 4.0, sections 3.1 and 4.4.1.1 (sizes), appendix J (checksums). Damage that
    leaves the size as it is, in a file without checksums, is found by a pinned SHA-256 only.
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
def unpacked(path: StrPath, folder: StrPath | None = None) -> Iterator[Path]:
    """Give a file unpacked if it is compressed (``.gz``, ``.bz2``); the copy is removed afterwards.

    Parameters
    ----------
    path : path-like
        The file.
    folder : path-like, optional
        Folder of the unpacked copy (by default the system's temporary folder).

    Yields
    ------
    pathlib.Path
        `path` itself, or the unpacked copy.

    Raises
    ------
    InputError
        When the compressed data end early, are damaged, or unpack to more than the disk may take.
    """
    path = Path(path)
    if path.suffix not in COMPRESSED:
        yield path
        return
    kind, opened = ("gzip", gzip.open) if path.suffix == ".gz" else ("bzip2", bz2.open)
    with tempfile.NamedTemporaryFile(suffix=".fits", prefix="darkroom-", dir=folder) as copy:
        try:
            with opened(path) as packed:
                _unpack(path, packed, copy)
        except (EOFError, zlib.error, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # of the disk, not of the data
            raise InputError(path, f"{kind} data are damaged or end early ({error})") from error
        copy.flush()
        yield Path(copy.name)


def _unpack(path: Path, packed: gzip.GzipFile | bz2.BZ2File, copy: IO[bytes]) -> None:
    """Copy a stream to a file, up to what an exposure can grow to, and the disk may take."""
    size = path.stat().st_size
    room = int(_SHARE * shutil.disk_usage(Path(copy.name).parent).free)
    most, left = max(_SMALL, _GROWTH * size), room
    while block := packed.read(1 << 20):
        left -= len(block)
        if left < 0:
            raise InputError(path, f"its {size} bytes unpack to more than the disk may take")
        if room - left > most:
            raise InputError(
                path, f"its {size} bytes unpack to more than {most}: it is no exposure"
            )
        copy.write(block)


def primary_header(path: Path, name: StrPath | None = None) -> fits.Header:
    """Return the primary header of a file, after checking the structure of every HDU.

    Parameters
    ----------
    path : pathlib.Path
        The file, not compressed.
    name : path-like, optional
        Its name in messages.

    Raises
    ------
    InputError
        As by `darkroom.fits.structure.walk_hdus`.
    """
    # All HDUs are walked over; only the first header is kept.
    first, *_ = [hdu.header if hdu.number == 0 else None for hdu in walk_hdus(path, name)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return fits.Header.fromstring(first)


def _check_sums(name: Path, plain: Path) -> None:
    """Check every CHECKSUM and DATASUM card there is."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            fits.open(plain, checksum=True, memmap=True, lazy_load_hdus=False).close()
        # astropy raises many kinds of exceptions on damaged cards; each is a fault of the file.
        except Exception as error:
            raise InputError(name, f"cannot be read as FITS ({error})") from error
    for warning in caught:
        text = str(warning.message).strip()
        if "verification failed" in text:
            raise InputError(name, text.splitlines()[0])
