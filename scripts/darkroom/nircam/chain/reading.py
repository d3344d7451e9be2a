"""Pixels of reference files, read from the bytes of the part that an exposure reads."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits

from darkroom.errors import InputError
from darkroom.fits.tiles import DTYPES, Plane
from darkroom.nircam.chain.flags import DO_NOT_USE, translated
from darkroom.nircam.detector.readout import SIZE
from darkroom.nircam.ramps.header import as_number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from darkroom.hints import StrPath
    from darkroom.nircam.chain.exposure import Window

#: Rows worked on together: they fit into a processor's cache.
BAND = 64


@dataclass(frozen=True)
class Packed:
    """Flags of few pixels, which take little memory.

    Attributes
    ----------
    shape : tuple of int
    place : (n,) uint32 array
        Of the pixels with flags, in the order of the flat image.
    value : (n,) uint32 array
    """

    shape: tuple[int, ...]
    place: np.ndarray
    value: np.ndarray

    @classmethod
    def of(cls, image: np.ndarray) -> Packed:
        """Pack an image of flags."""
        flat = np.ascontiguousarray(image).ravel()
        place = np.flatnonzero(flat).astype(np.uint32)
        return cls(image.shape, place, flat[place].astype(np.uint32))

    @classmethod
    def of_all(
        cls, shape: tuple[int, ...], parts: Sequence[Packed], further: np.ndarray | None = None
    ) -> Packed:
        """Pack the flags of several references, and those of an image of flags."""
        flags = np.zeros(shape, np.uint32)
        for part in parts:
            part.add_to(flags)
        return cls.of(flags if further is None else flags | further)

    def marked(self) -> np.ndarray:
        """Return which pixels are marked DO_NOT_USE: (ny, nx) uint8."""
        bad = np.zeros(self.shape, np.uint8)
        bad.reshape(-1)[self.places(DO_NOT_USE)] = 1
        return bad

    @property
    def image(self) -> np.ndarray:
        """The flags of all pixels, a new uint32 array."""
        image = np.zeros(self.shape, np.uint32)
        image.reshape(-1)[self.place] = self.value
        return image

    def add_to(self, image: np.ndarray) -> None:
        """Add the flags to an image of flags, C-contiguous."""
        image.reshape(-1)[self.place] |= self.value.astype(image.dtype)

    def places(self, flag: int) -> np.ndarray:
        """Return the places of the pixels with a flag."""
        return self.place[(self.value & np.uint32(flag)) != 0]


@contextmanager
def opened(path: StrPath, needed: str) -> Iterator[fits.HDUList]:
    """Open a reference file that must have an extension `needed`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            hdus = fits.open(path, memmap=False)
    except (OSError, fits.VerifyError) as error:
        raise InputError(path, f"cannot be read as FITS ({error})") from error
    with hdus:
        if needed not in [hdu.name for hdu in hdus]:
            raise InputError(path, f"this reference has no extension {needed}")
        yield hdus


def image_of(path: StrPath, hdus: fits.HDUList, name: str, window: Window) -> np.ndarray:
    """Return the part of an extension that an exposure reads: (..., ny, nx) float32, a copy."""
    hdu = hdus[name]
    row, column = _place(path, hdus, hdu.shape, window)
    place = _plain(path, hdu)
    if place is None or place.dtype != DTYPES[-32] or place.bscale != 1 or place.bzero != 0:
        part = hdu.data[..., row : row + window.ny, column : column + window.nx]
        return np.array(part, np.float32, order="C")
    found = np.empty((*hdu.shape[:-2], window.ny, window.nx), np.float32)
    planes = found.reshape(-1, window.ny, window.nx)
    for number, values in enumerate(planes):
        plane = _shifted(place, number)
        for first in range(0, window.ny, BAND):
            part = values[first : first + BAND]
            if window.nx == plane.shape[1]:
                plane.read_into(part, row + first, path)
            else:
                rows = plane.stored(row + first, len(part), path)
                part[:] = rows[:, column : column + window.nx]
    return found


def flags_in(path: StrPath, hdus: fits.HDUList, shape: tuple[int, ...], window: Window) -> Packed:
    """Return the flags of the part of a reference that an exposure reads, in standard bits.

    Parameters
    ----------
    path : path-like
    hdus : astropy.io.fits.HDUList
    shape : tuple of int
        Of the reference's images; without a plane DQ no pixel has flags.
    window : Window
    """
    names = [hdu.name for hdu in hdus]
    if "DQ" not in names:
        _place(path, hdus, shape, window)
        none = np.zeros(0, np.uint32)
        return Packed((window.ny, window.nx), none, none)
    table = hdus["DQ_DEF"].data if "DQ_DEF" in names else None
    hdu = hdus["DQ"]
    row, column = _place(path, hdus, hdu.shape, window)
    plane = _plain(path, hdu)
    if len(hdu.shape) != 2:
        raise InputError(
            path, f"its extension DQ has {len(hdu.shape)} axes, flags of pixels have 2"
        )
    if plane is None or not _is_whole(plane):
        part = hdu.data[..., row : row + window.ny, column : column + window.nx]
        return Packed.of(translated(part, table))
    # Few pixels have flags: all others are passed over as they are stored.
    zero = int(plane.bzero)
    none = np.array([-zero]).astype(plane.dtype).view(f"u{plane.dtype.itemsize}")[0]
    places, values = [], []
    for first in range(0, window.ny, BAND):
        rows = plane.stored(row + first, min(BAND, window.ny - first), path)
        part = np.ascontiguousarray(rows[:, column : column + window.nx])
        place = np.flatnonzero(part.view(none.dtype) != none)
        places.append(place + first * window.nx)
        values.append(part.reshape(-1)[place].astype(np.int64) + zero)
    flags = translated(np.concatenate(values), table)
    held = flags != 0
    place = np.concatenate(places)[held].astype(np.uint32)
    return Packed((window.ny, window.nx), place, flags[held])


def _plain(path: StrPath, hdu: Any) -> Plane | None:
    """Return where the first image of an HDU is stored, or None when it is compressed."""
    info = None if isinstance(hdu, fits.CompImageHDU) else hdu.fileinfo()
    if info is None or info["file"].compression:
        return None
    header = hdu.header
    dtype = np.dtype(DTYPES[header["BITPIX"]])
    if header.get("BLANK") is not None:
        return None
    scale = [float(header.get(card, given)) for card, given in (("BSCALE", 1), ("BZERO", 0))]
    return Plane(Path(path), info["datLoc"], hdu.shape[-2:], dtype, *scale)


def _is_whole(plane: Plane) -> bool:
    """Tell whether numbers are stored as integers of up to 32 bits, signed or not."""
    kind, nbytes = plane.dtype.kind, plane.dtype.itemsize
    zeros = {"u": (0,), "i": (0, 1 << (8 * nbytes - 1))}.get(kind, ())
    return nbytes <= 4 and plane.bscale == 1 and plane.bzero in zeros


def _shifted(plane: Plane, number: int) -> Plane:
    offset = plane.offset + number * prod(plane.shape) * plane.dtype.itemsize
    return Plane(plane.path, offset, plane.shape, plane.dtype)


def _place(
    path: StrPath, hdus: fits.HDUList, shape: tuple[int, ...], window: Window
) -> tuple[int, int]:
    """Return row and column, of images of a reference, at which an exposure's window begins."""
    header: Mapping[str, Any] = hdus[0].header
    ny, nx = shape[-2:]
    starts = [as_number(header.get(card)) for card in ("SUBSTRT1", "SUBSTRT2")]
    if None in starts:
        if (ny, nx) != (SIZE, SIZE):
            raise InputError(
                path,
                f"this reference has images of {ny} × {nx} and no SUBSTRT1, SUBSTRT2: where they "
                "lie is unknown",
            )
        starts = [1, 1]
    if min(starts) < 1:
        raise InputError(path, f"this reference has SUBSTRT1 {starts[0]}, SUBSTRT2 {starts[1]}")
    column, row = window.column - int(starts[0]) + 1, window.row - int(starts[1]) + 1
    if row < 0 or column < 0 or row + window.ny > ny or column + window.nx > nx:
        raise InputError(
            path,
            f"this reference has {nx} × {ny} pixels from {starts[0]:g}, {starts[1]:g}, which do "
            f"not cover the {window.nx} × {window.ny} pixels of the exposure from "
            f"{window.column + 1}, {window.row + 1}",
        )
    return row, column
