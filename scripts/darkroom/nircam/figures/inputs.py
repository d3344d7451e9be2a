"""Reading of the products that the figures show."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from astropy.io import fits

from darkroom.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from darkroom.hints import StrPath


class Product:
    """A FITS product whose images and tables are read on demand.

    Parameters
    ----------
    path : path-like
        The file.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    name : str
        File name.
    header : astropy.io.fits.Header
        Header of the primary HDU.

    Raises
    ------
    InputError
        When the file cannot be read as FITS.
    """

    def __init__(self, path: StrPath) -> None:
        self.path, self.name = Path(path), Path(path).name
        try:
            with fits.open(path, memmap=False) as hdus:
                self.header = hdus[0].header
                self._names = [hdu.name for hdu in hdus]
        except OSError as error:
            raise InputError(path, f"cannot be read as FITS ({error})") from error

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def image(self, name: str) -> np.ndarray:
        """Return an image in native byte order.

        Raises
        ------
        InputError
            When there is no image of that name.
        """
        if name not in self:
            raise InputError(self.path, f"holds no image {name}")
        with fits.open(self.path, memmap=False) as hdus:
            data = hdus[name].data
            return data.astype(data.dtype.newbyteorder("="))

    def table(self, name: str) -> dict[str, np.ndarray]:
        """Return a table as ``{column: array}`` (text as str), empty when there is none."""
        if name not in self:
            return {}
        with fits.open(self.path, memmap=False) as hdus:
            data = hdus[name].data
            return {column: np.array(data[column]) for column in data.names}


def flag_bits(product: Product) -> dict[str, int]:
    """Return the flags of a product, ``{name: value}``, from its DQ_DEF table."""
    table = product.table("DQ_DEF")
    return {} if not table else dict(zip(table["NAME"], map(int, table["VALUE"]), strict=True))


def flag_codes(dq: np.ndarray, bits: dict[str, int], names: Sequence[str]) -> np.ndarray:
    """Return an image of flags as small numbers.

    Parameters
    ----------
    dq : (ny, nx) int array
        Flags as bits.
    bits : dict
        ``{name: value}`` of the flags.
    names : sequence of str
        Flags to show.

    Returns
    -------
    (ny, nx) uint8 array
        k (from 1) where the k-th of `names` is set, the last one if several are; 0 elsewhere.
    """
    codes = np.zeros(dq.shape, np.uint8)
    for k, name in enumerate(names, 1):
        codes[dq & bits.get(name, 0) > 0] = k
    return codes
