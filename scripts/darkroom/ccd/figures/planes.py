"""The images of a product that belong together, read from the file when needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from astropy.io import fits


@dataclass(frozen=True)
class Planes:
    """The images of one EXTVER of a product.

    They are not kept in memory: a product of large frames has dozens.

    Attributes
    ----------
    header : astropy.io.fits.Header
        Header of the SCI image (of DQ where there is no SCI).
    read : callable
        Returns the (ny, nx) array of the extension of a given name.
    """

    header: fits.Header
    read: Callable[[str], np.ndarray]

    def __getitem__(self, name: str) -> np.ndarray:
        """Return the image of an extension, e.g. ``planes["ERR"]``."""
        return self.read(name)
