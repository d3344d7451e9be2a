"""Reference files cut to the window of an exposure, read once for all exposures of a job."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits

from darkroom.errors import InputError
from darkroom.nircam.chain import flags as bits
from darkroom.nircam.detector.readout import SIZE
from darkroom.nircam.ramps.header import as_number

if TYPE_CHECKING:
    from typing import TypeVar

    from darkroom.hints import StrPath
    from darkroom.nircam.chain.exposure import Window

    _Image = TypeVar("_Image", "np.ndarray", "Packed")

#: A signal that no raw number reaches: pixels without a saturation limit.
NEVER = np.float32(65536)


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

    @property
    def image(self) -> np.ndarray:
        """The flags of all pixels, a new uint32 array."""
        image = np.zeros(self.shape, np.uint32)
        image.reshape(-1)[self.place] = self.value
        return image


@dataclass(frozen=True)
class Coefficients:
    """Polynomials of the step linearity.

    Attributes
    ----------
    forward : (nc, ny, nx) float32 array
        From measured to linear signal.
    inverse : (nd, ny, nx) float32 array or None
        From linear to measured signal.
    packed : Packed
        Flags to be added to PIXELDQ.
    """

    forward: np.ndarray
    inverse: np.ndarray | None
    packed: Packed

    @property
    def flags(self) -> np.ndarray:
        """Flags to be added to PIXELDQ, a new (ny, nx) uint32 array."""
        return self.packed.image


@dataclass(frozen=True)
class Dark:
    """A dark reference as it is stored.

    Attributes
    ----------
    path : pathlib.Path
    signal : (ngroups, ny, nx) array of float32, any byte order
    flags : (ny, nx) uint32 array
    nframes, groupgap : int
    """

    path: Path
    signal: np.ndarray
    flags: np.ndarray
    nframes: int
    groupgap: int


class References:
    """Reference files of a job, each read once for each window.

    Parameters
    ----------
    check : callable, optional
        Called with the path of each file before it is first read; raises when the bytes are not
        those that were chosen.
    """

    def __init__(self, check: Callable[[Path], None] | None = None) -> None:
        self._check = check
        self._held: dict[tuple, Any] = {}
        self._lock = threading.Lock()

    def _once(self, kind: str, path: StrPath, window: Window, read: Callable[[], Any]) -> Any:
        key = kind, str(path), window
        with self._lock:
            if key not in self._held:
                if self._check is not None:
                    self._check(Path(path))
                self._held[key] = read()
            return self._held[key]

    def shared(self, key: tuple, image: _Image) -> _Image:
        """Return the image that an exposure of the job gave before under `key`, else `image`."""
        with self._lock:
            return self._held.setdefault(("shared", *key), image)

    def forget(self) -> None:
        """Give up what is held; it is read, and verified, again when it is needed again."""
        with self._lock:
            self._held.clear()

    def mask(self, path: StrPath, window: Window) -> np.ndarray:
        """Return the flags of a MASK, (ny, nx) uint32."""

        def read() -> Packed:
            with _opened(path, "DQ") as hdus:
                shape = hdus["DQ"].shape
                return Packed.of(_cut(path, hdus, bits.flags_of(hdus, shape), window))

        return self._once("mask", path, window, read).image

    def saturation(self, path: StrPath, window: Window) -> tuple[np.ndarray, np.ndarray]:
        """Return limits, (ny, nx) float32 DN, and flags, (ny, nx) uint32; `NEVER`: no limit."""
        limit, packed = self._saturation(path, window)
        return limit, packed.image

    def limit(self, path: StrPath, window: Window) -> np.ndarray:
        """Return the limits alone."""
        return self._saturation(path, window)[0]

    def _saturation(self, path: StrPath, window: Window) -> tuple[np.ndarray, Packed]:
        def read() -> tuple[np.ndarray, Packed]:
            with _opened(path, "SCI") as hdus:
                limit = _single(_cut(path, hdus, hdus["SCI"].data, window))
                flags = np.array(_cut(path, hdus, bits.flags_of(hdus, hdus["SCI"].shape), window))
            unknown = np.isnan(limit)
            flags[unknown] |= bits.NO_SAT_CHECK
            limit[(flags & bits.NO_SAT_CHECK) != 0] = NEVER
            return limit, Packed.of(flags)

        return self._once("saturation", path, window, read)

    def bias(self, path: StrPath, window: Window) -> tuple[np.ndarray, np.ndarray]:
        """Return a superbias as stored, (ny, nx) float32 DN with NaN, and its flags."""
        level, packed = self._bias(path, window)
        return level, packed.image

    def level(self, path: StrPath, window: Window) -> np.ndarray:
        """Return a superbias as stored, without its flags."""
        return self._bias(path, window)[0]

    def _bias(self, path: StrPath, window: Window) -> tuple[np.ndarray, Packed]:
        def read() -> tuple[np.ndarray, Packed]:
            with _opened(path, "SCI") as hdus:
                level = _single(_cut(path, hdus, hdus["SCI"].data, window))
                flags = _cut(path, hdus, bits.flags_of(hdus, hdus["SCI"].shape), window)
                return level, Packed.of(flags)

        return self._once("superbias", path, window, read)

    def subtracted(self, path: StrPath, window: Window) -> np.ndarray:
        """Return what the step superbias subtracts: 0 where the superbias is NaN."""

        def read() -> np.ndarray:
            unknown = np.isnan(level)
            return np.where(unknown, np.float32(0), level) if unknown.any() else level

        level, _ = self._bias(path, window)
        return self._once("subtracted", path, window, read)

    def kernel(self, path: StrPath, window: Window) -> np.ndarray:
        """Return the IPC kernel, (k, k) or (k, k, ny, nx) float32."""

        def read() -> np.ndarray:
            with _opened(path, "SCI") as hdus:
                kernel = _single(hdus["SCI"].data)
            if kernel.ndim == 4:
                # As if it covered the full detector, whatever its header says.
                rows = slice(window.row, window.row + window.ny)
                kernel = kernel[:, :, rows, window.column : window.column + window.nx]
            if kernel.shape[0] != kernel.shape[1] or not kernel.shape[0] % 2:
                raise InputError(path, f"its kernel has shape {kernel.shape[:2]}, not odd × odd")
            if kernel.ndim == 4 and kernel.shape[2:] != (window.ny, window.nx):
                raise InputError(path, "its kernels do not cover the exposure's window")
            return np.ascontiguousarray(kernel)

        return self._once("ipc", path, window, read)

    def linearity(self, path: StrPath, window: Window, inverse: bool) -> Coefficients:
        """Return the polynomials of a LINEARITY reference; the inverse ones only when asked for."""

        def read() -> Coefficients:
            with _opened(path, "COEFFS") as hdus:
                shape = hdus["COEFFS"].shape[1:]
                flags = np.array(_cut(path, hdus, bits.flags_of(hdus, shape), window))
                given = (flags & bits.NO_LIN_CORR) != 0
                forward = _single(_cut(path, hdus, hdus["COEFFS"].data, window))
                flags[_made_plain(forward, given)] |= bits.NO_LIN_CORR
                back = None
                if inverse and "INV_COEFFS" in [hdu.name for hdu in hdus]:
                    back = _single(_cut(path, hdus, hdus["INV_COEFFS"].data, window))
                    flags[_made_plain(back, given)] |= bits.NO_LIN_CORR
            return Coefficients(forward, back, Packed.of(flags))

        return self._once(f"linearity {inverse}", path, window, read)

    def dark(self, path: StrPath, window: Window) -> Dark:
        """Return a DARK reference; it is never cut to the window."""

        def read() -> Dark:
            with _opened(path, "SCI") as hdus:
                signal, shape = hdus["SCI"].data, hdus["SCI"].shape
                flags = bits.flags_of(hdus, shape[-2:])
                if flags.ndim > 2:
                    flags = np.bitwise_or.reduce(flags.reshape(-1, *flags.shape[-2:]), axis=0)
                header = hdus[0].header
                numbers = [as_number(header.get(card)) for card in ("NFRAMES", "GROUPGAP")]
            if len(shape) != 3 or shape[1:] != (window.ny, window.nx):
                raise InputError(
                    path,
                    f"this dark has shape {shape}, and the exposure images of {window.ny} × "
                    f"{window.nx}: the step dark_current does not cut it",
                    "choose a dark of the exposure's subarray",
                )
            if None in numbers:
                raise InputError(path, "this dark has no NFRAMES or no GROUPGAP")
            return Dark(Path(path), _single(signal), flags, int(numbers[0]), int(numbers[1]))

        return self._once("dark", path, window, read)


def _made_plain(coefficients, given):
    """Make polynomials 'value = value' that cannot be used; return which, besides `given`."""
    unusable = coefficients[1] == 0
    for plane in coefficients:
        unusable |= np.isnan(plane)
    if (plain := unusable | given).any():
        coefficients[:, plain] = 0
        coefficients[1, plain] = 1
    return unusable


@contextmanager
def _opened(path: StrPath, needed: str) -> Iterator[fits.HDUList]:
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


def _single(values: np.ndarray) -> np.ndarray:
    """Return values as float32 of this machine's byte order, a copy."""
    return np.array(values, np.float32, order="C")


def _cut(path: StrPath, hdus: fits.HDUList, image: np.ndarray, window: Window) -> np.ndarray:
    """Return the part of an image (..., rows, columns) that an exposure reads."""
    header: Mapping[str, Any] = hdus[0].header
    ny, nx = image.shape[-2:]
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
    return image[..., row : row + window.ny, column : column + window.nx]
