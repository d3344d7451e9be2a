"""Raw frames of the coronagraph's camera (level L1): what is checked, and their pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from darkroom.compiled import load_kernel
from darkroom.errors import InputError

#: Array types that have a prescan.
ARRAY_TYPES = ("SCI", "ENG", "ENG_EM", "ENG_CONV")
_HIGHEST = 65535


@dataclass(frozen=True)
class Raw:
    """Pixels of a raw frame.

    Attributes
    ----------
    counts : (ny, nx) uint16 array
        DN.
    highest : (ny,) int64 array
        Largest of each row.
    """

    counts: np.ndarray
    highest: np.ndarray

    @classmethod
    def from_counts(cls, counts):
        """Wrap numbers that are in memory."""
        counts = np.ascontiguousarray(counts, np.uint16)
        return cls(counts, counts.max(axis=1).astype(np.int64))


def is_raw(headers):
    """Tell whether a frame is of level L1."""
    return str(headers.image.get("DATALVL", "")).strip().upper() == "L1"


def check_raw(headers, shape, geometry):
    """Refuse a frame that is none of level L1, or none of the detector's geometry.

    Raises
    ------
    InputError
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
    if shape != geometry.shape:
        raise InputError(
            path,
            f"image of {shape[0]} rows x {shape[1]} columns, geometry {geometry.name!r} has "
            f"{geometry.shape[0]} x {geometry.shape[1]}",
            "name the right one with --geometry",
        )
    _ = headers.exptime, headers.commanded_gain


def read_raw(path, plane):
    """Read the pixels of a raw frame.

    Parameters
    ----------
    path : path-like
        Its name in messages.
    plane : darkroom.fits.tiles.Plane

    Returns
    -------
    Raw

    Raises
    ------
    InputError
        When it is cut off, or holds anything but whole numbers of 16 bits.
    """
    stored = plane.stored(0, plane.shape[0], path)
    if plane.dtype == np.dtype(">i2") and plane.bscale == 1 and plane.bzero == 1 << 15:
        counts = np.empty(plane.shape, np.uint16)
        highest = np.empty(plane.shape[0], np.int64)
        load_kernel("darkroom.cgi.raw.kernel").native(stored.view("<u2"), counts, highest)
        return Raw(counts, highest)
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
    return Raw.from_counts(values)


def as_peer_reads(headers):
    """Return the EM gain as corgidrp takes it: EMGAIN_M whatever it says, if it is there.

    Raises
    ------
    InputError
        When the card it takes is missing or no number.
    """
    if "EMGAIN_M" in headers.image:
        return headers.number("EMGAIN_M")
    applied = headers.image.get("EMGAIN_A")
    if isinstance(applied, int | float) and applied > 0:
        return float(applied)
    return headers.commanded_gain


def em_gain(headers):
    """Return the EM gain (see `darkroom.cgi.stacks.frame.Headers.em_gain`).

    Raises
    ------
    InputError
        When it is below 1.
    """
    gain = headers.em_gain
    if gain < 1:
        raise InputError(headers.path, f"its EM gain is {gain:g}, it must be 1 or more")
    return gain
