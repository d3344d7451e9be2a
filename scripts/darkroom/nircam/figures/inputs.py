"""Reading what the figures show out of the products."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.io import fits

from darkroom.errors import InputError


class Product:
    """A FITS product whose images and tables are read when they are asked for.

    Parameters
    ----------
    path : path-like

    Attributes
    ----------
    name : str
        File name.
    header : astropy Header
        Of the primary HDU.
    """

    def __init__(self, path):
        self.path, self.name = Path(path), Path(path).name
        try:
            with fits.open(path, memmap=False) as hdus:
                self.header = hdus[0].header
                self._names = [hdu.name for hdu in hdus]
        except OSError as error:
            raise InputError(path, f"cannot be read as FITS ({error})") from error

    def __contains__(self, name):
        return name in self._names

    def image(self, name):
        """Return an image in native byte order.

        Raises
        ------
        InputError
            When there is none of that name.
        """
        if name not in self:
            raise InputError(self.path, f"holds no image {name}")
        with fits.open(self.path, memmap=False) as hdus:
            data = hdus[name].data
            return data.astype(data.dtype.newbyteorder("="))

    def table(self, name):
        """Return a table as ``{column: array}`` (text as str), empty when there is none."""
        if name not in self:
            return {}
        with fits.open(self.path, memmap=False) as hdus:
            data = hdus[name].data
            return {column: np.array(data[column]) for column in data.names}


def flag_bits(product):
    """Return ``{name: value}`` of the bits that a product's DQ_DEF explains."""
    table = product.table("DQ_DEF")
    return {} if not table else dict(zip(table["NAME"], map(int, table["VALUE"]), strict=True))


def codes_of(dq, bits, names):
    """Return an image of 0 and k for the k-th name; where several flags meet the last one stays."""
    codes = np.zeros(dq.shape, np.uint8)
    for k, name in enumerate(names, 1):
        codes[dq & bits.get(name, 0) > 0] = k
    return codes
