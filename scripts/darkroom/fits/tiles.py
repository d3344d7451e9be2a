"""Many frames read together, a band of rows at a time, in memory that a band determines."""

from __future__ import annotations

import os
import tempfile
import warnings
import weakref
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits

from darkroom.errors import DarkroomError, InputError
from darkroom.fits.structure import check_structure
from darkroom.fits.verify import COMPRESSED, unpacked

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from darkroom.hints import StrPath

#: Type of stored numbers by BITPIX.
DTYPES = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}
# Integers up to here are exact in float32.
_EXACT = 1 << 23


@dataclass(frozen=True)
class Plane:
    """Position of the pixels of one 2-D image in a file, and how to convert them to values.

    Attributes
    ----------
    path : pathlib.Path
        The file, not compressed.
    offset : int
        Byte at which the first pixel begins.
    shape : tuple of int
        ``(ny, nx)``.
    dtype : numpy.dtype
        Type of the stored numbers, with its byte order.
    bscale, bzero : float
        Value = bscale × stored number + bzero.
    blank : int or None
        Stored number that stands for a missing value.
    """

    path: Path
    offset: int
    shape: tuple[int, int]
    dtype: np.dtype
    bscale: float = 1.0
    bzero: float = 0.0
    blank: int | None = None

    @property
    def nbytes(self) -> int:
        """Size of the plane in bytes."""
        return self.shape[0] * self.shape[1] * self.dtype.itemsize

    def stored(self, first: int, nrows: int, name: StrPath | None = None) -> np.ndarray:
        """Read rows as they are stored, without scaling.

        Parameters
        ----------
        first, nrows : int
            First row, and number of rows.
        name : path-like, optional
            The file's name in messages (by default `path`).

        Returns
        -------
        (nrows, nx) array of `dtype`
        """
        raw = np.empty((nrows, self.shape[1]), self.dtype)
        _fill(raw, self, first, name or self.path)
        return raw

    def stored_in(
        self, file: OpenFile, first: int, nrows: int, name: StrPath | None = None
    ) -> np.ndarray:
        """Read rows as `stored` does, from the file of the plane, opened before."""
        raw = np.empty((nrows, self.shape[1]), self.dtype)
        _read_rows(file.descriptor, raw, self, first, name or self.path)
        return raw

    def stored_at(self, parts: Sequence[slice], name: StrPath | None = None) -> np.ndarray:
        """Read several parts of an image as they are stored; the file is opened once.

        Parameters
        ----------
        parts : sequence of slice
            Rows of each part, in order.
        name : path-like, optional
            The file's name in messages (by default `path`).

        Returns
        -------
        (nrows, nx) array of `dtype`
            The rows of all parts, one after the other.
        """
        raw = np.empty((sum(part.stop - part.start for part in parts), self.shape[1]), self.dtype)
        with _opened(self, name or self.path) as descriptor:
            place = 0
            for part in parts:
                rows = raw[place : place + part.stop - part.start]
                _read_rows(descriptor, rows, self, part.start, name or self.path)
                place += len(rows)
        return raw

    def read_into(self, values: np.ndarray, first: int, name: StrPath | None = None) -> None:
        """Read rows, scaled, into an array.

        Parameters
        ----------
        values : (nrows, nx) float32 array
            Filled.
        first : int
            First row.
        name : path-like, optional
            The file's name in messages (by default `path`).
        """
        unscaled = self.bscale == 1.0 and self.bzero == 0.0
        if unscaled and self.dtype == DTYPES[-32] and values.flags.c_contiguous:
            # In place: a copy and a conversion of the byte order would take longer than the read.
            _fill(values, self, first, name or self.path)
            values.byteswap(inplace=True)
            return
        _to_values(self, self.stored(first, values.shape[0], name), values)


class OpenFile:
    """A file that stays open for reading until nothing refers to it any more.

    Parameters
    ----------
    path : path-like
    name : path-like
        The file's name in messages.

    Raises
    ------
    InputError
        When it cannot be opened.
    """

    def __init__(self, path: StrPath, name: StrPath) -> None:
        self.descriptor = _descriptor(path, name)
        weakref.finalize(self, os.close, self.descriptor)


class FrameStack:
    """Frames of one shape, read in bands of rows directly from their FITS files.

    Only the bytes of a band are read, without memory mapping, and no file stays open between bands:
    memory and the number of open files do not grow with the number of frames. Compressed files are
    unpacked once into a scratch folder, which `close` (or the end of a ``with`` block) removes.
    `read` may be called from several threads.

    Parameters
    ----------
    paths : sequence of path-like
        One file per frame; compressed (``.gz``, ``.bz2``) and tile-compressed (``.fz``) ones too.
    ext : int or str, optional
        HDU of the image; by default the first one with 2-D data.
    scratch : path-like, optional
        Folder for unpacked copies (by default the system's temporary folder).

    Attributes
    ----------
    paths : list of pathlib.Path
        The files, as given.
    shape : tuple of int
        ``(ny, nx)`` of every frame.
    nframes : int
        Number of frames.

    Raises
    ------
    InputError
        For a file that is missing, not FITS, without a 2-D image, shorter than its header says,
        or of another shape than the rest; the file is named.
    DarkroomError
        When there is no file at all.
    """

    def __init__(
        self,
        paths: Sequence[StrPath],
        *,
        ext: int | str | None = None,
        scratch: StrPath | None = None,
    ) -> None:
        self.paths = [Path(path) for path in paths]
        if not self.paths:
            msg = "no frames to combine: the list of files is empty"
            raise DarkroomError(msg)
        self.nframes = len(self.paths)
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self._scratch_parent = scratch
        try:
            self._images = [self._locate(k, path, ext) for k, path in enumerate(self.paths)]
            self.shape = _common_shape(self.paths, self._images)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> FrameStack:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the unpacked copies."""
        if self._scratch is not None:
            self._scratch.cleanup()

    def read(self, rows: slice) -> np.ndarray:
        """Read a band of every frame.

        Parameters
        ----------
        rows : slice
            Rows to read, step 1.

        Returns
        -------
        (nframes, nrows, nx) float32 array
            Values with BSCALE and BZERO applied (in float64, then rounded once); NaN where an
            integer equals BLANK.
        """
        first, stop, _ = rows.indices(self.shape[0])
        band = np.empty((self.nframes, max(stop - first, 0), self.shape[1]), np.float32)
        for path, image, values in zip(self.paths, self._images, band, strict=True):
            image.read_into(values, first, path)
        return band

    def _locate(self, number: int, path: Path, ext: int | str | None) -> Plane:
        """Find the image of one frame; unpack it to scratch when it is compressed."""
        if not path.is_file():
            raise InputError(path, "no such file")
        packed = path.suffix in COMPRESSED
        with unpacked(path, self._scratch_folder() if packed else None) as plain:
            image, pixels = find_image(path, plain, ext)
            if pixels is None and not packed:
                return image
            target = self._scratch_folder() / f"{number:06d}.raw"
            if pixels is None:
                _copy_bytes(plain, image.offset, image.nbytes, target)
            else:
                # Not by tofile, see darkroom.fits.write.save.
                target.write_bytes(np.ascontiguousarray(pixels).data)
        return replace(image, path=target, offset=0)

    def _scratch_folder(self) -> Path:
        """Return the folder of unpacked copies, made when first needed."""
        if self._scratch is None:
            if self._scratch_parent is not None:
                Path(self._scratch_parent).mkdir(parents=True, exist_ok=True)
            self._scratch = tempfile.TemporaryDirectory(
                prefix="darkroom-", dir=self._scratch_parent
            )
        return Path(self._scratch.name)


def find_image(
    name: Path, plain: Path, ext: int | str | None = None
) -> tuple[Plane, np.ndarray | None]:
    """Locate the image in a file.

    Parameters
    ----------
    name, plain : pathlib.Path
        The file's name in messages, and the file itself, not compressed as a whole.
    ext : int or str, optional
        HDU of the image; by default the first with a 2-D image.

    Returns
    -------
    plane : Plane
        Where its pixels are.
    pixels : (ny, nx) array or None
        The unpacked pixels, as they are stored, when the image is tile-compressed.

    Raises
    ------
    InputError
        When the file cannot be read, or holds no such image.
    """
    # Before astropy, which would unpack other formats too and allocate whatever a header says.
    check_structure(plain, name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with fits.open(plain, memmap=False, do_not_scale_image_data=True) as hdus:
                hdu = _image_hdu(name, hdus, ext)
                return _describe(plain, hdu)
    except InputError:
        raise
    except Exception as error:
        raise InputError(name, f"cannot be read as FITS ({error})") from error


def _image_hdu(name: Path, hdus: fits.HDUList, ext: int | str | None) -> Any:
    """Return HDU `ext` of an open file, or the first with a 2-D image."""
    if ext is not None:
        try:
            hdu = hdus[ext]
        except (KeyError, IndexError):
            raise InputError(name, f"has no HDU {ext!r}") from None
        if not (hdu.is_image and is_flat(hdu.shape)):
            raise InputError(name, f"HDU {ext!r} holds no 2-D image (shape {hdu.shape})")
        return hdu
    shapes = []
    for hdu in hdus:
        if hdu.is_image:
            if is_flat(hdu.shape):
                return hdu
            shapes.append(hdu.shape)
    raise InputError(name, f"no HDU holds a 2-D image (shapes found: {shapes})")


def is_flat(shape: Sequence[int]) -> bool:
    """Tell whether an array of this shape is one image: further axes have one element."""
    return len(shape) >= 2 and all(size == 1 for size in shape[:-2])


def _describe(plain: Path, hdu: Any) -> tuple[Plane, np.ndarray | None]:
    """Return the `Plane` of an HDU, and its unpacked pixels when it is tile-compressed."""
    header = hdu.header
    if isinstance(hdu, fits.CompImageHDU):
        pixels = hdu.data.reshape(hdu.shape[-2:])
        pixels = pixels.astype(pixels.dtype.newbyteorder(">"))
        dtype, offset = pixels.dtype, 0
    else:
        pixels = None
        dtype, offset = np.dtype(DTYPES[header["BITPIX"]]), hdu.fileinfo()["datLoc"]
    image = Plane(
        path=plain,
        offset=offset,
        shape=hdu.shape[-2:],
        dtype=dtype,
        bscale=float(header.get("BSCALE", 1.0)),
        bzero=float(header.get("BZERO", 0.0)),
        blank=int(header["BLANK"]) if dtype.kind in "iu" and "BLANK" in header else None,
    )
    return image, pixels


def _common_shape(paths: Sequence[Path], images: Sequence[Plane]) -> tuple[int, int]:
    """Return the shape of all images; refuse the first that differs from most."""
    (usual, number), *others = Counter(image.shape for image in images).most_common()
    if not others:
        return usual
    odd = next(k for k, image in enumerate(images) if image.shape != usual)
    raise InputError(
        paths[odd],
        f"image of {_size(images[odd].shape)} pixels among {number} of {_size(usual)} "
        f"(columns x rows), the first being {paths[_index(images, usual)].name}",
        "frames of one stack must have one shape",
    )


def _index(images: Sequence[Plane], shape: tuple[int, int]) -> int:
    return next(k for k, image in enumerate(images) if image.shape == shape)


def _size(shape: tuple[int, int]) -> str:
    return f"{shape[1]} x {shape[0]}"


def _copy_bytes(source: Path, offset: int, count: int, target: Path) -> None:
    """Copy a range of bytes of one file into a new one."""
    with source.open("rb") as stream, target.open("wb") as out:
        stream.seek(offset)
        while count:
            block = stream.read(min(count, 1 << 20))
            out.write(block)
            count -= len(block)


def _fill(raw: np.ndarray, plane: Plane, first: int, name: StrPath) -> None:
    """Fill `raw` with the bytes of a plane from row `first` on."""
    with _opened(plane, name) as descriptor:
        _read_rows(descriptor, raw, plane, first, name)


@contextmanager
def _opened(plane: Plane, name: StrPath) -> Iterator[int]:
    """Open the file of a plane; gives its descriptor."""
    descriptor = _descriptor(plane.path, name)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _descriptor(path: StrPath, name: StrPath) -> int:
    try:
        return os.open(path, os.O_RDONLY)
    except OSError as error:
        raise InputError(name, f"can no longer be opened ({error.strerror})") from error


def _read_rows(descriptor: int, raw: np.ndarray, plane: Plane, first: int, name: StrPath) -> None:
    start = plane.offset + first * raw.shape[1] * raw.itemsize
    left = raw.data.cast("B") if raw.size else memoryview(b"")
    while len(left):
        got = os.preadv(descriptor, [left], start)
        if got == 0:
            raise InputError(name, "became shorter while it was read")
        left, start = left[got:], start + got


def _to_values(image: Plane, raw: np.ndarray, values: np.ndarray) -> None:
    """Scale big-endian stored numbers into float32 `values`."""
    blank = None
    if image.blank is not None:
        blank = raw == image.blank
    unscaled = image.bscale == 1.0 and image.bzero == 0.0
    small = raw.dtype.kind in "iu" and raw.itemsize <= 2 and image.bscale == 1.0
    if small and image.bzero == int(image.bzero) and abs(image.bzero) <= _EXACT:
        np.add(raw, np.float32(image.bzero), out=values, dtype=np.float32)
    elif unscaled:
        with np.errstate(over="ignore"):
            values[...] = raw
    else:
        with np.errstate(over="ignore"):
            values[...] = raw.astype(np.float64) * image.bscale + image.bzero
    if blank is not None:
        values[blank] = np.nan
