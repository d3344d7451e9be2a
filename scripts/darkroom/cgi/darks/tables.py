"""Tables in products that corgidrp must be able to pickle.

corgidrp keeps every extension of a file that it loads, and astropy cannot pickle a binary table.
A table is therefore written as an image of bytes that hold JSON, ``{column: [value of a row,
...]}``: in Python, ``json.loads(bytes(hdu.data))``. The header names the columns and their units.
corgidrp saves all images as float32, which holds bytes exactly: `read_table` reads such copies too.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def table_image(
    name: str, columns: Mapping[str, Sequence[Any]], units: Mapping[str, str]
) -> fits.ImageHDU:
    """Return a table as an image of bytes.

    Parameters
    ----------
    name : str
        Name of the extension.
    columns : mapping
        Values of each column: text, numbers or booleans.
    units : mapping
        Units of those columns that have one.

    Returns
    -------
    astropy.io.fits.ImageHDU
        Of uint8, one row.
    """
    text = json.dumps({column: list(values) for column, values in columns.items()})
    hdu = fits.ImageHDU(np.frombuffer(text.encode("ascii"), np.uint8), name=name)
    header = hdu.header
    header["CONTENT"] = ("table", "the bytes are JSON: {column: [value, ...]}")
    for number, column in enumerate(columns, start=1):
        unit = f" [{units[column]}]" if column in units else ""
        header[f"COL{number}"] = (column, f"column{unit}")
    return hdu


def read_table(hdu: fits.ImageHDU) -> dict[str, np.ndarray]:
    """Return the columns of a table that `table_image` made.

    Raises
    ------
    ValueError
        When the extension holds no such table.
    """
    text = np.asarray(hdu.data, np.uint8).tobytes()
    return {column: np.array(values) for column, values in json.loads(text).items()}
