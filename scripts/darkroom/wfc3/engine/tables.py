"""The reference tables of the WFC3/IR chain: amplifiers, borders, bad pixels, cosmic rays."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from astropy.io import fits

from darkroom.errors import InputError
from darkroom.wfc3.engine.references import Reference, describe, locate

_ANY_NUMBER = (-1, -999)


@dataclass(frozen=True)
class Amplifiers:
    """CCDTAB's row: gains, noise and the first column and row of the other amplifiers.

    Parameters
    ----------
    gains, readnoise : (4,) float32 arrays
        Amplifiers A B C D, e-/DN and e-.
    split : tuple of int
        AMPX, AMPY.
    pedigree, descrip : str
        Of the row.
    """

    gains: np.ndarray
    readnoise: np.ndarray
    split: tuple[int, int]
    pedigree: str
    descrip: str

    @property
    def mean_gain(self):
        """Mean gain as float32, e-/DN."""
        total = np.float32(0)
        for gain in self.gains:
            total += gain
        return total / np.float32(4)

    def corner(self, science, border):
        """Return the first column and row of the right and upper amplifiers in an array.

        Parameters
        ----------
        science : astropy.io.fits.Header
            Of a read, for LTV1 and LTV2.
        border : Border
        """
        trims = border.left, border.bottom
        return tuple(
            int(first + float(science.get(f"LTV{axis}", 0.0)) - trim)
            for first, axis, trim in zip(self.split, "12", trims, strict=True)
        )


@dataclass(frozen=True)
class Border:
    """OSCNTAB's row: widths of the border and the reference columns (0-based, inclusive)."""

    left: int
    right: int
    bottom: int
    top: int
    columns: tuple[tuple[int, int], tuple[int, int]]

    def window(self, shape):
        """Return (y0, y1, x0, x1) inside the border of an array."""
        return self.bottom, shape[0] - self.top, self.left, shape[1] - self.right


@dataclass(frozen=True)
class Rejection:
    """CRREJTAB's row: threshold in sigma and the flags that make a sample useless."""

    threshold: np.float32
    ignore: int


def read_table(primary, keyword, folder):
    """Open the table that a RAW names: its `Reference` and rows, or None when it names none."""
    found = locate(primary, keyword, folder)
    if found is None:
        return None
    label, path = found
    try:
        with fits.open(path, memmap=False) as hdus:
            header, rows = hdus[0].header, hdus[1].data
            if rows is None or rows.dtype.names is None:
                raise InputError(path, "its first extension is no table")
            return describe(keyword, label, path, header, primary), rows
    except (OSError, IndexError, TypeError, ValueError) as error:
        raise InputError(path, f"cannot be read as a FITS table ({error})") from error


def column(reference, rows, name):
    """Return a column by name, whatever its case."""
    for known in rows.dtype.names:
        if known.upper() == name:
            return rows[known]
    raise InputError(reference.path, f"has no column {name}")


def amplifiers(reference: Reference, rows, gain, chip, binning):
    """Choose CCDTAB's row for an exposure read by all four amplifiers.

    Parameters
    ----------
    reference, rows
        From `read_table`.
    gain : float
        CCDGAIN of the primary header.
    chip : int
        CCDCHIP; binning : BINAXIS1 and BINAXIS2, all of the last read's SCI header.
    """
    matches = _text_matches(column(reference, rows, "CCDAMP"), "ABCD")
    given = np.asarray(column(reference, rows, "CCDGAIN"), np.float32)
    matches &= (given == np.float32(gain)) | np.isin(given, _ANY_NUMBER)
    wanted = {"CCDCHIP": chip, "BINAXIS1": binning[0], "BINAXIS2": binning[1]}
    wanted |= dict.fromkeys(("CCDOFSTA", "CCDOFSTB", "CCDOFSTC", "CCDOFSTD"), 0)
    for name, value in wanted.items():
        matches &= _number_matches(column(reference, rows, name), value)
    if not matches.any():
        raise InputError(reference.path, f"has no row for CCDAMP ABCD, CCDGAIN {gain:g}")
    row = int(np.argmax(matches))

    def values(prefix):
        return np.array([column(reference, rows, prefix + a)[row] for a in "ABCD"], np.float32)

    names = [name.upper() for name in rows.dtype.names]
    return Amplifiers(
        gains=values("ATODGN"),
        readnoise=values("READNSE"),
        split=tuple(int(column(reference, rows, name)[row]) for name in ("AMPX", "AMPY")),
        pedigree=str(column(reference, rows, "PEDIGREE")[row]) if "PEDIGREE" in names else "",
        descrip=str(column(reference, rows, "DESCRIP")[row]) if "DESCRIP" in names else "",
    )


def border(reference, rows, shape, chip):
    """Choose OSCNTAB's row for an array of (ny, nx) pixels (of several the last)."""
    matches = _text_matches(column(reference, rows, "CCDAMP"), "ABCD")
    for name, value in (("CCDCHIP", chip), ("NX", shape[1]), ("NY", shape[0])):
        matches &= _number_matches(column(reference, rows, name), value)
    if not matches.any():
        raise InputError(reference.path, f"has no row for arrays of {shape[1]} x {shape[0]} pixels")
    row = int(np.flatnonzero(matches)[-1])

    def value(name):
        return int(column(reference, rows, name)[row])

    return Border(
        left=value("TRIMX1"),
        right=value("TRIMX2"),
        bottom=value("TRIMY1"),
        top=value("TRIMY2"),
        columns=tuple((value(f"BIASSECT{s}1") - 1, value(f"BIASSECT{s}2") - 1) for s in "AB"),
    )


def rejection(reference, rows, nsamp, exptime):
    """Choose CRREJTAB's row for a ramp of `nsamp` reads and `exptime` seconds."""
    ramp = np.asarray(column(reference, rows, "IRRAMP"), bool)
    split = np.asarray(column(reference, rows, "CRSPLIT"), int)
    above = np.asarray(column(reference, rows, "MEANEXP"), np.float32) - np.float32(exptime)
    most = split[ramp].max(initial=0)
    matches = ramp & (split == min(nsamp, most)) & (above >= 0)
    if not matches.any():
        raise InputError(
            reference.path, f"has no IRRAMP row for {nsamp} reads and {exptime:g} s of exposure"
        )
    nearest = matches & (above == above[matches].min())
    row = int(np.flatnonzero(nearest)[-1])
    text = str(column(reference, rows, "CRSIGMAS")[row])
    try:
        threshold = np.float32(re.split("[,;/]", text)[0])
    except ValueError:
        raise InputError(reference.path, f"CRSIGMAS {text!r} is not a list of numbers") from None
    return Rejection(threshold, int(column(reference, rows, "BADINPDQ")[row]))


def bad_pixels(reference, rows, shape, gain, chip, offset):
    """Return the flags of BPIXTAB for an array.

    Parameters
    ----------
    shape : tuple of int
        (ny, nx) of the array, border included.
    gain, chip
        CCDGAIN and CCDCHIP of the exposure.
    offset : tuple of float
        LTV1, LTV2.

    Returns
    -------
    (ny, nx) int16 array
    """
    flags = np.zeros(shape, np.int16)
    names = [name.upper() for name in rows.dtype.names]
    chosen = np.ones(len(rows), bool)
    if "CCDAMP" in names:
        amps = column(reference, rows, "CCDAMP")
        chosen &= _text_matches(amps, "ABCD") | _text_matches(amps, "N/A")
    if "CCDGAIN" in names:
        given = np.asarray(column(reference, rows, "CCDGAIN"), np.float32)
        chosen &= (given == np.float32(gain)) | np.isin(given, _ANY_NUMBER)
    if "CCDCHIP" in names:
        chosen &= _number_matches(column(reference, rows, "CCDCHIP"), chip)
    wanted = ("PIX1", "PIX2", "LENGTH", "AXIS", "VALUE")
    pix1, pix2, length, axis, value = (
        np.asarray(column(reference, rows, name))[chosen].astype(np.int64) for name in wanted
    )
    # C's conversion to int truncates towards zero.
    x, y = np.trunc(pix1 - 1 + offset[0]), np.trunc(pix2 - 1 + offset[1])
    known = np.isin(axis, (1, 2))
    for step in range(int(length[known].max(initial=0))):
        on = known & (length > step)
        columns, lines = (x + step * (axis == 1))[on], (y + step * (axis == 2))[on]
        inside = (columns >= 0) & (columns < shape[1]) & (lines >= 0) & (lines < shape[0])
        place = lines[inside].astype(int), columns[inside].astype(int)
        np.bitwise_or.at(flags, place, value[on][inside].astype(np.int16))
    return flags


def _text_matches(values, wanted):
    return np.isin(np.char.strip(np.asarray(values, str)), ("ANY", wanted))


def _number_matches(values, wanted):
    values = np.asarray(values)
    return (values == wanted) | np.isin(values, _ANY_NUMBER)
