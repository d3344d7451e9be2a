"""Exact medians of many pixels, five times faster than by numpy."""

from __future__ import annotations

import numpy as np

from darkroom.compiled import load_kernel
from darkroom.wfc3.files.reads import MAD_SIGMA


class Statistics:
    """Statistics of regions of images of one size.

    Parameters
    ----------
    pixels : int
        Number of pixels of an image.
    """

    def __init__(self, pixels: int) -> None:
        self._kernel = load_kernel("darkroom.wfc3.reads.statistics_kernel")
        self._values = np.empty(pixels, np.float32)
        self._apart = np.empty(pixels, np.float32)
        self._scratch = np.empty(pixels, np.uint32)

    def of(self, image: np.ndarray, chosen: np.ndarray) -> tuple[float, float, float, int]:
        """Return median, standard deviation, robust standard deviation and number of values.

        Parameters
        ----------
        image : (ny, nx) float32 array
            Values that are not finite are left out.
        chosen : (ny, nx) bool array
            Pixels that count.
        """
        middle, sigma, count = self.robust(image, chosen)
        if not count:
            return np.nan, np.nan, np.nan, 0
        return middle, self._values[:count].std(dtype=float), sigma, count

    def robust(self, image: np.ndarray, chosen: np.ndarray) -> tuple[float, float, int]:
        """Return median, robust standard deviation and number of values, as `of` does."""
        count = self._kernel.gather(image, chosen, self._values)
        if not count:
            return np.nan, np.nan, 0
        values = self._values[:count]
        # As float32, in which numpy computes with them.
        middle = np.float32(self._kernel.median(values, self._scratch))
        apart = self._kernel.deviation(values, middle, self._apart, self._scratch)
        return middle, MAD_SIGMA * np.float32(apart), count
