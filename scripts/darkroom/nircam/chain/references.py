"""Reference files cut to the window of an exposure, read once for all exposures of a job."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.errors import InputError
from darkroom.nircam.chain import flags as bits
from darkroom.nircam.chain.reading import BAND, Packed, flags_in, image_of, opened
from darkroom.nircam.ramps.header import as_number

if TYPE_CHECKING:
    from typing import TypeVar

    from darkroom.hints import StrPath
    from darkroom.nircam.chain.exposure import Window

    _Image = TypeVar("_Image", "np.ndarray", "Packed")

#: A signal that no raw number reaches: pixels without a saturation limit.
NEVER = np.float32(65536)


@dataclass(frozen=True)
class Coefficients:
    """Polynomials of the step linearity.

    Attributes
    ----------
    forward : (nc, ny, nx) float32 array
        From measured to linear signal.
    inverse : (nd, ny, nx) float32 array or None
        From linear to measured signal.
    flags : Packed
        To be added to PIXELDQ.
    """

    forward: np.ndarray
    inverse: np.ndarray | None
    flags: Packed


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

    def shared(self, key: tuple, make: Callable[[], _Image]) -> _Image:
        """Return the image that an exposure of the job made before under `key`, else make it."""
        key = "shared", *key
        with self._lock:
            found = self._held.get(key)
        # Made without the lock, because it is made of references.
        return found if found is not None else self._held.setdefault(key, make())

    def forget(self) -> None:
        """Give up what is held; it is read, and verified, again when it is needed again."""
        with self._lock:
            self._held.clear()

    def mask(self, path: StrPath, window: Window) -> Packed:
        """Return the flags of a MASK."""

        def read() -> Packed:
            with opened(path, "DQ") as hdus:
                return flags_in(path, hdus, hdus["DQ"].shape, window)

        return self._once("mask", path, window, read)

    def saturation(self, path: StrPath, window: Window) -> tuple[np.ndarray, Packed]:
        """Return limits, (ny, nx) float32 DN, and flags; `NEVER`: no limit."""

        def read() -> tuple[np.ndarray, Packed]:
            with opened(path, "SCI") as hdus:
                limit = image_of(path, hdus, "SCI", window)
                packed = flags_in(path, hdus, hdus["SCI"].shape, window)
            unknown = np.isnan(limit)
            if unknown.any():
                flags = packed.image
                flags[unknown] |= bits.NO_SAT_CHECK
                packed = Packed.of(flags)
            limit.reshape(-1)[packed.places(bits.NO_SAT_CHECK)] = NEVER
            return limit, packed

        return self._once("saturation", path, window, read)

    def bias(self, path: StrPath, window: Window) -> tuple[np.ndarray, Packed]:
        """Return a superbias as stored, (ny, nx) float32 DN with NaN, and its flags."""

        def read() -> tuple[np.ndarray, Packed]:
            with opened(path, "SCI") as hdus:
                level = image_of(path, hdus, "SCI", window)
                return level, flags_in(path, hdus, hdus["SCI"].shape, window)

        return self._once("superbias", path, window, read)

    def subtracted(self, path: StrPath, window: Window) -> np.ndarray:
        """Return what the step superbias subtracts: 0 where the superbias is NaN."""

        def read() -> np.ndarray:
            unknown = np.isnan(level)
            return np.where(unknown, np.float32(0), level) if unknown.any() else level

        level, _ = self.bias(path, window)
        return self._once("subtracted", path, window, read)

    def kernel(self, path: StrPath, window: Window) -> np.ndarray:
        """Return the IPC kernel, (k, k) or (k, k, ny, nx) float32."""

        def read() -> np.ndarray:
            with opened(path, "SCI") as hdus:
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
            with opened(path, "COEFFS") as hdus:
                packed = flags_in(path, hdus, hdus["COEFFS"].shape[1:], window)
                forward = image_of(path, hdus, "COEFFS", window)
                unusable = [_made_plain(forward, packed)]
                back = None
                if inverse and "INV_COEFFS" in [hdu.name for hdu in hdus]:
                    back = image_of(path, hdus, "INV_COEFFS", window)
                    unusable.append(_made_plain(back, packed))
            if any(places.size for places in unusable):
                flags = packed.image
                for places in unusable:
                    flags.reshape(-1)[places] |= bits.NO_LIN_CORR
                packed = Packed.of(flags)
            return Coefficients(forward, back, packed)

        return self._once(f"linearity {inverse}", path, window, read)

    def dark(self, path: StrPath, window: Window) -> Dark:
        """Return a DARK reference; it is never cut to the window."""

        def read() -> Dark:
            with opened(path, "SCI") as hdus:
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


def _made_plain(coefficients: np.ndarray, packed: Packed) -> np.ndarray:
    """Make polynomials that cannot be used, or are flagged so, plain: value = value.

    Returns
    -------
    (n,) int64 array
        Places of those that cannot be used, in the order of the flat image.
    """
    nx = coefficients.shape[2]
    found = []
    for first in range(0, coefficients.shape[1], BAND):
        part = coefficients[:, first : first + BAND]
        unusable = part[1] == 0
        for plane in part:
            unusable |= np.isnan(plane)
        found.append(np.flatnonzero(unusable) + first * nx)
    places = np.concatenate(found)
    flat = coefficients.reshape(len(coefficients), -1)
    plain = np.concatenate([places, packed.places(bits.NO_LIN_CORR)])
    flat[:, plain] = 0
    flat[1, plain] = 1
    return places


def _single(values: np.ndarray) -> np.ndarray:
    """Return values as float32 of this machine's byte order, a copy."""
    return np.array(values, np.float32, order="C")
