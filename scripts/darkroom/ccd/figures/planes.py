"""An image of a product and its companions, read from the file when they are asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Planes:
    """The images of one EXTVER of a product.

    Memory holds none of them: a product of large frames has dozens.

    Attributes
    ----------
    header : astropy.io.fits.Header
        Of the SCI image (of DQ where there is no SCI).
    read : callable
        Name of an extension to its (ny, nx) array.
    """

    header: object
    read: Callable

    def __getitem__(self, name):
        """Return the image of an extension, e.g. ``planes["ERR"]``."""
        return self.read(name)
