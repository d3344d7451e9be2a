"""Raw frames of the coronagraph's camera (level L1): checks of their headers, and their pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from darkroom.cgi.judging import ARRAY_TYPES
from darkroom.compiled import load_kernel
from darkroom.errors import InputError

if TYPE_CHECKING:
    from darkroom.cgi.geometry import Geometry
    from darkroom.cgi.stacks.frame import Headers
    from darkroom.fits.tiles import Plane
    from darkroom.hints import StrPath

_HIGHEST = 65535


@dataclass(frozen=True)
class RawPixels:
    """Pixels of a raw frame.

    Attributes
    ----------
    counts : (ny, nx) uint16 array
        Raw values [DN].
    highest : (ny,) int64 array
        Largest value of each row [DN].
    """

    counts: np.ndarray
    highest: np.ndarray

    @classmethod
    def from_counts(cls, counts: np.ndarray) -> RawPixels:
        """Make pixels of an (ny, nx) array of raw values [DN]."""
        counts = np.ascontiguousarray(counts, np.uint16)
        return cls(counts, counts.max(axis=1).astype(np.int64))


def is_raw(headers: Headers) -> bool:
    """Return True for a frame of level L1."""
    return str(headers.image.get("DATALVL", "")).strip().upper() == "L1"


def check_raw(headers: Headers, shape: tuple[int, int], geometry: Geometry) -> None:
    """Refuse a frame that is not of level L1, or does not have the geometry's shape.

    Parameters
    ----------
    headers : darkroom.cgi.stacks.frame.Headers
    shape : tuple of int
        Rows and columns of its image.
    geometry : darkroom.cgi.geometry.Geometry

    Raises
    ------
    InputError
        Also when the array type has no prescan, or exposure time or commanded EM gain is missing.
    """
    image, path = headers.image, headers.path
    level = str(image.get("DATALVL", "")).strip()
    if level.upper() != "L1":
        raise InputError(path, f"DATALVL is {level!r}, a raw frame of level L1 is needed")
    unit = str(image.get("BUNIT", "DN")).strip()
    if unit.upper() != "DN":
        raise InputError(path, f"BUNIT is {unit!r}, raw frames are in DN")
    kind = str(image.get("ARRTYPE", "")).strip()
    if kind not in ARRAY_TYPES:
        known = ", ".join(ARRAY_TYPES)
        raise InputError(path, f"ARRTYPE is {kind!r}; frames of {known} have a prescan")
    geometry.check_shape(path, shape)
    _ = headers.exptime, headers.commanded_gain


def read_raw(path: StrPath, plane: Plane) -> RawPixels:
    """Read the pixels of a raw frame.

    Parameters
    ----------
    path : path-like
        The frame's name in messages.
    plane : darkroom.fits.tiles.Plane
        Where its pixels lie.

    Returns
    -------
    RawPixels

    Raises
    ------
    InputError
        When the file is cut off, or holds anything but whole numbers from 0 to 65535.
    """
    stored = plane.stored(0, plane.shape[0], path)
    if plane.dtype == np.dtype(">i2") and plane.bscale == 1 and plane.bzero == 1 << 15:
        counts = np.empty(plane.shape, np.uint16)
        highest = np.empty(plane.shape[0], np.int64)
        load_kernel("darkroom.cgi.raw.kernel").native(stored.view("<u2"), counts, highest)
        return RawPixels(counts, highest)
    values = stored.astype(np.float64) * plane.bscale + plane.bzero
    bad = int((~np.isfinite(values)).sum())
    if bad:
        raise InputError(path, f"{bad} pixels are NaN or infinite; raw counts are whole numbers")
    if (values != np.floor(values)).any() or values.min() < 0 or values.max() > _HIGHEST:
        raise InputError(
            path,
            f"pixels from {values.min():g} to {values.max():g} are no counts: whole numbers from "
            f"0 to {_HIGHEST} are needed",
        )
    return RawPixels.from_counts(values)


def peer_em_gain(headers: Headers) -> float:
    """Return the EM gain that corgidrp uses: EMGAIN_M, whatever its value, if the card exists.

    Raises
    ------
    InputError
        When the card that is used is missing or not a number.
    """
    if "EMGAIN_M" in headers.image:
        return headers.number("EMGAIN_M")
    applied = headers.image.get("EMGAIN_A")
    if isinstance(applied, int | float) and applied > 0:
        return float(applied)
    return headers.commanded_gain


def em_gain(headers: Headers) -> float:
    """Return the EM gain (see `darkroom.cgi.stacks.frame.Headers.em_gain`).

    Raises
    ------
    InputError
        When the gain is below 1.
    """
    gain = headers.em_gain
    if gain < 1:
        raise InputError(headers.path, f"its EM gain is {gain:g}, it must be 1 or more")
    return gain
