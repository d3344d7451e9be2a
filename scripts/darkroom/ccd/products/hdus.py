"""HDUs of the CCD products: images, tables, and reading them back."""

from __future__ import annotations

import numpy as np
from astropy.io import fits

from darkroom.ccd.dq import MEANING
from darkroom.errors import InputError


def unit(gain, per_second=False):
    """Return the FITS unit of the products: ADU, or electrons when a gain was given."""
    return ("adu" if gain is None else "electron") + ("/s" if per_second else "")


def primary(cards, stamp=None):
    """Make a primary HDU without data.

    Parameters
    ----------
    cards : iterable of (keyword, value, comment)
        Values that are None or not finite are written as undefined.
    stamp : callable, optional
        Called with the header, to write provenance into it.
    """
    hdu = fits.PrimaryHDU()
    add_cards(hdu.header, cards)
    if stamp is not None:
        stamp(hdu.header)
    return hdu


def add_cards(header, cards):
    """Append cards; a value that is None or not finite becomes an undefined card."""
    for keyword, value, comment in cards:
        if isinstance(value, (float, np.floating)):
            value = float(value) if np.isfinite(value) else None
        elif isinstance(value, (np.integer, np.bool_)):
            value = value.item()
        # The comment has what the value leaves of 80 columns.
        header[keyword] = (value, comment.replace("[electron", "[e-"))


def image(name, data, bunit, *, extver=1, cards=()):
    """Make an image HDU; floating-point data become float32, DQ int32, counts int16."""
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


def table(name, columns):
    """Make a table HDU from ``{name: (values, unit)}``; None becomes NaN, text stays text."""
    made = []
    for label, (values, bunit) in columns.items():
        if values and isinstance(values[0], str):
            width = max(1, *map(len, values))
            made.append(fits.Column(label, f"{width}A", array=np.array(values)))
            continue
        values = np.array([np.nan if v is None else v for v in values])
        code = "D" if values.dtype.kind == "f" else "L" if values.dtype.kind == "b" else "J"
        made.append(fits.Column(label, code, unit=bunit or None, array=values))
    return fits.BinTableHDU.from_columns(made, name=name)


def dq_def(*bits):
    """Make the table that explains the DQ bits a product can set."""
    bits = sorted(bits)
    return table(
        "DQ_DEF",
        {
            "BIT": ([int(bit).bit_length() - 1 for bit in bits], ""),
            "VALUE": ([int(bit) for bit in bits], ""),
            "NAME": ([bit.name for bit in bits], ""),
            "DESCRIPTION": ([MEANING[bit] for bit in bits], ""),
        },
    )


def offsets_columns(cells, surveys, bunit):
    """Return the columns of an OFFSETS table: one row per frame of every cell.

    Parameters
    ----------
    cells : sequence of darkroom.ccd.cells.Cell
        Frames that were surveyed together.
    surveys : sequence of darkroom.ccd.stack.survey.Survey
        One per cell.
    bunit : str
        Unit of the frames.
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


def read_image(path, name, extver=1):
    """Read an image and its header from a product.

    Raises
    ------
    InputError
        When the file has no such extension.
    """
    try:
        with fits.open(path, memmap=False) as hdus:
            hdu = hdus[name, extver]
            return np.asarray(hdu.data), hdu.header.copy()
    except KeyError:
        raise InputError(
            path, f"has no extension {name},{extver}: not the product needed"
        ) from None
    except OSError as error:
        raise InputError(path, f"cannot be read as FITS ({error})") from error


def number(header, keyword):
    """Return the number on a card, NaN where it is undefined."""
    value = header[keyword]
    return np.nan if value is None else float(value)


def read_primary(path):
    """Read the primary header of a product."""
    try:
        return fits.getheader(path)
    except OSError as error:
        raise InputError(path, f"cannot be read as FITS ({error})") from error


def same_shape(image, shape, path, other):
    """Refuse a product whose images have another shape than the frames.

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


def versions(path, name):
    """Return the EXTVERs of an extension name, in the order of the file."""
    with fits.open(path, memmap=False) as hdus:
        return [hdu.ver for hdu in hdus if hdu.name == name]
