"""HDUs of the CCD products: header cards, images and tables, written and read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits

from darkroom.ccd.dq import MEANING
from darkroom.ccd.products.amplifiers import opened_part
from darkroom.errors import InputError
from darkroom.fits.write import binary_table
from darkroom.gates import units as unit_tables

if TYPE_CHECKING:
    from darkroom.ccd.cells import Cell
    from darkroom.ccd.dq import DQ
    from darkroom.ccd.stack.survey import Survey
    from darkroom.hints import StrPath

    Card = tuple[str, Any, str]  # keyword, value, comment
    Columns = dict[str, tuple[list[Any], str]]  # name: (values, unit)


def unit(gain: float | None, per_second: bool = False) -> str:
    """Return the FITS unit of the products: ``adu``, or ``electron`` when a gain was given."""
    return ("adu" if gain is None else "electron") + ("/s" if per_second else "")


def primary(
    cards: Iterable[Card], stamp: Callable[[fits.Header], object] | None = None
) -> fits.PrimaryHDU:
    """Return a primary HDU without data.

    Parameters
    ----------
    cards : iterable of (keyword, value, comment)
        Values that are None or not finite are written as undefined.
    stamp : callable, optional
        Writes provenance; it is called with the header.

    Returns
    -------
    astropy.io.fits.PrimaryHDU
    """
    hdu = fits.PrimaryHDU()
    add_cards(hdu.header, cards)
    if stamp is not None:
        stamp(hdu.header)
    return hdu


def add_cards(header: fits.Header, cards: Iterable[Card]) -> None:
    """Append cards; a value that is None or not finite becomes an undefined card."""
    for keyword, value, comment in cards:
        if isinstance(value, (float, np.floating)):
            value = float(value) if np.isfinite(value) else None
        elif isinstance(value, (np.integer, np.bool_)):
            value = value.item()
        # The unit is abbreviated: value and comment share the 80 columns of a card.
        header[keyword] = (value, comment.replace("[electron", "[e-"))


def image(
    name: str,
    data: np.ndarray,
    bunit: str,
    *,
    extver: int = 1,
    cards: Iterable[Card] = (),
) -> fits.ImageHDU:
    """Return an image HDU.

    Parameters
    ----------
    name : str
        EXTNAME.
    data : (ny, nx) array
        Floating-point data are written as float32, the image DQ as int32, others as they are.
    bunit : str
        Unit; empty for none.
    extver : int
        EXTVER.
    cards : iterable of (keyword, value, comment)
        Further header cards.

    Returns
    -------
    astropy.io.fits.ImageHDU
    """
    data = np.asarray(data)
    if data.dtype.kind == "f":
        data = data.astype(np.float32)
    elif name == "DQ":
        data = data.astype(np.int32)
    hdu = fits.ImageHDU(data, name=name, ver=extver)
    if bunit:
        hdu.header["BUNIT"] = bunit
    add_cards(hdu.header, cards)
    return hdu


def table(name: str, columns: Mapping[str, tuple[Sequence[Any], str]]) -> fits.BinTableHDU:
    """Return a table HDU from ``{name: (values, unit)}``; None is written as NaN."""
    made = []
    for label, (values, bunit) in columns.items():
        if values and isinstance(values[0], str):
            width = max(1, *map(len, values))
            made.append(fits.Column(label, f"{width}A", array=np.array(values)))
            continue
        numbers = np.array([np.nan if v is None else v for v in values])
        code = "D" if numbers.dtype.kind == "f" else "L" if numbers.dtype.kind == "b" else "J"
        made.append(fits.Column(label, code, unit=bunit or None, array=numbers))
    return binary_table(made, name)


def dq_def(*bits: DQ) -> fits.BinTableHDU:
    """Return the table that describes the DQ bits of a product."""
    ordered = sorted(bits)
    return table(
        "DQ_DEF",
        {
            "BIT": ([int(bit).bit_length() - 1 for bit in ordered], ""),
            "VALUE": ([int(bit) for bit in ordered], ""),
            "NAME": ([bit.name for bit in ordered], ""),
            "DESCRIPTION": ([MEANING[bit] for bit in ordered], ""),
        },
    )


def offsets_columns(cells: Sequence[Cell], surveys: Sequence[Survey], bunit: str) -> Columns:
    """Return the columns of an OFFSETS table: one row per frame of every cell.

    Parameters
    ----------
    cells : sequence of darkroom.ccd.cells.Cell
        The frames.
    surveys : sequence of darkroom.ccd.stack.survey.Survey
        One per cell.
    bunit : str
        Unit of the frames.

    Returns
    -------
    dict
        ``{name: (values, unit)}``, as `table` takes it.
    """
    rows = [
        (cell, frame, seen, i)
        for cell, seen in zip(cells, surveys, strict=True)
        for i, frame in enumerate(cell.frames)
    ]
    return {
        "FRAME": ([frame.name for _, frame, _, _ in rows], ""),
        "ROLE": ([cell.role for cell, *_ in rows], ""),
        "EXPTIME": ([float(frame.exptime) for _, frame, _, _ in rows], "s"),
        "TEMP": ([frame.temperature for _, frame, _, _ in rows], "Celsius"),
        "TGROUP": ([cell.group for cell, *_ in rows], ""),
        "MJD": ([frame.mjd for _, frame, _, _ in rows], "d"),
        "MEAN": ([float(seen.means[i]) for *_, seen, i in rows], bunit),
        "OFFSET": ([float(seen.offsets[i]) for *_, seen, i in rows], bunit),
        "OFFERR": ([float(seen.errors[i]) for *_, seen, i in rows], bunit),
        "ROWDEV": ([float(seen.row_deviation[i]) for *_, seen, i in rows], bunit),
    }


def units_table(cells: Sequence[Cell], surveys: Sequence[Survey], bunit: str) -> fits.BinTableHDU:
    """Return the table UNITS: statistics of every frame, row by row as in OFFSETS.

    Parameters
    ----------
    cells : sequence of darkroom.ccd.cells.Cell
        The frames.
    surveys : sequence of darkroom.ccd.stack.survey.Survey
        One per cell.
    bunit : str
        Unit of the frames.
    """
    frames = [frame for cell in cells for frame in cell.frames]
    names = [name for name in unit_tables.NUMBERS if any(name in seen.units for seen in surveys)]
    values = {
        name: np.concatenate(
            [
                seen.units.get(name, np.full((len(cell.frames), 1), np.nan))
                for cell, seen in zip(cells, surveys, strict=True)
            ]
        )
        for name in names
    }
    units = unit_tables.Units(
        exposure=[frame.name for frame in frames],
        integration=np.ones(len(frames), int),
        mjd=np.array([np.nan if frame.mjd is None else frame.mjd for frame in frames], float),
        temperature=np.array(
            [np.nan if frame.temperature is None else frame.temperature for frame in frames], float
        ),
        amplifiers=[0],
        values=values,
    )
    return unit_tables.table(units, bunit)


def read_image(
    path: StrPath, name: str, extver: int = 1, amplifier: int = 0
) -> tuple[np.ndarray, fits.Header]:
    """Read an image and its header from a product.

    Parameters
    ----------
    path : path-like
    name : str
        EXTNAME.
    extver : int
        EXTVER.
    amplifier : int
        Number of the amplifier, from 0; EXTVER is counted within its part.

    Returns
    -------
    image : (ny, nx) array
    header : astropy.io.fits.Header

    Raises
    ------
    InputError
        When the file is not readable or has no such extension.
    """
    try:
        with opened_part(path, amplifier) as hdus:
            hdu = hdus[name, extver]
            return np.asarray(hdu.data), hdu.header.copy()
    except KeyError:
        raise InputError(
            path, f"has no extension {name},{extver}: not the product needed"
        ) from None
    except OSError as error:
        raise InputError(path, f"cannot be read as FITS ({error})") from error


def number(header: fits.Header, keyword: str) -> float:
    """Return the number of a header card; NaN where it is undefined."""
    value = header[keyword]
    return np.nan if value is None else float(value)


def read_primary(path: StrPath, amplifier: int = 0) -> fits.Header:
    """Read the primary header of a product, with the cards of one amplifier (from 0)."""
    try:
        with opened_part(path, amplifier) as part:
            return part[0].header.copy()
    except OSError as error:
        raise InputError(path, f"cannot be read as FITS ({error})") from error


def same_shape(image: np.ndarray, shape: Sequence[int], path: StrPath, other: StrPath) -> None:
    """Refuse a product whose images have another shape than the frames.

    Parameters
    ----------
    image : (ny, nx) array
        An image of the product.
    shape : (int, int)
        Rows and columns of the frames.
    path, other : path-like
        Product and frame, for the message.

    Raises
    ------
    InputError
        With both shapes.
    """
    if tuple(image.shape) != tuple(shape):
        raise InputError(
            path,
            f"images of {image.shape[0]} x {image.shape[1]} pixels (rows x columns), "
            f"{other} has {shape[0]} x {shape[1]}",
        )


def versions(path: StrPath, name: str, amplifier: int = 0) -> list[int]:
    """Return the EXTVERs of an extension name in the part of an amplifier, in order."""
    with opened_part(path, amplifier) as hdus:
        return [hdu.ver for hdu in hdus if hdu.name == name]
