"""The reference tables of the WFC3/IR chain: amplifiers, borders, bad pixels, cosmic rays."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from astropy.io import fits

from darkroom.errors import InputError
from darkroom.wfc3.engine.references import Reference, describe, locate

if TYPE_CHECKING:
    from darkroom.hints import StrPath

# Values of a column that stand for any value.
_ANY_NUMBER = (-1, -999)
_OTHER_CONTEXT = "use another CRDS context"


@dataclass(frozen=True)
class Amplifiers:
    """A row of CCDTAB: gains, read noise and the boundaries between the amplifiers.

    Parameters
    ----------
    gains, readnoise : (4,) float32 arrays
        Of amplifiers A B C D, e-/DN and e-.
    split : tuple of int
        AMPX, AMPY: first column of the right and first row of the upper amplifiers.
    pedigree, descrip : str
        PEDIGREE and DESCRIP of the row, "" when it has none.
    """

    gains: np.ndarray
    readnoise: np.ndarray
    split: tuple[int, int]
    pedigree: str
    descrip: str

    @property
    def mean_gain(self) -> np.float32:
        """Mean gain, e-/DN."""
        total = np.float32(0)
        for gain in self.gains:
            total += gain
        return total / np.float32(4)

    def corner(self, science: fits.Header, border: Border) -> tuple[int, int]:
        """Return the first column of the right and the first row of the upper amplifiers.

        Parameters
        ----------
        science : astropy.io.fits.Header
            SCI header of a read, for LTV1 and LTV2.
        border : Border
            Border of the array.
        """
        trims = border.left, border.bottom
        x, y = (
            int(first + float(science.get(f"LTV{axis}", 0.0)) - trim)
            for first, axis, trim in zip(self.split, "12", trims, strict=True)
        )
        return x, y


@dataclass(frozen=True)
class Border:
    """A row of OSCNTAB.

    Parameters
    ----------
    left, right, bottom, top : int
        Widths of the border, pixels.
    columns : pair of (int, int)
        First and last reference column on either side, counted from 0.
    """

    left: int
    right: int
    bottom: int
    top: int
    columns: tuple[tuple[int, int], tuple[int, int]]

    def window(self, shape: tuple[int, int]) -> tuple[int, int, int, int]:
        """Return (y0, y1, x0, x1) inside the border of an array."""
        return self.bottom, shape[0] - self.top, self.left, shape[1] - self.right


@dataclass(frozen=True)
class Rejection:
    """A row of CRREJTAB: rejection threshold (sigma), and flags of samples that are not used."""

    threshold: np.float32
    ignore: int


def read_table(
    primary: fits.Header, keyword: str, folder: StrPath
) -> tuple[Reference, fits.FITS_rec] | None:
    """Read a reference table.

    Parameters
    ----------
    primary : astropy.io.fits.Header
        Primary header of the RAW.
    keyword : str
        Card that names the table, e.g. ``CCDTAB``.
    folder : path-like
        Folder of the references.

    Returns
    -------
    (Reference, rows) or None
        None when the RAW names none.

    Raises
    ------
    InputError
        When the file is missing, damaged or not of that kind.
    """
    found = locate(primary, keyword, folder)
    if found is None:
        return None
    label, path = found
    try:
        with fits.open(path, memmap=False) as hdus:
            header, rows = hdus[0].header, hdus[1].data
            if rows is None or rows.dtype.names is None:
                raise InputError(path, "its first extension is not a table")
            return describe(keyword, label, path, header, primary), rows
    except (OSError, IndexError, TypeError, ValueError) as error:
        raise InputError(path, f"cannot be read as a FITS table ({error})") from error


def column(reference: Reference, rows: fits.FITS_rec, name: str) -> np.ndarray:
    """Return a column of a table.

    Parameters
    ----------
    reference : Reference
        The table's file, named in the message.
    rows : astropy.io.fits.FITS_rec
        The table.
    name : str
        Name in capitals; the case in the table does not matter.

    Raises
    ------
    InputError
        When the table has no such column.
    """
    for known in rows.dtype.names:
        if known.upper() == name:
            return rows[known]
    raise InputError(reference.path, f"has no column {name}")


def amplifiers(
    reference: Reference, rows: fits.FITS_rec, gain: float, chip: int, binning: tuple[int, int]
) -> Amplifiers:
    """Select the row of CCDTAB for an exposure read by all four amplifiers.

    Parameters
    ----------
    reference, rows
        From `read_table`.
    gain : float
        CCDGAIN of the primary header.
    chip : int
        CCDCHIP of the last read's SCI header.
    binning : tuple of int
        BINAXIS1 and BINAXIS2 of the same.

    Returns
    -------
    Amplifiers

    Raises
    ------
    InputError
        When no row matches, or its gains or noises cannot be: every pixel would be wrong.
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

    def values(prefix: str) -> np.ndarray:
        return np.array([column(reference, rows, prefix + a)[row] for a in "ABCD"], np.float32)

    for prefix, least in (("ATODGN", "above 0"), ("READNSE", "0 or more")):
        for amp, found in zip("ABCD", values(prefix), strict=True):
            if not np.isfinite(found) or found < 0 or (found == 0 and prefix == "ATODGN"):
                raise InputError(
                    reference.path,
                    f"has {prefix}{amp} = {found:g} for CCDGAIN {gain:g}; it must be {least}",
                    _OTHER_CONTEXT,
                )
    names = [name.upper() for name in rows.dtype.names]
    split_x, split_y = (int(column(reference, rows, name)[row]) for name in ("AMPX", "AMPY"))
    return Amplifiers(
        gains=values("ATODGN"),
        readnoise=values("READNSE"),
        split=(split_x, split_y),
        pedigree=str(column(reference, rows, "PEDIGREE")[row]) if "PEDIGREE" in names else "",
        descrip=str(column(reference, rows, "DESCRIP")[row]) if "DESCRIP" in names else "",
    )


def border(reference: Reference, rows: fits.FITS_rec, shape: tuple[int, int], chip: int) -> Border:
    """Select the row of OSCNTAB for an array; the last of several that match.

    Parameters
    ----------
    reference, rows
        From `read_table`.
    shape : tuple of int
        (ny, nx) of the array, border included.
    chip : int
        CCDCHIP of the exposure.

    Returns
    -------
    Border

    Raises
    ------
    InputError
        When no row matches, or its borders and reference columns do not fit into the array.
    """
    matches = _text_matches(column(reference, rows, "CCDAMP"), "ABCD")
    for name, wanted in (("CCDCHIP", chip), ("NX", shape[1]), ("NY", shape[0])):
        matches &= _number_matches(column(reference, rows, name), wanted)
    if not matches.any():
        raise InputError(reference.path, f"has no row for arrays of {shape[1]} x {shape[0]} pixels")
    row = int(np.flatnonzero(matches)[-1])

    def value(name: str) -> int:
        return int(column(reference, rows, name)[row])

    found = Border(
        left=value("TRIMX1"),
        right=value("TRIMX2"),
        bottom=value("TRIMY1"),
        top=value("TRIMY2"),
        columns=(
            (value("BIASSECTA1") - 1, value("BIASSECTA2") - 1),
            (value("BIASSECTB1") - 1, value("BIASSECTB2") - 1),
        ),
    )
    y0, y1, x0, x1 = found.window(shape)
    inside = 0 <= y0 < y1 <= shape[0] and 0 <= x0 < x1 <= shape[1]
    if not inside or any(not 0 <= a <= b < shape[1] for a, b in found.columns):
        raise InputError(
            reference.path,
            f"has borders or reference columns that do not fit into {shape[1]} x {shape[0]} "
            f"pixels (row {row + 1})",
            _OTHER_CONTEXT,
        )
    return found


def rejection(reference: Reference, rows: fits.FITS_rec, nsamp: int, exptime: float) -> Rejection:
    """Select the row of CRREJTAB for a ramp.

    Parameters
    ----------
    reference, rows
        From `read_table`.
    nsamp : int
        Number of reads.
    exptime : float
        Exposure time, s.

    Returns
    -------
    Rejection

    Raises
    ------
    InputError
        When no row matches, or its thresholds cannot be understood.
    """
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
        threshold = np.float32(np.nan)
    if not 0 < threshold < np.inf:
        raise InputError(
            reference.path, f"CRSIGMAS {text!r} is not a list of numbers above 0", _OTHER_CONTEXT
        )
    return Rejection(threshold, int(column(reference, rows, "BADINPDQ")[row]))


def bad_pixels(
    reference: Reference,
    rows: fits.FITS_rec,
    shape: tuple[int, int],
    gain: float,
    chip: int,
    offset: tuple[float, float],
) -> np.ndarray:
    """Return the flags of BPIXTAB for an array.

    Parameters
    ----------
    reference, rows
        From `read_table`.
    shape : tuple of int
        (ny, nx) of the array, border included.
    gain : float
        CCDGAIN of the exposure.
    chip : int
        CCDCHIP of the exposure.
    offset : tuple of float
        LTV1, LTV2 of the exposure.

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
    # Truncated towards zero, as the conversion to int in C.
    x, y = np.trunc(pix1 - 1 + offset[0]), np.trunc(pix2 - 1 + offset[1])
    known = np.isin(axis, (1, 2))
    for step in range(min(int(length[known].max(initial=0)), max(shape))):
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
